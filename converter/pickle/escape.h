/* The two escape notations of protocol 0 (source: CPython's codecs escape_decode and raw_unicode_escape_decode). */
#ifndef CONVERTER_PICKLE_ESCAPE_H
#define CONVERTER_PICKLE_ESCAPE_H

#include <stdbool.h>

#include <tensorvet/span.h>

/* The inside of a quoted Python string: \\ \' \" \a \b \f \n \r \t \v \xHH \ooo; an unknown escape stays as it is.
 * Writes at most text.size bytes. False where \x lacks its digits, or the text ends in a backslash. */
bool decode_string_escapes(tv_span text, uint8_t *out, size_t *size);
/* Latin-1 with \uXXXX and \UXXXXXXXX into UTF-8, surrogates included: at most 3 bytes for each of text. False where
 * digits lack or the number is beyond U+10FFFF. */
bool decode_unicode_escapes(tv_span text, uint8_t *out, size_t *size);

#endif
