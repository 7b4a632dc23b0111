/* worker_inject.h: the wrapped calls. Everything here depends on frame pointers, which the whole build keeps. */
#define _GNU_SOURCE
#include "worker_inject.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { POINTS = 1 << 16, DEPTH = 24, FRAME_MOST = 1 << 21 };

static struct shared {
    uint64_t points[FAULT_COUNT][POINTS]; /* hashes of those that were struck; 0: free */
    bool fresh[FAULT_COUNT];              /* the last quiet run came by a point where this has not struck */
    enum fault fault;
    const char *struck;
} * shared;

static bool on, striking; /* striking: this run fails from here on */

void inject_start(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED)
        abort();
}

void inject_plan(enum fault fault)
{
    shared->fault = fault;
    shared->struck = NULL;
    for (unsigned i = 0; fault == FAULT_NONE && i < FAULT_COUNT; i++)
        shared->fresh[i] = false;
}

bool inject_fresh(enum fault fault)
{
    return shared->fresh[fault];
}

void inject_on(void)
{
    striking = false;
    on = true;
}

void inject_off(void)
{
    on = false;
}

const char *inject_struck(void)
{
    return shared->struck;
}

/* The return addresses of those who called, as one number. A frame lies above the one that it called; anything else is
 * a function without a frame pointer, where the chain ends. */
static uint64_t hash_of_callers(const char *call)
{
    void *const *frame = __builtin_frame_address(0);
    uint64_t hash = (uintptr_t)call;
    for (int i = 0; i < DEPTH; i++) {
        void *const *next = frame[0];
        hash = (hash ^ (uintptr_t)frame[1]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
        if ((uintptr_t)next <= (uintptr_t)frame || (uintptr_t)next - (uintptr_t)frame > FRAME_MOST)
            break;
        frame = next;
    }
    return hash | 1;
}

/* The point's place in the table of a fault: where it is, or where it would go. */
static uint64_t *slot_of(enum fault fault, uint64_t point)
{
    uint64_t *points = shared->points[fault];
    for (uint64_t i = 0; i < POINTS; i++) {
        uint64_t *slot = &points[(point + i) % POINTS];
        if (*slot == point || *slot == 0)
            return slot;
    }
    abort(); /* more points than the table has room for */
}

/* A quiet run: which of the faults would meet a new point here? */
static void look(uint64_t point, unsigned faults)
{
    for (unsigned fault = 0; fault < FAULT_COUNT; fault++)
        if ((faults & 1u << fault) != 0 && *slot_of((enum fault)fault, point) == 0)
            shared->fresh[fault] = true;
}

/* Must this call suffer the planned fault, where it is one of those that it can suffer? */
static bool strikes(const char *call, unsigned faults)
{
    if (!on || (shared->fault != FAULT_NONE && (faults & 1u << shared->fault) == 0))
        return false;
    if (striking)
        return true;
    uint64_t point = hash_of_callers(call);
    if (shared->fault == FAULT_NONE)
        look(point, faults);
    if (shared->fault == FAULT_NONE || shared->struck != NULL || *slot_of(shared->fault, point) != 0)
        return false;
    *slot_of(shared->fault, point) = point;
    shared->struck = call;
    striking = shared->fault == FAULT_MEMORY_ON;
    return true;
}

enum {
    MEMORY = 1u << FAULT_MEMORY_ONCE | 1u << FAULT_MEMORY_ON,
    PART = 1u << FAULT_SHORT,
    BREAK = 1u << FAULT_EINTR,
    BAD = 1u << FAULT_EIO,
    FULL = 1u << FAULT_ENOSPC,
    SHRUNK = 1u << FAULT_END
};

/* What a struck transfer does: transfers some, or returns 0 or -1 with errno. */
static ssize_t verdict(size_t *size)
{
    switch (shared->fault) {
    case FAULT_SHORT: *size = 1 + *size / 3; return 1;
    case FAULT_EINTR: errno = EINTR; return -1;
    case FAULT_ENOSPC: errno = ENOSPC; return -1;
    case FAULT_END: return 0;
    case FAULT_EIO:
    case FAULT_NONE:
    case FAULT_MEMORY_ONCE:
    case FAULT_MEMORY_ON:
    case FAULT_COUNT:
    default: errno = EIO; return -1;
    }
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
ssize_t __real_pread(int fd, void *to, size_t size, off_t at);
ssize_t __real_pwrite(int fd, const void *from, size_t size, off_t at);
ssize_t __real_write(int fd, const void *from, size_t size);
int __real_ftruncate(int fd, off_t size);
long __real_syscall(long number, ...);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t size, off_t at);
ssize_t __wrap_write(int fd, const void *from, size_t size);
int __wrap_ftruncate(int fd, off_t size);
long __wrap_syscall(long number, ...);

void *__wrap_malloc(size_t size)
{
    return strikes("malloc", MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return strikes("calloc", MEMORY) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return strikes("realloc", MEMORY) ? NULL : __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return strikes("aligned_alloc", MEMORY) ? NULL : __real_aligned_alloc(alignment, size);
}

ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at)
{
    ssize_t goes = strikes("pread", PART | BREAK | BAD | SHRUNK) ? verdict(&size) : 1;
    return goes > 0 ? __real_pread(fd, to, size, at) : goes;
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t size, off_t at)
{
    ssize_t goes = strikes("pwrite", PART | BREAK | BAD | FULL) ? verdict(&size) : 1;
    return goes > 0 ? __real_pwrite(fd, from, size, at) : goes;
}

ssize_t __wrap_write(int fd, const void *from, size_t size)
{
    ssize_t goes = strikes("write", PART | BREAK | BAD) ? verdict(&size) : 1;
    return goes > 0 ? __real_write(fd, from, size) : goes;
}

int __wrap_ftruncate(int fd, off_t size)
{
    size_t none = 0;
    return strikes("ftruncate", BAD | FULL) ? (int)verdict(&none) : __real_ftruncate(fd, size);
}

/* The worker's fstat. */
long __wrap_syscall(long number, ...)
{
    size_t none = 0;
    va_list list;
    va_start(list, number);
    long one = va_arg(list, long), other = va_arg(list, long);
    va_end(list);
    return strikes("fstat", BAD) ? verdict(&none) : __real_syscall(number, one, other);
}
