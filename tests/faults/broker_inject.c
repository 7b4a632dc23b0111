/* Faults at every call of the command (the broker): linked into it in the place of libc's own (--wrap), they fail by
 * the plan in the file that TENSORVET_FAULTS names, which test_broker_faults.py writes and reads.
 *
 * A point is a call together with the calls that led to it, as worker_inject.h has it; addresses are taken from where
 * the program lies. Calls of the child between clone and execveat are the command's too: it runs on the same memory. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum fault { FAULT_NONE, MEMORY_ONCE, MEMORY_ON, SHORT, INTERRUPTED, BROKEN, FULL, FAULTS };
enum { POINTS = 1 << 13, DEPTH = 24, FRAME_MOST = 1 << 21, CALL_MOST = 32 };

/* The file. test_broker_faults.py knows the order. */
static struct plan {
    uint32_t fault, struck, descriptors; /* descriptors: open at the end, beyond those at the start */
    char call[CALL_MOST];
    uint8_t fresh[8];
    uint64_t points[FAULTS][POINTS];
} * plan;

static bool striking;
static int at_start;

extern const char __executable_start, etext;

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += syscall(SYS_fcntl, fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *path = getenv("TENSORVET_FAULTS");
    int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)syscall(SYS_close, fd);
    at_start = open_descriptors();
    plan = mapped == MAP_FAILED ? NULL : mapped;
}

__attribute__((destructor)) static void count_descriptors(void)
{
    if (plan != NULL)
        plan->descriptors = (uint32_t)(open_descriptors() - at_start);
}

static uint64_t hash_of_callers(const char *call)
{
    void *const *frame = __builtin_frame_address(0);
    uint64_t hash = (uint64_t)(call - &__executable_start);
    const uintptr_t low = (uintptr_t)&__executable_start, high = (uintptr_t)&etext;
    for (int i = 0; i < DEPTH; i++) {
        void *const *next = frame[0];
        uintptr_t from = (uintptr_t)frame[1];
        if (from < low || from > high)
            break;
        hash = (hash ^ (from - low)) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
        if ((uintptr_t)next <= (uintptr_t)frame || (uintptr_t)next - (uintptr_t)frame > FRAME_MOST)
            break;
        frame = next;
    }
    return hash | 1;
}

static uint64_t *slot_of(unsigned fault, uint64_t point)
{
    for (uint64_t i = 0; i < POINTS; i++) {
        uint64_t *slot = &plan->points[fault][(point + i) % POINTS];
        if (*slot == point || *slot == 0)
            return slot;
    }
    abort();
}

/* Must this call suffer the planned fault? On a quiet run: which faults would meet a new point here? */
static bool strikes(const char *call, unsigned faults)
{
    if (plan == NULL || (plan->fault != FAULT_NONE && (faults & 1u << plan->fault) == 0))
        return false;
    if (striking)
        return true;
    uint64_t point = hash_of_callers(call);
    for (unsigned fault = 1; plan->fault == FAULT_NONE && fault < FAULTS; fault++)
        if ((faults & 1u << fault) != 0 && *slot_of(fault, point) == 0)
            plan->fresh[fault] = 1;
    if (plan->fault == FAULT_NONE || plan->struck != 0 || *slot_of(plan->fault, point) != 0)
        return false;
    *slot_of(plan->fault, point) = point;
    plan->struck = 1;
    for (unsigned i = 0; i + 1 < CALL_MOST && call[i] != '\0'; i++)
        plan->call[i] = call[i];
    striking = plan->fault == MEMORY_ON;
    return true;
}

enum {
    MEMORY = 1u << MEMORY_ONCE | 1u << MEMORY_ON,
    PART = 1u << SHORT,
    BREAK = 1u << INTERRUPTED,
    BAD = 1u << BROKEN,
    NO_ROOM = 1u << FULL
};

/* What a struck call says: its error, as of the plan. */
static int refused(void)
{
    errno = plan->fault == INTERRUPTED ? EINTR : plan->fault == FULL ? ENOSPC : EIO;
    return -1;
}

