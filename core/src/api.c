/* Version and arena. Trusts the caller's arena; promises never to hand out memory outside of it. */
#include <tensorvet/api.h>
#include <tensorvet/checked.h>

#include <string.h>

enum { ARENA_ALIGN = 16 };

const char *tv_version(void)
{
    return TV_VERSION;
}

void *tv_arena_take(tv_arena *arena, uint64_t count, uint64_t size)
{
    uint64_t bytes = 0, padded = 0;
    if (!tv_mul(count, size, &bytes) || !tv_add(bytes, ARENA_ALIGN - 1, &padded))
        return NULL;
    padded -= padded % ARENA_ALIGN;
    if (arena->used > arena->size || padded > arena->size - arena->used)
        return NULL;
    uint8_t *block = arena->base + arena->used;
    arena->used += (size_t)padded;
    memset(block, 0, (size_t)padded);
    return block;
}
