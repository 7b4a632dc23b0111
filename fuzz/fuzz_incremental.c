/* The incremental reader: an upload cut anywhere, with a total announced rightly, wrongly or not at all.
 * The last 4 bytes of an input say how many bytes of data follow the rest, as for the header target, so that both have
 * the same seeds; cuts and announcement depend on all of it.
 *
 * Oracles: the end result is that of the one-shot reader on the same bytes, findings and index included; once rejected,
 * it stays so; an index once given stays as it is. */
#include <string.h>

#include <tensorvet/incremental.h>

#include "parse.h"

enum { HEAD_MOST = 8192, FILE_MOST = 3 * HEAD_MOST };

struct outcome {
    tv_status status;
    tv_findings findings;
};

/* The errors must be the same; notes come with an accepted file alone. How many bytes trail is not known before the
 * upload ends. */
static void check_same(const struct outcome *ours, const struct parsed *whole)
{
    const tv_finding *mine = tv_findings_first_error(&ours->findings);
    const tv_finding *theirs = tv_findings_first_error(&whole->findings);
    PROMISE((mine == NULL) == (theirs == NULL));
    if (mine != NULL)
        PROMISE(mine->id == theirs->id && mine->offset == theirs->offset &&
                (mine->a == theirs->a || mine->id == TV_FIND_TRAILING_DATA) && mine->b == theirs->b &&
                tv_span_equal(tv_finding_subject(mine), tv_finding_subject(theirs)));
    if (ours->status == TV_OK) {
        PROMISE(ours->findings.count == whole->findings.count);
        for (uint32_t i = 0; i < ours->findings.count; i++)
            PROMISE(ours->findings.items[i].id == whole->findings.items[i].id);
    }
}

static void check_index(const tv_index *ours, const tv_index *theirs)
{
    PROMISE(ours->count == theirs->count && ours->data_start == theirs->data_start);
    PROMISE(ours->metadata_at == theirs->metadata_at && ours->metadata_count == theirs->metadata_count);
    for (uint64_t i = 0; i < ours->count; i++)
        PROMISE(memcmp(&ours->tensors[i], &theirs->tensors[i], sizeof ours->tensors[i]) == 0);
}

/* Feeds all of the bytes in pieces whose sizes come from the seed; each piece is a block of its own size. */
static tv_status feed(tv_feed *feed, tv_span bytes, uint8_t cuts, tv_findings *findings)
{
    tv_status status = TV_MORE;
    uint64_t state = cuts;
    for (size_t at = 0; at < bytes.size;) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        size_t left = bytes.size - at, most = cuts < 128 ? 1 + cuts % 16u : 1 + (size_t)(state >> 33) % 600;
        size_t size = left < most ? left : most;
        tv_span part;
        PROMISE(tv_span_sub(bytes, at, size, &part));
        uint8_t *copy = malloc(size);
        PROMISE(copy != NULL);
        memcpy(copy, part.data, size);
        tv_status before = status;
        status = tv_feed_bytes(feed, tv_span_of(copy, size), findings);
        free(copy);
        PROMISE(before == TV_MORE || status == before);
        PROMISE(status == TV_MORE || tv_feed_index(feed) == NULL || status != TV_OK);
        at += size;
    }
    return status;
}

static void run(tv_span bytes, uint64_t announced, uint8_t cuts)
{
    static struct parsed whole;
    static struct outcome ours;
    const tv_limits limits = tv_limits_default();
    tv_feed upload;
    findings_clear(&ours.findings);
    tv_feed_open(&upload, announced, &limits, cuts);
    tv_status status = feed(&upload, bytes, cuts, &ours.findings);
    PROMISE(status == TV_MORE || status == TV_REJECTED || status == TV_MISUSE);
    PROMISE(status != TV_MISUSE || announced < bytes.size);
    ours.status = status == TV_MORE ? tv_feed_end(&upload, &ours.findings) : status;
    if (ours.status == TV_OK || ours.status == TV_REJECTED)
        check_refusal(ours.status, &ours.findings, UINT64_MAX);
    if (announced == TV_SIZE_UNKNOWN || announced == bytes.size) {
        parse(&whole, bytes, bytes.size, 0);
        PROMISE(ours.status == whole.status);
        check_same(&ours, &whole);
        if (ours.status == TV_OK) {
            PROMISE(tv_feed_index(&upload) != NULL);
            check_index(tv_feed_index(&upload), &whole.index);
            oracle_accepted();
        }
        parsed_free(&whole);
    }
    tv_feed_close(&upload);
}

/* The file that an input stands for: all but its last 4 bytes, and so many zeroes. */
static tv_span file_of(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_MOST];
    uint32_t claimed = 0;
    size_t head = size < 4 ? size : size - 4;
    (void)tv_span_u32(tv_span_of(data, size), head, &claimed);
    head = head < HEAD_MOST ? head : HEAD_MOST;
    claimed = claimed < FILE_MOST - HEAD_MOST ? claimed : FILE_MOST - HEAD_MOST;
    if (head > 0)
        memcpy(file, data, head);
    memset(file + head, 0, claimed);
    return tv_span_of(file, head + claimed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tv_span file = file_of(data, size);
    uint64_t hash = oracle_hash(data, size), right = file.size, more = hash >> 8 & 255;
    uint64_t claimed = hash % 4 > 0 ? right : hash % 8 == 0 ? right + more : right - more % (right + 1);
    oracle_ran(data, size);
    run(file, (hash >> 16) % 2 == 0 ? TV_SIZE_UNKNOWN : claimed, (uint8_t)(hash >> 24));
    return 0;
}
