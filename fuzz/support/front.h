/* Takes values from the start of an input whose whole is a recipe, and no file of any format. Beyond the end: zeroes.
 */
#ifndef FUZZ_FRONT_H
#define FUZZ_FRONT_H

#include <tensorvet/span.h>

struct front {
    tv_span rest;
};

static inline struct front front_of(const uint8_t *data, size_t size)
{
    return (struct front){tv_span_of(data, size)};
}

/* Up to `size` bytes. */
static inline tv_span front_bytes(struct front *f, size_t size)
{
    tv_span taken, rest;
    size = size < f->rest.size ? size : f->rest.size;
    (void)tv_span_sub(f->rest, 0, size, &taken);
    (void)tv_span_sub(f->rest, size, f->rest.size - size, &rest);
    f->rest = rest;
    return taken;
}

static inline uint8_t front_u8(struct front *f)
{
    tv_span one = front_bytes(f, 1);
    return one.size == 1 ? one.data[0] : 0;
}

static inline uint64_t front_u64(struct front *f)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)front_u8(f) << (8 * i);
    return value;
}

#endif
