/* The incremental form of the reader: an upload is judged while it arrives, at the earliest byte at which it can be.
 *
 * Trusts nothing in the bytes. Promises: the result is that of tv_index_parse, however the bytes are cut; the buffer
 * grows with the bytes that have arrived (at most twice as large), never with the length that is claimed; bytes of the
 * data section are only counted. The one part of the library that asks malloc for memory: tv_feed_close gives it back.
 */
#ifndef TENSORVET_INCREMENTAL_H
#define TENSORVET_INCREMENTAL_H

#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/finding.h>
#include <tensorvet/index.h>
#include <tensorvet/limits.h>
#include <tensorvet/span.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One upload. Made by tv_feed_open; its members are for tv_feed_ functions alone. Not thread-safe. */
typedef struct tv_feed {
    tv_limits limits;
    uint64_t seed, file_size;
    uint64_t received;       /* bytes so far */
    uint64_t header_end;     /* 8 + header length, 0 until it is known */
    uint8_t *buffer;         /* the first bytes, up to the header's end */
    uint64_t held, capacity; /* bytes in the buffer; its size */
    uint8_t *memory;         /* the index's arena */
    tv_findings *notes;      /* what is notable, if it is accepted */
    tv_index index;
    tv_status status; /* TV_MORE, or what ended it */
    int has_index;
} tv_feed;

/* file_size: as announced, or TV_SIZE_UNKNOWN. */
TV_API void tv_feed_open(tv_feed *feed, uint64_t file_size, const tv_limits *limits, uint64_t seed);

/* The next bytes, as many as there are. TV_MORE: nothing is wrong so far. TV_REJECTED: an error finding was added, by
 * this call or an earlier one. TV_NO_MEMORY: malloc failed. TV_MISUSE: more bytes than were announced. A status other
 * than TV_MORE stays. */
TV_API TV_MUST_CHECK tv_status tv_feed_bytes(tv_feed *feed, tv_span bytes, tv_findings *findings);

/* The index, as soon as the header is there and accepted: from then on only the count of bytes can be wrong. Else NULL.
 * Valid until tv_feed_close. */
TV_API const tv_index *tv_feed_index(const tv_feed *feed);

/* No more bytes come. TV_OK: accepted. Else as tv_feed_bytes; an upload that ends early is judged as the file that it
 * then is. */
TV_API TV_MUST_CHECK tv_status tv_feed_end(tv_feed *feed, tv_findings *findings);

/* Gives the memory back. To be called once, whatever happened. */
TV_API void tv_feed_close(tv_feed *feed);

#ifdef __cplusplus
}
#endif
#endif
