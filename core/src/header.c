/* Stages names and tensor: one pass over the header's text, in its own order, that makes a record of each tensor.
 *
 * Trusts: that the header is well-formed UTF-8 and begins with a brace. Promises: no recursion; stops at the first
 * thing that is wrong. Where that is the JSON itself it says no more than that: json_check then finds the place, as it
 * does for a header whose JSON breaks only after another rule was broken. So the grammar comes first, and yet the
 * header of a good file is read once. */
#include "header.h"

#include <tensorvet/checked.h>

#include "arena.h"
#include "json.h"
#include "magic.h"
#include "names.h"

typedef struct reader {
    tv_span text;
    uint64_t at; /* the next byte to be read */
    const tv_limits *limits;
    uint64_t capacity;       /* records there is room for */
    uint64_t metadata_bytes; /* so far */
    tv_span name;            /* of the tensor that is being read, raw */
    header_facts *facts;
} reader;

/* ---- what is wrong ---- */

/* Notes a broken rule and returns false. */
static bool broken(reader *r, tv_finding_id id, uint64_t at, tv_span subject, tv_span detail)
{
    problem found = {id, at, 0, 0, subject, detail};
    r->facts->problem = found;
    return false;
}

static bool tensor_broken(reader *r, tv_finding_id id, uint64_t at, const char *detail)
{
    return broken(r, id, at, r->name, tv_span_str(detail));
}

static bool tensor_numbers(reader *r, tv_finding_id id, uint64_t at, uint64_t a, uint64_t b)
{
    problem found = {id, at, a, b, r->name, tv_span_of(NULL, 0)};
    r->facts->problem = found;
    return false;
}

/* ---- words ---- */

static inline int peek(const reader *r)
{
    return tv_span_byte(r->text, r->at);
}

static inline void skip_space(reader *r)
{
    int c = peek(r);
    if (c >= 0 && c <= ' ')
        r->at = json_space(r->text, r->at);
}

/* Takes this character, after white space. */
static inline bool take(reader *r, char wanted)
{
    skip_space(r);
    if (peek(r) != wanted)
        return false;
    r->at++;
    return true;
}

/* Takes a string, after white space. */
static inline bool take_string(reader *r, json_string *string)
{
    skip_space(r);
    if (peek(r) != '"' || !json_scan_string(r->text, r->at, string))
        return false;
    r->at = string->end + 1;
    return true;
}

/* After an item: takes the comma, or the bracket that closes (*over). */
static inline bool take_comma(reader *r, char close, bool *over)
{
    skip_space(r);
    int c = peek(r);
    *over = c == close;
    r->at++;
    return c == ',' || c == close;
}

/* Does a value of that first character stand here? Where none of JSON's values can, the grammar's judge will say so. */
static inline bool starts(reader *r, char first)
{
    skip_space(r);
    return peek(r) == first;
}

bool raw_is(tv_span raw, const char *word)
{
    return json_compare(raw, tv_span_str(word)) == 0;
}

/* ---- numbers ---- */

#define INTEGER_MOST ((uint64_t)INT64_MAX)

/* Where the text of the number at `at` ends: the first byte that no number has. */
static tv_span number_text(tv_span text, uint64_t at)
{
    tv_span number;
    uint64_t end = at;
    for (int c = tv_span_byte(text, end);
         c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' || (c >= '0' && c <= '9');
         c = tv_span_byte(text, end))
        end++;
    (void)tv_span_sub(text, at, end - at, &number);
    return number;
}

/* What it is that is no integer from 0 to 2^63-1. */
static bool not_an_integer(reader *r, uint64_t at)
{
    int c = tv_span_byte(r->text, at);
    if (c != '-' && (c < '0' || c > '9'))
        return tensor_broken(r, TV_FIND_WRONG_TYPE, at, "an integer");
    return broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, at, r->name, number_text(r->text, at));
}

