/* The decoder against honest reports and against every lie we could think of. No worker runs here. */
#include <stdlib.h>

#include <check.h>
#include <decode.h>
#include <jail.h>

#include "frames.h"

#define BUILD "0123456789abcdef"

static struct bytes made; /* what a worker sends */

struct heard {
    unsigned tensors, metadata, globals, shared, contiguous, objects, decisions, notes, progress;
    struct row_tensor tensor;
    bool dangerous_call;
    int groups, values, accounts, differences;
};

static void hear_tensor(void *context, const struct row_tensor *row)
{
    struct heard *h = context;
    h->tensors++;
    h->tensor = *row;
    h->tensor.name = tv_span_of(NULL, 0); /* valid during the call only */
}

static void hear_metadata(void *context, tv_span key, tv_span value)
{
    ((struct heard *)context)->metadata += tv_span_is(key, "format") && tv_span_is(value, "pt");
}

static void hear_global(void *context, const struct row_global *row)
{
    struct heard *h = context;
    h->globals++;
    h->dangerous_call = row->class_ == TV_CLASS_DANGEROUS && row->called && tv_span_is(row->module, "os");
}

static void hear_shared(void *context, tv_span name, tv_span kept, enum frame_tie_rule rule)
{
    ((struct heard *)context)->shared += tv_span_is(name, "b") && tv_span_is(kept, "a") && rule == TIE_DISCARD;
}

static void hear_group(void *context, const struct row_group *row)
{
    ((struct heard *)context)->groups += tv_span_is(row->key, "model") && row->tensors == 2 && row->bytes == 3;
}

static void hear_value(void *context, const struct row_value *row)
{
    ((struct heard *)context)->values += row->depth == 1 && row->key_type == KEY_NUMBER && tv_span_is(row->key, "k") &&
                                         row->type == VALUE_STR && row->is_cut && row->number == 9 &&
                                         tv_span_is(row->text, "text");
}

static void hear_account(void *context, const struct row_account *row)
{
    ((struct heard *)context)->accounts += row->source == 1 && row->container == 2 && row->unused == 3 &&
                                           row->used == 4 && row->hidden == 5 && row->repeated == 6 &&
                                           row->header == 7 && row->output == 8;
}

static void hear_difference(void *context, const struct row_difference *row)
{
    ((struct heard *)context)->differences +=
        tv_span_is(row->name, "w") && row->what == DIFFERS_SHAPE && tv_span_is(row->a, "2") && tv_span_is(row->b, "3");
}

static void hear_object(void *context, tv_span path, tv_span type)
{
    ((struct heard *)context)->objects += tv_span_is(path, "epoch") && tv_span_is(type, "int");
}

static void hear_decision(void *context, tv_span name, tv_span what)
{
    ((struct heard *)context)->decisions += tv_span_is(name, "s") && tv_span_is(what, "written dense");
}

static void hear_contiguous(void *context, tv_span name)
{
    ((struct heard *)context)->contiguous += tv_span_is(name, "t");
}

static void hear_note(void *context, tv_span text)
{
    ((struct heard *)context)->notes += tv_span_is(text, "hello");
}

static void hear_progress(void *context, uint64_t done, uint64_t total)
{
    ((struct heard *)context)->progress += done <= total;
}

static void honest_start(void)
{
    made.size = 0;
    add_ready(&made, BUILD, JAIL_MANDATORY, "");
    add_kind(&made, TV_KIND_SAFETENSORS);
}

static void honest(void)
{
    honest_start();
    add_finding(&made, TV_FIND_KEY_NOT_FOUND, "weight");
    add_tensor(&made, TV_F32, 2, 2);
    add_tensor(&made, TV_DTYPE_COUNT, 64, 64);
    add_tensor(&made, TV_F32, 0, 0);
    add_pair(&made, FRAME_METADATA, "format", "pt");
    add_global(&made, TV_CLASS_DANGEROUS, 1);
    add_tie(&made, "b", "a", TIE_DISCARD);
    add_pair(&made, FRAME_DROPPED_OBJECT, "epoch", "int");
    add_note(&made, FRAME_MADE_CONTIGUOUS, "t");
    add_pair(&made, FRAME_DECISION, "s", "written dense");
    add_note(&made, FRAME_NOTE, "hello");
    add_group(&made);
    add_value(&made, 1, KEY_NUMBER, VALUE_STR, 1);
    add_account(&made, 8);
    add_output(&made, 4096);
    add_progress(&made, 5, 9);
    add_progress(&made, 9, 9);
    add_result(&made, OUTCOME_DONE, 1);
}

