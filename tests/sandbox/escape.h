/* What the escape worker tells the test, through the report pipe. */
#ifndef TESTS_ESCAPE_H
#define TESTS_ESCAPE_H

#include <stdint.h>

struct escape_report {
    int32_t setup;   /* negative: an errno, and the attempt was not made */
    uint32_t layers; /* of the lock, 0 where not locked */
    int32_t attempt; /* what it returned, or a negative errno; missing where it was killed */
};

#endif
