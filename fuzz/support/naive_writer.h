/* The second writer of headers: as simple as the format allows, spelled otherwise than core's (no short escapes, no
 * padding, offsets in the order of the recipe). It refuses nothing: whether a header may be like that, the reader says.
 */
#ifndef FUZZ_NAIVE_WRITER_H
#define FUZZ_NAIVE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tensorvet/writer.h>

enum { RECIPE_ENTRIES = 8, RECIPE_PAIRS = 4, RECIPE_RANK = 80, WRITTEN_MOST = 1 << 17 };

/* What is to be written; shapes that are longer than the format allows included. */
struct recipe {
    tv_entry entries[RECIPE_ENTRIES];
    uint64_t shapes[RECIPE_ENTRIES][RECIPE_RANK];
    tv_pair pairs[RECIPE_PAIRS];
    uint64_t count, pair_count;
    bool has_metadata;
};

struct written {
    uint8_t bytes[WRITTEN_MOST];
    size_t size;
};

/* The recipe as a file up to its data; returns the size of the file with it, or the largest there can be where it would
 * be larger. */
uint64_t naive_write(const struct recipe *recipe, struct written *out);

#endif