struct result {
    enum decode_state state;
    bool finished;
    char why[128];
    struct outcome outcome;
    struct heard heard;
};

/* Feeds `made` in pieces of `piece` bytes, each from a block of exactly its size, so that a sanitizer sees an overrun.
 */
static void decode(size_t piece, const struct job *job, struct result *r)
{
    static struct decoder d;
    *r = (struct result){0};
    const struct listener listener = {.context = &r->heard,
                                      .tensor = hear_tensor,
                                      .metadata = hear_metadata,
                                      .global = hear_global,
                                      .dropped_shared = hear_shared,
                                      .made_contiguous = hear_contiguous,
                                      .dropped_object = hear_object,
                                      .decision = hear_decision,
                                      .note = hear_note,
                                      .group = hear_group,
                                      .value = hear_value,
                                      .account = hear_account,
                                      .difference = hear_difference,
                                      .progress = hear_progress};
    CHECK(decoder_init(&d, job, BUILD, &listener, &r->outcome));
    for (size_t at = 0; at < made.size; at += piece) {
        size_t size = made.size - at < piece ? made.size - at : piece;
        uint8_t *block = malloc(size);
        CHECK(block != NULL);
        memcpy(block, made.data + at, size);
        r->state = decoder_feed(&d, tv_span_of(block, size));
        free(block);
    }
    r->finished = decoder_finished(&d);
    memcpy(r->why, d.why, sizeof(r->why));
    decoder_free(&d);
}

static struct job write_job(void)
{
    return (struct job){.kind = JOB_WRITE, .limits = tv_limits_default()};
}

static struct result once;

static void check_honest(const struct result *r)
{
    CHECK_MSG(r->state == DECODE_FINE && r->finished, "%s", r->why);
    CHECK(r->outcome.kind == TV_KIND_SAFETENSORS && r->outcome.said == OUTCOME_DONE);
    CHECK(r->outcome.tensors == 3 && r->outcome.data_bytes == 72 && r->outcome.output_size == 4096);
    CHECK(r->outcome.has_digest && r->outcome.digest[2] == 3);
    const tv_finding *found = &r->outcome.findings.items[0];
    CHECK(r->outcome.findings.count == 1 && found->id == TV_FIND_KEY_NOT_FOUND);
    CHECK(found->offset == 7 && found->a == 8 && found->b == 9 && tv_span_is(tv_finding_subject(found), "weight"));
    CHECK(r->heard.tensors == 3 && r->heard.metadata == 1 && r->heard.globals == 1 && r->heard.dangerous_call);
    CHECK(r->heard.shared == 1 && r->heard.objects == 1 && r->heard.contiguous == 1 && r->heard.notes == 1);
    CHECK(r->heard.groups == 1 && r->heard.values == 1 && r->heard.accounts == 1);
    CHECK(r->heard.progress == 2 && r->heard.decisions == 1);
}

TEST(honest_report, "every frame of an honest report arrives with its values")
{
    const struct job job = write_job();
    honest();
    decode(made.size, &job, &once);
    check_honest(&once);
}

static const char *lie_of(enum job_kind kind)
{
    const struct job job = {.kind = kind, .limits = tv_limits_default()};
    decode(made.size, &job, &once);
    return once.state == DECODE_LIE ? once.why : "";
}

TEST(differences, "a difference is a DIFF job's alone, and of a kind that exists")
{
    const struct job job = {.kind = JOB_DIFF, .limits = tv_limits_default()};
    honest_start();
    add_difference(&made, DIFFERS_SHAPE);
    add_result(&made, OUTCOME_DONE, 1);
    decode(made.size, &job, &once);
    CHECK_MSG(once.state == DECODE_FINE && once.heard.differences == 1, "%s", once.why);
    CHECK(strstr(lie_of(JOB_INSPECT), "out of order") != NULL);
    honest_start();
    add_difference(&made, DIFFERENCES);
    CHECK(strstr(lie_of(JOB_DIFF), "no such difference") != NULL);
}

