/* Two tables (diff.h): sorted by name, walked side by side; the elements of a pair are read in the same order through a
 * window on each file. */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "equal.h"
#include "finish.h"
#include "sort.h"
#include "view.h"

enum { WINDOW_BYTES = 1 << 18, PIECE_BYTES = 1 << 16 };

/* Reads the elements of one tensor in order. */
struct cursor {
    const struct source *source;
    struct view view; /* at least of one dimension */
    uint64_t index[VIEW_RANK];
    uint8_t *window;              /* WINDOW_BYTES */
    uint64_t window_at, windowed; /* what it holds */
};

static bool cursor_open(struct cursor *c)
{
    *c = (struct cursor){.window = malloc(WINDOW_BYTES)};
    return c->window != NULL;
}

/* Bytes from the file, through the window. */
static tv_status cursor_read(struct cursor *c, uint64_t at, uint8_t *to, uint64_t size)
{
    while (size > 0) {
        if (at < c->window_at || at - c->window_at >= c->windowed) {
            uint64_t left = at < c->source->size ? c->source->size - at : 0;
            c->window_at = at;
            c->windowed = left < WINDOW_BYTES ? left : WINDOW_BYTES;
            if (c->windowed == 0)
                return TV_MISUSE;
            tv_status status = source_read(c->source, at, c->window, c->windowed);
            if (status != TV_OK)
                return status;
        }
        uint64_t have = c->windowed - (at - c->window_at), part = size < have ? size : have;
        memcpy(to, c->window + (at - c->window_at), (size_t)part);
        to += part;
        at += part;
        size -= part;
    }
    return TV_OK;
}

/* To the first element of a tensor that is not empty. */
static tv_status cursor_start(struct cursor *c, const struct diff_side *side, const struct ck_tensor *tensor)
{
    const struct storage *storage = vector_at(&side->table->storages, tensor->storage);
    if (storage == NULL)
        return TV_MISUSE;
    tv_status status = view_of(tensor, storage, &c->view, side->findings);
    if (status != TV_OK)
        return status;
    if (c->view.rank == 0) { /* a single element */
        c->view.rank = 1;
        c->view.count[0] = 1;
        c->view.step[0] = c->view.each;
    }
    if (c->source != storage_source(side->source, storage))
        c->windowed = 0;
    c->source = storage_source(side->source, storage);
    memset(c->index, 0, sizeof c->index);
    return TV_OK;
}

/* Moves on by `elements` of the last dimension, which are there. */
static void cursor_advance(struct cursor *c, uint64_t elements)
{
    uint32_t d = c->view.rank - 1;
    c->index[d] += elements;
    for (; d > 0 && c->index[d] == c->view.count[d]; d--) {
        c->index[d] = 0;
        c->index[d - 1]++;
    }
}

/* The next `size` bytes of the tensor's elements: whole elements, and no more than are left. */
static tv_status cursor_take(struct cursor *c, uint8_t *to, uint64_t size)
{
    uint32_t last = c->view.rank - 1;
    uint8_t *const start = to;
    const uint64_t all = size;
    while (size > 0) {
        uint64_t at = c->view.at, run = 1;
        for (uint32_t d = 0; d < c->view.rank; d++)
            at += c->index[d] * c->view.step[d];
        if (c->view.step[last] == c->view.each)
            run = c->view.count[last] - c->index[last];
        if (run > size / c->view.each)
            run = size / c->view.each;
        tv_status status = cursor_read(c, at, to, run * c->view.each);
        if (status != TV_OK)
            return status;
        cursor_advance(c, run);
        to += run * c->view.each;
        size -= run * c->view.each;
    }
    finish_numbers(&c->view, start, all);
    return TV_OK;
}

struct diffing {
    const struct diff_side *sides[2];
    const struct diff_listener *listener;
    uint32_t *orders[2];
    struct cursor cursors[2];
    uint8_t *pieces[2];
    uint64_t done, total;
};

static bool name_before(const void *context, uint32_t a, uint32_t b)
{
    const struct ck_tensor *tensors = context;
    return tv_span_compare(tensors[a].name, tensors[b].name) < 0;
}

static const struct ck_tensor *tensor_at(const struct diffing *d, int side, uint64_t index)
{
    return vector_at(&d->sides[side]->table->tensors, d->orders[side][index]);
}

