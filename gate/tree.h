/* Tensors as a tree of the parts of their names, for people: model, layers, 0, weight.
 *
 * Trusts: names that are sanitized already. Promises: bounded memory; numbers in names sort as numbers. */
#ifndef GATE_TREE_H
#define GATE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct tree_leaf {
    char *name; /* with dtype and shape behind it, one block */
    const char *dtype, *shape;
    uint64_t bytes;
};

struct tree {
    struct tree_leaf *leaves;
    size_t count, capacity;
    uint64_t size, omitted; /* bytes of text; leaves that found no room */
};

void tree_add(struct tree *tree, const char *name, const char *dtype, const char *shape, uint64_t bytes);
void tree_free(struct tree *tree);
/* Prints it, sorted; below `depth` levels (0: all) only how many tensors there are. */
void tree_print(struct tree *tree, uint32_t depth, FILE *out);

#endif
