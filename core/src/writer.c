/* The writer of headers: the reference's layout and its bytes.
 *
 * Trusts the caller's pointers, not what the names hold. Promises: refuses what the reader would refuse, with the same
 * id; writes all or nothing. Recipe: the reference's serialize (dtype descending, then name; offsets back to back;
 * compact JSON; spaces up to a multiple of 8). */
#include <tensorvet/writer.h>

#include <tensorvet/checked.h>

#include "heap.h"
#include "magic.h"
#include "utf8.h"

#define INTEGER_MOST ((uint64_t)INT64_MAX)

static tv_status refuse(tv_findings *findings, tv_finding_id id, tv_span subject, uint64_t a, uint64_t b)
{
    tv_finding *finding = tv_findings_add(findings, id, TV_NO_OFFSET, subject, tv_span_of(NULL, 0));
    finding->a = a;
    finding->b = b;
    return TV_REJECTED;
}

/* ---- layout ---- */

static bool entry_before(const tv_entry *a, const tv_entry *b)
{
    if (a->dtype != b->dtype)
        return a->dtype > b->dtype;
    return tv_span_compare(a->name, b->name) < 0;
}

DEFINE_HEAP_SORT(sort_entries, tv_entry, entry_before)

/* The entry's size, by the reader's rules for shapes. */
static tv_status entry_size(const tv_entry *e, uint64_t *bytes, tv_findings *findings)
{
    uint64_t product = 1, bits = 0;
    bool empty = false, fits = true;
    if ((unsigned)e->dtype >= TV_DTYPE_COUNT)
        return refuse(findings, TV_FIND_UNKNOWN_DTYPE, e->name, 0, 0);
    for (unsigned i = 0; i < e->rank; i++) {
        if (e->shape[i] > INTEGER_MOST)
            return refuse(findings, TV_FIND_INTEGER_OUT_OF_RANGE, e->name, 0, 0);
        empty = empty || e->shape[i] == 0;
        fits = fits && (e->shape[i] == 0 || tv_mul(product, e->shape[i], &product));
    }
    if (!fits || !tv_mul(product, tv_dtype_bits(e->dtype), &bits))
        return refuse(findings, TV_FIND_SHAPE_OVERFLOW, e->name, 0, 0);
    if (!empty && bits % 8 != 0)
        return refuse(findings, TV_FIND_SUB_BYTE_MISALIGNED, e->name, bits, 0);
    *bytes = empty ? 0 : bits / 8;
    return TV_OK;
}

tv_status tv_layout(tv_entry *entries, uint64_t count, tv_findings *findings)
{
    uint64_t at = 0;
    sort_entries(entries, count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t bytes = 0;
        tv_status status = entry_size(&entries[i], &bytes, findings);
        if (status != TV_OK)
            return status;
        entries[i].begin = at;
        if (bytes > INTEGER_MOST - at)
            return refuse(findings, TV_FIND_INTEGER_OUT_OF_RANGE, entries[i].name, 0, 0);
        at += bytes;
        entries[i].end = at;
    }
    return TV_OK;
}

/* ---- what may be written ---- */

static tv_status check_name(tv_span name, const tv_limits *limits, tv_findings *findings)
{
    if (utf8_check(name) < name.size)
        return refuse(findings, TV_FIND_HEADER_INVALID_UTF8, name, 0, 0);
    if (name.size > limits->name_bytes)
        return refuse(findings, TV_FIND_NAME_TOO_LONG, name, limits->name_bytes, 0);
    if (utf8_has_control(name))
        return refuse(findings, TV_FIND_NAME_CONTROL_CHARACTER, name, 0, 0);
    return TV_OK;
}

/* One entry by itself. `at` is where the one before it ends. */
static tv_status check_entry(const tv_entry *e, uint64_t at, const tv_limits *limits, tv_findings *findings)
{
    uint64_t bytes = 0;
    if (tv_span_is(e->name, "__metadata__"))
        return refuse(findings, TV_FIND_NAME_RESERVED, e->name, 0, 0);
    tv_status status = check_name(e->name, limits, findings);
    if (status == TV_OK && e->rank > limits->rank)
        status = refuse(findings, TV_FIND_RANK_TOO_LARGE, e->name, limits->rank, 0);
    if (status == TV_OK)
        status = entry_size(e, &bytes, findings);
    if (status == TV_OK && (e->begin != at || e->end < at || e->end - at != bytes))
        status = TV_MISUSE;
    return status;
}

