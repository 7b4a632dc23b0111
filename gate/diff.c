/* diff (diff.h). */
#define _GNU_SOURCE
#include "diff.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include <tensorvet/api.h>

#include "build_id.h"
#include "json.h"
#include "text.h"

enum { SHOWN = 20 };

struct diffing {
    struct session *session;
    struct outcome *outcome;
    const char *a, *b;
    uint64_t counts[DIFFERENCES], all;
    bool at_second;           /* the worker has begun with the second file */
    struct json_object *rows; /* JSON: the differences */
};

static const char *const kinds[DIFFERENCES] = {"only-in-a", "only-in-b", "dtype", "shape", "bits"};

static void print_row(const struct diffing *d, const struct row_difference *row)
{
    static const char *const words[DIFFERENCES] = {"only in the first", "only in the second", "dtype", "shape", "bits"};
    FILE *out = d->session->reporter.out;
    struct text name = text_cut(row->name, row->name.size), a = text_of(row->a), b = text_of(row->b);
    const char *left = a.bytes == NULL ? "?" : a.bytes, *right = b.bytes == NULL ? "?" : b.bytes;
    fprintf(out, "  %-18s %s", words[row->what], name.bytes == NULL ? "?" : name.bytes);
    if (row->what == DIFFERS_DTYPE || row->what == DIFFERS_SHAPE)
        fprintf(out, ": %s and %s\n", left, right);
    else
        fprintf(out, " (%s)\n", row->what == DIFFERS_ONLY_IN_B ? right : left);
    text_free(&name);
    text_free(&a);
    text_free(&b);
}

static void on_difference(void *context, const struct row_difference *row)
{
    struct diffing *d = context;
    const struct reporter *reporter = &d->session->reporter;
    d->counts[row->what]++;
    d->all++;
    if (reporter->json) {
        struct json_object *object = json_object_new_object();
        json_put_bytes(object, "name", row->name);
        json_put_text(object, "what", kinds[row->what]);
        if (row->what != DIFFERS_ONLY_IN_B)
            json_put_bytes(object, "a", row->a);
        if (row->what != DIFFERS_ONLY_IN_A)
            json_put_bytes(object, "b", row->b);
        json_object_array_add(d->rows, object);
    } else if (!reporter->quiet && (reporter->verbose || d->all <= SHOWN)) {
        if (d->session->on_file != NULL)
            d->session->on_file(d->session->on_file_context, NULL); /* the progress bar goes */
        print_row(d, row);
    }
}

static void on_note(void *context, tv_span text)
{
    struct diffing *d = context;
    d->at_second = d->at_second || tv_span_is(text, FRAME_NOTE_SECOND_FILE);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    const struct diffing *d = context;
    if (d->session->progress.heard != NULL)
        d->session->progress.heard(d->session->progress.context, done, total);
}

static void print_findings(const struct diffing *d)
{
    FILE *out = d->session->reporter.out;
    for (uint32_t i = 0; i < d->outcome->findings.count && i < TV_FINDINGS_MAX; i++) {
        const tv_finding *finding = &d->outcome->findings.items[i];
        char message[2048];
        struct text clean = text_of(tv_span_of(message, tv_finding_message(finding, message, sizeof message)));
        if (tv_finding_info_of(finding->id)->severity == TV_ERROR)
            fprintf(out, "  error    %s: %s\n", tv_finding_info_of(finding->id)->id,
                    clean.bytes == NULL ? "?" : clean.bytes);
        text_free(&clean);
    }
}

static void print_end(const struct diffing *d, enum diff_end end)
{
    const struct reporter *reporter = &d->session->reporter;
    struct text a = text_of(tv_span_str(d->a)), b = text_of(tv_span_str(d->b));
    if (end == DIFF_SAME && reporter->quiet)
        return;
    if (d->all > SHOWN && !reporter->verbose && !reporter->quiet)
        fprintf(reporter->out, "  \xE2\x80\xA6 %" PRIu64 " more, -v\n", d->all - SHOWN);
    fprintf(reporter->out, "%s and %s: ", a.bytes == NULL ? "?" : a.bytes, b.bytes == NULL ? "?" : b.bytes);
    if (end == DIFF_REFUSED)
        fprintf(reporter->out, "not compared, the %s is refused\n", d->at_second ? "second" : "first");
    else if (end == DIFF_FAILED)
        fprintf(reporter->out, "not compared\n");
    else if (end == DIFF_SAME)
        fprintf(reporter->out, "the same %" PRIu64 " tensors, bit for bit\n", d->outcome->tensors);
    else
        fprintf(reporter->out, "different: %" PRIu64 " tensors the same, %" PRIu64 " not\n", d->outcome->tensors,
                d->all);
    if (end == DIFF_FAILED || end == DIFF_REFUSED)
        print_findings(d);
    text_free(&a);
    text_free(&b);
}

