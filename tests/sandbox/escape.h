/* What the escape worker tells the test, through the report pipe. */
#ifndef TESTS_ESCAPE_H
#define TESTS_ESCAPE_H

#include <stdint.h>

#define PLANTED "planted secret" /* in the parent's environment and memory */
enum {
    OUTPUT_MOST = 16 << 20,    /* of the small budget: RLIMIT_FSIZE */
    MEMORY_MOST = 256 << 20,   /* RLIMIT_AS */
    MEMORY_WANTED = 512 << 20, /* what an attempt takes */
    LEAKED_FIRST = 20,         /* the parent leaks descriptors from this number on */
    LEAKED = 50
};

struct escape_report {
    int32_t setup;   /* negative: an errno, and the attempt was not made */
    uint32_t layers; /* of the lock, 0 where not locked */
    int32_t attempt; /* what it returned, or a negative errno; missing where it was killed */
};

#endif
