/* Moves a box of elements from one layout in memory to another: the inner loop of the gather. */
#ifndef CONVERTER_MOVE_H
#define CONVERTER_MOVE_H

#include <stdint.h>

/* Steps are in bytes; those of `to` fall from the first dimension to the last, whose step is `each`. */
struct move {
    uint32_t rank;
    const uint64_t *size, *from_step, *to_step;
    uint64_t each; /* bytes of an element: 1, 2, 4 or 8 */
};

void move_box(const struct move *move, const uint8_t *from, uint8_t *to);

#endif
