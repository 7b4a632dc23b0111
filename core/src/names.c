/* Names: what they may hold, and whether one occurs twice, compared once escapes are decoded.
 *
 * Trusts: that the header's strings were scanned. Promises: n log n. The hash is keyed with the caller's seed; where
 * names collide all the same, the count of steps runs out and the names are sorted instead. */
#include "names.h"

#include <tensorvet/checked.h>

#include "arena.h"
#include "json.h"
#include "utf8.h"

/* Unicode's property Bidi_Control (PropList.txt). */
static bool is_bidi(uint32_t code)
{
    return code == 0x061c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

name_facts name_examine(tv_span raw)
{
    name_facts facts = {0, false, false};
    for (uint64_t at = 0; at < raw.size;) {
        uint8_t bytes[4];
        uint32_t code = json_next(raw, &at);
        facts.size += utf8_put(code, bytes);
        facts.control = facts.control || utf8_is_control(code);
        facts.bidi = facts.bidi || is_bidi(code);
    }
    return facts;
}

/* Steps beyond the first that n insertions may take together: at this load a good hash takes about n. */
enum { STEPS_EACH = 4, STEPS_FIXED = 1024 };

tv_status name_table_make(name_table *table, tv_span header, uint64_t seed, uint64_t count, tv_arena *arena)
{
    uint64_t places = 0;
    bool fits = tv_add(count, count / 2, &places) && tv_add(places, 2, &places);
    table->header = header;
    table->seed = seed;
    table->places = places;
    table->steps_left = STEPS_FIXED + STEPS_EACH * count;
    table->listed = 0;
    table->cells = fits ? tv_arena_take(arena, places, 2 * sizeof table->cells[0]) : NULL;
    return table->cells == NULL ? TV_NO_MEMORY : TV_OK;
}

void name_table_free(const name_table *table, tv_arena *arena)
{
    arena_shrink(arena, table->cells, 0, 0);
}

/* Mixes 8 bytes into the hash: a multiplication by an odd constant (2^64 over the golden ratio), folded. */
static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/* The hash of a name's UTF-8 bytes: its whole words of 8, then its last 8 bytes (all of it, where it is shorter), then
 * its length. */
static uint64_t hash_plain(tv_span name, uint64_t hash)
{
    uint64_t word = 0, at = 0;
    for (; tv_span_u64(name, at, &word); at += 8)
        hash = mix(hash, word);
    if (name.size >= 8)
        (void)tv_span_u64(name, name.size - 8, &word);
    else
        for (uint64_t i = name.size; i > 0; i--)
            word = word << 8 | (uint64_t)tv_span_byte(name, i - 1);
    return mix(mix(hash, word), name.size);
}

/* The same hash of a name that has to be decoded first. */
static uint64_t hash_escaped(tv_span raw, uint64_t hash)
{
    uint64_t last = 0, size = 0; /* last: the last 8 bytes, the latest on top */
    for (uint64_t at = 0; at < raw.size;) {
        uint8_t bytes[4];
        unsigned count = utf8_put(json_next(raw, &at), bytes);
        for (unsigned i = 0; i < count; i++) {
            last = last >> 8 | (uint64_t)bytes[i] << 56;
            if (++size % 8 == 0)
                hash = mix(hash, last);
        }
    }
    if (size < 8)
        last = size == 0 ? 0 : last >> (64 - 8 * size);
    return mix(mix(hash, last), size);
}

/* The raw text of the name that stands at `at`. */
static tv_span name_at(tv_span header, uint32_t at, bool *escaped)
{
    json_string name = {at, at, false, false};
    (void)json_scan_string(header, (uint64_t)at - 1, &name);
    *escaped = name.escaped;
    return json_raw(header, &name);
}

/* The order of two names, by their UTF-8 bytes once decoded. */
static int compare_names(tv_span header, uint32_t a, uint32_t b)
{
    bool a_escaped = false, b_escaped = false;
    tv_span x = name_at(header, a, &a_escaped), y = name_at(header, b, &b_escaped);
    return a_escaped || b_escaped ? json_compare(x, y) : tv_span_compare(x, y);
}

static uint64_t place_of(const name_table *table, uint64_t hash)
{
    return ((hash >> 32) * table->places) >> 32;
}

uint64_t name_table_hash(const name_table *table, uint32_t at, uint32_t size, bool escaped)
{
    tv_span name;
    (void)tv_span_sub(table->header, at, size, &name);
    uint64_t hash = escaped ? hash_escaped(name, table->seed) : hash_plain(name, table->seed);
    __builtin_prefetch(&table->cells[2 * place_of(table, hash)], 1);
    return hash;
}

name_found name_table_enter(name_table *table, uint32_t at, uint64_t hash, uint32_t *first)
{
    uint64_t place = place_of(table, hash);
    uint32_t tag = (uint32_t)hash;
    uint32_t *cell = &table->cells[2 * place];
    while (cell[0] != 0) {
        if (cell[1] == tag && compare_names(table->header, cell[0], at) == 0) {
            *first = cell[0];
            return NAME_TWICE;
        }
        if (table->steps_left == 0)
            return NAME_TOO_SLOW;
        table->steps_left--;
        place = place + 1 == table->places ? 0 : place + 1;
        cell = &table->cells[2 * place];
    }
    cell[0] = at;
    cell[1] = tag;
    return NAME_NEW;
}

/* ---- the slow way: a list of positions in the table's cells, sorted by name. There are at least 3 cells a name: the
 * list takes one, the copy that a merge sort needs another. ---- */

void name_list_start(name_table *table)
{
    table->listed = 0;
}

void name_list_add(name_table *table, uint32_t at)
{
    table->cells[table->listed++] = at;
}

/* Merges from[low, middle) and from[middle, high), each sorted, into `into`; equal names keep their order. */
static void merge(tv_span header, const uint32_t *from, uint32_t *into, uint64_t low, uint64_t middle, uint64_t high)
{
    uint64_t i = low, j = middle;
    for (uint64_t k = low; k < high; k++) {
        bool left = i < middle && (j == high || compare_names(header, from[i], from[j]) <= 0);
        into[k] = left ? from[i++] : from[j++];
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static const uint32_t *sort_names(const name_table *table)
{
    uint64_t count = table->listed;
    uint32_t *from = table->cells, *into = table->cells + count;
    for (uint64_t width = 1; width < count; width *= 2) {
        for (uint64_t low = 0; low < count; low += 2 * width)
            merge(table->header, from, into, low, least(low + width, count), least(low + 2 * width, count));
        uint32_t *swap = from;
        from = into;
        into = swap;
    }
    return from;
}

bool name_list_twice(name_table *table, uint32_t *first, uint32_t *second)
{
    const uint32_t *sorted = sort_names(table);
    bool found = false;
    for (uint64_t i = 0, run = 0; i < table->listed; i++) {
        if (compare_names(table->header, sorted[run], sorted[i]) != 0)
            run = i;
        if (i != run + 1 || (found && sorted[i] >= *second))
            continue; /* only the second of a run can be the first that occurs twice */
        *first = sorted[run];
        *second = sorted[i];
        found = true;
    }
    return found;
}