TEST(values_and_accounts, "values, ties and accounts with numbers outside their enumerations are lies")
{
    static const struct {
        uint32_t depth, key, type, cut;
    } bad[] = {{FRAME_VALUE_DEPTH + 1, 0, 0, 0}, {0, KEY_TYPES, 0, 0}, {0, 0, VALUE_TYPES, 0}, {0, 0, 0, 2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        honest_start();
        add_value(&made, bad[i].depth, bad[i].key, bad[i].type, bad[i].cut);
        CHECK(strstr(lie_of(JOB_INSPECT), "VALUE: ") != NULL);
    }
    honest_start();
    add_tie(&made, "b", "a", TIE_RULES);
    CHECK(strstr(lie_of(JOB_WRITE), "no such rule") != NULL);
    honest_start();
    add_account(&made, 7);
    CHECK(strstr(lie_of(JOB_WRITE), "its size is wrong") != NULL);
    honest_start();
    add_account(&made, 8);
    CHECK(strstr(lie_of(JOB_CHECK), "out of order") != NULL);
}

TEST(cut_anywhere, "how the pipe cuts a report does not matter")
{
    const struct job job = write_job();
    honest();
    for (size_t piece = 1; piece < 40; piece++) {
        decode(piece, &job, &once);
        check_honest(&once);
    }
}

TEST(tensor_values, "a tensor's row arrives as it was sent, up to 64 dimensions")
{
    const struct job job = write_job();
    honest_start();
    add_tensor(&made, TV_BF16, 64, 64);
    add_result(&made, OUTCOME_DONE, 0);
    decode(made.size, &job, &once);
    CHECK(once.finished && once.heard.tensor.dtype == TV_BF16 && once.heard.tensor.rank == 64);
    CHECK(once.heard.tensor.shape[63] == 65 && once.heard.tensor.offset == 64 && once.heard.tensor.bytes == 24);
}

TEST(nobody_listens, "rows are checked and dropped where nobody listens")
{
    static struct decoder d;
    static struct outcome outcome;
    const struct job job = write_job();
    honest();
    CHECK(decoder_init(&d, &job, BUILD, NULL, &outcome));
    CHECK(decoder_feed(&d, tv_span_of(made.data, made.size)) == DECODE_FINE && decoder_finished(&d));
    decoder_free(&d);
}

TEST(truncated, "a report that ends early is never whole, wherever it ends")
{
    const struct job job = write_job();
    honest();
    for (size_t size = made.size; size-- > 0;) {
        made.size = size;
        decode(size == 0 ? 1 : size, &job, &once);
        CHECK_MSG(once.state == DECODE_FINE && !once.finished, "cut to %zu bytes", size);
    }
}

/* Every way to lie: what is sent after an honest READY and KIND, and a word of the reason. */
static void unknown_type(void)
{
    (void)begin_frame(&made, FRAME_TYPE_COUNT);
}
static void type_zero(void)
{
    (void)begin_frame(&made, 0);
}
static void oversize(void)
{
    add32(&made, FRAME_NOTE);
    add32(&made, FRAME_PAYLOAD_MAX + 1);
}
static void huge(void)
{
    add32(&made, FRAME_NOTE);
    add32(&made, UINT32_MAX);
}
static void ready_again(void)
{
    add_ready(&made, BUILD, JAIL_MANDATORY, "");
}
static void kind_again(void)
{
    add_kind(&made, TV_KIND_NPZ);
}
static void finding_none(void)
{
    add_finding(&made, TV_FIND_NONE, "");
}
static void finding_beyond(void)
{
    add_finding(&made, TV_FIND_COUNT, "");
}
static void finding_ours(void)
{
    add_finding(&made, TV_FIND_WORKER_KILLED, "");
}
static void finding_exists(void)
{
    add_finding(&made, TV_FIND_OUTPUT_EXISTS, "");
}
static void finding_long_subject(void)
{
    static char subject[TV_SUBJECT_BYTES + 2];
    memset(subject, 'x', TV_SUBJECT_BYTES + 1);
    add_finding(&made, TV_FIND_KEY_NOT_FOUND, subject);
}
static void finding_trailing(void)
{
    size_t at = made.size;
    add_finding(&made, TV_FIND_KEY_NOT_FOUND, "x");
    add32(&made, 0);
    end_frame(&made, at);
}
static void finding_short(void)
{
    size_t at = made.size;
    add_finding(&made, TV_FIND_KEY_NOT_FOUND, "x");
    made.size -= 1;
    end_frame(&made, at);
}
static void dtype_beyond(void)
{
    add_tensor(&made, TV_DTYPE_COUNT + 1, 1, 1);
}
static void rank_beyond(void)
{
    add_tensor(&made, TV_F32, 65, 65);
}
static void rank_huge(void)
{
    add_tensor(&made, TV_F32, UINT32_MAX, 1);
}
static void rank_more_than_sent(void)
{
    add_tensor(&made, TV_F32, 3, 2);
}
static void rank_less_than_sent(void)
{
    add_tensor(&made, TV_F32, 1, 2);
}
static void class_beyond(void)
{
    add_global(&made, TV_CLASS_UNSUPPORTED, 0);
}
static void called_twice(void)
{
    add_global(&made, TV_CLASS_DATA_ONLY, 2);
}
static void text_beyond_payload(void)
{
    size_t at = begin_frame(&made, FRAME_NOTE);
    add32(&made, 100);
    add32(&made, 0);
    end_frame(&made, at);
}
static void text_too_long(void)
{
    static const uint8_t zeroes[FRAME_TEXT_MAX + 1];
    size_t at = begin_frame(&made, FRAME_NOTE);
    add32(&made, sizeof(zeroes));
    add_bytes(&made, zeroes, sizeof(zeroes));
    end_frame(&made, at);
}
static void empty_payload(void)
{
    (void)begin_frame(&made, FRAME_RESULT);
}
static void more_than_all(void)
{
    add_progress(&made, 10, 9);
}
static void output_twice(void)
{
    add_output(&made, 1);
    add_output(&made, 1);
}
static void output_beyond(void)
{
    add_output(&made, UINT64_MAX);
}
static void result_unknown(void)
{
    add_result(&made, OUTCOME_DECLINED + 1, 0);
}
static void result_digest_flag(void)
{
    add_result(&made, OUTCOME_DONE, 2);
}
static void rejected_for_nothing(void)
{
    add_result(&made, OUTCOME_REJECTED, 0);
}
static void failed_for_nothing(void)
{
    add_result(&made, OUTCOME_FAILED, 0);
}
static void declined_unasked(void)
{
    add_result(&made, OUTCOME_DECLINED, 0);
}
static void failed_by_the_file(void)
{
    add_finding(&made, TV_FIND_KEY_NOT_FOUND, "");
    add_result(&made, OUTCOME_FAILED, 0);
}
static void told_unasked(void)
{
    size_t at = begin_frame(&made, FRAME_VIOLATION);
    add32(&made, 41);
    end_frame(&made, at);
}
static void omitted_with_room(void)
{
    add_finding(&made, TV_FIND_KEY_NOT_FOUND, "x");
    add_omitted(&made, 1);
}
static void full_of_findings(void)
{
    for (int i = 0; i < TV_FINDINGS_MAX; i++)
        add_finding(&made, TV_FIND_KEY_NOT_FOUND, "x");
}
static void omitted_none(void)
{
    full_of_findings();
    add_omitted(&made, 0);
}
static void omitted_twice(void)
{
    full_of_findings();
    add_omitted(&made, 1);
    add_omitted(&made, 1);
}
static void omitted_beyond(void)
{
    full_of_findings();
    add_omitted(&made, UINT64_C(1) << 32);
}
static void result_twice(void)
{
    add_result(&made, OUTCOME_DONE, 0);
    add_result(&made, OUTCOME_DONE, 0);
}
static void row_after_result(void)
{
    add_result(&made, OUTCOME_DONE, 0);
    add_tensor(&made, TV_F32, 1, 1);
}
static void progress_after_result(void)
{
    add_result(&made, OUTCOME_DONE, 0);
    add_progress(&made, 0, 0);
}
static void finding_after_result(void)
{
    add_result(&made, OUTCOME_DONE, 0);
    add_finding(&made, TV_FIND_KEY_NOT_FOUND, "");
}

static const struct {
    const char *name;
    void (*send)(void);
    const char *why;
} lies[] = {
    {"unknown type", unknown_type, "a frame: no such type"},
    {"type 0", type_zero, "a frame: no such type"},
    {"oversize by one", oversize, "NOTE: too large"},
    {"oversize by far", huge, "NOTE: too large"},
    {"READY twice", ready_again, "READY: out of order"},
    {"KIND twice", kind_again, "KIND: out of order"},
    {"no finding", finding_none, "FINDING: no worker finds that"},
    {"finding beyond the table", finding_beyond, "FINDING: no worker finds that"},
    {"a finding of the trusted side", finding_ours, "FINDING: no worker finds that"},
    {"a finding of publishing", finding_exists, "FINDING: no worker finds that"},
    {"a subject that was not cut", finding_long_subject, "FINDING: a text's length is wrong"},
    {"trailing bytes", finding_trailing, "FINDING: its size is wrong"},
    {"missing bytes", finding_short, "FINDING: its size is wrong"},
    {"dtype beyond the table", dtype_beyond, "TENSOR: no such dtype"},
    {"65 dimensions", rank_beyond, "TENSOR: too many dimensions"},
    {"4 billion dimensions", rank_huge, "TENSOR: too many dimensions"},
    {"fewer dimensions than the rank", rank_more_than_sent, "TENSOR: its size is wrong"},
    {"more dimensions than the rank", rank_less_than_sent, "TENSOR: its size is wrong"},
    {"class that is none of globals", class_beyond, "GLOBAL: no such class"},
    {"flag of 2", called_twice, "GLOBAL: a flag"},
    {"text longer than its frame", text_beyond_payload, "NOTE: its size is wrong"},
    {"text longer than any", text_too_long, "NOTE: its size is wrong"},
    {"RESULT without payload", empty_payload, "RESULT: its size is wrong"},
    {"more progress than there is", more_than_all, "PROGRESS: more is done"},
    {"OUTPUT twice", output_twice, "OUTPUT: out of order"},
    {"output beyond the limit", output_beyond, "OUTPUT: larger than is allowed"},
    {"unknown outcome", result_unknown, "RESULT: no such outcome"},
    {"digest flag of 2", result_digest_flag, "RESULT: no such outcome"},
    {"rejected without an error", rejected_for_nothing, "RESULT: it contradicts"},
    {"failed without a reason", failed_for_nothing, "RESULT: it contradicts"},
    {"declined outside a batch", declined_unasked, "RESULT: it contradicts"},
    {"failed for the file's fault", failed_by_the_file, "RESULT: it contradicts"},
    {"VIOLATION unasked", told_unasked, "VIOLATION: out of order"},
    {"OMITTED with room", omitted_with_room, "OMITTED: it contradicts"},
    {"OMITTED none", omitted_none, "OMITTED: no such count"},
    {"OMITTED twice", omitted_twice, "OMITTED: no such count"},
    {"OMITTED more than can be counted", omitted_beyond, "OMITTED: no such count"},
    {"RESULT twice", result_twice, "RESULT: out of order"},
    {"row after RESULT", row_after_result, "TENSOR: out of order"},
    {"progress after RESULT", progress_after_result, "PROGRESS: out of order"},
    {"finding after RESULT", finding_after_result, "FINDING: out of order"},
};

TEST(every_lie, "each lie stops the decoder for good, and it says why, however the bytes are cut")
{
    const struct job job = write_job();
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        static const size_t pieces[] = {1, 7, sizeof(made.data)};
        for (size_t p = 0; p < 3; p++) {
            honest_start();
            lies[i].send();
            decode(pieces[p], &job, &once);
            CHECK_MSG(once.state == DECODE_LIE && !once.finished, "%s: not found out", lies[i].name);
            CHECK_MSG(strncmp(once.why, lies[i].why, strlen(lies[i].why)) == 0, "%s: %s", lies[i].name, once.why);
        }
    }
}

