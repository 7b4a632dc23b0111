/* The gather (gather.h): cutting into boxes, reading and writing them. The moving in memory is in move.c. */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#include <tensorvet/checked.h>

#include "finish.h"
#include "move.h"

#define LINE       64u   /* bytes of a cache line */
#define PADDED_RUN 1024u /* runs of the output that are at least so long are kept a cache line apart */

struct gather {
    const struct source *source;
    const struct view *view;
    struct sink *sink;
    uint8_t *from, *to;
    uint32_t order[VIEW_RANK];  /* the view's dimensions by ascending step */
    uint64_t weight[VIEW_RANK]; /* bytes of the output from one index to the next */
    uint64_t box[VIEW_RANK];    /* indices of a box, but for those at the edges */
    uint64_t origin[VIEW_RANK]; /* first index of the current box */
    uint64_t size[VIEW_RANK];   /* its indices */
    uint64_t read_at;           /* what `from` holds: a box of these sizes read at that offset; UINT64_MAX: nothing */
    uint64_t read_size[VIEW_RANK];
    bool jump;      /* boxes do not follow each other in the output */
    uint64_t start; /* offset in the file of the tensor's first byte */
    gather_progress progress;
    void *context;
};

/* How a box lies in the from-buffer. */
struct layout {
    uint64_t step[VIEW_RANK]; /* bytes from one index to the next */
    uint64_t run;             /* bytes of one read */
    uint32_t split;           /* order[0 … split) are inside a run, the rest choose the run */
};

/* Insertion sort: the rank is at most 64. */
static void order_dimensions(struct gather *g)
{
    for (uint32_t i = 0; i < g->view->rank; i++) {
        uint32_t j = i;
        for (; j > 0 && g->view->step[g->order[j - 1]] > g->view->step[i]; j--)
            g->order[j] = g->order[j - 1];
        g->order[j] = i;
    }
}

/* Lays a box of those sizes out. A dimension joins the run while the gap it opens is short; the others place whole runs
 * one after the other, padded by a cache line so that they do not all fall on the same lines of the cache.
 * False where the box does not fit GATHER_FROM. */
static bool lay_out(const struct gather *g, const uint64_t *size, struct layout *out)
{
    const struct view *view = g->view;
    uint32_t i = 0;
    out->run = view->each;
    for (; i < view->rank; i++) {
        uint32_t d = g->order[i];
        uint64_t step = view->step[d];
        out->step[d] = step;
        if (size[d] == 1)
            continue;
        if (step > out->run && step - out->run > GATHER_GAP)
            break;
        out->run += (size[d] - 1) * step; /* inside the storage: view_of */
        if (out->run > GATHER_FROM)
            return false;
    }
    out->split = i;
    uint64_t total = i == view->rank ? out->run : (out->run + LINE - 1) / LINE * LINE + LINE;
    for (; i < view->rank; i++) {
        out->step[g->order[i]] = total;
        if (!tv_mul(total, size[g->order[i]], &total) || total > GATHER_FROM)
            return false;
    }
    return total <= GATHER_FROM;
}

/* Bytes of the output that a box writes in one run, and the dimension to widen to make that longer (rank: none). */
static uint64_t output_run(const struct gather *g, uint32_t *widen)
{
    uint64_t run = g->view->each;
    for (uint32_t d = g->view->rank; d > 0; d--) {
        run *= g->box[d - 1];
        if (g->box[d - 1] < g->view->count[d - 1]) {
            *widen = d - 1;
            return run;
        }
    }
    *widen = g->view->rank;
    return run;
}

/* The same for the source: bytes of use in one read. */
static uint64_t source_run(const struct gather *g, uint32_t *widen)
{
    uint64_t run = g->view->each;
    for (uint32_t i = 0; i < g->view->rank; i++) {
        uint32_t d = g->order[i];
        if (g->view->step[d] == 0)
            continue;
        run *= g->box[d];
        if (g->box[d] < g->view->count[d]) {
            *widen = d;
            return run;
        }
    }
    *widen = g->view->rank;
    return run;
}

