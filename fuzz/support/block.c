/* The decoder's one large block, kept between runs (linked with --wrap=malloc,--wrap=free): mapping a fresh MiB twice
 * a run cost more than all else. Filled with what block_fill was told, so that two runs with different fillings hear
 * different things if bytes behind a frame are ever read. */
#include "block.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void __wrap_free(void *block);

static uint8_t kept[FRAME_PAYLOAD_MAX];
static bool taken;

void block_fill(uint8_t filling, size_t size)
{
    memset(kept, filling, size < sizeof kept ? size : sizeof kept);
}

void *__wrap_malloc(size_t size)
{
    if (size != FRAME_PAYLOAD_MAX || taken)
        return __real_malloc(size);
    taken = true;
    return kept;
}

void __wrap_free(void *block)
{
    if (block == kept)
        taken = false;
    else
        __real_free(block);
}