TEST(accept_after_violation, "who has told of a violation says nothing more, and is never done")
{
    struct job job = write_job();
    job.diagnose = true;
    honest_start();
    told_unasked();
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_FINE && !once.finished);
    add_result(&made, OUTCOME_DONE, 0);
    decode(made.size, &job, &once);
    CHECK_MSG(once.state == DECODE_LIE && !once.finished, "%s", once.why);
    CHECK(strcmp(once.why, "RESULT: out of order") == 0);
}

TEST(rows_before_kind, "rows and a DONE before KIND are lies; findings are not")
{
    const struct job job = write_job();
    made.size = 0;
    add_ready(&made, BUILD, JAIL_MANDATORY, "");
    add_tensor(&made, TV_F32, 1, 1);
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_LIE && once.heard.tensors == 0);
    made.size = 0;
    add_ready(&made, BUILD, JAIL_MANDATORY, "");
    add_result(&made, OUTCOME_DONE, 0);
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_LIE);
    made.size = 0;
    add_ready(&made, BUILD, JAIL_MANDATORY, "");
    add_finding(&made, TV_FIND_UNREADABLE, "");
    add_result(&made, OUTCOME_FAILED, 0);
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_FINE && once.finished && once.outcome.said == OUTCOME_FAILED);
}

TEST(output_of_a_check, "only a writer announces an output")
{
    struct job job = write_job();
    job.kind = JOB_CHECK;
    honest_start();
    add_output(&made, 1);
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_LIE);
}

