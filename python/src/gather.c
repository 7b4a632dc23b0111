/* See gather.h. Short runs that lie close together are taken out of a window that one read fills: a system call for
 * each of a million runs of 8 bytes would cost more than the bytes between them. */
#include "gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

enum { WINDOW_BYTES = 262144, NEAR_BYTES = 16384 };

/* From here on two threads share the work: most of it is the kernel's, which makes memory that was not touched before a
 * page at a time. This much takes 2.5 ms, a thread 0.03 to 0.25 ms (measured; bench/RESULTS.md has the whole). */
enum { SHARED_BYTES = 4 << 20 };

/* What the source is said to have. */
static int read_alone(const source *from, uint8_t *into, uint64_t size, uint64_t at)
{
    uint64_t got = 0;
    if (from->memory != NULL) {
        memcpy(into, from->memory + at, (size_t)size);
        return 0;
    }
    int code = platform_read(from->fd, into, size, at, &got);
    return code == 0 && got < size ? SOURCE_CUT_OFF : code;
}

/* The second thread's part, and what became of it. */
typedef struct piece {
    const source *from;
    uint8_t *into;
    uint64_t size, at;
    int code;
} piece;

static void read_piece(void *argument)
{
    piece *part = argument;
    part->code = read_alone(part->from, part->into, part->size, part->at);
}

static int read_shared(const source *from, uint8_t *into, uint64_t size, uint64_t at)
{
    uint64_t half = size / 2;
    piece second = {from, into + half, size - half, at + half, 0};
    errand others = {.work = read_piece, .on = &second};
    errand_begin(&others);
    int code = read_alone(from, into, half, at);
    errand_finish(&others);
    return code != 0 ? code : second.code;
}

int source_read(const source *from, void *into, uint64_t size, uint64_t at)
{
    if (at > from->size || size > from->size - at)
        return SOURCE_CUT_OFF;
    return size < SHARED_BYTES ? read_alone(from, into, size, at) : read_shared(from, into, size, at);
}

/* Bytes [begin, end) of the file, in memory. */
typedef struct window {
    uint8_t *data;
    uint64_t begin, end;
} window;

/* One run, out of the window where it is short and near the one before. */
static int take(const source *from, window *view, uint64_t begin, uint64_t end, uint64_t limit, uint8_t *into)
{
    if (begin >= view->begin && end <= view->end) {
        memcpy(into, view->data + (begin - view->begin), (size_t)(end - begin));
        return 0;
    }
    bool near = begin >= view->end && begin - view->end <= NEAR_BYTES;
    if (!near || end - begin > NEAR_BYTES) {
        view->begin = view->end = end; /* the next run is near if it is near this one */
        return source_read(from, into, end - begin, begin);
    }
    view->begin = begin;
    view->end = limit - begin < WINDOW_BYTES ? limit : begin + WINDOW_BYTES;
    int code = source_read(from, view->data, view->end - begin, begin);
    if (code == 0)
        memcpy(into, view->data, (size_t)(end - begin));
    return code;
}

int gather_slice(const source *from, uint64_t at, uint64_t size, tv_slice *slice, uint8_t *into)
{
    uint64_t begin, end, done = 0;
    int code = 0;
    if (from->memory != NULL) {
        for (; code == 0 && tv_slice_next(slice, &begin, &end); done += end - begin)
            code = source_read(from, into + done, end - begin, at + begin);
        return code;
    }
    window view = {malloc(WINDOW_BYTES), 0, 0};
    if (view.data == NULL)
        return ENOMEM;
    for (; code == 0 && tv_slice_next(slice, &begin, &end); done += end - begin)
        code = take(from, &view, at + begin, at + end, at + size, into + done);
    free(view.data);
    return code;
}
