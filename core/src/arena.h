/* The arena, without zeroing. Internal to core. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <tensorvet/api.h>

/* As tv_arena_take, but the bytes are whatever they were: for tables that are filled in order, of which a header
 * usually needs a small part. */
void *arena_take_unset(tv_arena *arena, uint64_t count, uint64_t size);

/* Gives back everything behind the first `count * size` bytes of a block that was the last one taken. */
void arena_shrink(tv_arena *arena, const void *block, uint64_t count, uint64_t size);

#endif