/* Doubles the box in that dimension if it still fits both buffers. */
static bool widen_box(struct gather *g, uint32_t d)
{
    struct layout ignored;
    uint64_t bytes = g->view->each, before = 0;
    if (d == g->view->rank)
        return false;
    before = g->box[d];
    g->box[d] = g->view->count[d] - before < before ? g->view->count[d] : before * 2;
    for (uint32_t i = 0; i < g->view->rank; i++)
        bytes *= g->box[i]; /* at most twice GATHER_TO */
    if (bytes <= GATHER_TO && lay_out(g, g->box, &ignored))
        return true;
    g->box[d] = before;
    return false;
}

/* Grows the box from one element, always on the side whose runs are shorter, until a buffer is full. */
static void choose_box(struct gather *g)
{
    bool grew = true;
    for (uint32_t d = 0; d < g->view->rank; d++)
        g->box[d] = 1;
    while (grew) {
        uint32_t by_source = 0, by_output = 0;
        bool source_first = source_run(g, &by_source) < output_run(g, &by_output);
        grew = source_first ? widen_box(g, by_source) || widen_box(g, by_output)
                            : widen_box(g, by_output) || widen_box(g, by_source);
    }
}

/* Steps the indices of some dimensions like an odometer, the last listed fastest. False when all have come round. */
static bool step_on(uint64_t *index, const uint64_t *count, const uint32_t *dims, uint32_t ndims)
{
    for (uint32_t i = ndims; i > 0; i--) {
        uint32_t d = dims[i - 1];
        if (++index[d] < count[d])
            return true;
        index[d] = 0;
    }
    return false;
}

/* Is the current box, which starts at that offset of the source, in the from-buffer already? So it is again and again
 * where a view repeats its storage (steps of 0). */
static bool is_read(const struct gather *g, uint64_t at)
{
    if (at != g->read_at)
        return false;
    for (uint32_t d = 0; d < g->view->rank; d++) {
        if (g->view->step[d] != 0 && g->size[d] != g->read_size[d])
            return false;
    }
    return true;
}

/* Reads the current box into the from-buffer, run by run. */
static tv_status read_box(struct gather *g, const struct layout *layout)
{
    uint64_t index[VIEW_RANK] = {0}, at = g->view->at;
    for (uint32_t d = 0; d < g->view->rank; d++)
        at += g->origin[d] * g->view->step[d];
    if (is_read(g, at))
        return TV_OK;
    g->read_at = UINT64_MAX;
    do {
        uint64_t from = at, to = 0;
        for (uint32_t i = layout->split; i < g->view->rank; i++) {
            from += index[g->order[i]] * g->view->step[g->order[i]];
            to += index[g->order[i]] * layout->step[g->order[i]];
        }
        tv_status status = source_read(g->source, from, g->from + to, layout->run);
        if (status != TV_OK)
            return status;
    } while (step_on(index, g->size, g->order + layout->split, g->view->rank - layout->split));
    g->read_at = at;
    memcpy(g->read_size, g->size, sizeof g->size);
    return TV_OK;
}

/* How a box lies in the to-buffer: runs of the output, padded where they are long. */
struct runs {
    uint64_t step[VIEW_RANK]; /* bytes from one index to the next */
    uint64_t run;             /* bytes of one run */
    uint32_t first;           /* dimensions [0 … first) choose the run, the rest are whole inside it */
    bool single;
};

static void lay_out_runs(const struct gather *g, struct runs *out)
{
    uint32_t rank = g->view->rank;
    uint64_t total = g->view->each;
    out->first = rank == 0 ? 0 : rank - 1;
    while (out->first > 0 && g->size[out->first] == g->view->count[out->first])
        out->first--;
    out->single = true;
    for (uint32_t d = 0; d < out->first; d++)
        out->single = out->single && g->size[d] == 1;
    for (uint32_t d = rank; d > out->first; d--) {
        out->step[d - 1] = total;
        total *= g->size[d - 1]; /* at most GATHER_TO, like everything below */
    }
    out->run = total;
    if (!out->single && out->run >= PADDED_RUN)
        total += LINE;
    for (uint32_t d = out->first; d > 0; d--) {
        out->step[d - 1] = total;
        total *= g->size[d - 1];
    }
}