/* TRANSFER(type, name, parameters, arguments, faults): how much goes is `size`. */
#define TRANSFER(name, parameters, arguments, faults)                                                                  \
    ssize_t __real_##name parameters;                                                                                  \
    ssize_t __wrap_##name parameters;                                                                                  \
    ssize_t __wrap_##name parameters                                                                                   \
    {                                                                                                                  \
        if (strikes(#name, faults)) {                                                                                  \
            if (plan->fault != SHORT)                                                                                  \
                return refused();                                                                                      \
            size = 1 + size / 3;                                                                                       \
        }                                                                                                              \
        return __real_##name arguments;                                                                                \
    }

#define CALL(type, failed, name, parameters, arguments, faults)                                                        \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        if (strikes(#name, faults)) {                                                                                  \
            (void)refused();                                                                                           \
            return failed;                                                                                             \
        }                                                                                                              \
        return __real_##name arguments;                                                                                \
    }

#define ALLOCATION(name, parameters, arguments)                                                                        \
    void *__real_##name parameters;                                                                                    \
    void *__wrap_##name parameters;                                                                                    \
    void *__wrap_##name parameters                                                                                     \
    {                                                                                                                  \
        if (strikes(#name, MEMORY)) {                                                                                  \
            errno = ENOMEM;                                                                                            \
            return NULL;                                                                                               \
        }                                                                                                              \
        return __real_##name arguments;                                                                                \
    }

ALLOCATION(malloc, (size_t size), (size))
ALLOCATION(calloc, (size_t count, size_t size), (count, size))
ALLOCATION(realloc, (void *block, size_t size), (block, size))
ALLOCATION(strdup, (const char *text), (text))
ALLOCATION(strndup, (const char *text, size_t size), (text, size))
ALLOCATION(fdopen, (int fd, const char *mode), (fd, mode))
ALLOCATION(open_memstream, (char **text, size_t *size), (text, size))
ALLOCATION(opendir, (const char *path), (path))
ALLOCATION(fdopendir, (int fd), (fd))

TRANSFER(read, (int fd, void *to, size_t size), (fd, to, size), PART | BREAK | BAD)
TRANSFER(write, (int fd, const void *from, size_t size), (fd, from, size), PART | BREAK | BAD | NO_ROOM)
TRANSFER(pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at), PART | BREAK | BAD)
TRANSFER(sendfile, (int to, int from, off_t *at, size_t size), (to, from, at, size), PART | BREAK | BAD | NO_ROOM)

CALL(int, -1, fstat, (int fd, struct stat *about), (fd, about), BAD)
CALL(int, -1, fstatat, (int fd, const char *path, struct stat *about, int how), (fd, path, about, how), BAD)
CALL(int, -1, lstat, (const char *path, struct stat *about), (path, about), BAD)
CALL(int, -1, stat, (const char *path, struct stat *about), (path, about), BAD)
CALL(int, -1, fstatvfs, (int fd, struct statvfs *about), (fd, about), BAD)
CALL(int, -1, ftruncate, (int fd, off_t size), (fd, size), BAD | NO_ROOM)
CALL(int, -1, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size), BAD | NO_ROOM)
CALL(int, -1, fsync, (int fd), (fd), BAD | NO_ROOM)
CALL(off_t, -1, lseek, (int fd, off_t at, int whence), (fd, at, whence), BAD)
CALL(int, -1, linkat, (int from, const char *old, int to, const char *name, int how), (from, old, to, name, how),
     BAD | NO_ROOM)
CALL(int, -1, renameat, (int from, const char *old, int to, const char *name), (from, old, to, name), BAD | NO_ROOM)
CALL(int, -1, renameat2, (int from, const char *old, int to, const char *name, unsigned how),
     (from, old, to, name, how), BAD | NO_ROOM)
