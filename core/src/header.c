/* Stages names and tensor: one pass over the header's text, in its own order, that makes a record of each tensor.
 *
 * Trusts: that the header is well-formed UTF-8 and begins with a brace. Promises: no recursion; stops at the first
 * thing that is wrong. Where that is the JSON itself it says no more than that: json_check then finds the place, as it
 * does for a header whose JSON breaks only after another rule was broken. So the grammar comes first, and yet the
 * header of a good file is read once.
 *
 * Each take_ function reads one thing at a position and returns the position behind it, or NOWHERE. No byte stands at
 * NOWHERE, so a failure carries through whatever is read after it. */
#include "header.h"

#include <tensorvet/checked.h>

#include "arena.h"
#include "json.h"
#include "magic.h"
#include "names.h"

#define NOWHERE UINT64_MAX

typedef struct reader {
    tv_span text;
    const tv_limits *limits;
    uint64_t capacity;       /* records there is room for */
    uint64_t metadata_bytes; /* so far */
    tv_span name;            /* of the tensor that is being read, raw */
    header_facts *facts;
} reader;

/* ---- what is wrong ---- */

/* Notes a broken rule: the first one stays, and nothing is read at NOWHERE. */
static uint64_t note(reader *r, const problem *found)
{
    if (r->facts->problem.id == TV_FIND_NONE && found->at != NOWHERE)
        r->facts->problem = *found;
    return NOWHERE;
}

static uint64_t broken(reader *r, tv_finding_id id, uint64_t at, tv_span subject, tv_span detail)
{
    problem found = {id, at, 0, 0, subject, detail};
    return note(r, &found);
}

static uint64_t broken_limit(reader *r, tv_finding_id id, uint64_t at, tv_span subject, uint64_t limit)
{
    problem found = {id, at, limit, 0, subject, tv_span_of(NULL, 0)};
    return note(r, &found);
}

static uint64_t tensor_broken(reader *r, tv_finding_id id, uint64_t at, const char *detail)
{
    return broken(r, id, at, r->name, tv_span_str(detail));
}

static bool tensor_numbers(reader *r, tv_finding_id id, uint64_t at, uint64_t a, uint64_t b)
{
    problem found = {id, at, a, b, r->name, tv_span_of(NULL, 0)};
    return note(r, &found) != NOWHERE;
}

/* ---- words ---- */

/* The position of the next thing: white space is left behind. */
static inline uint64_t skip(const reader *r, uint64_t at)
{
    int c = tv_span_byte(r->text, at);
    return c < 0 || c > ' ' ? at : json_space(r->text, at);
}

/* This character, after white space. */
static inline uint64_t take(const reader *r, uint64_t at, char wanted)
{
    at = skip(r, at);
    return tv_span_byte(r->text, at) == wanted ? at + 1 : NOWHERE;
}

/* A string, right here. */
static inline uint64_t take_string(const reader *r, uint64_t at, json_string *string)
{
    bool good = tv_span_byte(r->text, at) == '"' && json_scan_string(r->text, at, string);
    return good ? string->end + 1 : NOWHERE;
}

/* After an item: a comma, or the bracket that closes (*over). */
static inline uint64_t take_comma(const reader *r, uint64_t at, char close, bool *over)
{
    at = skip(r, at);
    int c = tv_span_byte(r->text, at);
    *over = c == close;
    return c == ',' || *over ? at + 1 : NOWHERE;
}

/* After an opening bracket: the bracket that closes at once (*over), or nothing. */
static inline uint64_t take_close(const reader *r, uint64_t at, char close, bool *over)
{
    uint64_t next = take(r, at, close);
    *over = next != NOWHERE;
    return *over ? next : at;
}

bool raw_is(tv_span raw, const char *word)
{
    return json_compare(raw, tv_span_str(word)) == 0;
}

/* The raw text of the string whose quote is at `quote`. */
static tv_span string_at(tv_span text, uint64_t quote)
{
    json_string string;
    return json_scan_string(text, quote, &string) ? json_raw(text, &string) : tv_span_of(NULL, 0);
}

/* ---- numbers ---- */

#define INTEGER_MOST ((uint64_t)INT64_MAX)

/* The text of the number at `at`: the bytes that numbers have. */
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
static uint64_t not_an_integer(reader *r, uint64_t at)
{
    int c = tv_span_byte(r->text, at);
    if (c != '-' && (c < '0' || c > '9'))
        return tensor_broken(r, TV_FIND_WRONG_TYPE, at, "an integer");
    return broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, at, r->name, number_text(r->text, at));
}

