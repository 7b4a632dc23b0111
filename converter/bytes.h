/* Little-endian numbers where a caller has checked the size, or takes 0 for what lies beyond the end. */
#ifndef CONVERTER_BYTES_H
#define CONVERTER_BYTES_H

#include <tensorvet/span.h>

static inline uint64_t u16_at(tv_span s, uint64_t at)
{
    uint16_t value;
    (void)tv_span_u16(s, at, &value);
    return value;
}

static inline uint64_t u32_at(tv_span s, uint64_t at)
{
    uint32_t value;
    (void)tv_span_u32(s, at, &value);
    return value;
}

static inline uint64_t u64_at(tv_span s, uint64_t at)
{
    uint64_t value;
    (void)tv_span_u64(s, at, &value);
    return value;
}

#endif
