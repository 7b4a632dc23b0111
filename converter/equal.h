/* Whether two runs of bytes of any length are the same. Not by memcmp, which looks for the first difference, byte by
 * byte in the worker's libc (0.7 GB/s): this one is asked for none, and compilers make vectors of it. */
#ifndef CONVERTER_EQUAL_H
#define CONVERTER_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool equal_piece(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint8_t differ = 0;
    for (size_t i = 0; i < size; i++)
        differ |= (uint8_t)(a[i] ^ b[i]);
    return differ == 0;
}

static inline bool equal_bytes(const uint8_t *a, const uint8_t *b, uint64_t size)
{
    enum { PIECE = 512 };
    for (; size >= PIECE; a += PIECE, b += PIECE, size -= PIECE) {
        if (!equal_piece(a, b, PIECE))
            return false;
    }
    return equal_piece(a, b, (size_t)size);
}

#endif
