/* The incremental form: collects the prefix, then the header, judges it, then counts. Trusts nothing in the bytes. */
#include <tensorvet/incremental.h>

#include <stdlib.h>

#include "magic.h"

enum { BUFFER_FIRST = 4096 };

void tv_feed_open(tv_feed *feed, uint64_t file_size, const tv_limits *limits, uint64_t seed)
{
    memset(feed, 0, sizeof *feed);
    feed->limits = *limits;
    feed->file_size = file_size;
    feed->seed = seed;
    feed->status = TV_MORE;
}

/* Room for `more` bytes behind those held; at most twice what is then held, and a first page. */
static tv_status make_room(tv_feed *feed, uint64_t more)
{
    if (more <= feed->capacity - feed->held)
        return TV_OK;
    uint64_t wanted = feed->held + more;
    uint64_t capacity = wanted < BUFFER_FIRST ? BUFFER_FIRST : 2 * feed->capacity;
    if (capacity < wanted)
        capacity = wanted;
    uint8_t *grown = realloc(feed->buffer, (size_t)capacity);
    if (grown == NULL)
        return TV_NO_MEMORY;
    feed->buffer = grown;
    feed->capacity = capacity;
    return TV_OK;
}

/* Copies from the bytes at *at until `goal` bytes are held, or to their end. TV_MORE: the goal is not reached. */
static tv_status hold(tv_feed *feed, tv_span bytes, uint64_t *at, uint64_t goal)
{
    tv_span part;
    uint64_t wanted = goal - feed->held, left = bytes.size - *at;
    uint64_t count = wanted < left ? wanted : left;
    if (make_room(feed, count) != TV_OK)
        return TV_NO_MEMORY;
    if (count > 0 && tv_span_sub(bytes, *at, count, &part)) {
        memcpy(feed->buffer + feed->held, part.data, (size_t)count);
        feed->held += count;
        *at += count;
    }
    return feed->held == goal ? TV_OK : TV_MORE;
}

static tv_status judge_prefix(tv_feed *feed, uint64_t file_size, tv_findings *findings)
{
    uint64_t length = 0;
    tv_status status =
        tv_header_length(tv_span_of(feed->buffer, feed->held), file_size, &feed->limits, &length, findings);
    if (status == TV_OK)
        feed->header_end = PREFIX_BYTES + length;
    return status;
}

/* Hands findings over to the caller. */
static void pass_on(const tv_findings *from, tv_findings *to)
{
    for (uint32_t i = 0; i < from->count; i++) {
        tv_finding *finding = tv_findings_add(to, from->items[i].id, 0, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
        *finding = from->items[i];
    }
}

/* Judges the header. Its warnings are kept back: they are for a file that is accepted, which only the end tells. */
static tv_status judge_header(tv_feed *feed, uint64_t file_size, tv_findings *findings)
{
    uint64_t size = tv_index_memory(feed->held - PREFIX_BYTES);
    free(feed->notes);
    free(feed->memory);
    feed->notes = calloc(1, sizeof *feed->notes);
    feed->memory = malloc((size_t)size);
    if (feed->notes == NULL || feed->memory == NULL)
        return TV_NO_MEMORY;
    tv_arena arena = {feed->memory, (size_t)size, 0};
    tv_status status = tv_index_parse(tv_span_of(feed->buffer, feed->held), file_size, &feed->limits, feed->seed,
                                      &arena, &feed->index, feed->notes);
    feed->has_index = status == TV_OK;
    if (status != TV_OK)
        pass_on(feed->notes, findings);
    return status;
}

/* Where the file must end: as announced, or as the tensors say. */
static uint64_t expected_size(const tv_feed *feed)
{
    return feed->file_size != TV_SIZE_UNKNOWN ? feed->file_size : feed->index.data_start + feed->index.data_size;
}

/* More bytes than the tensors own, of a file that did not say how many it would have. */
static tv_status reject_trailing(tv_feed *feed, tv_findings *findings)
{
    uint64_t expected = expected_size(feed);
    tv_span none = tv_span_of(NULL, 0);
    tv_finding *finding = tv_findings_add(findings, TV_FIND_TRAILING_DATA, expected, none, none);
    finding->a = feed->received - expected;
    finding->b = expected - feed->header_end; /* the end of the last tensor, as layout_check says it */
    return TV_REJECTED;
}

static tv_status take_bytes(tv_feed *feed, tv_span bytes, tv_findings *findings)
{
    uint64_t at = 0;
    tv_status status = TV_OK;
    if (feed->header_end == 0) {
        status = hold(feed, bytes, &at, PREFIX_BYTES);
        if (status == TV_OK)
            status = judge_prefix(feed, feed->file_size, findings);
    }
    if (status == TV_OK && !feed->has_index) {
        status = hold(feed, bytes, &at, feed->header_end);
        if (status == TV_OK)
            status = judge_header(feed, feed->file_size, findings);
    }
    if (status != TV_OK)
        return status;
    return feed->received > expected_size(feed) ? reject_trailing(feed, findings) : TV_MORE;
}

tv_status tv_feed_bytes(tv_feed *feed, tv_span bytes, tv_findings *findings)
{
    if (feed->status != TV_MORE)
        return feed->status;
    if (bytes.size > feed->file_size - feed->received)
        return feed->status = TV_MISUSE;
    feed->received += bytes.size;
    return feed->status = take_bytes(feed, bytes, findings);
}

const tv_index *tv_feed_index(const tv_feed *feed)
{
    return feed->has_index ? &feed->index : NULL;
}

/* An upload that stopped before its end: judged again as a file of the size that arrived. */
static tv_status judge_short(tv_feed *feed, tv_findings *findings)
{
    tv_status status = judge_prefix(feed, feed->received, findings);
    if (status != TV_OK)
        return status == TV_MORE ? TV_MISUSE : status;
    return judge_header(feed, feed->received, findings);
}

tv_status tv_feed_end(tv_feed *feed, tv_findings *findings)
{
    if (feed->status == TV_MORE) {
        bool whole = feed->has_index && feed->received == expected_size(feed);
        feed->status = whole ? TV_OK : judge_short(feed, findings);
        if (whole)
            pass_on(feed->notes, findings);
    }
    return feed->status;
}

void tv_feed_close(tv_feed *feed)
{
    free(feed->buffer);
    free(feed->memory);
    free(feed->notes);
    memset(feed, 0, sizeof *feed);
    feed->status = TV_MISUSE;
}
