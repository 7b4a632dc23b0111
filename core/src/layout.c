/* Stage layout: the tensors in offset order must tile the data section, without gap, overlap or rest.
 * Trusts: that begin <= end < 2^63 for each tensor. Pure; memory from the arena. */
#include "layout.h"

#include "arena.h"

/*@ predicate follows(tv_tensor *t, integer i) =
  @   t[i - 1].begin < t[i].begin || (t[i - 1].begin == t[i].begin && t[i - 1].end <= t[i].end);
  @ predicate starts_well(tv_tensor *t, integer i) = t[i].begin == (i == 0 ? 0 : t[i - 1].end);
  @ predicate tiles(tv_tensor *t, integer count, integer size) =
  @   (\forall integer i; 0 <= i < count ==> starts_well(t, i)) && size == (count == 0 ? 0 : t[count - 1].end); */
/*@ requires \valid_read(a) && \valid_read(b);
  @ assigns \nothing;
  @ ensures \result <==> a->begin < b->begin || (a->begin == b->begin && a->end <= b->end); */
static bool in_order(const tv_tensor *a, const tv_tensor *b)
{
    return a->begin < b->begin || (a->begin == b->begin && a->end <= b->end);
}

/* Merges from[low, middle) and from[middle, high), each sorted, into `into`; equal ones keep their order. */
static void merge(const tv_tensor *from, tv_tensor *into, uint64_t low, uint64_t middle, uint64_t high)
{
    uint64_t i = low, j = middle;
    for (uint64_t k = low; k < high; k++) {
        bool left = i < middle && (j == high || in_order(&from[i], &from[j]));
        into[k] = left ? from[i++] : from[j++];
    }
}

/*@ assigns \nothing;
  @ ensures \result == \min(a, b); */
static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*@ requires count == 0 || \valid_read(tensors + (0 .. count - 1));
  @ assigns \nothing;
  @ ensures \result <==> (\forall integer i; 1 <= i < count ==> follows(tensors, i)); */
static bool is_sorted(const tv_tensor *tensors, uint64_t count)
{
    /*@ loop invariant 1 <= i && (i <= count || count == 0);
      @ loop invariant \forall integer k; 1 <= k < i ==> follows(tensors, k);
      @ loop assigns i;
      @ loop variant count - i; */
    for (uint64_t i = 1; i < count; i++)
        if (!in_order(&tensors[i - 1], &tensors[i]))
            return false;
    return true;
}

tv_status layout_sort(tv_tensor *tensors, uint64_t count, tv_arena *arena)
{
    if (is_sorted(tensors, count))
        return TV_OK;
    tv_tensor *from = tensors, *into = arena_take_unset(arena, count, sizeof into[0]);
    const tv_tensor *copy = into;
    if (into == NULL)
        return TV_NO_MEMORY;
    for (uint64_t width = 1; width < count; width *= 2) {
        for (uint64_t low = 0; low < count; low += 2 * width)
            merge(from, into, low, least(low + width, count), least(low + 2 * width, count));
        tv_tensor *swap = from;
        from = into;
        into = swap;
    }
    if (from != tensors)
        memcpy(tensors, from, (size_t)count * sizeof from[0]);
    arena_shrink(arena, copy, 0, 0);
    return TV_OK;
}

/* The first tensor that does not begin where the one before it ends. */
/*@ requires count == 0 || \valid_read(tensors + (0 .. count - 1));
  @ assigns \nothing;
  @ ensures \result.id == TV_FIND_NONE <==> (\forall integer i; 0 <= i < count ==> starts_well(tensors, i)); */
static layout_problem check_chain(const tv_tensor *tensors, uint64_t count)
{
    layout_problem found = {TV_FIND_NONE, NULL, NULL, 0, 0};
    uint64_t end = 0;
    /*@ loop invariant 0 <= i <= count && end == (i == 0 ? 0 : tensors[i - 1].end);
      @ loop invariant found.id == TV_FIND_NONE;
      @ loop invariant \forall integer k; 0 <= k < i ==> starts_well(tensors, k);
      @ loop assigns i, end;
      @ loop variant count - i; */
    for (uint64_t i = 0; i < count; end = tensors[i].end, i++) {
        if (tensors[i].begin == end)
            continue;
        found.id = tensors[i].begin < end ? TV_FIND_OFFSETS_OVERLAP : TV_FIND_OFFSETS_GAP;
        found.tensor = &tensors[i];
        found.before = i > 0 ? &tensors[i - 1] : NULL;
        found.a = tensors[i].begin;
        found.b = end;
        break;
    }
    return found;
}

/* Tensors that form a chain: the first that goes beyond the data section. */
/*@ requires count == 0 || \valid_read(tensors + (0 .. count - 1));
  @ assigns \nothing;
  @ ensures \result.id == TV_FIND_NONE <==> (\forall integer i; 0 <= i < count ==> tensors[i].end <= data_size); */
static layout_problem check_range(const tv_tensor *tensors, uint64_t count, uint64_t data_size)
{
    layout_problem found = {TV_FIND_NONE, NULL, NULL, 0, 0};
    /*@ loop invariant 0 <= i <= count && found.id == TV_FIND_NONE;
      @ loop invariant \forall integer k; 0 <= k < i ==> tensors[k].end <= data_size;
      @ loop assigns i;
      @ loop variant count - i; */
    for (uint64_t i = 0; i < count; i++) {
        if (tensors[i].end <= data_size)
            continue;
        found.id = TV_FIND_OFFSETS_OUT_OF_RANGE;
        found.tensor = &tensors[i];
        found.a = tensors[i].end;
        found.b = data_size;
        break;
    }
    return found;
}

/*@ requires count == 0 || \valid_read(tensors + (0 .. count - 1));
  @ assigns \nothing;
  @ ensures \result.id == TV_FIND_NONE <==> tiles(tensors, count, data_size); */
layout_problem layout_check(const tv_tensor *tensors, uint64_t count, uint64_t data_size)
{
    uint64_t end = count > 0 ? tensors[count - 1].end : 0;
    layout_problem found = check_chain(tensors, count);
    if (found.id == TV_FIND_NONE && end > data_size)
        found = check_range(tensors, count, data_size);
    if (found.id == TV_FIND_NONE && end < data_size) {
        found.id = TV_FIND_TRAILING_DATA;
        found.a = data_size - end;
        found.b = end;
    }
    return found;
}

enum { ALIGN_MOST = 8 }; /* bytes of the largest element */

uint64_t layout_misaligned(const tv_tensor *tensors, uint64_t count, uint64_t data_start, const tv_tensor **first)
{
    uint64_t found = 0;
    *first = NULL;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = data_start + tensors[i].begin;
        if (at % ALIGN_MOST == 0 || tensors[i].begin == tensors[i].end)
            continue;
        uint32_t bytes = tv_dtype_bits((tv_dtype)tensors[i].dtype) / 8; /* 0 for those below a byte */
        if (bytes == 0 || at % bytes == 0)
            continue;
        if (found++ == 0)
            *first = &tensors[i];
    }
    return found;
}
