/* The index of a sharded checkpoint (shard_index.h), through core's JSON scanner: it judges the grammar, and what is
 * walked here is known to be well formed. No recursion: only three levels are entered, all else is skipped. */
#include "shard_index.h"

#include <json.h>
#include <tensorvet/index.h>
#include <utf8.h>

#include "json_walk.h"
#include "refuse.h"
#include "sort.h"

#define INDEX_LEVELS 32u /* of brackets; those that exist have two */

/* "key": value, by their places in the text. */
struct member {
    tv_span key;     /* raw, without quotes */
    uint64_t key_at; /* of its opening quote */
    uint64_t value;
};

struct reading {
    tv_span text;
    const tv_limits *limits;
    struct shard_index *out;
    tv_findings *findings;
};

/* The raw text as a string, in the pool; NULL data without memory. */
static tv_span take_text(struct reading *r, tv_span raw)
{
    char *text = pool_take(&r->out->pool, (uint64_t)raw.size + 1, 1);
    if (text == NULL)
        return tv_span_of(NULL, 0);
    return tv_span_of(text, tv_json_unescape(raw, text, raw.size));
}

static tv_status refuse_at(struct reading *r, tv_finding_id id, uint64_t at, tv_span raw, const char *detail)
{
    return refuse(r->findings, (struct refusal){id, at, take_text(r, raw), detail, 0, 0});
}

static tv_status check_grammar(struct reading *r)
{
    uint64_t at = utf8_check(r->text), start = 0;
    if (at != r->text.size)
        return refuse_at(r, TV_FIND_INDEX_INVALID_JSON, at, (tv_span){0}, "no UTF-8");
    json_verdict verdict = json_check(json_walk_trim(r->text, &start), INDEX_LEVELS, &at);
    at += start;
    switch (verdict) {
    case JSON_GOOD: return TV_OK;
    case JSON_TOO_DEEP: return refuse_at(r, TV_FIND_INDEX_INVALID_JSON, at, (tv_span){0}, "nested too deep");
    case JSON_TRAILING: return refuse_at(r, TV_FIND_INDEX_INVALID_JSON, at, (tv_span){0}, "something follows it");
    case JSON_BAD:
    default: return refuse_at(r, TV_FIND_INDEX_INVALID_JSON, at, (tv_span){0}, "no JSON from here on");
    }
}

static bool by_key(const void *context, uint32_t a, uint32_t b)
{
    const struct member *members = context;
    int order = json_compare(members[a].key, members[b].key);
    return order != 0 ? order < 0 : a < b;
}

static tv_status refuse_duplicates(struct reading *r, const struct vector *members)
{
    const struct member *items = members->data;
    struct vector order = {.each = sizeof(uint32_t), .budget = &r->out->budget};
    tv_status status = TV_OK;
    uint32_t *sorted = vector_extend(&order, members->count);
    if (sorted == NULL)
        return refuse_memory(r->findings);
    for (uint64_t i = 0; i < members->count; i++)
        sorted[i] = (uint32_t)i;
    sort_items(sorted, members->count, by_key, items);
    for (uint64_t i = 1; i < members->count && status == TV_OK; i++) {
        const struct member *one = &items[sorted[i - 1]], *two = &items[sorted[i]];
        if (json_compare(one->key, two->key) == 0)
            status = refuse_at(r, TV_FIND_INDEX_DUPLICATE_KEY, two->key_at, two->key, NULL);
    }
    vector_free(&order);
    return status;
}

/* The members of the object at `at`, no key twice. Free the vector in any case. */
static tv_status read_members(struct reading *r, uint64_t at, struct vector *members)
{
    *members = (struct vector){.each = sizeof(struct member), .budget = &r->out->budget};
    at = json_space(r->text, at + 1);
    while (tv_span_byte(r->text, at) == '"') {
        if (members->count >= r->limits->tensors)
            return refuse(r->findings, (struct refusal){.id = TV_FIND_TOO_MANY_TENSORS,
                                                        .offset = at,
                                                        .a = members->count + 1,
                                                        .b = r->limits->tensors});
        struct member *member = vector_push(members);
        if (member == NULL)
            return refuse_memory(r->findings);
        member->key_at = at;
        member->key = json_walk_string(r->text, &at);
        member->value = json_space(r->text, json_space(r->text, at) + 1); /* behind the colon */
        at = json_space(r->text, json_walk_value(r->text, member->value));
        if (tv_span_byte(r->text, at) == ',')
            at = json_space(r->text, at + 1);
    }
    return refuse_duplicates(r, members);
}