CALL(int, -1, unlinkat, (int fd, const char *name, int how), (fd, name, how), BAD)
CALL(int, -1, mkdirat, (int fd, const char *name, mode_t mode), (fd, name, mode), BAD | NO_ROOM)
CALL(int, -1, memfd_create, (const char *name, unsigned how), (name, how), BAD)
CALL(int, -1, pipe2, (int *ends, int how), (ends, how), BAD)
CALL(int, -1, socketpair, (int domain, int type, int protocol, int *ends), (domain, type, protocol, ends), BAD)
CALL(ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int how), (fd, message, how), BREAK | BAD)
CALL(int, -1, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout), BREAK | BAD)
CALL(int, -1, dup3, (int from, int to, int how), (from, to, how), BAD)
CALL(int, -1, setrlimit, (__rlimit_resource_t which, const struct rlimit *limit), (which, limit), BAD)
CALL(int, -1, getrlimit, (__rlimit_resource_t which, struct rlimit *limit), (which, limit), BAD)
CALL(ssize_t, -1, readlink, (const char *path, char *text, size_t size), (path, text, size), BAD)
CALL(ssize_t, -1, readlinkat, (int fd, const char *path, char *text, size_t size), (fd, path, text, size), BAD)
CALL(ssize_t, -1, getrandom, (void *bytes, size_t size, unsigned how), (bytes, size, how), BAD)
CALL(struct dirent *, NULL, readdir, (DIR * folder), (folder), BAD)
CALL(int, EOF, fflush, (FILE * file), (file), BAD | NO_ROOM)

/* A descriptor is closed whatever close says. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    int result = __real_close(fd);
    return result == 0 && strikes("close", BREAK | BAD | NO_ROOM) ? refused() : result;
}

/* The variadic ones: what is not given is not looked at by those called. */
#define OPENING(name, first, given)                                                                                    \
    int __real_##name(first const char *path, int how, ...);                                                           \
    int __wrap_##name(first const char *path, int how, ...);                                                           \
    int __wrap_##name(first const char *path, int how, ...)                                                            \
    {                                                                                                                  \
        va_list list;                                                                                                  \
        va_start(list, how);                                                                                           \
        mode_t mode = (how & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;                                 \
        va_end(list);                                                                                                  \
        unsigned faults = BAD | ((how & (O_CREAT | __O_TMPFILE)) != 0 ? (unsigned)NO_ROOM : 0u);                       \
        return strikes(#name, faults) ? refused() : __real_##name(given path, how, mode);                              \
    }
#define NOTHING
#define FOLDER_PARAMETER int folder,
#define FOLDER_ARGUMENT  folder,
OPENING(open, NOTHING, NOTHING)
OPENING(openat, FOLDER_PARAMETER, FOLDER_ARGUMENT)

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...)
{
    va_list list;
    va_start(list, what);
    long argument = va_arg(list, long);
    va_end(list);
    return strikes("fcntl", BAD) ? refused() : __real_fcntl(fd, what, argument);
}

int __real_prctl(int what, ...);
int __wrap_prctl(int what, ...);
int __wrap_prctl(int what, ...)
{
    va_list list;
    va_start(list, what);
    unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long), c = va_arg(list, unsigned long),
                  d = va_arg(list, unsigned long);
    va_end(list);
    return strikes("prctl", BAD) ? refused() : __real_prctl(what, a, b, c, d);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long),
         e = va_arg(list, long);
    va_end(list);
    bool ends = number == SYS_exit_group || number == SYS_exit;
    return !ends && strikes("syscall", BAD) ? refused() : __real_syscall(number, a, b, c, d, e);
}

typedef int (*child_main)(void *context);
int __real_clone(child_main run, void *stack, int flags, void *context, ...);
int __wrap_clone(child_main run, void *stack, int flags, void *context, ...);
int __wrap_clone(child_main run, void *stack, int flags, void *context, ...)
{
    va_list list;
    va_start(list, context);
    int *pidfd = va_arg(list, int *);
    va_end(list);
    return strikes("clone", BAD) ? refused() : __real_clone(run, stack, flags, context, pidfd);
}
