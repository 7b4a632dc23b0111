/* Writing with syncs meanwhile, with each sync and each write failing once, and where no thread can be started: what a
 * disk says only once is never lost. write, fsync and pthread_create are replaced at link time (--wrap). */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "check.h"
#include "outlet.h"

enum { PIECE_BYTES = 70 << 20, PIECES = 3, SMALL_BYTES = 1000, DESCRIPTOR = 77 };

ssize_t __wrap_write(int fd, const void *from, size_t size);
int __wrap_fsync(int fd);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

static uint8_t *piece;
static uint64_t at;         /* bytes written */
static bool as_given;       /* each of them is the one that was given */
static int writes, fail_at; /* the write that fails, or -1 */
static atomic_int syncs;
static int sync_fails_at; /* the sync that fails, or -1 */
static bool no_threads;
static int threads; /* asked for */

/* The file is small, piece, small, piece, ...: the byte that belongs to a place. */
static uint8_t byte_at(uint64_t place)
{
    uint64_t inside = place % (SMALL_BYTES + PIECE_BYTES);
    return inside < SMALL_BYTES ? piece[inside] : piece[inside - SMALL_BYTES];
}

ssize_t __wrap_write(int fd, const void *from, size_t size)
{
    const uint8_t *bytes = from;
    if (writes++ == fail_at) {
        errno = ENOSPC;
        return -1;
    }
    as_given = as_given && fd == DESCRIPTOR && bytes[0] == byte_at(at) && bytes[size - 1] == byte_at(at + size - 1);
    at += size;
    return (ssize_t)size;
}

int __wrap_fsync(int fd)
{
    if (atomic_fetch_add(&syncs, 1) != sync_fails_at)
        return fd == DESCRIPTOR ? 0 : -1;
    errno = EIO;
    return -1;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    threads++;
    return no_threads ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

/* Writes the whole file. */
static int write_file(bool synced)
{
    outlet out;
    at = 0;
    writes = threads = 0;
    as_given = true;
    atomic_store(&syncs, 0);
    int code = outlet_open(&out, DESCRIPTOR, synced);
    CHECK(code == 0);
    for (int i = 0; code == 0 && i < PIECES; i++) {
        code = outlet_put(&out, piece, SMALL_BYTES);
        if (code == 0)
            code = outlet_put(&out, piece, PIECE_BYTES);
    }
    return outlet_close(&out, code);
}

static void begin(void)
{
    fail_at = sync_fails_at = -1;
    no_threads = false;
}

static bool whole(void)
{
    return as_given && at == (uint64_t)PIECES * (SMALL_BYTES + PIECE_BYTES);
}

TEST(whole_and_synced, "all bytes in order, and a sync for every 64 MiB but what is left to the caller's")
{
    begin();
    CHECK(write_file(true) == 0 && whole() && syncs == 3);
    CHECK(write_file(false) == 0 && whole() && syncs == 0);
}

TEST(each_sync_fails, "an error that one sync alone has told is the outcome")
{
    begin();
    for (sync_fails_at = 0; sync_fails_at < 3; sync_fails_at++)
        CHECK_MSG(write_file(true) == EIO, "sync %d", sync_fails_at);
    CHECK(write_file(true) == 0 && whole());
}

TEST(each_write_fails, "the error of a write is the outcome; nothing is written behind it, and every thread has ended")
{
    begin();
    CHECK(write_file(true) == 0);
    int all = writes;
    for (fail_at = 0; fail_at < all; fail_at++) {
        CHECK_MSG(write_file(true) == ENOSPC, "write %d", fail_at);
        CHECK(syncs == threads && writes == fail_at + 1);
    }
}

TEST(no_threads_to_be_had, "without threads the same is written and synced, and the same errors are told")
{
    begin();
    no_threads = true;
    CHECK(write_file(true) == 0 && whole() && syncs == 3);
    for (sync_fails_at = 0; sync_fails_at < 3; sync_fails_at++)
        CHECK_MSG(write_file(true) == EIO, "sync %d", sync_fails_at);
}

int main(int argc, char **argv)
{
    piece = malloc(PIECE_BYTES);
    if (piece == NULL)
        return 1;
    for (size_t i = 0; i < PIECE_BYTES; i++)
        piece[i] = (uint8_t)(i * 2654435761U >> 13);
    int result = run_tests(argc, argv);
    free(piece);
    return result;
}