/* The next entry in the order of names alone. Entries stand by dtype first: each dtype's run is in the order of names,
 * and there are few dtypes. */
static const tv_entry *next_by_name(const tv_entry *entries, uint64_t *heads, const uint64_t *ends)
{
    unsigned best = TV_DTYPE_COUNT;
    for (unsigned i = 0; i < TV_DTYPE_COUNT; i++)
        if (heads[i] < ends[i] &&
            (best == TV_DTYPE_COUNT || tv_span_compare(entries[heads[i]].name, entries[heads[best]].name) < 0))
            best = i;
    return best == TV_DTYPE_COUNT ? NULL : &entries[heads[best]++];
}

static tv_status check_unique(const tv_entry *entries, uint64_t count, tv_findings *findings)
{
    uint64_t heads[TV_DTYPE_COUNT] = {0}, ends[TV_DTYPE_COUNT] = {0};
    for (uint64_t i = 0; i < count; i++) {
        unsigned dtype = entries[i].dtype;
        if (ends[dtype] == 0)
            heads[dtype] = i;
        ends[dtype] = i + 1;
    }
    const tv_entry *last = next_by_name(entries, heads, ends), *next = NULL;
    while ((next = next_by_name(entries, heads, ends)) != NULL) {
        if (tv_span_equal(last->name, next->name))
            return refuse(findings, TV_FIND_DUPLICATE_KEY, next->name, 0, 0);
        last = next;
    }
    return TV_OK;
}

static tv_status check_entries(const tv_entry *entries, uint64_t count, const tv_limits *limits, tv_findings *findings)
{
    uint64_t at = 0;
    tv_status status = TV_OK;
    if (count > limits->tensors)
        return refuse(findings, TV_FIND_TOO_MANY_TENSORS, tv_span_of(NULL, 0), count, limits->tensors);
    for (uint64_t i = 0; i < count && status == TV_OK; at = entries[i].end, i++) {
        status = check_entry(&entries[i], at, limits, findings);
        if (status == TV_OK && i > 0 && entry_before(&entries[i], &entries[i - 1]))
            status = TV_MISUSE;
    }
    return status == TV_OK && count > 1 ? check_unique(entries, count, findings) : status;
}

static bool pair_before(const tv_pair *a, const tv_pair *b)
{
    return tv_span_compare(a->key, b->key) < 0;
}

DEFINE_HEAP_SORT(sort_pairs, tv_pair, pair_before)

static tv_status check_pairs(const tv_pair *pairs, uint64_t count, const tv_limits *limits, tv_findings *findings)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++) {
        tv_status status = check_name(pairs[i].key, limits, findings);
        if (status != TV_OK)
            return status;
        if (i > 0 && tv_span_equal(pairs[i - 1].key, pairs[i].key))
            return refuse(findings, TV_FIND_DUPLICATE_KEY, pairs[i].key, 0, 0);
        if (utf8_check(pairs[i].value) < pairs[i].value.size)
            return refuse(findings, TV_FIND_HEADER_INVALID_UTF8, pairs[i].key, 0, 0);
        if (!tv_add(bytes, pairs[i].value.size, &bytes) || bytes > limits->metadata_bytes)
            return refuse(findings, TV_FIND_METADATA_TOO_LARGE, pairs[i].key, limits->metadata_bytes, 0);
    }
    return TV_OK;
}

/* ---- bytes ---- */

/* Where bytes go, or are only counted (data NULL). */
typedef struct sink {
    uint8_t *data;
    uint64_t size;
} sink;

static void put_byte(sink *out, char c)
{
    if (out->data != NULL)
        out->data[out->size] = (uint8_t)c;
    out->size++;
}

