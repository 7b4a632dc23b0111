/* Numbers as text (number.h). */
#include "number.h"

#include <math.h>
#include <stdlib.h>

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

/* The text without its sign. */
static tv_span unsigned_part(tv_span text)
{
    tv_span rest = text;
    int sign = tv_span_byte(text, 0);
    if (sign == '-' || sign == '+')
        (void)tv_span_sub(text, 1, text.size - 1, &rest);
    return rest;
}

bool is_decimal(tv_span text)
{
    tv_span digits = unsigned_part(text);
    for (size_t i = 0; i < digits.size; i++)
        if (!is_digit(digits.data[i]))
            return false;
    return digits.size > 0;
}

bool decimal_to_int(tv_span text, int64_t *number)
{
    bool negative = tv_span_byte(text, 0) == '-';
    tv_span digits = unsigned_part(text);
    uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0), value = 0;
    if (!is_decimal(text))
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        uint64_t digit = (uint64_t)(digits.data[i] - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* Only what strtod and Python read alike: no hexadecimal, no blanks, no names but the three. */
static bool is_float_text(tv_span text)
{
    bool digits = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        digits = digits || is_digit(byte);
        if (!is_digit(byte) && byte != '.' && byte != 'e' && byte != 'E' && byte != '+' && byte != '-')
            return false;
    }
    return digits;
}

bool text_to_float(tv_span text, double *number)
{
    enum { LONGEST = 64 }; /* repr writes at most 24 characters */
    char copy[LONGEST + 1] = {0};
    char *stop = copy;
    bool named = true;
    tv_span name = unsigned_part(text);
    if (tv_span_is(name, "inf"))
        *number = tv_span_byte(text, 0) == '-' ? -(double)INFINITY : (double)INFINITY;
    else if (tv_span_is(name, "nan"))
        *number = (double)NAN;
    else
        named = false;
    if (named || text.size > LONGEST || !is_float_text(text))
        return named;
    memcpy(copy, text.data, text.size);
    *number = strtod(copy, &stop);
    return stop == copy + text.size;
}
