/* The few calls to the operating system that the Python extension makes: positioned reads, writes, private maps, a
 * second thread.
 *
 * POSIX and Windows in one file each way, nothing that Linux alone has. Errors are values: 0, or an errno. Promises: a
 * short read is told, never hidden; a map is private, so that writing to it never reaches the file. Pure of Python. */
#ifndef PYTHON_PLATFORM_H
#define PYTHON_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
typedef void *platform_thread;
#else
#include <pthread.h>
typedef pthread_t platform_thread;
#endif

/* Size in bytes of the regular file behind the descriptor; EINVAL where it is no regular file, EISDIR for a folder. */
int platform_size(int fd, uint64_t *size);

/* Reads `size` bytes at `at`, as often as it takes; *got is less than size only where the file ends. */
int platform_read(int fd, void *into, uint64_t size, uint64_t at, uint64_t *got);

/* Writes all of it at the descriptor's position. */
int platform_write(int fd, const void *from, uint64_t size);

/* Maps the first `size` bytes (not 0), readable, writable and private to this process. */
int platform_map(int fd, uint64_t size, void **base);
void platform_unmap(void *base, uint64_t size);

void platform_close(int fd);
/* Brings what was written to the disk. */
int platform_sync(int fd);

/* Work for another thread. Begun and finished by the same caller, once each; it must stay where it is meanwhile. */
typedef struct errand {
    void (*work)(void *);
    void *on; /* its argument */
    platform_thread thread;
    bool started;
} errand;

/* Starts it in a thread of its own. Signals stay with the caller's threads. */
void errand_begin(errand *what);
/* Returns when it is done; where no thread was to be had, it is done here and now. */
void errand_finish(errand *what);

#endif