static void put_text(sink *out, const char *text)
{
    for (; *text != '\0'; text++)
        put_byte(out, *text);
}

static void put_number(sink *out, uint64_t number)
{
    char digits[20]; /* 2^64 has 20 */
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        put_byte(out, digits[--count]);
}

/* serde_json's escapes: the short ones, \u00xx in lower case for other control characters, nothing else. */
static void put_escaped(sink *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    for (unsigned i = 0; special[i] != '\0'; i++) {
        if (c == (uint8_t)special[i]) {
            put_byte(out, '\\');
            put_byte(out, letters[i]);
            return;
        }
    }
    if (c >= 0x20) {
        put_byte(out, (char)c);
        return;
    }
    put_text(out, "\\u00");
    put_byte(out, hex[c >> 4]);
    put_byte(out, hex[c & 15]);
}

static void put_string(sink *out, tv_span text)
{
    put_byte(out, '"');
    for (uint64_t i = 0; i < text.size; i++)
        put_escaped(out, (uint8_t)tv_span_byte(text, i));
    put_byte(out, '"');
}

static void put_entry(sink *out, const tv_entry *e)
{
    put_string(out, e->name);
    put_text(out, ":{\"dtype\":\"");
    put_text(out, tv_dtype_name(e->dtype));
    put_text(out, "\",\"shape\":[");
    for (unsigned i = 0; i < e->rank; i++) {
        if (i > 0)
            put_byte(out, ',');
        put_number(out, e->shape[i]);
    }
    put_text(out, "],\"data_offsets\":[");
    put_number(out, e->begin);
    put_byte(out, ',');
    put_number(out, e->end);
    put_text(out, "]}");
}

static void put_metadata(sink *out, const tv_pair *pairs, uint64_t count)
{
    put_text(out, "\"__metadata__\":{");
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            put_byte(out, ',');
        put_string(out, pairs[i].key);
        put_byte(out, ':');
        put_string(out, pairs[i].value);
    }
    put_byte(out, '}');
}

/* What is written: all of it, but for the length before it. */
typedef struct content {
    const tv_entry *entries;
    uint64_t count;
    const tv_pair *metadata;
    uint64_t pairs;
    bool has_metadata;
} content;

static void put_header(sink *out, const content *c)
{
    put_byte(out, '{');
    if (c->has_metadata)
        put_metadata(out, c->metadata, c->pairs);
    for (uint64_t i = 0; i < c->count; i++) {
        if (i > 0 || c->has_metadata)
            put_byte(out, ',');
        put_entry(out, &c->entries[i]);
    }
    put_byte(out, '}');
    while (out->size % PREFIX_BYTES != 0)
        put_byte(out, ' ');
}

tv_status tv_header_write(const tv_entry *entries, uint64_t count, tv_pair *metadata, uint64_t pairs, bool has_metadata,
                          const tv_limits *limits, uint8_t *out, uint64_t capacity, uint64_t *size,
                          tv_findings *findings)
{
    uint64_t most = limits->header_bytes < HEADER_MOST ? limits->header_bytes : HEADER_MOST;
    content whole = {entries, count, metadata, pairs, has_metadata};
    sink counted = {NULL, 0};
    *size = 0;
    if (pairs > 0 && !has_metadata)
        return TV_MISUSE;
    sort_pairs(metadata, pairs);
    tv_status status = check_pairs(metadata, pairs, limits, findings);
    if (status == TV_OK)
        status = check_entries(entries, count, limits, findings);
    if (status != TV_OK)
        return status;
    put_header(&counted, &whole);
    if (counted.size > most)
        return refuse(findings, TV_FIND_HEADER_TOO_LARGE, tv_span_of(NULL, 0), counted.size, most);
    *size = PREFIX_BYTES + counted.size;
    if (capacity < *size)
        return TV_NO_MEMORY;
    sink written = {NULL, 0};
    written.data = out;
    for (unsigned i = 0; i < PREFIX_BYTES; i++)
        put_byte(&written, (char)(uint8_t)(counted.size >> (8 * i) & 0xff));
    put_header(&written, &whole);
    return TV_OK;
}
