/* Comparing bits (compare_bits.h).
 *
 * The innermost dimensions that lie together are one run, compared as such. The rest is walked index by index. Where
 * the source's fastest dimension is not the output's (a transpose), the two are walked as panels: some columns of the
 * output, and for each of them a stretch of the source along the fast dimension, read once. */
#include "compare_bits.h"

#include <stdlib.h>
#include <string.h>

#include <tensorvet/checked.h>

#include "equal.h"

#define WALK_RANK    64
#define STREAM_BYTES (256u << 10) /* compared at once; two of them stay in the second-level cache */
#define AHEAD_LEAST  4096u
#define PANEL_BYTES  (8u << 20)
#define PANEL_WIDTH  1024u /* columns that are read one by one: each gets at least a small run of memory */
#define SMALL_RUN    4096u /* runs below are not worth a read of their own, and so are gaps */

/* The tensor as the walk sees it: runs, and the dimensions around them (none of 1, none that continues its neighbour).
 */
struct walk {
    uint32_t rank;
    uint64_t count[WALK_RANK], step[WALK_RANK]; /* step in bytes of the source */
    uint64_t skip[WALK_RANK];                   /* bytes of the output from one index to the next */
    uint64_t index[WALK_RANK];
    uint64_t run;      /* bytes */
    uint64_t from, to; /* offsets of the first element: in the source, in the output */
};

tv_status bits_open(struct bits *bits, const struct source *source, const struct source *output)
{
    *bits = (struct bits){.file = source, .ours = {.source = source}, .theirs = {.source = output}};
    bits->ours.bytes = malloc(STREAM_BYTES);
    bits->theirs.bytes = malloc(STREAM_BYTES);
    bits->panel = malloc(PANEL_BYTES);
    return bits->ours.bytes != NULL && bits->theirs.bytes != NULL && bits->panel != NULL ? TV_OK : TV_NO_MEMORY;
}

void bits_close(struct bits *bits)
{
    free(bits->ours.bytes);
    free(bits->theirs.bytes);
    free(bits->panel);
}

/* [at, at + size) of the file, size at most STREAM_BYTES. */
static tv_status look(struct window *w, uint64_t at, uint64_t size, const uint8_t **bytes)
{
    if (size > STREAM_BYTES)
        return TV_MISUSE;
    if (at < w->at || at - w->at > w->size || size > w->size - (at - w->at)) {
        bool forward = at >= w->at && at - w->at <= w->size + w->ahead;
        uint64_t rest = at < w->source->size ? w->source->size - at : 0;
        w->ahead = !forward ? AHEAD_LEAST : w->ahead < STREAM_BYTES / 2 ? w->ahead * 2 : STREAM_BYTES;
        if (w->ahead < AHEAD_LEAST)
            w->ahead = AHEAD_LEAST;
        w->size = w->ahead < size ? size : w->ahead;
        if (w->size > rest && rest >= size)
            w->size = rest;
        w->at = at;
        tv_status status = source_read(w->source, at, w->bytes, w->size);
        if (status != TV_OK) {
            w->size = 0;
            return status;
        }
        if (w->each != 0) { /* what is looked at are whole elements, so that their first byte is at `at` */
            w->size -= w->size % w->each;
            undo_numbers(w, w->bytes, w->size);
        }
    }
    *bytes = w->bytes + (at - w->at);
    return TV_OK;
}

static void advance(struct bits *bits, uint64_t bytes)
{
    if (bits->advance != NULL)
        bits->advance(bits->context, bytes);
}

/* A run of any length. */
static tv_status compare_run(struct bits *bits, uint64_t from, uint64_t to, uint64_t size, bool *same)
{
    while (size > 0 && *same) {
        const uint8_t *a = NULL, *b = NULL;
        uint64_t part = size < STREAM_BYTES ? size : STREAM_BYTES;
        tv_status status = look(&bits->ours, from, part, &a);
        if (status == TV_OK)
            status = look(&bits->theirs, to, part, &b);
        if (status != TV_OK)
            return status;
        *same = equal_bytes(a, b, part);
        advance(bits, part);
        from += part;
        to += part;
        size -= part;
    }
    return TV_OK;
}

/* Adds the next inner dimension of the tensor. */
static void add_dimension(struct walk *w, uint64_t count, uint64_t step)
{
    if (w->rank > 0 && w->step[w->rank - 1] / count == step && w->step[w->rank - 1] % count == 0) {
        w->count[w->rank - 1] *= count;
        w->step[w->rank - 1] = step;
        return;
    }
    w->count[w->rank] = count;
    w->step[w->rank++] = step;
}

