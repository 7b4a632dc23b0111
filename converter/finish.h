/* The last step of the gather: what the source left undone with its numbers is done in the output's bytes. */
#ifndef CONVERTER_FINISH_H
#define CONVERTER_FINISH_H

#include "view.h"

/* Can numbers of that type have their signs changed (torch's negative and conjugate bits)? Not where there is no sign,
 * or where another sign is no number (float8_e4m3fnuz). */
bool finish_has_signs(tv_dtype dtype);

/* Whole elements, in place: bytes of big-endian numbers are swapped, then signs are changed. Nothing where the view
 * asks for nothing. */
void finish_numbers(const struct view *view, uint8_t *bytes, uint64_t size);

#endif
