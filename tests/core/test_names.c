/* The name table on its own: hashing agrees with escapes, and names that are made to collide still take n log n steps.
 */
#include "names.h"

#include <inttypes.h>
#include <stdlib.h>

#include "vet.h"

/* A list of names in one JSON text: ["a","b"]; the table only needs the strings. */
struct names {
    struct text text;
    uint32_t *at, *size;
    uint64_t count;
};

static void add_name(struct names *names, const char *raw)
{
    names->at = realloc(names->at, (names->count + 1) * sizeof names->at[0]);
    names->size = realloc(names->size, (names->count + 1) * sizeof names->size[0]);
    CHECK(names->at != NULL && names->size != NULL);
    names->at[names->count] = (uint32_t)names->text.size + 1;
    names->size[names->count++] = (uint32_t)strlen(raw);
    add_text(&names->text, "\"%s\",", raw);
}

static void free_names(struct names *names)
{
    free(names->text.data);
    free(names->at);
    free(names->size);
}

static tv_span span_of(const struct names *names)
{
    return tv_span_of(names->text.data, names->text.size);
}

static name_table table_for(const struct names *names, uint64_t seed, tv_arena *arena)
{
    name_table table;
    arena->size = (size_t)(16 * names->count + 64);
    arena->used = 0;
    arena->base = malloc(arena->size);
    CHECK(arena->base != NULL);
    CHECK(name_table_make(&table, span_of(names), seed, names->count, arena) == TV_OK);
    return table;
}

static name_found enter(name_table *table, const struct names *names, uint64_t i, uint32_t *first)
{
    bool escaped = memchr(names->text.data + names->at[i], '\\', names->size[i]) != NULL;
    return name_table_enter(table, names->at[i], name_table_hash(table, names->at[i], names->size[i], escaped), first);
}

TEST(escapes_hash_alike, "a name and any escaped spelling of it have one hash and are found equal, at every length")
{
    char plain[64] = "", escaped[64 * 6] = "";
    for (unsigned size = 0; size < 40; size++) {
        struct names names = {0};
        tv_arena arena;
        uint32_t first = 0;
        add_name(&names, "another");
        add_name(&names, plain);
        add_name(&names, escaped);
        name_table table = table_for(&names, size, &arena);
        CHECK(enter(&table, &names, 0, &first) == NAME_NEW);
        CHECK(enter(&table, &names, 1, &first) == NAME_NEW);
        CHECK(size == 0 || enter(&table, &names, 2, &first) == NAME_TWICE);
        CHECK(size == 0 || first == names.at[1]);
        free(arena.base);
        free_names(&names);
        (void)snprintf(plain + size, 2, "%c", 'a' + (int)(size % 26));
        (void)snprintf(escaped + strlen(escaped), 7, size % 3 == 0 ? "\\u00%02x" : "%c", 'a' + (int)(size % 26));
    }
}

TEST(collisions_run_out_of_steps,
     "names that all ask for one place are given up on after a number of steps that is linear")
{
    struct names names = {0};
    tv_arena arena;
    uint32_t first = 0, second = 0;
    uint64_t entered = 0;
    char name[32];
    for (uint64_t i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof name, "name%" PRIu64, i);
        add_name(&names, name);
    }
    name_table table = table_for(&names, 7, &arena);
    /* the worst that an attacker can do: every hash the same */
    name_found found = NAME_NEW;
    for (; entered < names.count && found == NAME_NEW; entered++)
        found = name_table_enter(&table, names.at[entered], 12345, &first);
    CHECK(found == NAME_TOO_SLOW && entered < 1000);
    CHECK(table.steps_left == 0);
    name_list_start(&table);
    for (uint64_t i = 0; i < names.count; i++)
        name_list_add(&table, names.at[i]);
    CHECK(!name_list_twice(&table, &first, &second));
    free(arena.base);
    free_names(&names);
}

TEST(the_list_finds_the_earliest, "the slow way finds the same duplicate as the fast one")
{
    uint64_t random = 3;
    for (unsigned round = 0; round < 500; round++) {
        struct names names = {0};
        tv_arena arena;
        char name[64];
        uint64_t count = 1 + next_random(&random) % 40, seed = next_random(&random);
        for (uint64_t i = 0; i < count; i++) {
            bool escape = next_random(&random) % 2 == 0;
            (void)snprintf(name, sizeof name, "%s%" PRIu64, escape ? "\\u006e" : "n", next_random(&random) % 100);
            add_name(&names, name);
        }
        name_table table = table_for(&names, seed, &arena);
        uint32_t first = 0, second = 0, list_first = 0, list_second = 0;
        name_found found = NAME_NEW;
        for (uint64_t i = 0; i < count && found == NAME_NEW; i++) {
            second = names.at[i];
            found = enter(&table, &names, i, &first);
        }
        name_list_start(&table);
        for (uint64_t i = 0; i < count; i++)
            name_list_add(&table, names.at[i]);
        bool twice = name_list_twice(&table, &list_first, &list_second);
        CHECK(twice == (found == NAME_TWICE));
        CHECK(!twice || (first == list_first && second == list_second));
        free(arena.base);
        free_names(&names);
    }
}

enum { ATTACK = 600, ATTACK_SEED = 42 };

/* Names that all ask for the same place of a table for ATTACK names, keyed with a seed the attacker knows. */
static void find_colliding(char names[ATTACK][16])
{
    char raw[16];
    uint64_t found = 0, places = 0;
    tv_arena arena;
    struct names one = {0};
    add_name(&one, "xxxxxxxxxxxx");
    name_table table = table_for(&one, ATTACK_SEED, &arena);
    places = ATTACK + ATTACK / 2 + 2;
    table.places = 1; /* prefetches cell 0 alone, and hashes all the same */
    for (uint64_t i = 0; found < ATTACK; i++) {
        (void)snprintf(raw, sizeof raw, "n%011" PRIx64, i);
        memcpy(one.text.data + one.at[0], raw, 12);
        uint64_t hash = name_table_hash(&table, one.at[0], 12, false);
        if (((hash >> 32) * places) >> 32 == 7)
            memcpy(names[found++], raw, 13);
    }
    free(arena.base);
    free_names(&one);
}

TEST(attack, "a header of names made to collide under a known seed gets the verdict that it gets under any other")
{
    static char names[ATTACK][16];
    tv_limits limits = tv_limits_default();
    find_colliding(names);
    for (unsigned twice = 0; twice < 2; twice++) {
        struct text text = {0};
        for (unsigned i = 0; i < ATTACK; i++)
            add_text(&text, "%s\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i > 0 ? "," : "{",
                     names[twice == 1 && i == ATTACK - 1 ? 3 : i]);
        add_text(&text, "}");
        struct file file = file_of(text.data, 0);
        struct vetted *attacked = vet(&file, &limits, ATTACK_SEED), *other = vet(&file, &limits, 1);
        CHECK(attacked->status == other->status && attacked->status == (twice == 1 ? TV_REJECTED : TV_OK));
        CHECK(twice == 0 || (attacked->error->id == TV_FIND_DUPLICATE_KEY &&
                             attacked->error->offset == other->error->offset && attacked->error->a == other->error->a));
        vetted_free(attacked);
        vetted_free(other);
        file_free(&file);
        free(text.data);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
