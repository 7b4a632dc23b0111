/* The C library's functions that core's leaf functions call, by contract: assumed, not proved. */
#pragma once
#include <stddef.h>

/*@ assigns \nothing;
  @ ensures \result <= 0x7fffffffffffffff && \valid_read(text + (0 .. \result)); */
size_t strlen(const char *text);

/*@ requires size == 0 || \valid_read((char *)a + (0 .. size - 1));
  @ requires size == 0 || \valid_read((char *)b + (0 .. size - 1));
  @ assigns \nothing; */
int memcmp(const void *a, const void *b, size_t size);

/*@ requires size == 0 || \valid((char *)to + (0 .. size - 1));
  @ requires size == 0 || \valid_read((char *)from + (0 .. size - 1));
  @ assigns ((char *)to)[0 .. size - 1], \result;
  @ ensures \result == to; */
void *memcpy(void *to, const void *from, size_t size);

/*@ requires size == 0 || \valid((char *)to + (0 .. size - 1));
  @ assigns ((char *)to)[0 .. size - 1], \result;
  @ ensures \result == to; */
void *memset(void *to, int byte, size_t size);