enum { DIGITS_SURE = 18 }; /* so many digits are below 2^63 */

/* An integer from 0 to 2^63-1 in JSON's one spelling of it: digits, no leading zero. */
static inline uint64_t take_integer(reader *r, uint64_t at, uint64_t *out)
{
    at = skip(r, at);
    uint64_t start = at, value = 0;
    at += json_digits(r->text, at, &value);
    unsigned digit = (unsigned)tv_span_byte(r->text, at) - '0';
    for (; digit <= 9; digit = (unsigned)tv_span_byte(r->text, ++at) - '0') {
        if (at - start >= DIGITS_SURE && value > (INTEGER_MOST - digit) / 10)
            return not_an_integer(r, start);
        value = value * 10 + digit;
    }
    int c = tv_span_byte(r->text, at);
    if (at == start || c == '.' || c == 'e' || c == 'E')
        return not_an_integer(r, start);
    if (at - start > 1 && tv_span_byte(r->text, start) == '0')
        return NOWHERE; /* 01 is no JSON */
    *out = value;
    return at;
}

/* ---- one tensor ---- */

typedef enum field { DTYPE, SHAPE, DATA_OFFSETS, FIELDS } field;

static const char *const field_names[FIELDS] = {"dtype", "shape", "data_offsets"};

/* A tensor's entry while it is read. */
typedef struct entry {
    tv_tensor *tensor;
    unsigned seen; /* a bit for each field */
    uint64_t brace_at, shape_at, offsets_at;
    uint64_t product; /* of the dimensions that are not 0 */
    bool empty;       /* a dimension is 0 */
    bool overflow;    /* the product exceeds 64 bits */
} entry;

/* The field of that key. */
static field field_of(tv_span raw)
{
    for (unsigned i = 0; i < FIELDS; i++)
        if (raw_is(raw, field_names[i]))
            return (field)i;
    return FIELDS;
}

#define WORD_SIZE(word)      (sizeof(word) - 1)
#define WORD_AT(r, at, word) tv_span_holds((r)->text, at, word, WORD_SIZE(word))

/* A field's key and colon. The comparisons with whole words only save time, for keys as every writer spells them. */
static inline uint64_t take_key(const reader *r, uint64_t at, field *which)
{
    json_string string;
    *which = DTYPE;
    if (WORD_AT(r, at, "\"dtype\":"))
        return at + WORD_SIZE("\"dtype\":");
    *which = SHAPE;
    if (WORD_AT(r, at, "\"shape\":"))
        return at + WORD_SIZE("\"shape\":");
    *which = DATA_OFFSETS;
    if (WORD_AT(r, at, "\"data_offsets\":"))
        return at + WORD_SIZE("\"data_offsets\":");
    at = take_string(r, at, &string);
    if (at == NOWHERE)
        return NOWHERE;
    *which = field_of(json_raw(r->text, &string));
    return take(r, at, ':');
}

/* The dtype of a raw text that may hold escapes. */
static tv_dtype escaped_dtype(tv_span raw)
{
    for (unsigned i = 0; i < TV_DTYPE_COUNT; i++)
        if (raw_is(raw, tv_dtype_name((tv_dtype)i)))
            return (tv_dtype)i;
    return TV_DTYPE_COUNT;
}

/* A dtype, as most tensors have one: compared as a whole word, only to save time. Its size, or 0. */
static inline uint64_t common_dtype(const reader *r, uint64_t at, uint8_t *dtype)
{
    if (WORD_AT(r, at, "\"F32\"")) {
        *dtype = TV_F32;
        return WORD_SIZE("\"F32\"");
    }
    if (WORD_AT(r, at, "\"BF16\"")) {
        *dtype = TV_BF16;
        return WORD_SIZE("\"BF16\"");
    }
    if (WORD_AT(r, at, "\"F16\"")) {
        *dtype = TV_F16;
        return WORD_SIZE("\"F16\"");
    }
    return 0;
}

static inline uint64_t take_dtype(reader *r, uint64_t at, entry *e)
{
    json_string string;
    uint64_t quote = skip(r, at), common = common_dtype(r, quote, &e->tensor->dtype);
    if (common > 0)
        return quote + common;
    if (tv_span_byte(r->text, quote) != '"')
        return tensor_broken(r, TV_FIND_WRONG_TYPE, quote, "a string");
    at = take_string(r, quote, &string);
    if (at == NOWHERE)
        return NOWHERE;
    tv_span raw = json_raw(r->text, &string);
    tv_dtype dtype = string.escaped ? escaped_dtype(raw) : tv_dtype_by_name(raw);
    if (dtype == TV_DTYPE_COUNT)
        return broken(r, TV_FIND_UNKNOWN_DTYPE, quote, r->name, raw);
    e->tensor->dtype = (uint8_t)dtype;
    return at;
}

