/* The feed (feed.h): bytes into frames, and failures into findings, through one table. */
#define _XOPEN_SOURCE 700

#include "feed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../bytes.h"
#include "../refuse.h"

#define READ_MOST ((size_t)1 << 30) /* of one call */

enum { HEAD = 12, PIECE = 65536, FAIL_MOST = 2048, HELLO_BYTES = 12, FAIL_FIXED = 16 };

/* What FAIL's codes mean: the only findings that a Python can ask for. */
static const struct {
    uint32_t code;
    tv_finding_id id;
} failures[] = {
    {1, TV_FIND_TORCH_MODULE_MISSING}, {2, TV_FIND_TORCH_CLASS_REFUSED}, {3, TV_FIND_TORCH_MEMORY},
    {4, TV_FIND_TORCH_LOAD_FAILED},    {5, TV_FIND_TORCH_NEEDS_DENSIFY}, {6, TV_FIND_TENSOR_UNSUPPORTED},
    {7, TV_FIND_TORCH_FAILED},
};

tv_status feed_refuse(struct feed *feed, const char *what)
{
    return refuse(feed->findings,
                  (struct refusal){.id = TV_FIND_TORCH_STREAM_INVALID, .offset = TV_NO_OFFSET, .detail = what});
}

static tv_status ended(struct feed *feed)
{
    return refuse(feed->findings, (struct refusal){.id = TV_FIND_TORCH_ENDED_EARLY, .offset = TV_NO_OFFSET});
}

static tv_status pull_memory(struct feed *feed, void *out, uint64_t size)
{
    tv_span part, rest;
    if (!tv_span_sub(feed->memory, 0, size, &part) || !tv_span_sub(feed->memory, size, feed->memory.size - size, &rest))
        return ended(feed);
    if (size > 0)
        memcpy(out, part.data, (size_t)size);
    feed->memory = rest;
    return TV_OK;
}

/* Exactly `size` bytes. */
static tv_status pull(struct feed *feed, void *out, uint64_t size)
{
    uint8_t *to = out;
    if (feed->fd < 0)
        return pull_memory(feed, out, size);
    while (size > 0) {
        ssize_t got = read(feed->fd, to, size > READ_MOST ? READ_MOST : (size_t)size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? TV_IO : ended(feed);
        to += got;
        size -= (uint64_t)got;
    }
    return TV_OK;
}

tv_status feed_read(struct feed *feed, void *out, uint64_t size)
{
    if (size > feed->left)
        return TV_MISUSE;
    feed->left -= size;
    return pull(feed, out, size);
}

tv_status feed_collect(struct feed *feed, struct vector *bytes)
{
    while (feed->left > 0) {
        uint64_t size = feed->left < PIECE ? feed->left : PIECE;
        uint8_t *to = vector_extend(bytes, size);
        if (to == NULL)
            return refuse_memory(feed->findings);
        tv_status status = feed_read(feed, to, size);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

/* A text of a FAIL at *at: what a finding keeps of it. False where it leaves the payload. */
static bool take_text(tv_span payload, uint64_t *at, tv_span *text)
{
    uint32_t size = 0;
    if (!tv_span_u32(payload, *at, &size) || !tv_span_sub(payload, *at + 4, size, text))
        return false;
    *at += UINT64_C(4) + size;
    return true;
}

/* FAIL: what the Python could not do. That it could not lock itself is said before HELLO alone. */
static tv_status fail(struct feed *feed)
{
    uint8_t bytes[FAIL_MOST];
    uint64_t size = feed->left, at = FAIL_FIXED - 4;
    tv_span payload = tv_span_of(bytes, (size_t)(size <= sizeof bytes ? size : 0)), subject, detail;
    if (size > sizeof bytes)
        return feed_refuse(feed, "a failure that is too long");
    tv_status status = feed_read(feed, bytes, size);
    if (status != TV_OK)
        return status;
    if (size < FAIL_FIXED || !take_text(payload, &at, &subject) || !take_text(payload, &at, &detail) || at != size)
        return feed_refuse(feed, "a failure of another form");
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (failures[i].code != u32_at(payload, 0) || (failures[i].id == TV_FIND_TORCH_FAILED) == feed->greeted)
            continue;
        tv_findings_add(feed->findings, failures[i].id, TV_NO_OFFSET, subject, detail)->a = u64_at(payload, 4);
        return failures[i].id == TV_FIND_TORCH_FAILED ? TV_IO : TV_REJECTED;
    }
    return feed_refuse(feed, "a failure that there is not");
}

tv_status feed_next(struct feed *feed)
{
    uint8_t head[HEAD];
    if (feed->left > 0)
        return TV_MISUSE;
    tv_status status = pull(feed, head, sizeof head);
    if (status != TV_OK)
        return status;
    feed->type = (uint32_t)u32_at(tv_span_of(head, sizeof head), 0);
    feed->left = u64_at(tv_span_of(head, sizeof head), 4);
    if (feed->type == 0 || feed->type >= FEED_FRAMES)
        return feed_refuse(feed, "no such frame");
    return feed->type == FEED_FAIL ? fail(feed) : TV_OK;
}

/* HELLO, first and once: the version, and that the jail is locked. It was written before the first byte was read. */
static tv_status greet(struct feed *feed)
{
    uint8_t bytes[HELLO_BYTES];
    tv_status status = feed->left == sizeof bytes ? feed_read(feed, bytes, sizeof bytes) : TV_MISUSE;
    tv_span hello = tv_span_of(bytes, sizeof bytes);
    if (status == TV_MISUSE)
        return feed_refuse(feed, "a greeting of another size");
    if (status != TV_OK)
        return status;
    if (u32_at(hello, 0) != FEED_VERSION || (u32_at(hello, 4) & feed->wanted) != feed->wanted)
        return feed_refuse(feed, "a greeting of another version, or from outside a jail");
    feed->greeted = true;
    return TV_OK;
}

tv_status feed_expect(struct feed *feed, enum feed_frame type)
{
    tv_status status = feed_next(feed);
    if (status != TV_OK)
        return status;
    if (feed->type != (uint32_t)type)
        return feed_refuse(feed, "a frame out of order");
    return type == FEED_HELLO ? greet(feed) : TV_OK;
}

tv_status feed_finish(struct feed *feed)
{
    uint8_t more = 0;
    ssize_t got = 0;
    tv_status status = feed_expect(feed, FEED_END);
    if (status != TV_OK)
        return status;
    if (feed->left > 0)
        return feed_refuse(feed, "an end that goes on");
    if (feed->fd < 0)
        got = feed->memory.size > 0 ? 1 : 0;
    while (feed->fd >= 0 && (got = read(feed->fd, &more, sizeof more)) < 0 && errno == EINTR)
        continue;
    if (got < 0)
        return TV_IO;
    return got == 0 ? TV_OK : feed_refuse(feed, "bytes after the end");
}