static bool open_diff(struct diffing *d)
{
    bool good = true;
    for (int i = 0; i < 2; i++) {
        const struct vector *tensors = &d->sides[i]->table->tensors;
        good = cursor_open(&d->cursors[i]) && good;
        d->orders[i] = calloc((size_t)tensors->count + 1, sizeof *d->orders[i]);
        d->pieces[i] = malloc(PIECE_BYTES);
        good = good && d->orders[i] != NULL && d->pieces[i] != NULL;
        for (uint32_t t = 0; good && t < tensors->count; t++)
            d->orders[i][t] = t;
        if (good)
            sort_items(d->orders[i], tensors->count, name_before, tensors->data);
    }
    for (uint64_t i = 0; i < d->sides[0]->table->tensors.count; i++)
        d->total += ((const struct ck_tensor *)vector_at(&d->sides[0]->table->tensors, i))->bytes;
    return good;
}

static void close_diff(struct diffing *d)
{
    for (int i = 0; i < 2; i++) {
        free(d->cursors[i].window);
        free(d->orders[i]);
        free(d->pieces[i]);
    }
}

/* Pieces are a multiple of every element's size. */
static tv_status compare_bits(struct diffing *d, const struct ck_tensor *a, const struct ck_tensor *b, bool *same)
{
    uint64_t left = a->bytes;
    tv_status status = left == 0 ? TV_OK : cursor_start(&d->cursors[0], d->sides[0], a);
    if (status == TV_OK && left != 0)
        status = cursor_start(&d->cursors[1], d->sides[1], b);
    *same = true;
    while (status == TV_OK && left > 0 && *same) {
        uint64_t size = left < PIECE_BYTES ? left : PIECE_BYTES;
        status = cursor_take(&d->cursors[0], d->pieces[0], size);
        if (status == TV_OK)
            status = cursor_take(&d->cursors[1], d->pieces[1], size);
        *same = status != TV_OK || equal_bytes(d->pieces[0], d->pieces[1], size);
        left -= size;
        if (d->listener->progress != NULL)
            d->listener->progress(d->listener->context, d->done + (a->bytes - left), d->total);
    }
    d->done += a->bytes;
    return status;
}

static bool same_shape(const struct ck_tensor *a, const struct ck_tensor *b)
{
    bool same = a->rank == b->rank;
    for (uint32_t i = 0; same && i < a->rank; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

static tv_status compare_pair(struct diffing *d, const struct ck_tensor *a, const struct ck_tensor *b, uint64_t *same)
{
    bool equal = true;
    tv_status status = TV_OK;
    if (a->dtype != b->dtype || (a->dtype == TV_DTYPE_COUNT && strcmp(a->source_dtype, b->source_dtype) != 0)) {
        d->listener->differs(d->listener->context, DIFF_DTYPE, a, b);
    } else if (!same_shape(a, b)) {
        d->listener->differs(d->listener->context, DIFF_SHAPE, a, b);
    } else {
        status = compare_bits(d, a, b, &equal);
        if (status == TV_OK && !equal)
            d->listener->differs(d->listener->context, DIFF_BITS, a, b);
        *same += status == TV_OK && equal ? 1 : 0;
    }
    return status;
}

static tv_status walk(struct diffing *d, uint64_t *same)
{
    uint64_t i = 0, j = 0, a_count = d->sides[0]->table->tensors.count, b_count = d->sides[1]->table->tensors.count;
    tv_status status = TV_OK;
    while (status == TV_OK && (i < a_count || j < b_count)) {
        const struct ck_tensor *a = i < a_count ? tensor_at(d, 0, i) : NULL,
                               *b = j < b_count ? tensor_at(d, 1, j) : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : tv_span_compare(a->name, b->name);
        if (order < 0)
            d->listener->differs(d->listener->context, DIFF_ONLY_IN_A, a, NULL);
        else if (order > 0)
            d->listener->differs(d->listener->context, DIFF_ONLY_IN_B, NULL, b);
        else
            status = compare_pair(d, a, b, same);
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    return status;
}

tv_status diff_tables(const struct diff_side *a, const struct diff_side *b, const struct diff_listener *listener,
                      uint64_t *same)
{
    struct diffing d = {.sides = {a, b}, .listener = listener};
    *same = 0;
    if (a->table->tensors.count >= UINT32_MAX || b->table->tensors.count >= UINT32_MAX)
        return TV_MISUSE;
    tv_status status = open_diff(&d) ? walk(&d, same) : TV_NO_MEMORY;
    close_diff(&d);
    return status;
}
