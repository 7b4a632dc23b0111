/* Heapsort over an array of numbers (sort.h). */
#include "sort.h"

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t keep = *a;
    *a = *b;
    *b = keep;
}

/* Lets the item at `root` sink until no child of it goes after it. */
static void sift(uint32_t *items, uint64_t root, uint64_t count, sort_before before, const void *context)
{
    while (root < count / 2) {
        uint64_t child = 2 * root + 1;
        if (child + 1 < count && before(context, items[child], items[child + 1]))
            child++;
        if (!before(context, items[root], items[child]))
            return;
        swap(&items[root], &items[child]);
        root = child;
    }
}

void sort_items(uint32_t *items, uint64_t count, sort_before before, const void *context)
{
    for (uint64_t root = count / 2; root > 0; root--)
        sift(items, root - 1, count, before, context);
    for (uint64_t end = count; end > 1; end--) {
        swap(&items[0], &items[end - 1]);
        sift(items, 0, end - 1, before, context);
    }
}
