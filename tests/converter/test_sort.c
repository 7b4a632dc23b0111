/* Sorting without libc, inside the jail: sorted, and nothing lost. */
#include <check.h>
#include <sort.h>

#include "table_support.h"

static uint64_t compared;

static bool smaller(const void *context, uint32_t a, uint32_t b)
{
    const uint32_t *keys = context;
    compared++;
    return keys[a] < keys[b];
}

TEST(sorts, "every array comes out in order, with every item once, in n log n")
{
    static uint32_t keys[5000], items[5000];
    static uint8_t seen[5000];
    uint64_t state = 11;
    for (uint32_t count = 0; count <= 5000; count = count < 70 ? count + 1 : count * 2) {
        for (uint32_t i = 0; i < count; i++) {
            keys[i] = (uint32_t)(next_random(&state) % (count / 2 + 1));
            items[i] = i;
            seen[i] = 0;
        }
        compared = 0;
        sort_items(items, count, smaller, keys);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(i == 0 || keys[items[i - 1]] <= keys[items[i]]);
            CHECK(seen[items[i]]++ == 0);
        }
        CHECK(compared <= 30 * (uint64_t)count);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
