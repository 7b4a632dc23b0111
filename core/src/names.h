/* Names: what they may hold, and whether one occurs twice. Internal to core. */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include <tensorvet/api.h>
#include <tensorvet/span.h>

/* What is notable about a name. */
typedef struct name_facts {
    uint64_t size; /* bytes of UTF-8, escapes decoded */
    bool control;  /* holds a character of category Cc */
    bool bidi;     /* holds a character that changes the direction of text */
} name_facts;

/* Reads the raw text of a scanned JSON string. */
name_facts name_examine(tv_span raw);

/* The table in which names are looked for. A name is known by where it stands: the offset in the header of its first
 * byte, behind the quote. Open addressing; every insertion is counted, and with too many steps the caller sorts. */
typedef struct name_table {
    tv_span header;
    uint64_t seed;
    uint64_t places, steps_left;
    uint64_t listed; /* names in the list, once it is one */
    uint32_t *cells; /* two for each place: where the name stands (0: an empty place), and 32 bits of its hash */
} name_table;

/* A table for `count` names, taken from the arena: 1.5 places of 8 bytes for each, and two more. */
tv_status name_table_make(name_table *table, tv_span header, uint64_t seed, uint64_t count, tv_arena *arena);

/* Gives the arena its memory back; the table must be the last block taken. */
void name_table_free(const name_table *table, tv_arena *arena);

typedef enum name_found { NAME_NEW, NAME_TWICE, NAME_TOO_SLOW } name_found;

/* The name's hash; its raw text has `size` bytes. The place that it will ask for is fetched into the cache meanwhile,
 * so ask for several names before they are entered. */
uint64_t name_table_hash(const name_table *table, uint32_t at, uint32_t size, bool escaped);

/* Enters the name. NAME_TWICE: *first is where the equal name stands. */
name_found name_table_enter(name_table *table, uint32_t at, uint64_t hash, uint32_t *first);

/* For when that was too slow: the table's memory becomes a list of names to be sorted. Enter all of them again with
 * name_list_add, then ask for the first that occurs twice: n log n, whatever the names. */
void name_list_start(name_table *table);
void name_list_add(name_table *table, uint32_t at);
bool name_list_twice(name_table *table, uint32_t *first, uint32_t *second);

#endif
