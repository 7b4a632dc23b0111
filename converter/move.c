/* Moving a box (move.h). Two dimensions are moved by a loop over plain integers, the others step around it.
 * Where the source's fast dimension is not the output's, the two are moved in square blocks of a cache line a side, so
 * that each line of either is touched once while it is near, and inside a block by transposing vectors. */
#include "move.h"

#include <stdbool.h>
#include <string.h>

/* The two inner dimensions: rows of the output, and elements of a row. */
struct plane {
    uint64_t rows, row_from, row_to;
    uint64_t columns, column_from;
};

typedef void (*plane_mover)(const struct plane *plane, const uint8_t *from, uint8_t *to);

#define LANES_BYTES 16u /* of a vector */
#define LINE_BYTES  64u /* of a cache line: the side of a square block */

/* The first halves of two vectors interleaved, and the second halves: a0 b0 a1 b1 … */
#define LOW_uint8_t(a, b)   __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_uint8_t(a, b)  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOW_uint16_t(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_uint16_t(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW_uint32_t(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH_uint32_t(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW_uint64_t(a, b)  __builtin_shufflevector(a, b, 0, 2)
#define HIGH_uint64_t(a, b) __builtin_shufflevector(a, b, 1, 3)

/* Three functions for each size of element; memcpy of a fixed size is one load or store.
 *
 * rows_ moves any plane, element by element.
 *
 * turn_square_ transposes SIDE x SIDE elements, of which each source line is one vector. Number the elements by the
 * bits (line, place in the line). Interleaving the vectors i and i + SIDE/2 for all i moves every element to the number
 * whose bits are its own, rotated by one. After as many rounds as a place has bits, line and place have changed sides.
 *
 * turn_ cuts a plane into squares of a cache line a side. */
