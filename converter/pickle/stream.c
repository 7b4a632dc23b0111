/* A part of a source through one window (stream.h). */
#include "stream.h"

#include <stdlib.h>

tv_status stream_open(struct stream *s, const struct source *source, uint64_t at, uint64_t end)
{
    *s = (struct stream){.source = source, .end = end, .window_at = at};
    if (at > end || end > source->size)
        return TV_MISUSE;
    if (source_view(source, at, end - at, &s->window))
        return TV_OK;
    s->buffer = malloc(STREAM_WINDOW);
    return s->buffer == NULL ? TV_NO_MEMORY : TV_OK;
}

void stream_close(struct stream *s)
{
    free(s->buffer);
    s->buffer = NULL;
}

uint64_t stream_at(const struct stream *s)
{
    return s->window_at + s->next;
}

uint64_t stream_left(const struct stream *s)
{
    return s->end - stream_at(s);
}

/* Moves the window so that it starts at the next byte. */
static tv_status refill(struct stream *s)
{
    if (s->buffer == NULL)
        return TV_OK;
    uint64_t left = stream_left(s), size = left < STREAM_WINDOW ? left : STREAM_WINDOW;
    tv_status status = source_read(s->source, stream_at(s), s->buffer, size);
    if (status != TV_OK)
        return status;
    s->window_at += s->next;
    s->next = 0;
    s->window = tv_span_of(s->buffer, (size_t)size);
    return TV_OK;
}

tv_status stream_take(struct stream *s, uint32_t size, tv_span *bytes)
{
    if (!tv_span_sub(s->window, s->next, size, bytes)) {
        if (size > stream_left(s))
            return TV_REJECTED;
        tv_status status = refill(s);
        if (status != TV_OK)
            return status;
        if (!tv_span_sub(s->window, s->next, size, bytes))
            return TV_MISUSE;
    }
    s->next += size;
    return TV_OK;
}

/* Finds a '\n' in the window from the next byte on, at most STREAM_WINDOW bytes away. */
static bool find_line(struct stream *s, tv_span *line)
{
    tv_span rest;
    uint64_t left = s->window.size - s->next;
    if (!tv_span_sub(s->window, s->next, left < STREAM_WINDOW ? left : STREAM_WINDOW, &rest))
        return false;
    for (size_t i = 0; i < rest.size; i++)
        if (rest.data[i] == '\n') {
            *line = tv_span_of(rest.data, i);
            s->next += i + 1;
            return true;
        }
    return false;
}

tv_status stream_line(struct stream *s, tv_span *line)
{
    if (find_line(s, line))
        return TV_OK;
    tv_status status = refill(s);
    if (status != TV_OK)
        return status;
    return find_line(s, line) ? TV_OK : TV_REJECTED;
}

tv_status stream_skip(struct stream *s, uint64_t size)
{
    if (size > stream_left(s))
        return TV_REJECTED;
    if (size <= s->window.size - s->next) {
        s->next += size;
        return TV_OK;
    }
    s->window_at = stream_at(s) + size;
    s->window = tv_span_of(NULL, 0);
    s->next = 0;
    return TV_OK;
}

tv_status stream_copy(struct stream *s, uint64_t size, struct vector *bytes)
{
    tv_span part;
    if (size > stream_left(s))
        return TV_REJECTED;
    uint8_t *to = vector_extend(bytes, size);
    if (to == NULL)
        return TV_NO_MEMORY;
    if (tv_span_sub(s->window, s->next, size, &part)) {
        if (part.size != 0)
            memcpy(to, part.data, part.size);
        s->next += size;
        return TV_OK;
    }
    tv_status status = source_read(s->source, stream_at(s), to, size);
    return status != TV_OK ? status : stream_skip(s, size);
}