/* A rank is kept in 16 bits. */
static uint64_t rank_most(const tv_limits *limits)
{
    return limits->rank < UINT16_MAX ? limits->rank : UINT16_MAX;
}

static inline void add_dimension(entry *e, uint64_t size)
{
    e->tensor->rank++;
    if (size == 0)
        e->empty = true;
    else if (!tv_mul(e->product, size, &e->product))
        e->overflow = true;
}

static inline uint64_t take_dimension(reader *r, uint64_t at, entry *e)
{
    uint64_t size = 0;
    if (e->tensor->rank >= rank_most(r->limits))
        return broken_limit(r, TV_FIND_RANK_TOO_LARGE, e->shape_at, r->name, rank_most(r->limits));
    at = take_integer(r, at, &size);
    add_dimension(e, size);
    return at;
}

/* The bracket that opens an array (its place in *array), and the one that closes it at once (*over). */
static inline uint64_t take_array(reader *r, uint64_t at, uint64_t *array, bool *over)
{
    *array = skip(r, at);
    if (tv_span_byte(r->text, *array) != '[')
        return tensor_broken(r, TV_FIND_WRONG_TYPE, *array, "an array");
    return take_close(r, *array + 1, ']', over);
}

static inline uint64_t take_shape(reader *r, uint64_t at, entry *e)
{
    bool over = false;
    at = take_array(r, at, &e->shape_at, &over);
    e->tensor->shape_at = (uint32_t)e->shape_at;
    while (!over && at != NOWHERE) {
        at = take_dimension(r, at, e);
        at = take_comma(r, at, ']', &over);
    }
    return at;
}

static inline uint64_t take_offsets(reader *r, uint64_t at, entry *e)
{
    bool over = false;
    at = take_array(r, at, &e->offsets_at, &over);
    if (over)
        return tensor_broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, e->offsets_at, "no offset at all");
    at = take_integer(r, at, &e->tensor->begin);
    at = take_comma(r, at, ']', &over);
    if (over)
        return tensor_broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, e->offsets_at, "one offset");
    at = take_integer(r, at, &e->tensor->end);
    at = take_comma(r, at, ']', &over);
    if (!over && at != NOWHERE)
        return tensor_broken(r, TV_FIND_INTEGER_OUT_OF_RANGE, e->offsets_at, "a third offset");
    return at;
}

