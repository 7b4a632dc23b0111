/* See block.c. */
#ifndef FUZZ_BLOCK_H
#define FUZZ_BLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Fills the first `size` bytes of the block that the next decoder gets. */
void block_fill(uint8_t filling, size_t size);

#endif
