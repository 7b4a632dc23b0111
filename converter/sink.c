/* The sink (sink.h): one buffer, pwrite. */
#define _POSIX_C_SOURCE 200809L
#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

tv_status sink_open(struct sink *sink, int fd)
{
    *sink = (struct sink){.fd = fd};
    sink->buffer = aligned_alloc(4096, SINK_BYTES);
    return sink->buffer == NULL ? TV_NO_MEMORY : TV_OK;
}

void sink_close(struct sink *sink)
{
    free(sink->buffer);
    sink->buffer = NULL;
}

uint64_t sink_position(const struct sink *sink)
{
    return sink->base + sink->fill;
}

tv_status sink_put_at(struct sink *sink, uint64_t at, const void *bytes, uint64_t size)
{
    const char *from = bytes;
    while (size > 0) {
        ssize_t wrote = pwrite(sink->fd, from, (size_t)size, (off_t)at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            sink->error = wrote < 0 ? errno : EIO;
            return TV_IO;
        }
        from += wrote;
        at += (uint64_t)wrote;
        size -= (uint64_t)wrote;
    }
    return TV_OK;
}

tv_status sink_flush(struct sink *sink)
{
    tv_status status = sink_put_at(sink, sink->base, sink->buffer, sink->fill);
    sink->base += sink->fill;
    sink->fill = 0;
    return status;
}

tv_status sink_end(struct sink *sink, uint64_t size)
{
    if (ftruncate(sink->fd, (off_t)size) == 0)
        return TV_OK;
    sink->error = errno;
    return TV_IO;
}

uint8_t *sink_room(struct sink *sink, uint64_t *room)
{
    /* Ends of pieces fall on multiples of SINK_BYTES, so that whole pages are written after any odd start. */
    uint64_t capacity = SINK_BYTES - sink->base % SINK_BYTES;
    if (sink->fill == capacity) {
        if (sink_flush(sink) != TV_OK)
            return NULL;
        capacity = SINK_BYTES;
    }
    *room = capacity - sink->fill;
    return sink->buffer + sink->fill;
}

void sink_advance(struct sink *sink, uint64_t size)
{
    sink->fill += size;
}

tv_status sink_put(struct sink *sink, const void *bytes, uint64_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        uint64_t room = 0;
        uint8_t *to = sink_room(sink, &room);
        if (to == NULL)
            return TV_IO;
        if (room > size)
            room = size;
        memcpy(to, from, (size_t)room);
        sink_advance(sink, room);
        from += room;
        size -= room;
    }
    return TV_OK;
}

void sink_skip(struct sink *sink, uint64_t size)
{
    sink->base += size;
}
