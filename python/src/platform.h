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

/* work(mine) and work(others), the latter in a thread of its own where one can be had, else one after the other.
 * Returns when both are done. Signals stay with the caller's threads. */
void platform_both(void (*work)(void *), void *mine, void *others);

#endif