TEST(not_ready_first, "the first frame is READY, or it is a lie")
{
    const struct job job = write_job();
    for (uint32_t type = 0; type < 40; type++) {
        made.size = 0;
        (void)begin_frame(&made, type);
        decode(made.size, &job, &once);
        CHECK(once.state == (DECODE_LIE));
    }
}

TEST(misfits, "a worker of another build, or one that is not locked, is told from a liar")
{
    const struct job job = write_job();
    made.size = 0;
    add_ready(&made, "another build", JAIL_MANDATORY, "");
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_MISFIT && strstr(once.why, "another build") != NULL);
    for (uint32_t layer = 1; layer < 1u << JAIL_LAYER_COUNT; layer <<= 1) {
        if ((JAIL_MANDATORY & layer) == 0)
            continue;
        made.size = 0;
        add_ready(&made, BUILD, ((1u << JAIL_LAYER_COUNT) - 1) & ~layer, "");
        decode(made.size, &job, &once);
        CHECK_MSG(once.state == DECODE_MISFIT, "without layer %u", layer);
    }
    made.size = 0;
    add_ready(&made, BUILD, 0, "Landlock");
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_MISFIT && strstr(once.why, "Landlock") != NULL);
}

TEST(of_another_file, "READY says which file the report is of, and another's is no report")
{
    struct job job = write_job();
    job.seed = UINT64_C(0x123456789abcdef0);
    made.size = 0;
    add_ready_of(&made, BUILD, JAIL_MANDATORY, "", job.seed);
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_FINE);
    for (unsigned bit = 0; bit < 64; bit++) {
        made.size = 0;
        add_ready_of(&made, BUILD, JAIL_MANDATORY, "", job.seed ^ UINT64_C(1) << bit);
        decode(made.size, &job, &once);
        CHECK(once.state == DECODE_LIE && strcmp(once.why, "READY: it is of another file") == 0);
    }
}