static struct json_object *findings_array(const struct diffing *d)
{
    struct json_object *array = json_object_new_array();
    for (uint32_t i = 0; i < d->outcome->findings.count && i < TV_FINDINGS_MAX; i++) {
        const tv_finding *finding = &d->outcome->findings.items[i];
        struct json_object *object = json_object_new_object();
        char message[2048];
        size_t size = tv_finding_message(finding, message, sizeof message);
        json_put_text(object, "id", tv_finding_info_of(finding->id)->id);
        json_put_text(object, "severity", tv_severity_name(tv_finding_info_of(finding->id)->severity));
        json_put_bytes(object, "message", tv_span_of(message, size));
        json_object_array_add(array, object);
    }
    return array;
}

static void print_json(struct diffing *d, enum diff_end end)
{
    static const char *const ends[] = {"same", "different", "refused", "undecided"};
    struct json_object *line = json_object_new_object(), *counts = json_object_new_object();
    json_put_number(line, "schema", 1);
    json_put_bytes(line, "a", tv_span_str(d->a));
    json_put_bytes(line, "b", tv_span_str(d->b));
    json_put_text(line, "result", ends[end]);
    if (end == DIFF_REFUSED)
        json_put_text(line, "refused", d->at_second ? "b" : "a");
    json_put_number(line, "same_tensors", d->outcome->tensors);
    for (int i = 0; i < DIFFERENCES; i++)
        json_put_number(counts, kinds[i], d->counts[i]);
    json_object_object_add(line, "counts", counts);
    json_object_object_add(line, "differences", json_object_get(d->rows));
    json_object_object_add(line, "findings", findings_array(d));
    if (!d->session->reporter.reproducible)
        json_object_object_add(line, "seconds", json_object_new_double(d->outcome->seconds));
    fprintf(d->session->reporter.out, "%s\n", json_object_to_json_string_ext(line, JSON_STYLE));
    json_object_put(line);
}

static bool is_open(const struct input *input, struct outcome *outcome, const char *path)
{
    if (input->state == INPUT_FILE)
        return true;
    int error = input->state == INPUT_FOLDER ? EISDIR : input->error;
    (void)tv_findings_add(&outcome->findings, TV_FIND_UNREADABLE, TV_NO_OFFSET, tv_span_str(path),
                          tv_span_str(strerrordesc_np(error)));
    return false;
}

/* Why it did not come to an end: something about a file, or the machine. Globals do not matter here. */
static enum diff_end end_of_failed(const struct diffing *d)
{
    const struct policy policy = policy_for_convert(&d->session->policy, true);
    bool refused = policy_judge(&policy, &d->outcome->findings, false).verdict == VERDICT_REJECT;
    return refused ? DIFF_REFUSED : DIFF_FAILED;
}

static enum diff_end compare(struct diffing *d, const char *key, const struct input inputs[2])
{
    struct job job = session_job(d->session, JOB_DIFF);
    const struct listener listener = {
        .context = d, .difference = on_difference, .note = on_note, .progress = on_progress};
    job.key = key;
    if (!is_open(&inputs[0], d->outcome, d->a) || !is_open(&inputs[1], d->outcome, d->b))
        return DIFF_FAILED;
    if (d->session->on_file != NULL)
        d->session->on_file(d->session->on_file_context, d->a);
    broker_run(&d->session->broker, &job, inputs[0].fd, inputs[1].fd, &listener, d->outcome);
    if (d->session->on_file != NULL)
        d->session->on_file(d->session->on_file_context, NULL);
    bool whole = d->outcome->complete && d->outcome->said == OUTCOME_DONE && input_unchanged(&inputs[0]) &&
                 input_unchanged(&inputs[1]);
    if (!whole)
        return end_of_failed(d);
    return d->all == 0 ? DIFF_SAME : DIFF_DIFFERENT;
}

enum diff_end session_diff(struct session *session, const char *key, const char *a, const char *b)
{
    struct input inputs[2];
    struct examination *examination = examination_new(session);
    if (examination == NULL)
        return DIFF_FAILED;
    struct diffing d = {.session = session, .outcome = &examination->outcome, .a = a, .b = b};
    d.rows = session->reporter.json ? json_object_new_array() : NULL;
    input_open(&inputs[0], a, session->policy.limits.spool_bytes, session->stop);
    input_open(&inputs[1], b, session->policy.limits.spool_bytes, session->stop);
    enum diff_end end = compare(&d, key, inputs);
    if (!session_stopped(session)) {
        if (session->reporter.json)
            print_json(&d, end);
        else
            print_end(&d, end);
        session->print_failed = fflush(session->reporter.out) != 0;
    }
    json_object_put(d.rows);
    input_close(&inputs[0]);
    input_close(&inputs[1]);
    examination_free(examination);
    return session->print_failed ? DIFF_FAILED : end;
}