/* Takes an integer from 0 to 2^63-1 in JSON's one spelling of it: digits, no leading zero. */
static inline bool take_integer(reader *r, uint64_t *out)
{
    skip_space(r);
    uint64_t start = r->at, value = 0, at = start;
    int c = tv_span_byte(r->text, at);
    for (; c >= '0' && c <= '9'; c = tv_span_byte(r->text, ++at)) {
        uint64_t digit = (uint64_t)(c - '0');
        if (value > (INTEGER_MOST - digit) / 10)
            return not_an_integer(r, start);
        value = value * 10 + digit;
    }
    if (at == start || c == '.' || c == 'e' || c == 'E')
        return not_an_integer(r, start);
    if (at - start > 1 && tv_span_byte(r->text, start) == '0')
        return false; /* 01 is no JSON */
    r->at = at;
    *out = value;
    return true;
}

/* ---- one tensor ---- */

/* A tensor's entry while it is read. */
typedef struct entry {
    tv_tensor *tensor;
    unsigned seen; /* a bit for each field */
    uint64_t brace_at, shape_at, offsets_at;
    uint64_t product; /* of the dimensions that are not 0 */
    bool empty;       /* a dimension is 0 */
    bool overflow;    /* the product exceeds 64 bits */
} entry;

typedef enum field { DTYPE, SHAPE, DATA_OFFSETS, FIELDS } field;

static const char *const field_names[FIELDS] = {"dtype", "shape", "data_offsets"};

static inline field field_of(tv_span raw, bool escaped)
{
    if (raw.size == 5 && memcmp(raw.data, "dtype", 5) == 0)
        return DTYPE;
    if (raw.size == 5 && memcmp(raw.data, "shape", 5) == 0)
        return SHAPE;
    if (raw.size == 12 && memcmp(raw.data, "data_offsets", 12) == 0)
        return DATA_OFFSETS;
    for (unsigned i = 0; escaped && i < FIELDS; i++)
        if (raw_is(raw, field_names[i]))
            return (field)i;
    return FIELDS;
}

/* The dtype of a raw text that may hold escapes. */
static tv_dtype escaped_dtype(tv_span raw)
{
    for (unsigned i = 0; i < TV_DTYPE_COUNT; i++)
        if (raw_is(raw, tv_dtype_name((tv_dtype)i)))
            return (tv_dtype)i;
    return TV_DTYPE_COUNT;
}

static bool take_dtype(reader *r, entry *e)
{
    json_string string;
    if (!starts(r, '"'))
        return tensor_broken(r, TV_FIND_WRONG_TYPE, r->at, "a string");
    uint64_t quote = r->at;
    if (!take_string(r, &string))
        return false;
    tv_span raw = json_raw(r->text, &string);
    tv_dtype dtype = string.escaped ? escaped_dtype(raw) : tv_dtype_by_name(raw);
    if (dtype == TV_DTYPE_COUNT)
        return broken(r, TV_FIND_UNKNOWN_DTYPE, quote, r->name, raw);
    e->tensor->dtype = (uint8_t)dtype;
    return true;
}

/* A rank is kept in 16 bits. */
static uint64_t rank_most(const tv_limits *limits)
{
    return limits->rank < UINT16_MAX ? limits->rank : UINT16_MAX;
}

static bool take_dimension(reader *r, entry *e)
{
    uint64_t size = 0;
    if (e->tensor->rank >= rank_most(r->limits))
        return tensor_numbers(r, TV_FIND_RANK_TOO_LARGE, e->shape_at, rank_most(r->limits), 0);
    if (!take_integer(r, &size))
        return false;
    e->tensor->rank++;
    if (size == 0)
        e->empty = true;
    else if (!tv_mul(e->product, size, &e->product))
        e->overflow = true;
    return true;
}

static bool take_shape(reader *r, entry *e)
{
    bool over = false;
    if (!starts(r, '['))
        return tensor_broken(r, TV_FIND_WRONG_TYPE, r->at, "an array");
    e->shape_at = r->at;
    e->tensor->shape_at = (uint32_t)r->at;
    r->at++;
    if (take(r, ']'))
        return true;
    while (!over)
        if (!take_dimension(r, e) || !take_comma(r, ']', &over))
            return false;
    return true;
}

