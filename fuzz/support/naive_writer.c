/* naive_writer.h: every byte put by its own rule, in the order of the recipe. */
#include "naive_writer.h"

#include <string.h>

#include "oracle.h"

static void put(struct written *out, const void *bytes, size_t size)
{
    PROMISE(size <= sizeof out->bytes - out->size);
    if (size > 0)
        memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

/* What must be escaped becomes \uXXXX; the reader takes that as well as the short forms. */
static void put_escaped(struct written *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    const char escaped[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    put(out, escaped, sizeof escaped);
}

static void put_string(struct written *out, tv_span name)
{
    put(out, "\"", 1);
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = (uint8_t)tv_span_byte(name, i);
        if (byte < 0x20 || byte == '"' || byte == '\\')
            put_escaped(out, byte);
        else
            put(out, &byte, 1);
    }
    put(out, "\"", 1);
}

static void put_number(struct written *out, __uint128_t number)
{
    char digits[40];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number > 0);
    put(out, digits + at, sizeof digits - at);
}

/* Bytes of the entry, far too many where they do not fit. */
static __uint128_t bytes_of(const tv_entry *e)
{
    __uint128_t bits = tv_dtype_bits(e->dtype), most = (__uint128_t)UINT64_MAX;
    bool empty = false;
    for (uint16_t i = 0; i < e->rank; i++) {
        empty = empty || e->shape[i] == 0;
        bits *= e->shape[i] == 0 ? 1 : e->shape[i];
        if (bits > most)
            return most;
    }
    return empty ? 0 : bits / 8;
}

static __uint128_t put_entry(struct written *out, const tv_entry *e, __uint128_t at)
{
    const char *dtype = tv_dtype_name(e->dtype);
    put_string(out, e->name);
    put(out, ":{\"dtype\":", 10);
    put_string(out, tv_span_str(dtype));
    put(out, ",\"shape\":[", 10);
    for (uint16_t i = 0; i < e->rank; i++) {
        put(out, ",", i > 0);
        put_number(out, e->shape[i]);
    }
    put(out, "],\"data_offsets\":[", 18);
    put_number(out, at);
    put(out, ",", 1);
    put_number(out, at + bytes_of(e));
    put(out, "]}", 2);
    return at + bytes_of(e);
}

uint64_t naive_write(const struct recipe *r, struct written *out)
{
    __uint128_t at = 0;
    out->size = 8;
    put(out, "{", 1);
    if (r->has_metadata)
        put(out, "\"__metadata__\":{", 16);
    for (uint64_t i = 0; i < r->pair_count; i++) {
        put(out, ",", i > 0);
        put_string(out, r->pairs[i].key);
        put(out, ":", 1);
        put_string(out, r->pairs[i].value);
    }
    put(out, "},", r->has_metadata ? (r->count > 0 ? 2 : 1) : 0);
    for (uint64_t i = 0; i < r->count; i++) {
        put(out, ",", i > 0);
        at = put_entry(out, &r->entries[i], at);
    }
    put(out, "}", 1);
    for (unsigned i = 0; i < 8; i++)
        out->bytes[i] = (uint8_t)((out->size - 8) >> (8 * i));
    return at > INT64_MAX ? (uint64_t)INT64_MAX : out->size + (uint64_t)at;
}
