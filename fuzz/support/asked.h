/* A job, asked for behind the bytes of its source, so that what is at the start of an input stays a file of its format:
 *
 *     source, second file, arguments of the job each ended by NUL, u16 bytes of arguments, u16 of the second file,
 * "JOB!"
 */
#ifndef FUZZ_ASKED_H
#define FUZZ_ASKED_H

#include <job.h>

#include "oracle.h"

#define ASKED_MAGIC "JOB!"
enum { ASKED_ARGUMENTS_MOST = 1024, ASKED_TAIL = 8 };

struct asked {
    struct job job; /* with limits no wider than those of small_limits, and parts that are some */
    tv_span source, other;
    char text[ASKED_ARGUMENTS_MOST + 1]; /* what the job's texts are in */
};

/* False where the input asks for no job, or for one that a broker would not: all of it is the source then. */
bool asked_read(struct asked *asked, tv_span input);

#endif
