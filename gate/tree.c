/* The tree (tree.h): leaves sorted part by part, so that each inner node is a run of them. */
#include "tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { TREE_BYTES_MOST = 256 << 20, PARTS_MOST = 24 };

void tree_free(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->leaves[i].name);
    free(tree->leaves);
    memset(tree, 0, sizeof *tree);
}

void tree_add(struct tree *tree, const char *name, const char *dtype, const char *shape, uint64_t bytes)
{
    size_t sizes[] = {strlen(name) + 1, strlen(dtype) + 1, strlen(shape) + 1};
    size_t all = sizes[0] + sizes[1] + sizes[2];
    char *text = all > TREE_BYTES_MOST - tree->size ? NULL : malloc(all);
    if (text != NULL && tree->count == tree->capacity) {
        size_t more = tree->capacity == 0 ? 64 : tree->capacity * 2;
        struct tree_leaf *leaves = realloc(tree->leaves, more * sizeof *leaves);
        if (leaves == NULL) {
            free(text);
            text = NULL;
        } else {
            tree->leaves = leaves;
            tree->capacity = more;
        }
    }
    if (text == NULL) {
        tree->omitted++;
        return;
    }
    memcpy(text, name, sizes[0]);
    memcpy(text + sizes[0], dtype, sizes[1]);
    memcpy(text + sizes[0] + sizes[1], shape, sizes[2]);
    tree->leaves[tree->count++] = (struct tree_leaf){text, text + sizes[0], text + sizes[0] + sizes[1], bytes};
    tree->size += all;
}

static bool is_number(const char *text, size_t size)
{
    return size > 0 && strspn(text, "0123456789") >= size;
}

/* Two parts: numbers by value, else by bytes. */
static int compare_parts(const char *a, size_t a_size, const char *b, size_t b_size)
{
    if (is_number(a, a_size) && is_number(b, b_size) && a_size != b_size)
        return a_size < b_size ? -1 : 1;
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_parts(const void *left, const void *right)
{
    const char *a = ((const struct tree_leaf *)left)->name, *b = ((const struct tree_leaf *)right)->name;
    for (;;) {
        size_t a_size = strcspn(a, "."), b_size = strcspn(b, ".");
        int order = compare_parts(a, a_size, b, b_size);
        if (order != 0 || a[a_size] == '\0' || b[b_size] == '\0')
            return order != 0 ? order : (a[a_size] != '\0') - (b[b_size] != '\0');
        a += a_size + 1;
        b += b_size + 1;
    }
}

/* Where part number `part` of the name begins; NULL where that is the last one or beyond: a leaf. The last of
 * PARTS_MOST takes the rest. */
static const char *inner_part(const char *name, uint32_t part, size_t *size)
{
    for (uint32_t i = 0; part < PARTS_MOST; i++) {
        *size = strcspn(name, ".");
        if (name[*size] == '\0')
            return NULL;
        if (i == part)
            return name;
        name += *size + 1;
    }
    return NULL;
}

/* Bytes of the name up to the end of that inner part, its dot not included. */
static size_t prefix_size(const char *name, uint32_t part)
{
    size_t size = 0;
    const char *at = inner_part(name, part, &size);
    return at == NULL ? 0 : (size_t)(at - name) + size;
}

/* Prints an inner node; returns how many leaves are in it. */
static size_t print_node(const struct tree *tree, size_t from, uint32_t part, FILE *out)
{
    const char *name = tree->leaves[from].name;
    size_t size = 0, prefix = prefix_size(name, part), to = from;
    const char *at = inner_part(name, part, &size);
    uint64_t bytes = 0;
    char text[SIZE_TEXT];
    for (; to < tree->count; to++) {
        const char *other = tree->leaves[to].name;
        if (strncmp(other, name, prefix) != 0 || other[prefix] != '.')
            break;
        bytes += tree->leaves[to].bytes; /* a number to read: may wrap */
    }
    fprintf(out, "  %*s%.*s  %zu tensor%s, %s\n", (int)(2 * part), "", (int)size, at == NULL ? "" : at, to - from,
            to - from == 1 ? "" : "s", size_text(bytes, text));
    return to - from;
}

static void print_leaf(const struct tree_leaf *leaf, uint32_t level, FILE *out)
{
    char text[SIZE_TEXT];
    const char *name = leaf->name;
    for (uint32_t i = 0; i < level; i++)
        name += strcspn(name, ".") + 1;
    fprintf(out, "  %*s%s  %s %s  %s\n", (int)(2 * level), "", name, leaf->dtype, leaf->shape,
            size_text(leaf->bytes, text));
}

/* How many inner nodes the leaf shares with the one before it. */
static uint32_t shared_parts(const struct tree *tree, size_t at)
{
    uint32_t part = 0;
    if (at == 0)
        return 0;
    const char *name = tree->leaves[at].name, *before = tree->leaves[at - 1].name;
    for (;; part++) {
        size_t size = prefix_size(name, part);
        if (size == 0 || strncmp(name, before, size) != 0 || before[size] != '.')
            return part;
    }
}

void tree_print(struct tree *tree, uint32_t depth, FILE *out)
{
    if (tree->count > 0)
        qsort(tree->leaves, tree->count, sizeof *tree->leaves, by_parts);
    for (size_t i = 0; i < tree->count;) {
        uint32_t level = shared_parts(tree, i);
        size_t size = 0, in_node = 0;
        while (inner_part(tree->leaves[i].name, level, &size) != NULL && in_node == 0) {
            size_t leaves = print_node(tree, i, level, out);
            level++;
            in_node = depth != 0 && level >= depth ? leaves : 0;
        }
        if (in_node == 0)
            print_leaf(&tree->leaves[i], level, out);
        i += in_node == 0 ? 1 : in_node;
    }
    if (tree->omitted > 0)
        fprintf(out, "  \xE2\x80\xA6 %" PRIu64 " more than fit here\n", tree->omitted);
}
