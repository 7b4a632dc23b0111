/* Stage layout. Internal to core. */
#ifndef CORE_LAYOUT_H
#define CORE_LAYOUT_H

#include <tensorvet/index.h>

/* The first rule that the tensors break together, in offset order. */
typedef struct layout_problem {
    tv_finding_id id; /* TV_FIND_NONE: nothing */
    const tv_tensor *tensor, *before;
    uint64_t a, b;
} layout_problem;

/* Sorts the tensors by (begin, end), equal ones as they were; needs room for as many in the arena unless they are in
 * order already. n log n. */
tv_status layout_sort(tv_tensor *tensors, uint64_t count, tv_arena *arena);

/* Checks that sorted tensors tile the data section: first that they form a chain, which is a matter of the header
 * alone, then that the chain ends where the file does. */
layout_problem layout_check(const tv_tensor *tensors, uint64_t count, uint64_t data_size);

/* How many tensors do not start at a multiple of their element's size in the file; *first is the first of them. */
uint64_t layout_misaligned(const tv_tensor *tensors, uint64_t count, uint64_t data_start, const tv_tensor **first);

#endif
