/* The mutator of fuzz_tar: changes within one member, which stays in its blocks, by bytes or by pickle operations;
 * seldom anywhere; else libFuzzer's own mutation. Checksums are made right by the target. Source: POSIX ustar. */
#include "mutate.h"

enum { BLOCK = 512, SIZE_AT = 124, DIGITS = 11, MEMBERS_MOST = 16 };

static size_t size_of(const uint8_t *header)
{
    size_t size = 0;
    for (unsigned i = 0; i < DIGITS && (header[SIZE_AT + i] & ~7) == '0'; i++)
        size = size * 8 + (header[SIZE_AT + i] & 7u);
    return size;
}

static void put_size(uint8_t *header, size_t size)
{
    for (unsigned i = DIGITS; i > 0; i--, size /= 8)
        header[SIZE_AT + i - 1] = (uint8_t)('0' + size % 8);
}

/* The content may grow as far as its last block goes; what is left of that is empty. */
static void change_pickle(uint8_t *header, size_t size, struct rng *rng)
{
    size_t blocks = (size + BLOCK - 1) / BLOCK * BLOCK, changed = mutate_pickle(header + BLOCK, size, blocks, rng);
    memset(header + BLOCK + changed, 0, blocks - changed);
    put_size(header, changed);
}

/* Where the members' headers are, as far as their content is there. */
static size_t find_members(const uint8_t *data, size_t size, size_t members[MEMBERS_MOST])
{
    size_t count = 0;
    for (size_t at = 0; count < MEMBERS_MOST && size - at >= BLOCK && data[at] != 0;) {
        size_t left = size - at - BLOCK, content = size_of(data + at);
        if (content > left || left - content < (BLOCK - content % BLOCK) % BLOCK)
            break;
        members[count++] = at;
        at += BLOCK + (content + BLOCK - 1) / BLOCK * BLOCK;
    }
    return count;
}

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    size_t members[MEMBERS_MOST], count = find_members(data, size, members);
    if (count == 0 || rng_one_in(rng, 4))
        return LLVMFuzzerMutate(data, size, max_size);
    uint8_t *header = data + members[rng_below(rng, count)];
    size_t content_size = size_of(header);
    if (rng_one_in(rng, 8))
        change_in_place(data, size, rng);
    else if (content_size > 0 && rng_one_in(rng, 3))
        change_pickle(header, content_size, rng);
    else
        change_in_place(header + BLOCK, content_size, rng);
    return size;
}