/* One field, key and value. */
static inline uint64_t take_field(reader *r, uint64_t at, entry *e)
{
    field which = FIELDS;
    uint64_t key_at = skip(r, at);
    at = take_key(r, key_at, &which);
    if (at == NOWHERE)
        return NOWHERE;
    if (which == FIELDS || (e->seen & 1u << which) != 0)
        return broken(r, which == FIELDS ? TV_FIND_UNKNOWN_FIELD : TV_FIND_DUPLICATE_FIELD, key_at, r->name,
                      string_at(r->text, key_at));
    e->seen |= 1u << which;
    if (which == DTYPE)
        return take_dtype(r, at, e);
    return which == SHAPE ? take_shape(r, at, e) : take_offsets(r, at, e);
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

/* ---- the canonical spelling ----
 *
 * Nearly every header is written by one recipe: no white space, dtype, shape, data_offsets. A tensor in that spelling
 * is taken here, word by word; at anything else this gives up without a trace, and the rules above read the tensor from
 * its start. Only time is saved: fuzz_header demands the same index for a header once spaces keep it from being taken
 * here. */

/* A short integer as every writer spells it, or NOWHERE. */
static inline uint64_t canonical_integer(tv_span text, uint64_t at, uint64_t *out)
{
    uint64_t low = 0;
    *out = (uint64_t)tv_span_byte(text, at) - '0';
    if (*out <= 9 && (unsigned)tv_span_byte(text, at + 1) - '0' > 9)
        return at + 1; /* a branch that is foretold well is shorter than what follows */
    unsigned count = json_digits(text, at, out);
    if (count == 0 || (count > 1 && tv_span_byte(text, at) == '0'))
        return NOWHERE;
    if (count < 8)
        return at + count;
    static const uint64_t weight[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    count = json_digits(text, at + 8, &low);
    if (count >= 8)
        return NOWHERE; /* 16 digits or more */
    *out = *out * weight[count] + low;
    return at + 8 + count;
}

static inline uint64_t canonical_dtype(const reader *r, uint64_t at, uint8_t *dtype)
{
    json_string string;
    uint64_t common = common_dtype(r, at, dtype);
    if (common > 0)
        return at + common;
    at = take_string(r, at, &string);
    tv_dtype found = at == NOWHERE ? TV_DTYPE_COUNT : tv_dtype_by_name(json_raw(r->text, &string));
    *dtype = (uint8_t)found;
    return found == TV_DTYPE_COUNT ? NOWHERE : at;
}

static inline uint64_t canonical_shape(const reader *r, uint64_t at, entry *e)
{
    uint64_t size = 0;
    for (bool more = tv_span_byte(r->text, at) != ']'; more; at += more) {
        at = canonical_integer(r->text, at, &size);
        if (at == NOWHERE || e->tensor->rank >= rank_most(r->limits))
            return NOWHERE;
        add_dimension(e, size);
        more = tv_span_byte(r->text, at) == ',';
    }
    return at;
}

static inline uint64_t canonical_offsets(const reader *r, uint64_t at, entry *e)
{
    at = canonical_integer(r->text, at, &e->tensor->begin);
    if (tv_span_byte(r->text, at) != ',')
        return NOWHERE;
    return canonical_integer(r->text, at + 1, &e->tensor->end);
}

static inline uint64_t canonical_tensor(const reader *r, uint64_t at, entry *e)
{
    static const char dtype[] = "{\"dtype\":", shape[] = ",\"shape\":[", offsets[] = "],\"data_offsets\":[";
    e->brace_at = at;
    if (!WORD_AT(r, at, dtype))
        return NOWHERE;
    at += WORD_SIZE(dtype);
    at = canonical_dtype(r, at, &e->tensor->dtype);
    if (!WORD_AT(r, at, shape))
        return NOWHERE;
    at += WORD_SIZE(shape);
    e->shape_at = at - 1;
    e->tensor->shape_at = (uint32_t)e->shape_at;
    at = canonical_shape(r, at, e);
    if (!WORD_AT(r, at, offsets))
        return NOWHERE;
    at += WORD_SIZE(offsets);
    e->offsets_at = at - 1;
    at = canonical_offsets(r, at, e);
    return WORD_AT(r, at, "]}") ? at + WORD_SIZE("]}") : NOWHERE;
}

static inline uint64_t take_tensor(reader *r, uint64_t at, tv_tensor *tensor)
{
    entry e = {.tensor = tensor, .product = 1};
    bool over = false;
    uint64_t next = canonical_tensor(r, at, &e);
    if (next != NOWHERE)
        return check_tensor(r, &e) ? next : NOWHERE;
    tensor->rank = 0;
    e = (entry){.tensor = tensor, .product = 1};
    at = skip(r, at);
    if (tv_span_byte(r->text, at) != '{')
        return tensor_broken(r, TV_FIND_WRONG_TYPE, at, "an object");
    e.brace_at = at;
    at = take_close(r, at + 1, '}', &over);
    while (!over && at != NOWHERE) {
        at = take_field(r, at, &e);
        at = take_comma(r, at, '}', &over);
    }
    if (at == NOWHERE)
        return NOWHERE;
    for (unsigned i = 0; i < FIELDS; i++)
        if ((e.seen & 1u << i) == 0)
            return tensor_broken(r, TV_FIND_MISSING_FIELD, e.brace_at, field_names[i]);
    return check_tensor(r, &e) ? at : NOWHERE;
}

/* ---- names ---- */

/* The rules for a name that is long or holds more than printable ASCII. */
static bool check_odd_name(reader *r, const json_string *string, tv_span raw)
{
    name_facts facts = name_examine(raw);
    if (facts.size > r->limits->name_bytes)
        (void)broken_limit(r, TV_FIND_NAME_TOO_LONG, string->begin - 1, raw, r->limits->name_bytes);
    else if (facts.control)
        (void)broken(r, TV_FIND_NAME_CONTROL_CHARACTER, string->begin - 1, raw, tv_span_of(NULL, 0));
    else if (facts.bidi && r->facts->bidi_count++ == 0) {
        r->facts->bidi_at = string->begin - 1;
        r->facts->bidi_size = raw.size;
    }
    return r->facts->problem.id == TV_FIND_NONE;
}

/* The rules for a name, be it a tensor's or a metadata key's. */
static inline bool check_name(reader *r, const json_string *string)
{
    tv_span raw = json_raw(r->text, string);
    bool plain = string->plain && raw.size <= r->limits->name_bytes;
    return plain || check_odd_name(r, string, raw);
}

/* ---- metadata ---- */

static uint64_t decoded_size(tv_span raw, const json_string *string)
{
    return string->escaped ? tv_json_unescape(raw, NULL, 0) : raw.size;
}

/* What a value that is no string breaks: a tensor's fields tell that a tensor has taken the reserved name. */
static uint64_t metadata_broken(reader *r, uint64_t at, tv_span key)
{
    if (tv_span_byte(r->text, at) == '[' && (raw_is(key, "shape") || raw_is(key, "data_offsets")))
        return broken(r, TV_FIND_NAME_RESERVED, at, tv_span_str("__metadata__"), tv_span_of(NULL, 0));
    return broken(r, TV_FIND_METADATA_WRONG_TYPE, at, key, tv_span_of(NULL, 0));
}

static uint64_t take_pair(reader *r, uint64_t at)
{
    json_string key, value;
    at = take_string(r, skip(r, at), &key);
    if (at == NOWHERE || !check_name(r, &key))
        return NOWHERE;
    tv_span raw = json_raw(r->text, &key);
    r->facts->metadata_count++;
    at = skip(r, take(r, at, ':'));
    if (at != NOWHERE && tv_span_byte(r->text, at) != '"')
        return metadata_broken(r, at, raw);
    at = take_string(r, at, &value);
    if (at == NOWHERE)
        return NOWHERE;
    r->metadata_bytes += decoded_size(json_raw(r->text, &value), &value);
    if (r->metadata_bytes > r->limits->metadata_bytes)
        return broken_limit(r, TV_FIND_METADATA_TOO_LARGE, value.begin - 1, raw, r->limits->metadata_bytes);
    return at;
}

static uint64_t take_metadata(reader *r, uint64_t at, uint64_t key_at)
{
    bool over = false;
    tv_span name = tv_span_str("__metadata__");
    if (r->facts->metadata_at != 0)
        return broken_limit(r, TV_FIND_DUPLICATE_KEY, key_at, name, PREFIX_BYTES + r->facts->metadata_key_at);
    at = skip(r, at);
    if (tv_span_byte(r->text, at) != '{')
        return broken(r, TV_FIND_METADATA_WRONG_TYPE, at, name, tv_span_of(NULL, 0));
    r->facts->metadata_key_at = key_at;
    r->facts->metadata_at = at;
    at = take_close(r, at + 1, '}', &over);
    while (!over && at != NOWHERE) {
        at = take_pair(r, at);
        at = take_comma(r, at, '}', &over);
    }
    return at;
}

/* ---- the whole ---- */

static inline bool is_metadata(tv_span raw, bool escaped)
{
    return (raw.size == 12 && memcmp(raw.data, "__metadata__", 12) == 0) || (escaped && raw_is(raw, "__metadata__"));
}

/* One member of the header: a tensor, or the metadata. */
static inline uint64_t take_member(reader *r, uint64_t at)
{
    json_string key = {0, 0, false, false};
    at = take(r, take_string(r, skip(r, at), &key), ':');
    if (at == NOWHERE)
        return NOWHERE;
    tv_span raw = json_raw(r->text, &key);
    if (is_metadata(raw, key.escaped))
        return take_metadata(r, at, key.begin - 1);
    /* The capacity is what the header's length allows: it never strikes for a good one. */
    if (!check_name(r, &key) || r->facts->count >= r->capacity)
        return NOWHERE;
    if (raw.size == 0 && r->facts->empty_count++ == 0)
        r->facts->empty_at = key.begin - 1;
    tv_tensor *tensor = &r->facts->tensors[r->facts->count++];
    tensor->name_at = (uint32_t)key.begin;
    tensor->name_size = (uint32_t)raw.size;
    tensor->name_escaped = key.escaped;
    tensor->rank = 0;
    r->name = raw;
    return take_tensor(r, at, tensor);
}

/* The header from behind its opening brace: is it complete? */
static bool take_header(reader *r)
{
    bool over = false;
    uint64_t at = take_close(r, 1, '}', &over);
    while (!over && at != NOWHERE) {
        at = take_member(r, at);
        at = take_comma(r, at, '}', &over);
    }
    while (tv_span_byte(r->text, at) == ' ')
        at++;
    return at == r->text.size;
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
