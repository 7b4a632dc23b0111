/* The escape notations of protocol 0 (escape.h). */
#include "escape.h"

static int hex_digit(int byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* `digits` hexadecimal digits at `at`. */
static bool read_hex(tv_span text, size_t at, unsigned digits, uint32_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < digits; i++) {
        int digit = hex_digit(tv_span_byte(text, at + i));
        if (digit < 0)
            return false;
        *number = *number << 4 | (uint32_t)digit;
    }
    return true;
}

/* What a one-letter escape stands for, or -1. */
static int simple_escape(int letter)
{
    static const char letters[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
    for (size_t i = 0; i + 1 < sizeof letters; i++)
        if (letters[i] == letter)
            return meanings[i];
    return -1;
}

/* Up to three octal digits at `at`; returns how many. */
static unsigned read_octal(tv_span text, size_t at, uint32_t *number)
{
    unsigned digits = 0;
    *number = 0;
    for (; digits < 3; digits++) {
        int byte = tv_span_byte(text, at + digits);
        if (byte < '0' || byte > '7')
            break;
        *number = *number << 3 | (uint32_t)(byte - '0');
    }
    return digits;
}

bool decode_string_escapes(tv_span text, uint8_t *out, size_t *size)
{
    *size = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t number = 0;
        unsigned digits = 0;
        if (text.data[at] != '\\') {
            out[(*size)++] = text.data[at++];
            continue;
        }
        int letter = tv_span_byte(text, ++at);
        if (letter < 0)
            return false;
        if (letter == 'x') {
            if (!read_hex(text, at + 1, 2, &number))
                return false;
            out[(*size)++] = (uint8_t)number;
            at += 3;
        } else if ((digits = read_octal(text, at, &number)) > 0) {
            out[(*size)++] = (uint8_t)number;
            at += digits;
        } else if (simple_escape(letter) >= 0) {
            out[(*size)++] = (uint8_t)simple_escape(letter);
            at++;
        } else {
            out[(*size)++] = '\\';
        }
    }
    return true;
}

/* A code point below 0x110000 as UTF-8. */
static size_t put_utf8(uint32_t point, uint8_t *out)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xC0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (point & 0x3F));
    return 4;
}

bool decode_unicode_escapes(tv_span text, uint8_t *out, size_t *size)
{
    *size = 0;
    for (size_t at = 0; at < text.size;) {
        int letter = text.data[at] == '\\' ? tv_span_byte(text, at + 1) : -1;
        unsigned digits = letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
        uint32_t point = text.data[at];
        if (digits != 0 && (!read_hex(text, at + 2, digits, &point) || point >= 0x110000))
            return false;
        *size += put_utf8(point, out + *size);
        at += digits != 0 ? 2 + digits : 1;
        if (digits == 0 && letter == '\\') { /* a doubled backslash protects what follows it, and stays doubled */
            out[(*size)++] = '\\';
            at++;
        }
    }
    return true;
}