/* A single component of a path, of plain characters, so that a request for it stays in its folder. */
static bool is_component(tv_span name)
{
    if (name.size == 0 || name.size > 255 || tv_span_is(name, ".") || tv_span_is(name, ".."))
        return false;
    for (uint64_t i = 0; i < name.size; i++) {
        int byte = tv_span_byte(name, i);
        if (byte < ' ' || byte == 0x7f || byte == '/' || byte == '\\')
            return false;
    }
    return true;
}

static tv_status add_row(struct reading *r, const struct member *member)
{
    if (tv_span_byte(r->text, member->value) != '"')
        return refuse_at(r, TV_FIND_INDEX_WRONG_TYPE, member->value, member->key, "a shard's name is no string");
    uint64_t at = member->value;
    struct shard_row row = {.tensor = take_text(r, member->key)};
    row.shard = take_text(r, json_walk_string(r->text, &at));
    struct shard_row *place = vector_push(&r->out->rows);
    if (row.tensor.data == NULL || row.shard.data == NULL || place == NULL)
        return refuse_memory(r->findings);
    *place = row;
    if (row.tensor.size > r->limits->name_bytes)
        return refuse(r->findings, (struct refusal){.id = TV_FIND_NAME_TOO_LONG,
                                                    .offset = member->key_at,
                                                    .subject = row.tensor,
                                                    .a = row.tensor.size,
                                                    .b = r->limits->name_bytes});
    if (is_component(row.shard))
        return TV_OK;
    return refuse(r->findings,
                  (struct refusal){TV_FIND_INDEX_SHARD_ESCAPES, member->value, row.shard, "its name", 0, 0});
}

static tv_status read_weight_map(struct reading *r, uint64_t at)
{
    struct vector members;
    if (tv_span_byte(r->text, at) != '{')
        return refuse_at(r, TV_FIND_INDEX_WRONG_TYPE, at, tv_span_str("weight_map"), "it is no object");
    tv_status status = read_members(r, at, &members);
    for (uint64_t i = 0; i < members.count && status == TV_OK; i++)
        status = add_row(r, vector_at(&members, i));
    if (status == TV_OK && members.count == 0)
        status = refuse_at(r, TV_FIND_INDEX_MISSING_FIELD, at, tv_span_str("weight_map"), "it is empty");
    vector_free(&members);
    return status;
}

/* Nothing in it is used, but what loaders show of it must have one reading. */
static tv_status check_metadata(struct reading *r, uint64_t at)
{
    struct vector members;
    if (tv_span_byte(r->text, at) != '{')
        return refuse_at(r, TV_FIND_INDEX_WRONG_TYPE, at, tv_span_str("metadata"), "it is no object");
    tv_status status = read_members(r, at, &members);
    vector_free(&members);
    return status;
}

static tv_status read_whole(struct reading *r, const struct vector *members)
{
    bool found = false;
    tv_status status = TV_OK;
    for (uint64_t i = 0; i < members->count && status == TV_OK; i++) {
        const struct member *member = vector_at(members, i);
        bool is_map = json_compare(member->key, tv_span_str("weight_map")) == 0;
        found = found || is_map;
        if (is_map)
            status = read_weight_map(r, member->value);
        else if (json_compare(member->key, tv_span_str("metadata")) == 0)
            status = check_metadata(r, member->value);
    }
    if (status == TV_OK && !found)
        status = refuse_at(r, TV_FIND_INDEX_MISSING_FIELD, TV_NO_OFFSET, tv_span_str("weight_map"), "it is not there");
    return status;
}

tv_status shard_index_read(tv_span text, const tv_limits *limits, struct shard_index *out, tv_findings *findings)
{
    struct reading r = {.text = text, .limits = limits, .out = out, .findings = findings};
    struct vector members;
    *out = (struct shard_index){.budget = {.bytes_left = limits->memory_bytes}};
    out->pool.budget = &out->budget;
    out->rows = (struct vector){.each = sizeof(struct shard_row), .budget = &out->budget};
    tv_status status = check_grammar(&r);
    if (status != TV_OK)
        return status;
    uint64_t at = json_space(text, 0);
    if (tv_span_byte(text, at) != '{')
        return refuse_at(&r, TV_FIND_INDEX_WRONG_TYPE, at, (tv_span){0}, "the whole is no object");
    status = read_members(&r, at, &members);
    if (status == TV_OK)
        status = read_whole(&r, &members);
    vector_free(&members);
    return status;
}

void shard_index_free(struct shard_index *index)
{
    vector_free(&index->rows);
    pool_free(&index->pool);
}
