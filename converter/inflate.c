/* Inflating (inflate.h), over zlib. One part is open at a time: its stream, what was unpacked last, and the places to
 * start again: copies of the stream's state. Source: RFC 1951; zlib.h on inflateCopy. */
#include "inflate.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <zlib.h>

#define PACKED_BYTES 65536u     /* read at once */
#define KEPT_BYTES   (4u << 20) /* of what was unpacked last; small parts stay whole */
#define STEP_BYTES   262144u    /* unpacked at once */
#define RESTARTS     192u       /* places to start again; 40 KiB each: a window of 32 KiB, tables */
#define STALLS       16u        /* calls without input or output */
#define RAW_DEFLATE  (-15)      /* zlib's name for a stream without its own header, with the largest window */

/* A place anywhere in the part: not between two blocks alone, as one block can be the whole part. */
struct restart {
    uint64_t out;    /* bytes unpacked before it */
    uint64_t in;     /* bytes of the part that are used up */
    z_stream stream; /* a copy of the stream as it was there */
};

struct inflater {
    struct source file;
    struct deflated part; /* the open one; its inflater is NULL where there is none */
    uint64_t size;        /* bytes that it unpacks to */
    z_stream stream;
    bool is_open, is_ended; /* the stream; it has reached its end */
    uint64_t in_next;       /* offset in the part of what is read next */
    uint64_t kept_at;       /* offset of the first unpacked byte in `kept` */
    uint64_t kept;          /* bytes of it */
    uint32_t restarts;
    struct restart restart[RESTARTS];
    uint8_t in_bytes[PACKED_BYTES], kept_bytes[KEPT_BYTES];
};

struct inflater *inflater_new(const struct source *file)
{
    struct inflater *f = calloc(1, sizeof *f); /* pages that are never used are never there */
    if (f != NULL)
        f->file = *file;
    return f;
}

static void close_stream(struct inflater *f)
{
    if (f->is_open)
        (void)inflateEnd(&f->stream);
    f->is_open = false;
}

static void forget_restarts(struct inflater *f)
{
    while (f->restarts > 0)
        (void)inflateEnd(&f->restart[--f->restarts].stream);
}

void inflater_free(struct inflater *f)
{
    if (f != NULL) {
        close_stream(f);
        forget_restarts(f);
    }
    free(f);
}

struct source source_of_deflated(const struct deflated *part, uint64_t size)
{
    return (struct source){.fd = -1, .size = size, .deflated = part};
}

static uint64_t unpacked(const struct inflater *f)
{
    return f->kept_at + f->kept;
}

/* Starts a fresh stream at the part's beginning. */
static tv_status start(struct inflater *f)
{
    close_stream(f);
    f->stream = (z_stream){0};
    if (inflateInit2(&f->stream, RAW_DEFLATE) != Z_OK)
        return TV_NO_MEMORY;
    f->is_open = true;
    f->is_ended = false;
    f->in_next = f->kept_at = f->kept = 0;
    return TV_OK;
}

/* Starts again at a noted place. */
static tv_status start_at(struct inflater *f, uint32_t index)
{
    struct restart *r = &f->restart[index];
    close_stream(f);
    if (inflateCopy(&f->stream, &r->stream) != Z_OK)
        return TV_NO_MEMORY;
    f->is_open = true;
    f->is_ended = false;
    f->stream.avail_in = 0; /* what was read ahead then is read again */
    f->in_next = r->in;
    f->kept_at = r->out;
    f->kept = 0;
    return TV_OK;
}

/* Notes this place if it is far enough from the last one. Without memory for it, it is not noted. */
static void note_restart(struct inflater *f)
{
    uint64_t last = f->restarts == 0 ? 0 : f->restart[f->restarts - 1].out, out = unpacked(f);
    uint64_t apart = f->size / RESTARTS > STEP_BYTES ? f->size / RESTARTS : STEP_BYTES;
    struct restart *r = &f->restart[f->restarts];
    if (f->is_ended || f->restarts == RESTARTS || out < last || out - last < apart)
        return;
    r->out = out;
    r->in = f->in_next - f->stream.avail_in;
    f->restarts += inflateCopy(&r->stream, &f->stream) == Z_OK ? 1 : 0;
}

static tv_status feed(struct inflater *f)
{
    uint64_t left = f->part.packed - f->in_next, size = left < PACKED_BYTES ? left : PACKED_BYTES;
    tv_status status = source_read(&f->file, f->part.at + f->in_next, f->in_bytes, size);
    f->stream.next_in = f->in_bytes;
    f->stream.avail_in = (uInt)size;
    f->in_next += size;
    return status;
}

