/* Whole conversions: table, plan, write into a file of memory, compare, judge.
 *
 * Oracles: the comparer accepts what the writer wrote, and core's reader accepts it alone; after a change of any one
 * byte, a cut or an addition the comparer refuses it. The place of the change depends on the input; with
 * FUZZ_EVERY_BYTE in the environment every byte is changed, one at a time. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <compare.h>
#include <plan.h>

#include "table.h"

enum { OUTPUT_MOST = 1 << 18 };

static tv_findings findings;
static uint8_t written[OUTPUT_MOST + 1];

static bool every_byte(void)
{
    static int every = -1;
    if (every < 0)
        every = getenv("FUZZ_EVERY_BYTE") != NULL;
    return every == 1;
}

static int output_file(void)
{
    static int file = -1;
    if (file < 0)
        file = memfd_create("output", 0);
    PROMISE(file >= 0 && ftruncate(file, 0) == 0);
    return file;
}

struct conversion {
    struct table table;
    struct source source;
    struct compare_options compare;
    uint64_t size; /* of the output, whose bytes are in `written` */
};

/* The comparer's word on the output as it is in memory now. Its table is read afresh, as in a fresh worker. */
static tv_status compare(struct conversion *c, uint64_t size)
{
    const struct source output = source_of_memory(tv_span_of(written, size));
    findings_clear(&findings);
    tv_status status = compare_output(&c->source, &c->table.checkpoint, &output, &c->compare, NULL, NULL, &findings);
    PROMISE((status == TV_REJECTED) == (tv_findings_first_error(&findings) != NULL));
    return status;
}

static void check_change(struct conversion *c, size_t at, uint64_t hash)
{
    uint8_t change = (uint8_t)(1 + (hash >> 40) % 255);
    written[at] ^= change;
    PROMISE(compare(c, c->size) == TV_REJECTED);
    written[at] ^= change;
}

static void check_changes(struct conversion *c, uint64_t hash)
{
    check_change(c, (size_t)(hash % c->size), hash);
    for (size_t at = 0; every_byte() && at < c->size; at++)
        check_change(c, at, hash + ((uint64_t)at << 40));
    if (hash % 8 == 0) {
        PROMISE(compare(c, c->size - 1 - hash % c->size) == TV_REJECTED);
        written[c->size] = 0;
        PROMISE(compare(c, c->size + 1) == TV_REJECTED);
    }
}

static void check_judge(uint64_t size)
{
    static struct parsed judged;
    parse(&judged, tv_span_of(written, size), size, 0);
    PROMISE(judged.status == TV_OK);
    parsed_free(&judged);
}

static void convert(struct conversion *c, uint64_t hash)
{
    struct plan plan;
    const struct plan_options how = {.limits = c->compare.limits,
                                     .copy_ties = c->compare.copy_ties,
                                     .metadata = c->compare.metadata,
                                     .pairs = c->compare.pairs,
                                     .no_metadata = c->compare.no_metadata};
    int file = output_file();
    tv_status status = plan_make(&c->table.checkpoint, &how, &plan, &findings);
    const uint32_t parts = 1 + (uint32_t)(hash % 3); /* the parts of several workers make the file of one */
    for (uint32_t part = 0; part < parts && status == TV_OK; part++) {
        const struct plan_writing way = {.part = part, .parts = parts};
        status = plan_write(&c->source, &c->table.checkpoint, &plan, file, &way, &findings);
    }
    PROMISE(status == TV_OK || status == TV_REJECTED);
    c->size = plan.header_size + plan.data_size;
    plan_free(&plan);
    if (status != TV_OK)
        return;
    PROMISE(c->size <= OUTPUT_MOST && pread(file, written, sizeof written, 0) == (ssize_t)c->size);
    check_judge(c->size);
    PROMISE(compare(c, c->size) == TV_OK);
    check_changes(c, hash);
    oracle_accepted();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conversion c;
    const tv_limits limits = small_limits();
    const struct ck_options options = {.limits = &limits, .want_tensors = true};
    uint64_t hash = oracle_hash(data, size);
    oracle_ran(data, size);
    c.source = source_of_memory(tv_span_of(data, size));
    findings_clear(&findings);
    table_open(&c.table, &c.source, &options, &findings);
    c.compare = (struct compare_options){.copy_ties = hash % 2 == 1,
                                         .limits = &limits,
                                         .metadata = c.table.pairs,
                                         .pairs = c.table.pair_count,
                                         .no_metadata = c.table.no_metadata};
    if (c.table.status == TV_OK && (c.table.checkpoint.tensors.count > 0 || c.table.kind == TV_KIND_SAFETENSORS))
        convert(&c, hash >> 8);
    table_close(&c.table);
    return 0;
}
