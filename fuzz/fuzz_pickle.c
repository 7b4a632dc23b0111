/* The inert machine: any bytes as a pickle, under small limits.
 *
 * Oracles: no limit is exceeded and the budget gets back what it gave; every handle, text and item that the result
 * holds can be followed; STOP is inside; the machine took the operations that a naive walk finds, as many and as far,
 * and refused at the start of one; a stream read through a window from a file gives what one in memory gives. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include <pickle/machine.h>

#include "oracle.h"
#include "parse.h"
#include "walk.h"

enum { BUDGET = 1 << 24, OPERATIONS = 20000, OBJECTS = 10000, MEMO = 5000 };

struct outcome {
    tv_status status;
    tv_findings findings;
    struct pickle_use use;
    uint64_t values, mentions, end;
};

static uint64_t mixed;

static void follow_text(tv_span text)
{
    mixed += oracle_hash(text.data, text.size);
}

/* Every item of every container, every part of every record: reading them is the test, the sanitizer the judge. */
static void follow_value(const struct pickle *p, uint32_t handle)
{
    struct items items = items_of(p, handle);
    uint32_t item = 0, met = 0;
    const struct value *value = pickle_value(p, handle);
    PROMISE(value->type < V_COUNT);
    follow_text(pickle_text(p, handle));
    while (items_next(&items, &item)) {
        PROMISE(item < p->values.count);
        met++;
    }
    bool container = value->type >= V_TUPLE && value->type <= V_FROZENSET;
    PROMISE(met == (container ? value->size : 0));
    PROMISE(value->type != V_DICT || value->size % 2 == 0);
    const struct record *record = pickle_record(p, handle);
    PROMISE((record != NULL) == (value->type == V_RECORD));
    if (record != NULL) {
        const uint32_t parts[] = {record->callable, record->args,  record->kwargs,
                                  record->items,    record->pairs, record->states};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            PROMISE(parts[i] == NO_VALUE || parts[i] < p->values.count);
        PROMISE((record->how == HOW_GLOBAL) == (pickle_mention(p, handle) != NULL));
    }
}

static void follow(const struct pickle *p)
{
    for (uint32_t i = 0; i < p->values.count; i++)
        follow_value(p, i);
    for (uint64_t i = 0; i < p->mentions.count; i++) {
        const struct mention *mention = vector_at(&p->mentions, i);
        follow_text(mention_module(p, mention));
        follow_text(mention_name(p, mention));
        PROMISE(mention_class(p, mention) <= TV_CLASS_DANGEROUS);
        mixed += mention_called(mention);
    }
}

/* What was accepted, operation by operation: the same count up to STOP, and no slot beyond what the limit allows. */
static void check_walk(tv_span stream, const struct outcome *out)
{
    uint64_t at = 0, operations = 0, slots = 0;
    struct walk_op op = {0};
    while (op.opcode != '.') {
        PROMISE(walk_op_at(stream, at, &op));
        operations++;
        at = op.next;
        slots += op.opcode == 0x94; /* MEMOIZE */
        PROMISE((op.opcode != 'p' && op.opcode != 'q' && op.opcode != 'r') || op.number < MEMO);
    }
    PROMISE(operations == out->use.operations && at == out->end && slots <= MEMO);
}

/* What was refused was refused at the start of the last operation that was begun, or right behind it: where a limit
 * kept the next from being begun, or where STOP left bytes over. */
static void check_refused_at(tv_span stream, const struct outcome *out)
{
    const tv_finding *error = tv_findings_first_error(&out->findings);
    uint64_t at = 0;
    struct walk_op op;
    for (uint64_t i = 1; i < out->use.operations; i++) {
        PROMISE(walk_op_at(stream, at, &op));
        at = op.next;
    }
    PROMISE(error != NULL);
    if (error->offset != at && error->offset != TV_NO_OFFSET)
        PROMISE(walk_op_at(stream, at, &op) && error->offset == op.next);
}

static void run(const struct source *source, bool ends_part, uint64_t given, struct outcome *out)
{
    tv_limits limits = tv_limits_default();
    struct pickle pickle;
    struct budget budget = {given};
    out->use = (struct pickle_use){0};
    limits.pickle_ops = OPERATIONS;
    limits.pickle_objects = OBJECTS;
    limits.pickle_memo = MEMO;
    struct pickle_options options = {&limits, &out->use, ends_part};
    findings_clear(&out->findings);
    pickle_start(&pickle, &budget);
    out->status = pickle_run(source, 0, source->size, &options, &pickle, &out->findings);
    check_refusal(out->status, &out->findings, source->size);
    PROMISE(out->status == TV_OK || out->status == TV_REJECTED);
    PROMISE(out->use.operations <= OPERATIONS + 1 && out->use.objects <= OBJECTS + 1);
    PROMISE(pickle.values.count <= OBJECTS + 1 && budget.bytes_left <= given);
    if (out->status == TV_OK)
        PROMISE(pickle.root < pickle.values.count && pickle.end <= source->size && pickle.end > 0 &&
                (!ends_part || pickle.end == source->size));
    follow(&pickle);
    out->values = pickle.values.count;
    out->mentions = pickle.mentions.count;
    out->end = pickle.end;
    pickle_free(&pickle);
    PROMISE(budget.bytes_left == given);
}

/* The same bytes in a file, read through the window. */
static void run_from_file(const uint8_t *data, size_t size, bool ends_part, uint64_t given,
                          const struct outcome *expected)
{
    static struct outcome met;
    static int file = -1;
    if (file < 0)
        file = memfd_create("pickle", 0);
    PROMISE(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    struct source source = {.fd = file, .size = size};
    run(&source, ends_part, given, &met);
    PROMISE(met.status == expected->status && met.values == expected->values && met.mentions == expected->mentions);
    PROMISE(met.findings.count == expected->findings.count);
    for (uint32_t i = 0; i < met.findings.count; i++)
        PROMISE(met.findings.items[i].id == expected->findings.items[i].id &&
                met.findings.items[i].offset == expected->findings.items[i].offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole;
    uint64_t hash = oracle_hash(data, size), given = hash % 16 == 0 ? (hash >> 8) % 20000 : BUDGET;
    struct source source = source_of_memory(tv_span_of(data, size));
    oracle_ran(data, size);
    run(&source, hash % 2 == 0, given, &whole);
    if (hash % 32 == 1)
        run_from_file(data, size, false, given, &whole);
    if (whole.status == TV_OK) {
        check_walk(tv_span_of(data, size), &whole);
        oracle_accepted();
    } else {
        check_refused_at(tv_span_of(data, size), &whole);
    }
    return 0;
}