/* Writes the box from the to-buffer, run by run. */
static tv_status write_box(struct gather *g, const struct runs *runs)
{
    uint64_t index[VIEW_RANK] = {0}, at = g->start;
    uint32_t dims[VIEW_RANK] = {0};
    for (uint32_t d = 0; d < g->view->rank; d++) {
        at += g->origin[d] * g->weight[d];
        dims[d] = d;
    }
    if (!g->jump) { /* then the box is a single run, and next in line */
        finish_numbers(g->view, g->to, runs->run);
        return sink_put(g->sink, g->to, runs->run);
    }
    do {
        uint64_t to = at, from = 0;
        for (uint32_t d = 0; d < runs->first; d++) {
            to += index[d] * g->weight[d];
            from += index[d] * runs->step[d];
        }
        finish_numbers(g->view, g->to + from, runs->run);
        tv_status status = sink_put_at(g->sink, to, g->to + from, runs->run);
        if (status != TV_OK)
            return status;
    } while (step_on(index, g->size, dims, runs->first));
    return TV_OK;
}

/* Reads, moves and writes one box. */
static tv_status do_box(struct gather *g)
{
    struct layout layout;
    struct runs runs;
    uint64_t elements = 1;
    for (uint32_t d = 0; d < g->view->rank; d++) {
        uint64_t left = g->view->count[d] - g->origin[d];
        g->size[d] = left < g->box[d] ? left : g->box[d];
        elements *= g->size[d];
    }
    if (!lay_out(g, g->size, &layout)) /* no larger than the box that choose_box tried */
        return TV_MISUSE;
    tv_status status = read_box(g, &layout);
    if (status != TV_OK)
        return status;
    lay_out_runs(g, &runs);
    struct move move = {
        .rank = g->view->rank, .each = g->view->each, .size = g->size, .from_step = layout.step, .to_step = runs.step};
    move_box(&move, g->from, g->to);
    status = write_box(g, &runs);
    if (status == TV_OK && g->progress != NULL)
        g->progress(g->context, elements * g->view->each);
    return status;
}

/* The next box, the last dimension fastest. */
static bool next_box(struct gather *g)
{
    for (uint32_t d = g->view->rank; d > 0; d--) {
        g->origin[d - 1] += g->size[d - 1];
        if (g->origin[d - 1] < g->view->count[d - 1])
            return true;
        g->origin[d - 1] = 0;
    }
    return false;
}

/* Are the boxes, one after the other, the output from front to back? */
static bool in_sequence(const struct gather *g)
{
    uint32_t d = 0;
    while (d < g->view->rank && g->box[d] == 1)
        d++;
    for (d++; d < g->view->rank; d++) {
        if (g->box[d] != g->view->count[d])
            return false;
    }
    return true;
}

/* Boxes one after the other. Where they do not follow each other in the output, it is written past the sink's buffer.
 */
static tv_status do_boxes(struct gather *g, uint64_t bytes)
{
    g->jump = !in_sequence(g);
    tv_status status = g->jump ? sink_flush(g->sink) : TV_OK;
    if (status != TV_OK)
        return status;
    do
        status = do_box(g);
    while (status == TV_OK && next_box(g));
    if (g->jump)
        sink_skip(g->sink, bytes);
    return status;
}

tv_status gather_view(const struct source *source, const struct view *view, struct sink *sink, gather_progress progress,
                      void *context)
{
    struct gather g = {.source = source,
                       .view = view,
                       .sink = sink,
                       .read_at = UINT64_MAX,
                       .progress = progress,
                       .context = context,
                       .start = sink_position(sink)};
    uint64_t bytes = view->each;
    tv_status status = TV_NO_MEMORY;
    for (uint32_t d = view->rank; d > 0; d--) {
        g.weight[d - 1] = bytes;
        bytes *= view->count[d - 1];
    }
    g.from = aligned_alloc(LINE, GATHER_FROM);
    g.to = aligned_alloc(LINE, GATHER_TO + GATHER_TO / PADDED_RUN * LINE);
    if (g.from != NULL && g.to != NULL) {
        order_dimensions(&g);
        choose_box(&g);
        status = do_boxes(&g, bytes);
    }
    free(g.from);
    free(g.to);
    return status;
}