/* Does the last byte of the tensor lie in its storage? */
static bool reaches_inside(const struct walk *w, uint64_t offset, uint64_t each, uint64_t size)
{
    uint64_t last = offset;
    for (uint32_t d = 0; d < w->rank; d++) {
        uint64_t way = 0;
        if (!tv_mul(w->count[d] - 1, w->step[d], &way) || !tv_add(last, way, &last))
            return false;
    }
    return tv_add(last, each, &last) && last <= size;
}

/* The dimensions in bytes. Elements of less than a byte are walked byte by byte, so their innermost dimension must lie
 * together and fill bytes, and the others must step by whole bytes. */
static bool take_dimensions(struct walk *w, const struct ck_tensor *tensor, uint64_t bits)
{
    uint64_t bytes = bits < 8 ? 1 : bits / 8;
    uint32_t last = tensor->rank;
    while (last > 0 && tensor->shape[last - 1] == 1)
        last--;
    for (uint32_t d = 0; d < last; d++) {
        uint64_t step = 0, count = tensor->shape[d];
        if (tensor->pairs && d + 1 == tensor->rank)
            count /= 2; /* the output's shape counts values */
        if (count == 1)
            continue;
        if (count == 0 || !tv_mul(tensor->stride[d], bits, &step))
            return false;
        if (step % 8 != 0) {
            uint64_t filled = 0;
            if (d + 1 != last || tensor->stride[d] != 1 || !tv_mul(count, bits, &filled) || filled % 8 != 0)
                return false;
            count = filled / 8;
            step = 8;
        }
        add_dimension(w, count, step / 8);
        bytes *= count;
    }
    return bytes == tensor->bytes;
}

/* False where the tensor does not fit its storage, or cannot be walked. */
static bool prepare(struct walk *w, const struct ck_tensor *tensor, const struct storage *storage, uint64_t to)
{
    const uint64_t bits = (tensor->pairs ? UINT64_C(2) : UINT64_C(1)) * tv_dtype_bits(tensor->dtype);
    uint64_t each = bits < 8 ? 1 : bits / 8, offset = 0;
    *w = (struct walk){.to = to};
    if (tensor->rank > WALK_RANK || bits == 0 || !take_dimensions(w, tensor, bits))
        return false;
    if (!tv_mul(tensor->offset, bits, &offset) || offset % 8 != 0 ||
        !reaches_inside(w, offset / 8, each, storage->size))
        return false;
    w->from = storage->at + offset / 8;
    w->run = each;
    if (w->rank > 0 && w->step[w->rank - 1] == each)
        w->run *= w->count[--w->rank];
    uint64_t skip = w->run;
    for (uint32_t d = w->rank; d > 0; d--) {
        w->skip[d - 1] = skip;
        skip *= w->count[d - 1]; /* at most tensor->bytes */
    }
    return w->run > 0;
}

/* The next index of all dimensions but two; false when all have come round. */
static bool next_index(struct walk *w, uint32_t but, uint32_t and_but)
{
    for (uint32_t d = w->rank; d > 0; d--) {
        if (d - 1 == but || d - 1 == and_but)
            continue;
        if (++w->index[d - 1] < w->count[d - 1])
            return true;
        w->index[d - 1] = 0;
    }
    return false;
}

