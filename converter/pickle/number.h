/* Numbers as text, as Python writes them into pickles of protocol 0. */
#ifndef CONVERTER_PICKLE_NUMBER_H
#define CONVERTER_PICKLE_NUMBER_H

#include <stdbool.h>

#include <tensorvet/span.h>

/* [+-]digits, nothing else, into 64 bits. */
bool decimal_to_int(tv_span text, int64_t *number);
/* Is it [+-]digits, whatever its size? */
bool is_decimal(tv_span text);
/* A float as repr() writes it: digits with point and exponent, inf, -inf, nan. */
bool text_to_float(tv_span text, double *number);

#endif
