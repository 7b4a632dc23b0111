/* Reading a frame's payload in order: each take is checked, and a failed one makes all later ones fail.
 * Trusts nothing. Check once, at the end, with payload_whole: until then values may be zeroes. */
#ifndef GATE_PAYLOAD_H
#define GATE_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/span.h>

#include "frame.h"

struct payload {
    tv_span bytes;
    uint64_t at;
    bool broken;
};

static inline struct payload payload_of(tv_span bytes)
{
    return (struct payload){bytes, 0, false};
}

static inline tv_span payload_bytes(struct payload *p, uint64_t size)
{
    tv_span taken;
    if (p->broken || !tv_span_sub(p->bytes, p->at, size, &taken)) {
        p->broken = true;
        return tv_span_of(NULL, 0);
    }
    p->at += size;
    return taken;
}

static inline uint32_t payload_u32(struct payload *p)
{
    uint32_t value = 0;
    (void)tv_span_u32(payload_bytes(p, 4), 0, &value);
    return value;
}

static inline uint64_t payload_u64(struct payload *p)
{
    uint64_t value = 0;
    (void)tv_span_u64(payload_bytes(p, 8), 0, &value);
    return value;
}

/* A text is {u32 size, bytes}; longer than the worker may send breaks the payload. */
static inline tv_span payload_text(struct payload *p)
{
    uint32_t size = payload_u32(p);
    p->broken = p->broken || size > FRAME_TEXT_MAX;
    return payload_bytes(p, size);
}

/* Was everything there, and nothing more? */
static inline bool payload_whole(const struct payload *p)
{
    return !p->broken && p->at == p->bytes.size;
}

#endif
