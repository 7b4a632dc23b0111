/* See platform.h. On Windows the descriptors are those of its C library, as Python's os.open gives them. */
#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _DEFAULT_SOURCE /* MAP_NORESERVE */
#define _POSIX_C_SOURCE 200809L
#endif
#include "platform.h"

#include <errno.h>

/* One call reads or writes at most this much: some systems refuse 2 GiB and more. */
#define CALL_BYTES ((uint64_t)1 << 30)

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <io.h>
#include <sys/stat.h>

int platform_size(int fd, uint64_t *size)
{
    struct _stat64 what;
    if (_fstat64(fd, &what) != 0)
        return errno;
    if ((what.st_mode & _S_IFREG) == 0)
        return EINVAL;
    *size = (uint64_t)what.st_size;
    return 0;
}

/* -1 and errno, or the bytes read; 0 at the end. */
static int64_t read_once(int fd, void *into, uint64_t size, uint64_t at)
{
    OVERLAPPED where = {0};
    DWORD got = 0;
    where.Offset = (DWORD)at;
    where.OffsetHigh = (DWORD)(at >> 32);
    if (ReadFile((HANDLE)_get_osfhandle(fd), into, (DWORD)size, &got, &where) || GetLastError() == ERROR_HANDLE_EOF)
        return got;
    errno = EIO;
    return -1;
}

static int64_t write_once(int fd, const void *from, uint64_t size)
{
    return _write(fd, from, (unsigned)size);
}

int platform_map(int fd, uint64_t size, void **base)
{
    HANDLE file = (HANDLE)_get_osfhandle(fd);
    HANDLE section = CreateFileMappingW(file, NULL, PAGE_WRITECOPY, 0, 0, NULL);
    if (section == NULL)
        return ENOMEM;
    *base = MapViewOfFile(section, FILE_MAP_COPY, 0, 0, (SIZE_T)size);
    CloseHandle(section);
    return *base == NULL ? ENOMEM : 0;
}

void platform_unmap(void *base, uint64_t size)
{
    (void)size;
    (void)UnmapViewOfFile(base);
}

void platform_close(int fd)
{
    (void)_close(fd);
}

int platform_sync(int fd)
{
    return _commit(fd) == 0 ? 0 : errno;
}

static DWORD WINAPI run(void *argument)
{
    const errand *what = argument;
    what->work(what->on);
    return 0;
}

void errand_begin(errand *what)
{
    what->thread = CreateThread(NULL, 0, run, what, 0, NULL);
    what->started = what->thread != NULL;
}

static void join(errand *what)
{
    (void)WaitForSingleObject(what->thread, INFINITE);
    (void)CloseHandle(what->thread);
}

#else

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MAP_NORESERVE /* where it is missing nothing is reserved anyway */
#define MAP_NORESERVE 0
#endif

int platform_size(int fd, uint64_t *size)
{
    struct stat what;
    if (fstat(fd, &what) != 0)
        return errno;
    if (S_ISDIR(what.st_mode))
        return EISDIR;
    if (!S_ISREG(what.st_mode))
        return EINVAL;
    *size = (uint64_t)what.st_size;
    return 0;
}

/* -1 and errno, or the bytes read; 0 at the end. */
static int64_t read_once(int fd, void *into, uint64_t size, uint64_t at)
{
    return pread(fd, into, (size_t)size, (off_t)at);
}

static int64_t write_once(int fd, const void *from, uint64_t size)
{
    return write(fd, from, (size_t)size);
}

/* Without a reservation: a map as long as the file must not count as memory in use, or a model larger than the
 * machine's memory could not be opened. */
int platform_map(int fd, uint64_t size, void **base)
{
    void *map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    if (map == MAP_FAILED)
        return errno;
    *base = map;
    return 0;
}

void platform_unmap(void *base, uint64_t size)
{
    (void)munmap(base, (size_t)size);
}

void platform_close(int fd)
{
    (void)close(fd);
}

int platform_sync(int fd)
{
    return fsync(fd) == 0 ? 0 : errno;
}

static void *run(void *argument)
{
    const errand *what = argument;
    what->work(what->on);
    return NULL;
}

/* The thread inherits the mask it is started under; what its own work may raise (a map whose file was cut off) is for
 * it alone, so that whoever wants to hear of that does. */
void errand_begin(errand *what)
{
    sigset_t most, before;
    (void)sigfillset(&most);
    (void)sigdelset(&most, SIGBUS);
    (void)sigdelset(&most, SIGSEGV);
    bool masked = pthread_sigmask(SIG_BLOCK, &most, &before) == 0;
    what->started = pthread_create(&what->thread, NULL, run, what) == 0;
    if (masked)
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void join(errand *what)
{
    (void)pthread_join(what->thread, NULL);
}

#endif

static uint64_t one_call(uint64_t size)
{
    return size < CALL_BYTES ? size : CALL_BYTES;
}

int platform_read(int fd, void *into, uint64_t size, uint64_t at, uint64_t *got)
{
    for (*got = 0; *got < size;) {
        int64_t now = read_once(fd, (uint8_t *)into + *got, one_call(size - *got), at + *got);
        if (now == 0)
            return 0;
        if (now > 0)
            *got += (uint64_t)now;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

int platform_write(int fd, const void *from, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        int64_t now = write_once(fd, (const uint8_t *)from + done, one_call(size - done));
        if (now > 0)
            done += (uint64_t)now;
        else if (now == 0)
            return EIO;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

void errand_finish(errand *what)
{
    if (what->started)
        join(what);
    else
        what->work(what->on);
}