static bool take_offsets(reader *r, entry *e)
{
    bool over = false;
    if (!starts(r, '['))
        return tensor_broken(r, TV_FIND_WRONG_TYPE, r->at, "an array");
    e->offsets_at = r->at++;
    if (take(r, ']'))
        return tensor_broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, e->offsets_at, "no offset at all");
    if (!take_integer(r, &e->tensor->begin) || !take_comma(r, ']', &over))
        return false;
    if (over)
        return tensor_broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, e->offsets_at, "one offset");
    if (!take_integer(r, &e->tensor->end) || !take_comma(r, ']', &over))
        return false;
    return over || tensor_broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, e->offsets_at, "a third offset");
}

/* One field, key and value. */
static bool take_field(reader *r, entry *e)
{
    json_string string;
    if (!take_string(r, &string))
        return false;
    tv_span raw = json_raw(r->text, &string);
    field which = field_of(raw, string.escaped);
    if (which == FIELDS)
        return broken(r, TV_FIND_UNKNOWN_FIELD, string.begin - 1, r->name, raw);
    if ((e->seen & 1u << which) != 0)
        return broken(r, TV_FIND_DUPLICATE_FIELD, string.begin - 1, r->name, raw);
    e->seen |= 1u << which;
    if (!take(r, ':'))
        return false;
    if (which == DTYPE)
        return take_dtype(r, e);
    return which == SHAPE ? take_shape(r, e) : take_offsets(r, e);
}

/* The rules for a tensor whose fields are all there. The size in bits must fit 64 bits even where a dimension is 0:
 * then every order of multiplying gives the same. */
static bool check_tensor(reader *r, const entry *e)
{
    const tv_tensor *t = e->tensor;
    uint64_t bits = 0;
    if (e->overflow || !tv_mul(e->product, tv_dtype_bits((tv_dtype)t->dtype), &bits))
        return tensor_numbers(r, TV_FIND_SHAPE_OVERFLOW, e->shape_at, 0, 0);
    if (e->empty)
        bits = 0;
    if (bits % 8 != 0)
        return tensor_numbers(r, TV_FIND_SUB_BYTE_MISALIGNED, e->shape_at, bits, 0);
    if (t->begin > t->end)
        return tensor_numbers(r, TV_FIND_OFFSETS_REVERSED, e->offsets_at, t->begin, t->end);
    if (t->end - t->begin != bits / 8)
        return tensor_numbers(r, TV_FIND_SIZE_MISMATCH, e->offsets_at, bits / 8, t->end - t->begin);
    return true;
}

static bool take_tensor(reader *r, tv_tensor *tensor)
{
    entry e = {.tensor = tensor, .product = 1};
    bool over = false;
    if (!starts(r, '{'))
        return tensor_broken(r, TV_FIND_WRONG_TYPE, r->at, "an object");
    e.brace_at = r->at++;
    over = take(r, '}');
    while (!over)
        if (!take_field(r, &e) || !take_comma(r, '}', &over))
            return false;
    for (unsigned i = 0; i < FIELDS; i++)
        if ((e.seen & 1u << i) == 0)
            return tensor_broken(r, TV_FIND_MISSING_FIELD, e.brace_at, field_names[i]);
    return check_tensor(r, &e);
}

/* ---- names ---- */

/* The rules for a name, be it a tensor's or a metadata key's. */
static bool check_name(reader *r, const json_string *string)
{
    tv_span raw = json_raw(r->text, string);
    name_facts facts = {raw.size, false, false};
    if (!string->plain)
        facts = name_examine(raw);
    if (facts.size > r->limits->name_bytes) {
        (void)broken(r, TV_FIND_NAME_TOO_LONG, string->begin - 1, raw, tv_span_of(NULL, 0));
        r->facts->problem.a = r->limits->name_bytes;
        return false;
    }
    if (facts.control)
        return broken(r, TV_FIND_NAME_CONTROL_CHARACTER, string->begin - 1, raw, tv_span_of(NULL, 0));
    if (facts.bidi && r->facts->bidi_count++ == 0) {
        r->facts->bidi_at = string->begin - 1;
        r->facts->bidi_size = raw.size;
    }
    return true;
}

/* ---- metadata ---- */

static uint64_t decoded_size(tv_span raw, const json_string *string)
{
    return string->escaped ? tv_json_unescape(raw, NULL, 0) : raw.size;
}

