/* The sink: an output file that is written front to back, in large page-aligned pieces, through one buffer.
 * Trusts: its caller's positions. Promises: bounded memory, no short or lost write, errors as values. */
#ifndef CONVERTER_SINK_H
#define CONVERTER_SINK_H

#include <stdint.h>

#include <tensorvet/api.h>

/* Of the buffer: what one write takes. Larger ones would be no quicker where memory is plain, and cost three times as
 * much in virtual machines that hand free memory back: the kernel takes huge pages for them, which are those handed
 * back. */
#define SINK_BYTES (1u << 17)

struct sink {
    int fd;
    int error;       /* errno of the first failed call, or 0 */
    uint8_t *buffer; /* SINK_BYTES */
    uint64_t base;   /* offset in the file of the buffer's first byte */
    uint64_t fill;   /* bytes in the buffer */
};

/* Starts at offset 0. TV_NO_MEMORY where there is none. */
TV_MUST_CHECK tv_status sink_open(struct sink *sink, int fd);
void sink_close(struct sink *sink); /* frees; does not flush */

/* The next offset to be written. */
uint64_t sink_position(const struct sink *sink);
/* Free room in the buffer: *room is at least 1. Flushes a full buffer first. What is put there becomes output by
 * sink_advance. NULL where that flush fails (TV_IO). */
uint8_t *sink_room(struct sink *sink, uint64_t *room);
void sink_advance(struct sink *sink, uint64_t size);
/* Appends. */
TV_MUST_CHECK tv_status sink_put(struct sink *sink, const void *bytes, uint64_t size);
/* Writes at an offset of its own, past the buffer, which must be flushed; the position stays. */
TV_MUST_CHECK tv_status sink_put_at(struct sink *sink, uint64_t at, const void *bytes, uint64_t size);
TV_MUST_CHECK tv_status sink_flush(struct sink *sink);
/* Ends the file at that size. */
TV_MUST_CHECK tv_status sink_end(struct sink *sink, uint64_t size);
/* Moves on by bytes that sink_put_at wrote; the buffer must be flushed. */
void sink_skip(struct sink *sink, uint64_t size);

#endif