#define DEFINE_MOVERS(TYPE)                                                                                            \
    typedef TYPE TYPE##_lanes __attribute__((vector_size(LANES_BYTES)));                                               \
    static void rows_##TYPE(const struct plane *p, const uint8_t *from, uint8_t *to)                                   \
    {                                                                                                                  \
        for (uint64_t i = 0; i < p->rows; i++) {                                                                       \
            const uint8_t *f = from + i * p->row_from;                                                                 \
            uint8_t *t = to + i * p->row_to;                                                                           \
            for (uint64_t j = 0; j < p->columns; j++)                                                                  \
                memcpy(t + j * sizeof(TYPE), f + j * p->column_from, sizeof(TYPE));                                    \
        }                                                                                                              \
    }                                                                                                                  \
    static void turn_square_##TYPE(const uint8_t *from, uint64_t from_step, uint8_t *to, uint64_t to_step)             \
    {                                                                                                                  \
        enum { SIDE = LANES_BYTES / sizeof(TYPE) };                                                                    \
        TYPE##_lanes v[SIDE], w[SIDE];                                                                                 \
        for (size_t i = 0; i < SIDE; i++)                                                                              \
            memcpy(&v[i], from + i * from_step, LANES_BYTES);                                                          \
        for (unsigned round = 1; round < SIDE; round *= 2) {                                                           \
            for (size_t i = 0; i < SIDE / 2; i++) {                                                                    \
                w[2 * i] = LOW_##TYPE(v[i], v[i + SIDE / 2]);                                                          \
                w[2 * i + 1] = HIGH_##TYPE(v[i], v[i + SIDE / 2]);                                                     \
            }                                                                                                          \
            memcpy(v, w, sizeof v);                                                                                    \
        }                                                                                                              \
        for (size_t i = 0; i < SIDE; i++)                                                                              \
            memcpy(to + i * to_step, &v[i], LANES_BYTES);                                                              \
    }                                                                                                                  \
    static void turn_##TYPE(const struct plane *p, const uint8_t *from, uint8_t *to)                                   \
    {                                                                                                                  \
        const uint64_t side = LINE_BYTES / sizeof(TYPE), small = LANES_BYTES / sizeof(TYPE);                           \
        struct plane block = *p;                                                                                       \
        for (uint64_t i = 0; i < p->rows; i += side) {                                                                 \
            block.rows = p->rows - i < side ? p->rows - i : side;                                                      \
            for (uint64_t j = 0; j < p->columns; j += side) {                                                          \
                const uint8_t *f = from + i * p->row_from + j * p->column_from;                                        \
                uint8_t *t = to + i * p->row_to + j * sizeof(TYPE);                                                    \
                block.columns = p->columns - j < side ? p->columns - j : side;                                         \
                if (block.rows < side || block.columns < side || p->row_from != sizeof(TYPE)) {                        \
                    rows_##TYPE(&block, f, t);                                                                         \
                    continue;                                                                                          \
                }                                                                                                      \
                for (uint64_t k = 0; k < side * side; k += small * small) {                                            \
                    uint64_t row = k / (side * small) * small, column = k / small % side;                              \
                    turn_square_##TYPE(f + row * sizeof(TYPE) + column * p->column_from, p->column_from,               \
                                       t + row * p->row_to + column * sizeof(TYPE), p->row_to);                        \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_MOVERS(uint8_t)
DEFINE_MOVERS(uint16_t)
DEFINE_MOVERS(uint32_t)
DEFINE_MOVERS(uint64_t)

static plane_mover mover_of(uint64_t each, bool turned)
{
    switch (each) {
    case 1: return turned ? turn_uint8_t : rows_uint8_t;
    case 2: return turned ? turn_uint16_t : rows_uint16_t;
    case 4: return turned ? turn_uint32_t : rows_uint32_t;
    default: return turned ? turn_uint64_t : rows_uint64_t;
    }
}

/* Rows whose elements lie together in the source too. */
static void copy_rows(const struct plane *p, uint64_t each, const uint8_t *from, uint8_t *to)
{
    for (uint64_t i = 0; i < p->rows; i++)
        memcpy(to + i * p->row_to, from + i * p->row_from, (size_t)(p->columns * each));
}

static void move_plane(const struct plane *p, uint64_t each, const uint8_t *from, uint8_t *to)
{
    if (p->column_from == each && p->columns * each >= 32)
        copy_rows(p, each, from, to);
    else
        mover_of(each, p->row_from < p->column_from)(p, from, to);
}

/* The dimension to pair with the last: the source's fastest, or the next outer one. The last itself: there is none. */
static uint32_t choose_rows(const struct move *m, uint32_t last)
{
    uint32_t chosen = last;
    for (uint32_t d = last; d > 0; d--) {
        if (m->size[d - 1] == 1)
            continue;
        if (chosen == last || (m->from_step[d - 1] < m->from_step[chosen] && m->from_step[d - 1] > 0))
            chosen = d - 1;
    }
    return chosen;
}

/* Steps the other dimensions like an odometer; false when all have come round. */
static bool step_others(const struct move *m, uint64_t *index, uint32_t last, uint32_t rows)
{
    for (uint32_t d = last; d > 0; d--) {
        if (d - 1 == rows)
            continue;
        if (++index[d - 1] < m->size[d - 1])
            return true;
        index[d - 1] = 0;
    }
    return false;
}

void move_box(const struct move *m, const uint8_t *from, uint8_t *to)
{
    uint64_t index[64] = {0};
    if (m->rank == 0) {
        memcpy(to, from, (size_t)m->each);
        return;
    }
    uint32_t last = m->rank - 1, rows = choose_rows(m, last);
    struct plane plane = {.rows = 1, .columns = m->size[last], .column_from = m->from_step[last]};
    if (rows != last) {
        plane.rows = m->size[rows];
        plane.row_from = m->from_step[rows];
        plane.row_to = m->to_step[rows];
    }
    do {
        uint64_t f = 0, t = 0;
        for (uint32_t d = 0; d < last; d++) {
            f += index[d] * m->from_step[d];
            t += index[d] * m->to_step[d];
        }
        move_plane(&plane, m->each, from + f, to + t);
    } while (step_others(m, index, last, rows));
}
