/* Feeds of the torch engine: frames, structure and storages from a Python that was taken over, into a table, a plan and
 * an output.
 *
 * Oracles: what is accepted is written as a file that core's reader accepts; the comparer, fed the same bytes again,
 * finds no difference; fed with any one byte of the output changed, it finds one; a cut feed is never accepted. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <harness/receive.h>

#include "table.h"

enum { OUTPUT_MOST = 1 << 18 };

static tv_findings findings;
static uint8_t written[OUTPUT_MOST + 1];
static tv_limits limits;

static int output_file(void)
{
    static int file = -1;
    if (file < 0)
        file = memfd_create("output", 0);
    PROMISE(file >= 0 && ftruncate(file, 0) == 0);
    return file;
}

static struct feed feed_of(tv_span bytes)
{
    findings_clear(&findings);
    return (struct feed){.fd = -1, .memory = bytes, .findings = &findings};
}

static tv_status open_feed(struct received *r, struct feed *feed)
{
    const struct ck_options options = {.limits = &limits, .want_tensors = true};
    tv_status status = received_open(r, feed, TV_KIND_TORCH_ZIP, &options);
    PROMISE(status == TV_OK || tv_findings_first_error(&findings) != NULL);
    return status;
}

/* Writes; the size of the output, or 0 where it was refused. */
static uint64_t write_output(tv_span bytes, bool copy_ties)
{
    struct feed feed = feed_of(bytes);
    struct received r;
    struct plan plan;
    const struct plan_options how = {.limits = &limits, .copy_ties = copy_ties};
    tv_status status = open_feed(&r, &feed);
    uint64_t size = 0;
    if (status == TV_OK && r.table.tensors.count > 0) {
        int file = output_file();
        status = plan_make(&r.table, &how, &plan, &findings);
        if (status == TV_OK)
            status = received_write(&r, &plan, file, NULL, NULL);
        size = status == TV_OK ? plan.header_size + plan.data_size : 0;
        PROMISE(status == TV_OK || tv_findings_first_error(&findings) != NULL);
        PROMISE(size <= OUTPUT_MOST && (size == 0 || pread(file, written, sizeof written, 0) == (ssize_t)size));
        plan_free(&plan);
    }
    received_free(&r);
    return size;
}

static tv_status compare(tv_span bytes, bool copy_ties, uint64_t size)
{
    struct feed feed = feed_of(bytes);
    struct received r;
    const struct source output = source_of_memory(tv_span_of(written, size)), none = source_of_memory(bytes);
    tv_status status = open_feed(&r, &feed);
    const struct compare_options how = {
        .limits = &limits, .copy_ties = copy_ties, .data = received_compare, .data_context = &r};
    if (status == TV_OK)
        status = compare_output(&none, &r.table, &output, &how, NULL, NULL, &findings);
    received_free(&r);
    return status;
}

static void check_written(tv_span bytes, bool copy_ties, uint64_t size, uint64_t hash)
{
    static struct parsed judged;
    parse(&judged, tv_span_of(written, size), size, 0);
    PROMISE(judged.status == TV_OK);
    parsed_free(&judged);
    PROMISE(compare(bytes, copy_ties, size) == TV_OK);
    size_t at = (size_t)(hash % size);
    written[at] ^= 1;
    PROMISE(compare(bytes, copy_ties, size) == TV_REJECTED);
    written[at] ^= 1;
    oracle_accepted();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t hash = oracle_hash(data, size);
    bool copy_ties = hash % 2 == 1;
    oracle_ran(data, size);
    limits = small_limits();
    tv_span bytes = tv_span_of(data, size);
    uint64_t output = write_output(bytes, copy_ties);
    if (output == 0)
        return 0;
    check_written(bytes, copy_ties, output, hash >> 8);
    tv_span cut;
    PROMISE(tv_span_sub(bytes, 0, (hash >> 16) % size, &cut));
    PROMISE(write_output(cut, copy_ties) == 0);
    return 0;
}