TEST(taken, "of reports one after the other each decoder takes its own, cut anywhere, and not a byte more")
{
    static struct outcome outcome;
    struct job job = write_job();
    struct decoder decoder;
    size_t ends[3];
    made.size = 0;
    for (uint64_t i = 0; i < 3; i++) {
        add_ready_of(&made, BUILD, JAIL_MANDATORY, "", i);
        add_kind(&made, TV_KIND_SAFETENSORS);
        add_result_of(&made, OUTCOME_DONE, 0, i + 7);
        ends[i] = made.size;
    }
    for (size_t piece = 1; piece <= made.size; piece++) {
        size_t at = 0;
        for (uint64_t i = 0; i < 3; i++) {
            outcome_clear(&outcome);
            job.seed = i;
            CHECK(decoder_init(&decoder, &job, BUILD, NULL, &outcome));
            while (!decoder_finished(&decoder) && decoder.state == DECODE_FINE && at < made.size) {
                const size_t left = made.size - at;
                uint64_t used = 0;
                (void)decoder_take(&decoder, tv_span_of(made.data + at, left < piece ? left : piece), &used);
                at += (size_t)used;
            }
            CHECK_MSG(decoder_finished(&decoder) && at == ends[i] && outcome.tensors == i + 7, "piece of %zu", piece);
            decoder_free(&decoder);
        }
    }
    job.seed = 0;
    job.limits.report_bytes = ends[0] - 1;
    uint64_t used = 0;
    CHECK(decoder_init(&decoder, &job, BUILD, NULL, &outcome));
    CHECK(decoder_take(&decoder, tv_span_of(made.data, made.size), &used) == DECODE_FLOOD);
    decoder_free(&decoder);
}

