/* The decoder: bytes into frames, frames through one table into values. See decode.h for what it promises. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jail.h>
#include <tensorvet/checked.h>

#include "decode.h"
#include "payload.h"

/* What a handler returns where the frame is honest in form. */
static const char *const fine = NULL;

static const char *on_ready(struct decoder *d, struct payload *p)
{
    tv_span build = payload_text(p);
    d->outcome->layers = payload_u32(p);
    d->outcome->landlock_abi = payload_u32(p);
    tv_span failed_at = payload_text(p);
    uint64_t seed = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (seed != d->job->seed)
        return "it is of another file";
    d->ready = true;
    if (!tv_span_is(build, d->build_id)) {
        d->state = DECODE_MISFIT;
        (void)snprintf(d->why, sizeof(d->why), "it is of another build than this command");
    } else if (failed_at.size != 0 || (d->outcome->layers & JAIL_MANDATORY) != JAIL_MANDATORY) {
        d->state = DECODE_MISFIT;
        (void)snprintf(d->why, sizeof(d->why), "the jail could not be locked, at: %.*s",
                       (int)(failed_at.size > 64 ? 64 : failed_at.size), (const char *)failed_at.data);
    }
    return fine;
}

static const char *on_kind(struct decoder *d, struct payload *p)
{
    uint32_t kind = payload_u32(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (kind >= TV_KIND_COUNT)
        return "no such kind";
    if (d->kind)
        return "out of order";
    d->kind = true;
    d->outcome->kind = (tv_kind)kind;
    return fine;
}

/* A subject travels cut to what a finding keeps, and says how long it was. */
static bool cut_rightly(tv_span text, uint32_t full)
{
    return text.size == (full < TV_SUBJECT_BYTES ? full : TV_SUBJECT_BYTES);
}

static const char *on_finding(struct decoder *d, struct payload *p)
{
    uint32_t id = payload_u32(p);
    uint64_t offset = payload_u64(p), a = payload_u64(p), b = payload_u64(p);
    uint32_t subject_size = payload_u32(p);
    tv_span subject = payload_text(p);
    uint32_t detail_size = payload_u32(p);
    tv_span detail = payload_text(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (id >= TV_FIND_COUNT || !decoder_worker_may_find((tv_finding_id)id))
        return "no worker finds that";
    if (!cut_rightly(subject, subject_size) || !cut_rightly(detail, detail_size))
        return "a text's length is wrong";
    tv_finding *finding = tv_findings_add(&d->outcome->findings, (tv_finding_id)id, offset, subject, detail);
    finding->a = a;
    finding->b = b;
    finding->subject_size = subject_size;
    finding->detail_size = detail_size;
    return fine;
}

/* Nothing is left out while there is room. */
static const char *on_omitted(struct decoder *d, struct payload *p)
{
    tv_findings *findings = &d->outcome->findings;
    uint64_t count = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (d->omitted || count == 0 || count > INT32_MAX)
        return "no such count";
    if (findings->count < TV_FINDINGS_MAX)
        return "it contradicts what was found";
    d->omitted = true;
    findings->omitted += (uint32_t)count;
    return fine;
}

static const char *on_tensor(struct decoder *d, struct payload *p)
{
    struct row_tensor row = {.name = payload_text(p)};
    uint32_t dtype = payload_u32(p);
    row.source_dtype = payload_text(p);
    row.offset = payload_u64(p);
    row.bytes = payload_u64(p);
    row.rank = payload_u32(p);
    const uint32_t most = sizeof(row.shape) / sizeof(row.shape[0]);
    if (row.rank > most)
        return "too many dimensions";
    for (uint32_t i = 0; i < row.rank; i++)
        row.shape[i] = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (dtype > TV_DTYPE_COUNT)
        return "no such dtype";
    row.dtype = (tv_dtype)dtype;
    if (d->listener != NULL && d->listener->tensor != NULL)
        d->listener->tensor(d->listener->context, &row);
    return fine;
}

static const char *on_global(struct decoder *d, struct payload *p)
{
    struct row_global row = {.module = payload_text(p)};
    row.name = payload_text(p);
    uint32_t class_ = payload_u32(p), called = payload_u32(p);
    row.offset = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (class_ > TV_CLASS_DANGEROUS)
        return "no such class of globals";
    if (called > 1)
        return "a flag is neither 0 nor 1";
    row.class_ = (tv_class)class_;
    row.called = called == 1;
    if (d->listener != NULL && d->listener->global != NULL)
        d->listener->global(d->listener->context, &row);
    return fine;
}

typedef void (*pair_listener)(void *context, tv_span one, tv_span other);
typedef void (*text_listener)(void *context, tv_span text);

static const char *pair(const struct decoder *d, struct payload *p, pair_listener listener)
{
    tv_span one = payload_text(p), other = payload_text(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (listener != NULL)
        listener(d->listener->context, one, other);
    return fine;
}

static const char *text(const struct decoder *d, struct payload *p, text_listener listener)
{
    tv_span one = payload_text(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (listener != NULL)
        listener(d->listener->context, one);
    return fine;
}

static const char *on_metadata(struct decoder *d, struct payload *p)
{
    return pair(d, p, d->listener == NULL ? NULL : d->listener->metadata);
}

static const char *on_dropped_shared(struct decoder *d, struct payload *p)
{
    tv_span name = payload_text(p), kept = payload_text(p);
    uint32_t rule = payload_u32(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (rule >= TIE_RULES)
        return "no such rule";
    if (d->listener != NULL && d->listener->dropped_shared != NULL)
        d->listener->dropped_shared(d->listener->context, name, kept, (enum frame_tie_rule)rule);
    return fine;
}

static const char *on_group(struct decoder *d, struct payload *p)
{
    struct row_group row = {.key = payload_text(p)};
    row.tensors = payload_u64(p);
    row.bytes = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (d->listener != NULL && d->listener->group != NULL)
        d->listener->group(d->listener->context, &row);
    return fine;
}

static const char *on_value(struct decoder *d, struct payload *p)
{
    struct row_value row = {.depth = payload_u32(p)};
    row.key_type = payload_u32(p);
    row.key = payload_text(p);
    row.type = payload_u32(p);
    uint32_t cut = payload_u32(p);
    row.number = payload_u64(p);
    row.text = payload_text(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (row.type >= VALUE_TYPES || row.key_type >= KEY_TYPES || row.depth > FRAME_VALUE_DEPTH)
        return "no such value";
    if (cut > 1)
        return "a flag is neither 0 nor 1";
    row.is_cut = cut == 1;
    if (d->listener != NULL && d->listener->value != NULL)
        d->listener->value(d->listener->context, &row);
    return fine;
}

static const char *on_account(struct decoder *d, struct payload *p)
{
    struct row_account row = {.source = payload_u64(p)};
    uint64_t *const numbers[] = {&row.container, &row.unused, &row.used,  &row.hidden,
                                 &row.repeated,  &row.header, &row.output};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (d->job->kind != JOB_WRITE)
        return "out of order";
    if (d->listener != NULL && d->listener->account != NULL)
        d->listener->account(d->listener->context, &row);
    return fine;
}

static const char *on_difference(struct decoder *d, struct payload *p)
{
    struct row_difference row = {.name = payload_text(p)};
    uint32_t what = payload_u32(p);
    row.a = payload_text(p);
    row.b = payload_text(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (d->job->kind != JOB_DIFF)
        return "out of order";
    if (what >= DIFFERENCES)
        return "no such difference";
    row.what = (enum frame_difference)what;
    if (d->listener != NULL && d->listener->difference != NULL)
        d->listener->difference(d->listener->context, &row);
    return fine;
}

static const char *on_dropped_object(struct decoder *d, struct payload *p)
{
    return pair(d, p, d->listener == NULL ? NULL : d->listener->dropped_object);
}

static const char *on_decision(struct decoder *d, struct payload *p)
{
    return pair(d, p, d->listener == NULL ? NULL : d->listener->decision);
}

static const char *on_made_contiguous(struct decoder *d, struct payload *p)
{
    return text(d, p, d->listener == NULL ? NULL : d->listener->made_contiguous);
}

static const char *on_note(struct decoder *d, struct payload *p)
{
    return text(d, p, d->listener == NULL ? NULL : d->listener->note);
}

static const char *on_output(struct decoder *d, struct payload *p)
{
    uint64_t size = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (d->output || d->job->kind != JOB_WRITE)
        return "out of order";
    if (size > d->job->limits.output_bytes)
        return "larger than is allowed";
    d->output = true;
    d->outcome->output_size = size;
    return fine;
}

static const char *on_progress(struct decoder *d, struct payload *p)
{
    uint64_t done = payload_u64(p), total = payload_u64(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (done > total)
        return "more is done than there is";
    if (d->listener != NULL && d->listener->progress != NULL)
        d->listener->progress(d->listener->context, done, total);
    return fine;
}

/* Does the worker's word go with what it found? */
static bool word_fits(const struct decoder *d, enum frame_outcome word)
{
    const tv_findings *findings = &d->outcome->findings;
    if (word == OUTCOME_DONE)
        return d->kind;
    if (word == OUTCOME_DECLINED)
        return d->kind && d->job->batch && d->outcome->kind != TV_KIND_SAFETENSORS;
    if (word == OUTCOME_REJECTED)
        return tv_findings_first_error(findings) != NULL;
    for (uint32_t i = 0; i < findings->count; i++) {
        if (tv_finding_info_of(findings->items[i].id)->class_ == TV_CLASS_MACHINE)
            return true;
    }
    return false;
}

static const char *on_result(struct decoder *d, struct payload *p)
{
    uint32_t word = payload_u32(p);
    d->outcome->tensors = payload_u64(p);
    d->outcome->data_bytes = payload_u64(p);
    uint32_t has_digest = payload_u32(p);
    tv_span digest = payload_bytes(p, sizeof(d->outcome->digest));
    if (!payload_whole(p))
        return "its size is wrong";
    if (word > OUTCOME_DECLINED || has_digest > 1)
        return "no such outcome";
    if (!word_fits(d, (enum frame_outcome)word))
        return "it contradicts what was found";
    d->outcome->said = (enum frame_outcome)word;
    d->outcome->has_digest = has_digest == 1;
    memcpy(d->outcome->digest, digest.data, digest.size);
    d->finished = true;
    return fine;
}

static const char *on_violation(struct decoder *d, struct payload *p)
{
    d->violation = payload_u32(p);
    if (!payload_whole(p))
        return "its size is wrong";
    if (!d->job->diagnose)
        return "out of order";
    d->violated = true;
    return fine;
}

/* What each type of frame is called and how it is read. Rows come after KIND. */
static const struct {
    const char *name;
    const char *(*read)(struct decoder *d, struct payload *p);
    bool row;
} frames[FRAME_TYPE_COUNT] = {
    [FRAME_READY] = {"READY", on_ready, false},
    [FRAME_KIND] = {"KIND", on_kind, false},
    [FRAME_FINDING] = {"FINDING", on_finding, false},
    [FRAME_TENSOR] = {"TENSOR", on_tensor, true},
    [FRAME_METADATA] = {"METADATA", on_metadata, true},
    [FRAME_GLOBAL] = {"GLOBAL", on_global, true},
    [FRAME_DROPPED_SHARED] = {"DROPPED_SHARED", on_dropped_shared, true},
    [FRAME_MADE_CONTIGUOUS] = {"MADE_CONTIGUOUS", on_made_contiguous, true},
    [FRAME_DROPPED_OBJECT] = {"DROPPED_OBJECT", on_dropped_object, true},
    [FRAME_NOTE] = {"NOTE", on_note, false},
    [FRAME_OUTPUT] = {"OUTPUT", on_output, true},
    [FRAME_PROGRESS] = {"PROGRESS", on_progress, false},
    [FRAME_RESULT] = {"RESULT", on_result, false},
    [FRAME_DECISION] = {"DECISION", on_decision, true},
    [FRAME_VIOLATION] = {"VIOLATION", on_violation, false},
    [FRAME_OMITTED] = {"OMITTED", on_omitted, false},
    [FRAME_GROUP] = {"GROUP", on_group, true},
    [FRAME_VALUE] = {"VALUE", on_value, true},
    [FRAME_ACCOUNT] = {"ACCOUNT", on_account, true},
    [FRAME_DIFFERENCE] = {"DIFFERENCE", on_difference, true},
};

static enum decode_state lie(struct decoder *d, const char *what, const char *why)
{
    d->state = DECODE_LIE;
    (void)snprintf(d->why, sizeof(d->why), "%s: %s", what, why);
    return d->state;
}

/* The head is whole: is such a frame possible now? */
static enum decode_state begin_frame(struct decoder *d)
{
    tv_span head = tv_span_of(d->head, sizeof(d->head));
    (void)tv_span_u32(head, 0, &d->type);
    (void)tv_span_u32(head, 4, &d->size);
    if (d->type == 0 || d->type >= FRAME_TYPE_COUNT)
        return lie(d, "a frame", "no such type");
    const char *name = frames[d->type].name;
    if (d->size > FRAME_PAYLOAD_MAX)
        return lie(d, name, "too large");
    if (d->finished || d->violated || d->ready == (d->type == FRAME_READY))
        return lie(d, name, "out of order");
    if (frames[d->type].row && !d->kind)
        return lie(d, name, "before KIND");
    return DECODE_FINE;
}

static enum decode_state end_frame(struct decoder *d)
{
    struct payload payload = payload_of(tv_span_of(d->payload, d->size));
    const char *why = frames[d->type].read(d, &payload);
    if (why != NULL)
        return lie(d, frames[d->type].name, why);
    d->head_have = 0;
    d->payload_have = 0;
    return d->state;
}

/* Moves what is missing of the head or payload from bytes at *at. */
static void collect(uint8_t *to, uint32_t *have, uint32_t wanted, tv_span bytes, uint64_t *at)
{
    uint64_t left = bytes.size - *at;
    uint32_t missing = wanted - *have;
    uint32_t size = left < missing ? (uint32_t)left : missing;
    tv_span part;
    if (size == 0 || !tv_span_sub(bytes, *at, size, &part))
        return;
    memcpy(to + *have, part.data, size);
    *have += size;
    *at += size;
}

/* One step from bytes at `at`: the rest of a head, or of a payload. Returns where it got to. */
static uint64_t step(struct decoder *d, tv_span bytes, uint64_t at)
{
    if (d->head_have < sizeof(d->head)) {
        collect(d->head, &d->head_have, sizeof(d->head), bytes, &at);
        if (d->head_have < sizeof(d->head) || begin_frame(d) != DECODE_FINE)
            return at;
    }
    collect(d->payload, &d->payload_have, d->size, bytes, &at);
    if (d->payload_have == d->size)
        (void)end_frame(d);
    return at;
}

static enum decode_state flood(struct decoder *d)
{
    d->state = DECODE_FLOOD;
    (void)snprintf(d->why, sizeof(d->why), "the report is too long");
    return d->state;
}

enum decode_state decoder_feed(struct decoder *d, tv_span bytes)
{
    if (d->state != DECODE_FINE)
        return d->state;
    if (!tv_add(d->received, bytes.size, &d->received) || d->received > d->job->limits.report_bytes)
        return flood(d);
    uint64_t at = 0;
    while (d->state == DECODE_FINE && at < bytes.size)
        at = step(d, bytes, at);
    return d->state;
}

enum decode_state decoder_take(struct decoder *d, tv_span bytes, uint64_t *used)
{
    *used = 0;
    while (d->state == DECODE_FINE && !d->finished && *used < bytes.size)
        *used = step(d, bytes, *used);
    if (d->state == DECODE_FINE &&
        (!tv_add(d->received, *used, &d->received) || d->received > d->job->limits.report_bytes))
        return flood(d);
    return d->state;
}

bool decoder_finished(const struct decoder *d)
{
    return d->state == DECODE_FINE && d->finished && d->head_have == 0;
}

int decoder_violation(const struct decoder *d)
{
    return d->state == DECODE_FINE && d->violated && d->violation <= INT32_MAX ? (int)d->violation : -1;
}

bool decoder_init(struct decoder *d, const struct job *job, const char *build_id, const struct listener *listener,
                  struct outcome *outcome)
{
    *d = (struct decoder){.job = job, .build_id = build_id, .listener = listener, .outcome = outcome};
    d->payload = malloc(FRAME_PAYLOAD_MAX);
    return d->payload != NULL;
}

void decoder_free(struct decoder *d)
{
    free(d->payload);
    d->payload = NULL;
}

/* The trusted side's own: what the jail, the opening of files and the publishing find. Of those stages a worker may
 * only say that memory ended, and that reading failed. */
bool decoder_worker_may_find(tv_finding_id id)
{
    static const tv_finding_id ours[] = {TV_FIND_OUTPUT_EXISTS, TV_FIND_OUTPUT_NOT_SAFETENSORS, TV_FIND_OUTPUT_CLASH,
                                         TV_FIND_OUTPUT_DIFFERS};
    if (id == TV_FIND_NONE)
        return false;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (ours[i] == id)
            return false;
    }
    const char *stage = tv_finding_info_of(id)->stage;
    if (strcmp(stage, "jail") == 0)
        return id == TV_FIND_LIMIT_MEMORY;
    return strcmp(stage, "open") != 0 || id == TV_FIND_UNREADABLE;
}
