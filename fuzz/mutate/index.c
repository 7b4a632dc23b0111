/* The mutator of fuzz_index: whole indexes from a grammar, in which now and then one thing is wrong; else libFuzzer's
 * own mutation of what is there. */
#include "mutate.h"

static const char *const names[] = {"a",        "b.c", "\\u0061", "layer.0.weight", "\\ud83d\\ude00",
                                    "\xc3\xa9", "",    "x\\\\y"};
static const char *const shards[] = {"1.bin", "m-00001-of-00002.bin", "\\u0031.bin", "s s", "\xe5\x90\x8d"};
static const char *const bad_shards[] = {"../1.bin", "/x", ".", "", "a\\u002fb", "\\u0000", "a\\\\b"};
static const char *const values[] = {"1",        "-1.5e+3",        "null", "true",
                                     "\"t\\n\"", "[1,{\"y\":[]}]", "{}",   "{\"z\":\"}\"}"};
static const char *const spaces[] = {"", "", "", " ", "\n", "\t \r"};

#define PICK(rng, list) (list)[rng_below((rng), sizeof(list) / sizeof(*(list)))]

static void put_string(struct buffer *b, const char *text)
{
    put_text(b, "\"");
    put_text(b, text);
    put_text(b, "\"");
}

static void put_space(struct buffer *b, struct rng *rng)
{
    put_text(b, PICK(rng, spaces));
}

/* "name": with a number behind it, so that names are unique more often than not. */
static void put_key(struct buffer *b, struct rng *rng, size_t number)
{
    char digit[2] = {(char)('0' + number % 10), '\0'};
    put_text(b, number == 0 ? "" : ",");
    put_space(b, rng);
    put_text(b, "\"");
    put_text(b, PICK(rng, names));
    put_text(b, rng_one_in(rng, 40) ? "" : digit);
    put_text(b, "\"");
    put_space(b, rng);
    put_text(b, ":");
    put_space(b, rng);
}

static void put_map(struct buffer *b, struct rng *rng)
{
    size_t rows = rng_one_in(rng, 20) ? 0 : 1 + rng_below(rng, 6);
    put_string(b, rng_one_in(rng, 40) ? "Weight_map" : "weight_map");
    put_text(b, ":{");
    for (size_t i = 0; i < rows; i++) {
        put_key(b, rng, i);
        if (rng_one_in(rng, 60))
            put_text(b, PICK(rng, values));
        else
            put_string(b, rng_one_in(rng, 60) ? PICK(rng, bad_shards) : PICK(rng, shards));
    }
    put_text(b, "}");
}

static void put_member(struct buffer *b, struct rng *rng, size_t number)
{
    if (rng_one_in(rng, 2)) {
        put_text(b, "\"metadata\":{\"total_size\":");
        put_text(b, PICK(rng, values));
        put_text(b, "}");
    } else {
        put_key(b, rng, 0);
        put_text(b, PICK(rng, values));
    }
    put_text(b, number == 0 ? "," : "");
}

static size_t make(uint8_t *data, size_t max_size, struct rng *rng)
{
    struct buffer b = {.bytes = data, .capacity = max_size};
    put_space(&b, rng);
    put_text(&b, "{");
    if (rng_one_in(rng, 2))
        put_member(&b, rng, 0);
    put_map(&b, rng);
    if (rng_one_in(rng, 4)) {
        put_text(&b, ",");
        put_member(&b, rng, 1);
    }
    put_text(&b, "}");
    put_space(&b, rng);
    return b.size;
}

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    if (rng_one_in(rng, 2))
        return LLVMFuzzerMutate(data, size, max_size);
    return make(data, max_size, rng);
}
