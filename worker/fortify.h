/* What _FORTIFY_SOURCE is with glibc, for the worker's libc, whose headers know nothing of it: a copy beyond an object
 * whose size the compiler knows ends the process instead. Put before every source by the build (WorkerLibc.cmake).
 * The builtins and what they call are as in gcc's manual, "Object Size Checking". */
#ifndef WORKER_FORTIFY_H
#define WORKER_FORTIFY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if defined(__OPTIMIZE__)
#define FORTIFIED extern __inline__ __attribute__((gnu_inline, always_inline, artificial))

FORTIFIED void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    return __builtin___memcpy_chk(to, from, size, __builtin_dynamic_object_size(to, 0));
}

FORTIFIED void *memmove(void *to, const void *from, size_t size)
{
    return __builtin___memmove_chk(to, from, size, __builtin_dynamic_object_size(to, 0));
}

FORTIFIED void *memset(void *to, int byte, size_t size)
{
    return __builtin___memset_chk(to, byte, size, __builtin_dynamic_object_size(to, 0));
}

FORTIFIED int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list arguments)
{
    return __builtin___vsnprintf_chk(to, size, 1, __builtin_dynamic_object_size(to, 1), format, arguments);
}

#define snprintf(to, size, ...) __builtin___snprintf_chk(to, size, 1, __builtin_dynamic_object_size(to, 1), __VA_ARGS__)
#undef FORTIFIED
#endif
#endif
