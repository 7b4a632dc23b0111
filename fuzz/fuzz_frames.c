/* The decoder of frames, fed by a hostile worker. The last two bytes of an input choose the job and how it is cut.
 *
 * Oracles: the same bytes cut anywhere decode to the same; every value that anyone hears of is inside its enumeration
 * and every text inside what was fed; a state other than FINE is final; a whole report fits its own word. */
#include <string.h>

#include "block.h"
#include "decode.h"
#include "oracle.h"

/* What was heard, as one number. */
struct heard {
    uint64_t hash, rows;
};

static void mix(struct heard *h, uint64_t value)
{
    h->hash = (h->hash ^ value) * 0x9e3779b97f4a7c15u;
    h->hash ^= h->hash >> 29;
}

static void mix_text(struct heard *h, tv_span text)
{
    PROMISE(text.size <= FRAME_TEXT_MAX);
    mix(h, text.size);
    mix(h, oracle_hash(text.data, text.size)); /* reads every byte: the sanitizer is watching */
}

static void on_tensor(void *context, const struct row_tensor *row)
{
    struct heard *h = context;
    h->rows++;
    PROMISE(row->dtype <= TV_DTYPE_COUNT && row->rank <= 64);
    mix_text(h, row->name);
    mix_text(h, row->source_dtype);
    mix(h, row->dtype);
    mix(h, row->offset);
    mix(h, row->bytes);
    for (uint32_t i = 0; i < row->rank; i++)
        mix(h, row->shape[i]);
}

static void on_global(void *context, const struct row_global *row)
{
    struct heard *h = context;
    h->rows++;
    PROMISE(row->class_ <= TV_CLASS_DANGEROUS);
    mix_text(h, row->module);
    mix_text(h, row->name);
    mix(h, row->class_ * 2u + row->called);
    mix(h, row->offset);
}

static void on_pair(void *context, tv_span one, tv_span other)
{
    struct heard *h = context;
    h->rows++;
    mix_text(h, one);
    mix_text(h, other);
}

static void on_text(void *context, tv_span text)
{
    struct heard *h = context;
    h->rows++;
    mix_text(h, text);
}

static void on_tie(void *context, tv_span one, tv_span other, enum frame_tie_rule rule)
{
    PROMISE(rule < TIE_RULES);
    on_pair(context, one, other);
}

static void on_group(void *context, const struct row_group *row)
{
    struct heard *h = context;
    h->rows++;
    mix_text(h, row->key);
    mix(h, row->tensors);
    mix(h, row->bytes);
}

static void on_value(void *context, const struct row_value *row)
{
    struct heard *h = context;
    h->rows++;
    PROMISE(row->depth <= FRAME_VALUE_DEPTH && row->type < VALUE_TYPES && row->key_type < KEY_TYPES);
    mix_text(h, row->key);
    mix_text(h, row->text);
    mix(h, row->number * 2 + row->is_cut);
}

static void on_account(void *context, const struct row_account *row)
{
    struct heard *h = context;
    h->rows++;
    mix(h, row->source ^ row->output);
}

static void on_difference(void *context, const struct row_difference *row)
{
    struct heard *h = context;
    h->rows++;
    PROMISE(row->what < DIFFERENCES);
    mix_text(h, row->name);
    on_pair(context, row->a, row->b);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct heard *h = context;
    PROMISE(done <= total);
    mix(h, done);
    mix(h, total);
}

struct run {
    struct heard heard;
    struct outcome outcome;
    enum decode_state state;
    bool finished;
    char why[128];
};

static struct outcome empty_outcome;

/* Feeds the bytes in pieces of `piece` bytes, each in a block of its own size; the decoder's own block begins filled.
 */
