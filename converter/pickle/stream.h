/* A part of a source, read front to back through one window of fixed size.
 * Promises: never a byte outside the part; counted bytes that nobody needs in memory are skipped unread. */
#ifndef CONVERTER_PICKLE_STREAM_H
#define CONVERTER_PICKLE_STREAM_H

#include "memory.h"
#include "source.h"

#define STREAM_WINDOW 65536u

struct stream {
    const struct source *source;
    uint64_t end;       /* offset in the source where the part ends */
    uint64_t window_at; /* offset in the source of the window's first byte */
    tv_span window;     /* bytes at hand */
    uint64_t next;      /* in the window: the next byte */
    uint8_t *buffer;    /* STREAM_WINDOW bytes, or NULL where the source is plain memory */
};

/* [at, end) must lie in the source. */
TV_MUST_CHECK tv_status stream_open(struct stream *s, const struct source *source, uint64_t at, uint64_t end);
void stream_close(struct stream *s);

/* Offset in the source of the next byte, and how many are left. */
uint64_t stream_at(const struct stream *s);
uint64_t stream_left(const struct stream *s);

/* The next `size` bytes, at most STREAM_WINDOW; valid until the next call. TV_REJECTED where fewer are left. */
TV_MUST_CHECK tv_status stream_take(struct stream *s, uint32_t size, tv_span *bytes);
/* A line without its '\n'; valid until the next call. TV_REJECTED where none ends within the next STREAM_WINDOW bytes.
 */
TV_MUST_CHECK tv_status stream_line(struct stream *s, tv_span *line);
/* Appends the next `size` bytes to a vector of bytes. TV_REJECTED where fewer are left. */
TV_MUST_CHECK tv_status stream_copy(struct stream *s, uint64_t size, struct vector *bytes);
TV_MUST_CHECK tv_status stream_skip(struct stream *s, uint64_t size);

#endif
