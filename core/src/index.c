/* The whole check of a header, stage by stage: prefix, UTF-8, grammar, names and tensors, layout.
 * Trusts nothing in the bytes; every rule and its id is in finding-safetensors.def. */
#include <tensorvet/index.h>

#include "header.h"
#include "json.h"
#include "layout.h"
#include "magic.h"
#include "names.h"
#include "prefix.h"
#include "utf8.h"

enum { HEADER_DEEPEST = 3 }; /* the header, a tensor, its shape */

enum { MEMORY_FIXED = 4096 };

uint64_t tv_index_memory(uint64_t header_bytes)
{
    return 2 * (header_bytes < HEADER_MOST ? header_bytes : HEADER_MOST) + MEMORY_FIXED;
}

/* What every stage needs. */
typedef struct check {
    tv_span header;
    uint64_t file_size, data_start, data_size, seed;
    const tv_limits *limits;
    tv_arena *arena;
    tv_findings *findings;
} check;

/* Adds a finding at an offset in the header, its subject and detail decoded. */
static tv_finding *add(const check *c, tv_finding_id id, uint64_t at, tv_span subject, tv_span detail)
{
    char subject_text[TV_SUBJECT_BYTES], detail_text[TV_SUBJECT_BYTES];
    size_t subject_size = tv_json_unescape(subject, subject_text, sizeof subject_text);
    size_t detail_size = tv_json_unescape(detail, detail_text, sizeof detail_text);
    tv_finding *finding = tv_findings_add(
        c->findings, id, PREFIX_BYTES + at,
        tv_span_of(subject_text, subject_size < sizeof subject_text ? subject_size : sizeof subject_text),
        tv_span_of(detail_text, detail_size < sizeof detail_text ? detail_size : sizeof detail_text));
    finding->subject_size = (uint32_t)subject_size;
    finding->detail_size = (uint32_t)detail_size;
    return finding;
}

static tv_status reject(const check *c, const problem *p)
{
    tv_finding *finding = add(c, p->id, p->at, p->subject, p->detail);
    finding->a = p->a;
    finding->b = p->b;
    return TV_REJECTED;
}

