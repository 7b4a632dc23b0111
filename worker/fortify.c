/* The checked copies that fortify.h's builtins call where the compiler cannot tell that all is well. Not compiled where
 * the system's libc has them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void *__memcpy_chk(void *restrict to, const void *restrict from, size_t size, size_t room);
void *__memmove_chk(void *to, const void *from, size_t size, size_t room);
void *__memset_chk(void *to, int byte, size_t size, size_t room);
__attribute__((format(printf, 5, 0))) int __vsnprintf_chk(char *restrict to, size_t size, int flag, size_t room,
                                                          const char *restrict format, va_list arguments);
__attribute__((format(printf, 5, 6))) int __snprintf_chk(char *restrict to, size_t size, int flag, size_t room,
                                                         const char *restrict format, ...);

static void must_fit(size_t size, size_t room)
{
    if (size > room)
        __builtin_trap();
}

void *__memcpy_chk(void *restrict to, const void *restrict from, size_t size, size_t room)
{
    must_fit(size, room);
    return memcpy(to, from, size);
}

void *__memmove_chk(void *to, const void *from, size_t size, size_t room)
{
    must_fit(size, room);
    return memmove(to, from, size);
}

void *__memset_chk(void *to, int byte, size_t size, size_t room)
{
    must_fit(size, room);
    return memset(to, byte, size);
}

int __vsnprintf_chk(char *restrict to, size_t size, int flag, size_t room, const char *restrict format,
                    va_list arguments)
{
    (void)flag;
    must_fit(size, room);
    return vsnprintf(to, size, format, arguments);
}

int __snprintf_chk(char *restrict to, size_t size, int flag, size_t room, const char *restrict format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wrote = __vsnprintf_chk(to, size, flag, room, format, arguments);
    va_end(arguments);
    return wrote;
}