TEST(flood, "a report longer than its limit stops, though every frame of it is honest")
{
    struct job job = write_job();
    honest_start();
    job.limits.report_bytes = made.size + 24 * 100; /* a progress frame has 24 bytes */
    for (int i = 0; i < 100; i++)
        add_progress(&made, 1, 2);
    decode(64, &job, &once);
    CHECK(once.state == DECODE_FINE && once.heard.progress == 100);
    add_progress(&made, 1, 2);
    decode(64, &job, &once);
    CHECK(once.state == DECODE_FLOOD && !once.finished);
}

TEST(many_findings, "findings beyond what is kept are counted, not stored")
{
    const struct job job = write_job();
    honest_start();
    for (int i = 0; i < 1000; i++)
        add_finding(&made, TV_FIND_KEY_NOT_FOUND, "x");
    decode(made.size, &job, &once);
    CHECK(once.state == DECODE_FINE);
    CHECK(once.outcome.findings.count == TV_FINDINGS_MAX && once.outcome.findings.omitted == 1000 - TV_FINDINGS_MAX);
}

TEST(omitted, "what a worker found and could not keep is counted here too")
{
    const struct job job = write_job();
    honest_start();
    full_of_findings();
    add_omitted(&made, 36);
    add_result(&made, OUTCOME_REJECTED, 0);
    decode(made.size, &job, &once);
    CHECK_MSG(once.state == DECODE_FINE && once.finished, "%s", once.why);
    CHECK(once.outcome.findings.count == TV_FINDINGS_MAX && once.outcome.findings.omitted == 36);
}

TEST(after_the_end, "after a lie nothing is heard any more")
{
    static struct decoder d;
    static struct result r;
    const struct job job = write_job();
    const struct listener listener = {.context = &r.heard, .tensor = hear_tensor};
    CHECK(decoder_init(&d, &job, BUILD, &listener, &r.outcome));
    honest_start();
    unknown_type();
    CHECK(decoder_feed(&d, tv_span_of(made.data, made.size)) == DECODE_LIE);
    honest();
    CHECK(decoder_feed(&d, tv_span_of(made.data, made.size)) == DECODE_LIE && r.heard.tensors == 0);
    decoder_free(&d);
}

/* xorshift64: the same bytes on every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

TEST(mutations, "no damaged report makes the decoder read or write out of bounds, or hear values out of range")
{
    const struct job job = write_job();
    uint64_t state = 88172645463325252u;
    unsigned found_out = 0;
    for (int round = 0; round < 4000; round++) {
        honest();
        for (uint64_t n = next_random(&state) % 4 + 1; n > 0; n--)
            made.data[next_random(&state) % made.size] = (uint8_t)next_random(&state);
        decode(next_random(&state) % 97 + 1, &job, &once);
        found_out += once.state != DECODE_FINE;
        CHECK(once.outcome.findings.count <= TV_FINDINGS_MAX && (size_t)once.outcome.kind < TV_KIND_COUNT);
        CHECK(once.heard.tensors <= 3 && once.heard.tensor.rank <= 64);
    }
    CHECK(found_out > 1000);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
