/* Descriptors of the child: 0-2 on /dev/null, 3-6 as given, 7 the program until the exec, nothing else.
 * Trusts the spec. Promises: whatever the caller leaked is closed, or an errno. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "start.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { FIRST_FREE = JAIL_PROGRAM + 1, PLACES = FIRST_FREE };

struct listed { /* struct linux_dirent64 of getdents64(2) */
    uint64_t inode, next;
    uint16_t size;
    uint8_t type;
    char name[];
};

/* The number in the entry's name, or -1. */
static int listed_number(const struct listed *entry)
{
    int number = 0;
    for (const char *c = entry->name; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || number > 100000000)
            return -1;
        number = number * 10 + (*c - '0');
    }
    return number;
}

/* Closes what one buffer of directory entries lists from FIRST_FREE on, but the listing itself. */
static int close_listed(const uint8_t *buffer, long size, int listing)
{
    int closed = 0;
    for (long at = 0; at < size;) {
        const struct listed *entry = (const struct listed *)(const void *)(buffer + at);
        int number = listed_number(entry);
        if (number >= FIRST_FREE && number != listing && close(number) == 0)
            closed++;
        at += entry->size;
    }
    return closed;
}

/* For kernels before 5.9, which lack close_range, and containers that refuse what they do not know: by the list in
 * /proc, until a whole reading closes nothing. */
static int close_by_listing(void)
{
    int listing = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listing < 0)
        return ENOSYS;
    int closed = 0;
    do {
        _Alignas(8) uint8_t buffer[4096];
        long size = 0;
        closed = 0;
        if (lseek(listing, 0, SEEK_SET) != 0)
            break;
        while ((size = syscall(SYS_getdents64, listing, buffer, sizeof(buffer))) > 0)
            closed += close_listed(buffer, size, listing);
    } while (closed > 0);
    (void)close(listing);
    return 0;
}

/* Asked for the largest number there is, it closes nothing. */
bool jail_lists_descriptors(void)
{
    return syscall(SYS_close_range, ~0u, ~0u, 0u) != 0;
}

static int close_from_first_free(void)
{
    if (syscall(SYS_close_range, (unsigned)FIRST_FREE, ~0u, 0u) == 0)
        return 0;
    return close_by_listing();
}

/* First all out of the way of the places to be filled, then into them: the caller's numbers may be any. */
int child_descriptors(const struct jail_spec *spec)
{
    const int wanted[PLACES] = {spec->null,   spec->null,   spec->null,    spec->source,
                                spec->output, spec->report, spec->scratch, spec->program};
    int moved[PLACES];
    for (int i = 0; i < PLACES; i++) {
        moved[i] = wanted[i] < 0 ? -1 : fcntl(wanted[i], F_DUPFD_CLOEXEC, FIRST_FREE);
        if (wanted[i] >= 0 && moved[i] < 0)
            return errno;
    }
    for (int i = 0; i < PLACES; i++) {
        if (moved[i] < 0)
            (void)close(i);
        else if (dup3(moved[i], i, i == JAIL_PROGRAM ? O_CLOEXEC : 0) != i)
            return errno;
    }
    return close_from_first_free();
}