/* What a value that is no string breaks: a tensor's fields tell that a tensor has taken the reserved name. */
static bool metadata_broken(reader *r, tv_span key)
{
    if (peek(r) == '[' && (raw_is(key, "shape") || raw_is(key, "data_offsets")))
        return broken(r, TV_FIND_NAME_RESERVED, r->at, tv_span_str("__metadata__"), tv_span_of(NULL, 0));
    return broken(r, TV_FIND_METADATA_WRONG_TYPE, r->at, key, tv_span_of(NULL, 0));
}

static bool take_pair(reader *r)
{
    json_string key, value;
    if (!take_string(r, &key) || !check_name(r, &key))
        return false;
    tv_span raw = json_raw(r->text, &key);
    r->facts->metadata_count++;
    if (!take(r, ':'))
        return false;
    if (!starts(r, '"'))
        return metadata_broken(r, raw);
    if (!take_string(r, &value))
        return false;
    r->metadata_bytes += decoded_size(json_raw(r->text, &value), &value);
    if (r->metadata_bytes <= r->limits->metadata_bytes)
        return true;
    (void)broken(r, TV_FIND_METADATA_TOO_LARGE, value.begin - 1, raw, tv_span_of(NULL, 0));
    r->facts->problem.a = r->limits->metadata_bytes;
    return false;
}

static bool take_metadata(reader *r, uint64_t key_at)
{
    bool over = false;
    tv_span name = tv_span_str("__metadata__");
    if (r->facts->metadata_at != 0) {
        (void)broken(r, TV_FIND_DUPLICATE_KEY, key_at, name, tv_span_of(NULL, 0));
        r->facts->problem.a = PREFIX_BYTES + r->facts->metadata_key_at;
        return false;
    }
    if (!starts(r, '{'))
        return broken(r, TV_FIND_METADATA_WRONG_TYPE, r->at, name, tv_span_of(NULL, 0));
    r->facts->metadata_key_at = key_at;
    r->facts->metadata_at = r->at++;
    over = take(r, '}');
    while (!over)
        if (!take_pair(r) || !take_comma(r, '}', &over))
            return false;
    return true;
}

/* ---- the whole ---- */

static inline bool is_metadata(tv_span raw, bool escaped)
{
    return (raw.size == 12 && memcmp(raw.data, "__metadata__", 12) == 0) || (escaped && raw_is(raw, "__metadata__"));
}

/* One member of the header: a tensor, or the metadata. */
static bool take_member(reader *r)
{
    json_string key;
    if (!take_string(r, &key))
        return false;
    tv_span raw = json_raw(r->text, &key);
    if (is_metadata(raw, key.escaped))
        return take(r, ':') && take_metadata(r, key.begin - 1);
    if (!check_name(r, &key))
        return false;
    if (raw.size == 0 && r->facts->empty_count++ == 0)
        r->facts->empty_at = key.begin - 1;
    if (r->facts->count >= r->capacity)
        return false; /* more members than bytes for them: not JSON, or not tensors; never for a good header */
    tv_tensor *tensor = &r->facts->tensors[r->facts->count++];
    tensor->name_at = (uint32_t)key.begin;
    tensor->name_size = (uint32_t)raw.size;
    tensor->name_escaped = key.escaped;
    tensor->rank = 0;
    r->name = raw;
    return take(r, ':') && take_tensor(r, tensor);
}

static bool take_header(reader *r)
{
    bool over = false;
    r->at = 1;
    over = take(r, '}');
    while (!over)
        if (!take_member(r) || !take_comma(r, '}', &over))
            return false;
    while (peek(r) == ' ')
        r->at++;
    return r->at == r->text.size;
}

tv_status header_read(tv_span header, const tv_limits *limits, tv_arena *arena, header_facts *facts)
{
    reader r = {.text = header, .limits = limits, .facts = facts};
    memset(facts, 0, sizeof *facts);
    r.capacity = header.size / TENSOR_FEWEST + 1;
    facts->tensors = arena_take_unset(arena, r.capacity, sizeof facts->tensors[0]);
    if (facts->tensors == NULL)
        return TV_NO_MEMORY;
    facts->complete = take_header(&r);
    arena_shrink(arena, facts->tensors, facts->count, sizeof facts->tensors[0]);
    return TV_OK;
}
