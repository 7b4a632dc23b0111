/* How many inputs reached acceptance, and the latest of them (oracle.h). */
#include <string.h>

#include "oracle.h"

enum { KEPT = 128, KEPT_MOST = 1 << 13 };

static uint64_t ran, accepted;
static struct {
    const uint8_t *data;
    size_t size;
} current;
static struct {
    size_t size;
    uint8_t bytes[KEPT_MOST];
} kept[KEPT];

static void tell(void)
{
    if (getenv("FUZZ_SHARE") != NULL && ran > 0)
        fprintf(stderr, "accepted %llu of %llu inputs (%.1f %%)\n", (unsigned long long)accepted,
                (unsigned long long)ran, 100.0 * (double)accepted / (double)ran);
}

void oracle_ran(const uint8_t *data, size_t size)
{
    current.data = data;
    current.size = size;
    if (ran++ == 0)
        (void)atexit(tell);
}

/* Each takes the place of an older one. */
void oracle_accepted(void)
{
    uint64_t at = accepted++ % KEPT;
    if (current.size == 0 || current.size > KEPT_MOST)
        return;
    memcpy(kept[at].bytes, current.data, current.size);
    kept[at].size = current.size;
}

size_t oracle_kept(uint64_t which, uint8_t *into, size_t capacity)
{
    size_t size = kept[which % KEPT].size;
    if (size == 0 || size > capacity)
        return 0;
    memcpy(into, kept[which % KEPT].bytes, size);
    return size;
}