static tv_status reject_text(const check *c, tv_finding_id id, uint64_t at)
{
    (void)add(c, id, at, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
    return TV_REJECTED;
}

/* Stages foreign and text, as far as they come before the header is read. A length can be a magic by chance; without a
 * brace behind it, it is one. */
static tv_status check_start(const check *c, tv_span prefix)
{
    bool brace = tv_span_byte(c->header, 0) == '{';
    if (!brace && prefix_foreign(prefix, MAGIC_SURE, c->findings) != TV_OK)
        return TV_REJECTED;
    uint64_t at = utf8_check(c->header);
    if (at < c->header.size)
        return reject_text(c, TV_FIND_HEADER_INVALID_UTF8, at);
    if (!brace)
        return reject_text(c, TV_FIND_HEADER_NOT_OBJECT, 0);
    return TV_OK;
}

/* Stage text, for a header whose reading stopped early: a fault of the grammar anywhere comes before what stopped it.
 */
static tv_status check_grammar(const check *c)
{
    uint64_t at = 0;
    switch (json_check(c->header, HEADER_DEEPEST, &at)) {
    case JSON_BAD: return reject_text(c, TV_FIND_HEADER_INVALID_JSON, at);
    case JSON_TOO_DEEP: return reject_text(c, TV_FIND_HEADER_TOO_DEEP, at);
    case JSON_TRAILING: return reject_text(c, TV_FIND_HEADER_TRAILING_BYTES, at);
    case JSON_GOOD: break;
    }
    return TV_OK;
}

/* ---- names that occur twice ---- */

/* A walk over names in the order of the header: those of the tensors, or the metadata's keys. */
typedef struct name_walk {
    const check *check;
    const header_facts *facts;
    bool keys;           /* the metadata's keys */
    uint64_t next, left; /* the next tensor, or the offset in the header of the next key's quote */
} name_walk;

static name_walk walk_names(const check *c, const header_facts *facts, bool keys)
{
    name_walk walk = {c, facts, keys, keys ? facts->metadata_at + 1 : 0, keys ? facts->metadata_count : facts->count};
    return walk;
}

/* The next metadata key; the walk moves behind its value, if another key follows. */
static void next_key(name_walk *walk, json_string *key)
{
    tv_span header = walk->check->header;
    json_string value;
    (void)json_scan_string(header, json_space(header, walk->next), key);
    if (walk->left == 0)
        return; /* what follows the last key may be anything */
    uint64_t colon = json_space(header, key->end + 1);
    (void)json_scan_string(header, json_space(header, colon + 1), &value);
    walk->next = json_space(header, value.end + 1) + 1; /* behind the comma */
}

static bool next_name(name_walk *walk, json_string *name)
{
    if (walk->left == 0)
        return false;
    walk->left--;
    if (walk->keys) {
        next_key(walk, name);
        return true;
    }
    const tv_tensor *t = &walk->facts->tensors[walk->next++];
    name->begin = t->name_at;
    name->end = t->name_at + t->name_size;
    name->escaped = t->name_escaped != 0;
    return true;
}

enum { NAMES_AT_ONCE = 16 };

/* Enters the names in small batches: the table is larger than the cache, and its places are fetched while the next
 * names are hashed. NAME_TOO_SLOW: they collide too much to go on. */
static name_found hash_names(name_table *table, name_walk walk, uint32_t *first, uint32_t *second)
{
    while (walk.left > 0) {
        uint32_t at[NAMES_AT_ONCE];
        uint64_t hash[NAMES_AT_ONCE];
        json_string name;
        unsigned count = 0;
        for (; count < NAMES_AT_ONCE && next_name(&walk, &name); count++) {
            at[count] = (uint32_t)name.begin;
            hash[count] = name_table_hash(table, at[count], (uint32_t)(name.end - name.begin), name.escaped);
        }
        for (unsigned i = 0; i < count; i++) {
            *second = at[i];
            name_found found = name_table_enter(table, at[i], hash[i], first);
            if (found != NAME_NEW)
                return found;
        }
    }
    return NAME_NEW;
}

static name_found list_names(name_table *table, name_walk walk, uint32_t *first, uint32_t *second)
{
    json_string name;
    name_list_start(table);
    while (next_name(&walk, &name))
        name_list_add(table, (uint32_t)name.begin);
    return name_list_twice(table, first, second) ? NAME_TWICE : NAME_NEW;
}

/* Notes the first of these names that occurs twice as the problem, unless the header has an earlier one. */
static tv_status find_twice(const check *c, header_facts *facts, bool keys)
{
    name_table table;
    name_walk walk = walk_names(c, facts, keys);
    uint32_t first = 0, second = 0;
    tv_status status = name_table_make(&table, c->header, c->seed, walk.left, c->arena);
    if (status != TV_OK)
        return status;
    name_found found = hash_names(&table, walk, &first, &second);
    if (found == NAME_TOO_SLOW)
        found = list_names(&table, walk, &first, &second);
    name_table_free(&table, c->arena);
    problem *p = &facts->problem;
    if (found == NAME_NEW || (p->id != TV_FIND_NONE && p->at <= second - 1))
        return TV_OK;
    json_string name;
    (void)json_scan_string(c->header, second - 1, &name);
    problem twice = {TV_FIND_DUPLICATE_KEY,      second - 1,         PREFIX_BYTES + first - 1, 0,
                     json_raw(c->header, &name), tv_span_of(NULL, 0)};
    *p = twice;
    return TV_OK;
}

/* Stages grammar, names and tensor. */
static tv_status check_header(const check *c, header_facts *facts)
{
    tv_status status = header_read(c->header, c->limits, c->arena, facts);
    if (status == TV_OK && !facts->complete)
        status = check_grammar(c);
    if (status == TV_OK && facts->metadata_count > 1)
        status = find_twice(c, facts, true);
    if (status == TV_OK && facts->count > 1)
        status = find_twice(c, facts, false);
    bool has_problem = facts->problem.id != TV_FIND_NONE;
    if (status != TV_OK || (facts->complete && !has_problem))
        return status;
    /* Incomplete without a problem: the two readings of the grammar differ, a bug of ours, and no reason to accept. */
    return has_problem ? reject(c, &facts->problem) : reject_text(c, TV_FIND_HEADER_INVALID_JSON, c->header.size);
}

static tv_span name_of(const check *c, const tv_tensor *tensor)
{
    tv_span name = tv_span_of(NULL, 0);
    if (tensor != NULL)
        (void)tv_span_sub(c->header, tensor->name_at, tensor->name_size, &name);
    return name;
}

/* Stage layout. */
static tv_status check_layout(check *c, const header_facts *facts)
{
    if (facts->count > c->limits->tensors) {
        const tv_tensor *extra = &facts->tensors[c->limits->tensors];
        problem many = {TV_FIND_TOO_MANY_TENSORS, extra->name_at - 1u, facts->count,
                        c->limits->tensors,       name_of(c, extra),   tv_span_of(NULL, 0)};
        return reject(c, &many);
    }
    tv_status status = layout_sort(facts->tensors, facts->count, c->arena);
    if (status != TV_OK)
        return status;
    if (c->file_size == TV_SIZE_UNKNOWN)
        c->data_size = facts->count > 0 ? facts->tensors[facts->count - 1].end : 0;
    layout_problem p = layout_check(facts->tensors, facts->count, c->data_size);
    if (p.id == TV_FIND_NONE)
        return TV_OK;
    uint64_t at = p.tensor == NULL ? c->data_start - PREFIX_BYTES + p.b : p.tensor->name_at - 1u;
    bool overlap = p.id == TV_FIND_OFFSETS_OVERLAP;
    problem found = {p.id, at, p.a, p.b, name_of(c, p.tensor), name_of(c, overlap ? p.before : NULL)};
    return reject(c, &found);
}

/* What is notable about a file that is accepted. */
static void add_notes(const check *c, const header_facts *facts)
{
    const tv_tensor *first = NULL;
    tv_span none = tv_span_of(NULL, 0), name;
    prefix_notes(c->header.size, c->findings);
    (void)tv_span_sub(c->header, facts->bidi_at + 1, facts->bidi_size, &name);
    if (facts->bidi_count > 0)
        add(c, TV_FIND_NAME_BIDI, facts->bidi_at, name, none)->a = facts->bidi_count;
    if (facts->empty_count > 0)
        (void)add(c, TV_FIND_NAME_EMPTY, facts->empty_at, none, none);
    uint64_t misaligned = layout_misaligned(facts->tensors, facts->count, c->data_start, &first);
    if (misaligned > 0)
        add(c, TV_FIND_TENSOR_MISALIGNED, first->name_at - 1u, name_of(c, first), none)->a = misaligned;
}

tv_status tv_index_parse(tv_span bytes, uint64_t file_size, const tv_limits *limits, uint64_t seed, tv_arena *arena,
                         tv_index *index, tv_findings *findings)
{
    check c = {.file_size = file_size, .seed = seed, .limits = limits, .arena = arena, .findings = findings};
    header_facts facts;
    uint64_t length = 0;
    tv_span prefix;
    tv_status status = tv_header_length(bytes, file_size, limits, &length, findings);
    if (status != TV_OK)
        return status;
    if (!tv_span_sub(bytes, PREFIX_BYTES, length, &c.header) || !tv_span_sub(bytes, 0, PREFIX_BYTES, &prefix))
        return TV_MORE;
    c.data_start = PREFIX_BYTES + length;
    c.data_size = file_size - c.data_start;
    status = check_start(&c, prefix);
    if (status == TV_OK)
        status = check_header(&c, &facts);
    if (status == TV_OK)
        status = check_layout(&c, &facts);
    if (status != TV_OK)
        return status;
    add_notes(&c, &facts);
    index->header = c.header;
    index->data_start = c.data_start;
    index->data_size = c.data_size;
    index->tensors = facts.tensors;
    index->count = facts.count;
    index->metadata_at = (uint32_t)facts.metadata_at;
    index->metadata_count = (uint32_t)facts.metadata_count;
    return TV_OK;
}