static uint64_t place(const struct walk *w, uint64_t start, const uint64_t *step)
{
    for (uint32_t d = 0; d < w->rank; d++)
        start += w->index[d] * step[d];
    return start;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* SAME_CELLS(uint32_t): are `count` numbers, `pitch` bytes apart in a and next to each other in b, all equal? */
#define SAME_CELLS(TYPE)                                                                                               \
    static bool same_##TYPE(const uint8_t *a, uint64_t pitch, const uint8_t *b, uint64_t count)                        \
    {                                                                                                                  \
        TYPE difference = 0;                                                                                           \
        for (uint64_t i = 0; i < count; i++) {                                                                         \
            TYPE x, y;                                                                                                 \
            memcpy(&x, a + i * pitch, sizeof x);                                                                       \
            memcpy(&y, b + i * sizeof y, sizeof y);                                                                    \
            difference = (TYPE)(difference | (x ^ y));                                                                 \
        }                                                                                                              \
        return difference == 0;                                                                                        \
    }

SAME_CELLS(uint8_t)
SAME_CELLS(uint16_t)
SAME_CELLS(uint32_t)
SAME_CELLS(uint64_t)

static bool same_cells(const uint8_t *a, uint64_t pitch, const uint8_t *b, uint64_t run, uint64_t count)
{
    switch (run) {
    case 1: return same_uint8_t(a, pitch, b, count);
    case 2: return same_uint16_t(a, pitch, b, count);
    case 4: return same_uint32_t(a, pitch, b, count);
    case 8: return same_uint64_t(a, pitch, b, count);
    default:
        for (uint64_t i = 0; i < count; i++) {
            if (!equal_bytes(a + i * pitch, b + i * run, run))
                return false;
        }
        return true;
    }
}

/* Some cells of the last dimension that are near to each other in the source: how many are compared at once. */
static uint64_t cells_at_once(uint64_t run, uint64_t step)
{
    uint64_t most = STREAM_BYTES / run;
    if (run >= SMALL_RUN || step > SMALL_RUN)
        return 1;
    return step == 0 ? most : least(most, (STREAM_BYTES - run) / step + 1);
}

/* The whole last dimension, at those offsets of source and output. */
static tv_status compare_row(struct bits *bits, const struct walk *w, uint64_t from, uint64_t to, bool *same)
{
    uint64_t step = w->step[w->rank - 1], count = w->count[w->rank - 1], cells = 0;
    uint64_t most = w->run < STREAM_BYTES ? cells_at_once(w->run, step) : 1;
    tv_status status = TV_OK;
    for (uint64_t i = 0; i < count && status == TV_OK && *same; i += cells) {
        const uint8_t *a = NULL, *b = NULL;
        cells = least(most, count - i);
        if (cells == 1) {
            status = compare_run(bits, from + i * step, to + i * w->run, w->run, same);
            continue;
        }
        status = look(&bits->ours, from + i * step, (cells - 1) * step + w->run, &a);
        if (status == TV_OK)
            status = look(&bits->theirs, to + i * w->run, cells * w->run, &b);
        if (status == TV_OK)
            *same = same_cells(a, step, b, w->run, cells);
        advance(bits, cells * w->run);
    }
    return status;
}

/* Index by index, in the output's order. */
static tv_status walk_rows(struct bits *bits, struct walk *w, bool *same)
{
    tv_status status = TV_OK;
    uint32_t last = w->rank - 1;
    do
        status = compare_row(bits, w, place(w, w->from, w->step), place(w, w->to, w->skip), same);
    while (status == TV_OK && *same && next_index(w, last, last));
    return status;
}

/* The dimension that is faster in the source than the last, and fastest; the last itself where there is none. */
static uint32_t fastest(const struct walk *w)
{
    uint32_t best = w->rank - 1;
    for (uint32_t d = 0; d < w->rank; d++) {
        if (w->step[d] > 0 && w->step[d] < w->step[best])
            best = d;
    }
    return best;
}

/* A panel: `wide` columns of the last dimension, for each `deep` indices of the fast one. In memory, a column is
 * `pitch` bytes from the next. */
struct panel {
    uint32_t fast, last;
    uint64_t wide, deep, pitch;
    bool joined; /* the columns are so near to each other that they are read at once */
};

/* The largest panel that fits. False where there is nothing to turn: rows will do. */
static bool choose_panel(const struct walk *w, struct panel *p)
{
    uint64_t gap = w->step[p->last], reach = 0;
    if (p->fast == p->last || gap == 0 || w->step[p->fast] == 0 || w->run >= SMALL_RUN)
        return false;
    p->joined = gap <= SMALL_RUN;
    p->wide = least(w->count[p->last], p->joined ? PANEL_BYTES / 2 / gap : PANEL_WIDTH);
    reach = p->joined ? PANEL_BYTES / 2 : PANEL_BYTES / 2 / PANEL_WIDTH; /* at least SMALL_RUN */
    p->deep = reach <= w->run ? 1 : least(w->count[p->fast], 1 + (reach - w->run) / w->step[p->fast]);
    p->pitch = p->joined ? gap : ((p->deep - 1) * w->step[p->fast] + w->run + 127) / 64 * 64;
    return true;
}

static tv_status read_panel(struct bits *bits, const struct walk *w, const struct panel *p, uint64_t from,
                            uint64_t wide, uint64_t deep)
{
    uint64_t column = (deep - 1) * w->step[p->fast] + w->run;
    if (p->joined)
        return source_read(bits->ours.source, from, bits->panel, (wide - 1) * p->pitch + column);
    for (uint64_t i = 0; i < wide; i++) {
        tv_status status =
            source_read(bits->ours.source, from + i * w->step[p->last], bits->panel + i * p->pitch, column);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

/* One panel, which starts at those offsets of source and output. */
static tv_status compare_panel(struct bits *bits, const struct walk *w, const struct panel *p, uint64_t from,
                               uint64_t to, uint64_t wide, uint64_t deep, bool *same)
{
    uint64_t row = least(wide, STREAM_BYTES / w->run);
    tv_status status = read_panel(bits, w, p, from, wide, deep);
    for (uint64_t i = 0; i < deep && status == TV_OK && *same; i++) {
        const uint8_t *a = bits->panel + i * w->step[p->fast], *b = NULL;
        for (uint64_t j = 0; j < wide && *same; j += row) {
            uint64_t cells = least(row, wide - j);
            status = look(&bits->theirs, to + i * w->skip[p->fast] + j * w->run, cells * w->run, &b);
            if (status != TV_OK)
                break;
            *same = same_cells(a + j * p->pitch, p->pitch, b, w->run, cells);
        }
    }
    advance(bits, wide * deep * w->run);
    return status;
}

/* Panel by panel: all of the fast dimension for some columns, then the next columns, then the other dimensions. */
static tv_status walk_panels(struct bits *bits, struct walk *w, struct panel *p, bool *same)
{
    tv_status status = TV_OK;
    do {
        for (uint64_t j = 0; j < w->count[p->last]; j += p->wide) {
            for (uint64_t i = 0; i < w->count[p->fast]; i += p->deep) {
                w->index[p->last] = j;
                w->index[p->fast] = i;
                status =
                    compare_panel(bits, w, p, place(w, w->from, w->step), place(w, w->to, w->skip),
                                  least(p->wide, w->count[p->last] - j), least(p->deep, w->count[p->fast] - i), same);
                if (status != TV_OK || !*same)
                    return status;
            }
        }
    } while (next_index(w, p->last, p->fast));
    return status;
}

/* A tensor whose elements lie together: one run, elements of less than a byte included. */
static bool is_one_run(const struct ck_tensor *tensor)
{
    uint64_t expected = 1;
    for (uint32_t d = tensor->rank; d > 0; d--) {
        if (tensor->shape[d - 1] != 1 && tensor->stride[d - 1] != expected)
            return false;
        expected *= tensor->shape[d - 1];
    }
    return true;
}

/* Sets the windows up for a tensor: what they hold of another one is forgotten where it would be seen differently. */
static void turn_to(struct bits *bits, const struct ck_tensor *tensor, const struct storage *storage)
{
    struct window *w = &bits->theirs;
    const struct source *source = storage_source(bits->file, storage);
    uint64_t each = tensor->swap == 0 && tensor->signs == 0 ? 0 : tv_dtype_bits(tensor->dtype) / 8;
    if (bits->ours.source != source)
        bits->ours.size = 0;
    bits->ours.source = source;
    if (each != 0 || w->each != 0)
        w->size = 0;
    w->each = each;
    w->swap = tensor->swap;
    w->signs = tensor->signs;
    w->dtype = tensor->dtype;
}

tv_status bits_compare(struct bits *bits, const struct ck_tensor *tensor, const struct storage *storage, uint64_t at,
                       bool *same)
{
    struct walk w;
    uint64_t offset = 0;
    *same = true;
    if (tensor->elements == 0)
        return TV_OK;
    turn_to(bits, tensor, storage);
    if (is_one_run(tensor)) {
        if (!tv_mul(tensor->offset, tv_dtype_bits(tensor->dtype), &offset) || offset % 8 != 0 ||
            offset / 8 > storage->size || tensor->bytes > storage->size - offset / 8)
            return TV_MISUSE;
        return compare_run(bits, storage->at + offset / 8, at, tensor->bytes, same);
    }
    if (!prepare(&w, tensor, storage, at))
        return TV_MISUSE;
    if (w.rank == 0)
        return compare_run(bits, w.from, w.to, w.run, same);
    struct panel panel = {.fast = fastest(&w), .last = w.rank - 1};
    if (choose_panel(&w, &panel))
        return walk_panels(bits, &w, &panel, same);
    return walk_rows(bits, &w, same);
}
