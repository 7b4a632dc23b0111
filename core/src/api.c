/* Version and arena. Trusts the caller's arena; promises never to hand out memory outside of it. */
#include <tensorvet/api.h>
#include <tensorvet/checked.h>

#include <string.h>

#include "arena.h"

enum { ARENA_ALIGN = 16 };

const char *tv_version(void)
{
    return TV_VERSION;
}

/* count * size, rounded up to the alignment. */
static bool padded_size(uint64_t count, uint64_t size, uint64_t *padded)
{
    if (!tv_mul(count, size, padded) || !tv_add(*padded, ARENA_ALIGN - 1, padded))
        return false;
    *padded -= *padded % ARENA_ALIGN;
    return true;
}

void *arena_take_unset(tv_arena *arena, uint64_t count, uint64_t size)
{
    uint64_t padded = 0;
    if (!padded_size(count, size, &padded) || arena->used > arena->size || padded > arena->size - arena->used)
        return NULL;
    uint8_t *block = arena->base + arena->used;
    arena->used += (size_t)padded;
    return block;
}

void *tv_arena_take(tv_arena *arena, uint64_t count, uint64_t size)
{
    uint8_t *block = arena_take_unset(arena, count, size);
    if (block != NULL)
        memset(block, 0, (size_t)(count * size));
    return block;
}

void arena_shrink(tv_arena *arena, const void *block, uint64_t count, uint64_t size)
{
    uint64_t padded = 0, used = (uint64_t)((const uint8_t *)block - arena->base);
    if (padded_size(count, size, &padded) && padded <= arena->used - used)
        arena->used = (size_t)(used + padded);
}
