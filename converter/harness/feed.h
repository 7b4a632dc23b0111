/* The feed: frames of a Python that decodes a checkpoint in a jail of its own (tv_wire.py says what is in each), read
 * front to back from a pipe, or from memory in tests.
 *
 * Trusts: nothing in the bytes. Promises: never a byte more than was asked for; memory grows with what came, not with
 * what was announced; the first frame out of place ends it, with a finding. */
#ifndef CONVERTER_HARNESS_FEED_H
#define CONVERTER_HARNESS_FEED_H

#include <stdbool.h>

#include <tensorvet/finding.h>

#include "../memory.h"

enum feed_frame {
    FEED_HELLO = 1, /* u32 version, u32 layers in force, u32 Landlock ABI */
    FEED_TABLE,     /* for each storage: u64 bytes, u32 flags */
    FEED_DECISION,  /* u32 storage, text */
    FEED_STRUCTURE, /* a pickle */
    FEED_DATA,      /* a storage's bytes */
    FEED_END,       /* nothing */
    FEED_FAIL,      /* u32 code, u64 number, u32 size, subject, u32 size, detail */
    FEED_FRAMES
};

#define FEED_VERSION 1u

struct feed {
    int fd;          /* -1: memory */
    tv_span memory;  /* what is left of it */
    uint32_t wanted; /* layers that HELLO must have; 0 in tests */
    tv_findings *findings;
    bool greeted;  /* HELLO came */
    uint32_t type; /* of the frame at hand */
    uint64_t left; /* of its payload */
};

/* Reads the next frame's head. A FAIL becomes its finding (TV_REJECTED), an end of the feed torch-ended-early, a frame
 * that is none torch-stream-invalid. TV_IO where the system fails. */
TV_MUST_CHECK tv_status feed_next(struct feed *feed);
/* The next frame must be of that type. */
TV_MUST_CHECK tv_status feed_expect(struct feed *feed, enum feed_frame type);
/* Bytes of the payload at hand; more than are left of it are a misuse. */
TV_MUST_CHECK tv_status feed_read(struct feed *feed, void *out, uint64_t size);
/* Appends the whole payload to a vector of bytes. */
TV_MUST_CHECK tv_status feed_collect(struct feed *feed, struct vector *bytes);
/* END, and after it nothing: waits until whoever feeds is gone. */
TV_MUST_CHECK tv_status feed_finish(struct feed *feed);
/* torch-stream-invalid, which says what. */
TV_MUST_CHECK tv_status feed_refuse(struct feed *feed, const char *what);

#endif