static void feed(struct run *run, const struct job *job, tv_span bytes, size_t piece, uint8_t filling)
{
    const struct listener listener = {.context = &run->heard,
                                      .tensor = on_tensor,
                                      .metadata = on_pair,
                                      .global = on_global,
                                      .dropped_shared = on_tie,
                                      .made_contiguous = on_text,
                                      .dropped_object = on_pair,
                                      .note = on_text,
                                      .group = on_group,
                                      .value = on_value,
                                      .account = on_account,
                                      .difference = on_difference,
                                      .progress = on_progress};
    struct decoder decoder;
    run->heard = (struct heard){0};
    run->outcome = empty_outcome;
    block_fill(filling, bytes.size + 128);
    PROMISE(decoder_init(&decoder, job, "fuzz", &listener, &run->outcome));
    for (size_t at = 0; at < bytes.size; at += piece) {
        tv_span part;
        enum decode_state before = decoder.state;
        size_t left = bytes.size - at, size = left < piece ? left : piece;
        PROMISE(tv_span_sub(bytes, at, size, &part));
        uint8_t *copy = malloc(size);
        PROMISE(copy != NULL);
        memcpy(copy, part.data, size);
        enum decode_state state = decoder_feed(&decoder, tv_span_of(copy, size));
        free(copy);
        PROMISE(before == DECODE_FINE || state == before);
    }
    run->state = decoder.state;
    run->finished = decoder_finished(&decoder);
    memcpy(run->why, decoder.why, sizeof run->why);
    PROMISE((run->state == DECODE_FINE) == (run->why[0] == '\0') && memchr(run->why, '\0', sizeof run->why) != NULL);
    decoder_free(&decoder);
}

static void check_same(const struct run *a, const struct run *b)
{
    const tv_findings *f = &a->outcome.findings, *g = &b->outcome.findings;
    PROMISE(a->state == b->state && a->finished == b->finished && strcmp(a->why, b->why) == 0);
    PROMISE(a->heard.hash == b->heard.hash && a->heard.rows == b->heard.rows);
    PROMISE(f->count == g->count && f->omitted == g->omitted);
    for (uint32_t i = 0; i < f->count; i++)
        PROMISE(f->items[i].id == g->items[i].id && f->items[i].offset == g->items[i].offset);
    PROMISE(a->outcome.kind == b->outcome.kind && a->outcome.tensors == b->outcome.tensors);
}

/* What holds of any outcome, and of a whole report. */
static void check_outcome(const struct run *run)
{
    const struct outcome *o = &run->outcome;
    PROMISE(o->kind < TV_KIND_COUNT && o->said <= OUTCOME_FAILED);
    for (uint32_t i = 0; i < o->findings.count; i++) {
        const tv_finding *finding = &o->findings.items[i];
        char text[2048];
        PROMISE(decoder_worker_may_find(finding->id) && tv_finding_subject(finding).size <= TV_SUBJECT_BYTES);
        PROMISE(tv_finding_message(finding, text, sizeof text) < sizeof text);
    }
    if (run->finished)
        PROMISE(run->state == DECODE_FINE &&
                (o->said != OUTCOME_REJECTED || tv_findings_first_error(&o->findings) != NULL));
}

/* Taken up to its RESULT, a report is what it is without all that comes after. */
static void check_taken(const struct job *job, tv_span bytes, struct run *alone)
{
    static struct outcome outcome;
    struct decoder decoder;
    tv_span own;
    uint64_t used = 0;
    outcome_clear(&outcome);
    PROMISE(decoder_init(&decoder, job, "fuzz", NULL, &outcome));
    enum decode_state state = decoder_take(&decoder, bytes, &used);
    PROMISE(used <= bytes.size && (state != DECODE_FINE || decoder.finished || used == bytes.size));
    if (decoder_finished(&decoder)) {
        PROMISE(tv_span_sub(bytes, 0, used, &own));
        feed(alone, job, own, own.size + 1, 0xff);
        PROMISE(alone->finished && alone->outcome.kind == outcome.kind && alone->outcome.tensors == outcome.tensors &&
                alone->outcome.findings.count == outcome.findings.count);
    }
    decoder_free(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, cut;
    struct tail tail = {tv_span_of(data, size)};
    uint8_t piece = tail_u8(&tail), kind = tail_u8(&tail);
    struct job job = {.kind = (enum job_kind)(kind % JOB_COUNT), .limits = tv_limits_default()};
    oracle_ran(data, size);
    feed(&whole, &job, tail.rest, tail.rest.size + 1, 0x00);
    feed(&cut, &job, tail.rest, 1 + piece % 31u, 0xff);
    check_same(&whole, &cut);
    check_outcome(&whole);
    check_taken(&job, tail.rest, &cut);
    if (whole.finished)
        oracle_accepted();
    return 0;
}
