/* The lock of the torch engine: what a forked child of a Python that has imported torch calls, through ctypes, before
 * it reads its first byte of a checkpoint.
 *
 * Why a library: torch loads ctypes itself, so that leaving ctypes out would hide nothing; an extension module would
 * tie the build to one Python's headers, while the user's --python may be any; and a launcher cannot lock what still
 * has to import a thousand files. It has libseccomp inside and needs libc alone. What keeps code in the checkpoint from
 * using ctypes as its way out is the filter: no descriptor, no path, no memory that becomes executable. */
#ifndef SANDBOX_PYTHON_LOCK_H
#define SANDBOX_PYTHON_LOCK_H

#include <stdint.h>

/* Versions of this interface: the harness refuses a library of another build. */
#define PYTHON_LOCK_VERSION 1u

struct python_lock {
    /* asked for */
    uint64_t memory_bytes; /* on top of what is mapped already */
    uint64_t cpu_seconds;  /* on top of what is used already */
    uint32_t keeper;       /* the number of the process that forked it: dies with it */
    uint32_t telling;      /* a violation writes its number, 4 bytes, to the stream, and ends the process */
    /* told */
    uint32_t layers; /* jail.h; 0: it is not locked, and must end */
    uint32_t landlock_abi;
    char failed_at[64]; /* then: the step */
};

__attribute__((visibility("default"))) uint32_t tensorvet_lock_version(void);
/* Gives up root, sets the limits, and locks; the layers hold JAIL_PYTHON_MANDATORY, or there are none. */
__attribute__((visibility("default"))) void tensorvet_lock(struct python_lock *lock);

#endif
