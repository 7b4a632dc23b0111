/* Checked unsigned arithmetic, written in plain C because it is to be proved (no builtins).
 * Promises: true and the exact result in *out, or false and *out untouched. */
#ifndef TENSORVET_CHECKED_H
#define TENSORVET_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*@ requires \valid(out);
  @ assigns *out;
  @ ensures \result <==> a + b <= UINT64_MAX;
  @ ensures \result ==> *out == a + b; */
static inline bool tv_add(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b > UINT64_MAX - a)
        return false;
    *out = a + b;
    return true;
}

/*@ requires \valid(out);
  @ assigns *out;
  @ ensures \result <==> a * b <= UINT64_MAX;
  @ ensures \result ==> *out == a * b; */
static inline bool tv_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}

#ifdef __cplusplus
}
#endif
#endif