/* Unpacks some more, at least one byte or up to the end. TV_REJECTED where the stream is broken. */
static tv_status step(struct inflater *f)
{
    uint64_t before = unpacked(f);
    uint32_t stalls = 0;
    if (f->kept + STEP_BYTES > KEPT_BYTES) { /* half of it makes room */
        memmove(f->kept_bytes, f->kept_bytes + f->kept - KEPT_BYTES / 2, KEPT_BYTES / 2);
        f->kept_at += f->kept - KEPT_BYTES / 2;
        f->kept = KEPT_BYTES / 2;
    }
    while (!f->is_ended && unpacked(f) == before) {
        tv_status status = f->stream.avail_in == 0 && f->in_next < f->part.packed ? feed(f) : TV_OK;
        if (status != TV_OK)
            return status;
        f->stream.next_out = f->kept_bytes + f->kept;
        f->stream.avail_out = STEP_BYTES;
        int result = inflate(&f->stream, Z_NO_FLUSH);
        f->kept += STEP_BYTES - f->stream.avail_out;
        f->is_ended = result == Z_STREAM_END;
        if (result == Z_MEM_ERROR)
            return TV_NO_MEMORY;
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return TV_REJECTED;
        stalls += f->in_next == f->part.packed && f->stream.avail_in == 0 ? 1 : 0;
        if (unpacked(f) > f->size || (unpacked(f) == before && stalls > STALLS))
            return TV_REJECTED;
        note_restart(f);
    }
    return TV_OK;
}

static tv_status open_part(struct inflater *f, const struct source *source)
{
    const struct deflated *part = source->deflated;
    if (f->part.inflater != NULL && f->is_open && f->part.at == part->at && f->part.packed == part->packed &&
        f->size == source->size)
        return TV_OK;
    forget_restarts(f);
    f->part = *part;
    f->size = source->size;
    return start(f);
}

/* The last noted place up to that offset; RESTARTS where there is none. */
static uint32_t restart_before(const struct inflater *f, uint64_t at)
{
    uint32_t best = RESTARTS;
    for (uint32_t i = 0; i < f->restarts && f->restart[i].out <= at; i++)
        best = i;
    return best;
}

/* Makes the byte at that offset one of those that are kept. */
static tv_status seek(struct inflater *f, uint64_t at)
{
    uint32_t near = restart_before(f, at);
    tv_status status = TV_OK;
    if (near != RESTARTS && (at < f->kept_at || f->restart[near].out > unpacked(f)))
        status = start_at(f, near);
    else if (at < f->kept_at)
        status = start(f);
    while (status == TV_OK && at >= unpacked(f))
        status = f->is_ended ? TV_REJECTED : step(f);
    return status;
}

tv_status inflate_read(const struct source *source, uint64_t at, void *out, uint64_t size)
{
    struct inflater *f = source->deflated->inflater;
    uint8_t *to = out;
    tv_status status = open_part(f, source);
    while (status == TV_OK && size > 0) {
        status = seek(f, at);
        if (status != TV_OK)
            break;
        uint64_t part = unpacked(f) - at < size ? unpacked(f) - at : size;
        memcpy(to, f->kept_bytes + (at - f->kept_at), (size_t)part);
        at += part;
        to += part;
        size -= part;
    }
    if (status != TV_OK)
        f->part.inflater = NULL;                   /* whatever it was, the next read starts anew */
    return status == TV_REJECTED ? TV_IO : status; /* it was checked before: the file changed */
}

/* All of it, from the start. */
static tv_status check_all(struct inflater *f, uint32_t *crc, const char **trouble)
{
    tv_status status = TV_OK;
    *trouble = "broken, or unpacks to another size";
    while (status == TV_OK && !f->is_ended) {
        uint64_t before = unpacked(f);
        status = step(f);
        if (status == TV_OK)
            *crc = libdeflate_crc32(*crc, f->kept_bytes + (before - f->kept_at), (size_t)(unpacked(f) - before));
    }
    if (status != TV_OK)
        return status;
    if (unpacked(f) != f->size)
        *trouble = "shorter than its size";
    else if (f->stream.avail_in != 0 || f->in_next != f->part.packed)
        *trouble = "over before its last byte";
    else
        *trouble = NULL;
    return *trouble == NULL ? TV_OK : TV_REJECTED;
}

tv_status inflate_check(const struct source *source, uint32_t *crc, const char **trouble)
{
    struct inflater *f = source->deflated->inflater;
    *crc = 0;
    *trouble = NULL;
    f->part.inflater = NULL;
    tv_status status = open_part(f, source);
    if (status == TV_OK)
        status = check_all(f, crc, trouble);
    if (status != TV_OK)
        f->part.inflater = NULL;
    return status;
}
