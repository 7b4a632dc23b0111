/* What the lock needs of libc, which is glibc or, in the worker, musl (cmake/WorkerLibc.cmake). */
#ifndef SANDBOX_LIBC_H
#define SANDBOX_LIBC_H

#include <stdbool.h>
#include <sys/resource.h>

#ifdef __GLIBC__
typedef __rlimit_resource_t libc_limit; /* an enumeration there */
#else
typedef int libc_limit;
#endif

/* Before the lock: makes libc do now what it does once and could not do later, and what its start left undone. */
bool libc_prepare(void);

#endif
