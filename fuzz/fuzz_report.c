/* The report writers, from what a hostile worker says: frames, rows, policy, report, in both forms.
 * The last two bytes of an input choose which report; a path is made of the first finding's subject.
 *
 * Oracles: JSON is one line, parses strictly, says what was judged, and holds nothing but plain text; text is plain; an
 * accept is complete and without errors. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>

#include <json-c/json.h>

#include "decode.h"
#include "oracle.h"
#include "plain.h"
#include "report.h"

static void decode(tv_span frames, enum report_of of, struct rows *rows, struct outcome *outcome)
{
    struct decoder decoder;
    const struct listener listener = rows_listener(rows);
    const struct job job = {.kind = of == REPORT_CONVERT   ? JOB_WRITE
                                    : of == REPORT_INSPECT ? JOB_INSPECT
                                                           : JOB_CHECK,
                            .limits = tv_limits_default()};
    PROMISE(decoder_init(&decoder, &job, "fuzz", &listener, outcome));
    (void)decoder_feed(&decoder, frames);
    outcome->complete = decoder_finished(&decoder);
    decoder_free(&decoder);
}

static void check_json(char *line, size_t size, const struct report *report)
{
    struct json_tokener *tokener = json_tokener_new_ex(8);
    json_object *value = NULL;
    PROMISE(tokener != NULL && size > 2 && line[size - 1] == '\n');
    PROMISE(memchr(line, '\n', size - 1) == NULL && plain_text(line, size));
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object *root = json_tokener_parse_ex(tokener, line, (int)size);
    PROMISE(root != NULL && json_object_is_type(root, json_type_object));
    PROMISE(json_object_object_get_ex(root, "verdict", &value));
    PROMISE(strcmp(json_object_get_string(value), verdict_name(report->judgement.verdict)) == 0);
    PROMISE(json_object_object_get_ex(root, "findings", &value));
    PROMISE(json_object_array_length(value) == report->findings->count);
    PROMISE(json_object_object_get_ex(root, "complete", &value));
    PROMISE(json_object_get_boolean(value) == report->complete);
    json_object_put(root);
    json_tokener_free(tokener);
}

static void print(struct report *report, const struct policy *policy, bool json, uint8_t flags)
{
    char *text = NULL;
    size_t size = 0;
    struct reporter reporter = {.json = json, .quiet = (flags & 1) != 0, .verbose = (flags & 2) != 0};
    reporter.reproducible = (flags & 4) != 0;
    reporter.policy = policy;
    reporter.out = open_memstream(&text, &size);
    PROMISE(reporter.out != NULL && report_print(&reporter, report));
    (void)fclose(reporter.out);
    PROMISE(plain_text(text, size));
    if (json)
        check_json(text, size, report);
    free(text);
}

/* Bytes of the worker's, as a path that an attacker could have chosen. */
static const char *hostile_path(const tv_findings *findings)
{
    static char path[TV_SUBJECT_BYTES + 4];
    (void)snprintf(path, sizeof path, "m/");
    if (findings->count > 0) {
        tv_span subject = tv_finding_subject(&findings->items[0]);
        if (subject.size > 0)
            memcpy(path + 2, subject.data, subject.size);
        path[2 + subject.size] = '\0';
    }
    return path;
}

static void run(tv_span frames, enum report_of of, uint8_t flags, bool json)
{
    static struct outcome outcome, empty;
    struct policy hub = policy_hub(), policy = policy_for_convert(&hub, (flags & 8) != 0);
    struct rows rows;
    outcome = empty;
    rows_init(&rows, json, (struct progress_to){NULL, NULL});
    decode(frames, of, &rows, &outcome);
    const char *path = hostile_path(&outcome.findings);
    struct report report = {.of = of,
                            .path = path,
                            .target = (flags & 16) != 0 ? path : NULL,
                            .output = (flags & 32) != 0 ? path : NULL,
                            .kind = outcome.kind,
                            .complete = outcome.complete,
                            .findings = &outcome.findings,
                            .tensors = outcome.tensors,
                            .data_bytes = outcome.data_bytes,
                            .has_digest = outcome.has_digest,
                            .rows = &rows};
    memcpy(report.digest, outcome.digest, sizeof report.digest);
    report.judgement = policy_judge(of == REPORT_CONVERT ? &policy : &hub, &outcome.findings, outcome.complete);
    PROMISE(report.judgement.verdict != VERDICT_ACCEPT || of == REPORT_CONVERT ||
            (outcome.complete && tv_findings_first_error(&outcome.findings) == NULL));
    print(&report, of == REPORT_CONVERT ? &policy : &hub, json, flags);
    if (outcome.complete && json)
        oracle_accepted();
    rows_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tail tail = {tv_span_of(data, size)};
    uint8_t flags = tail_u8(&tail), of = tail_u8(&tail);
    oracle_ran(data, size);
    run(tail.rest, (enum report_of)(of % 4), flags, true);
    run(tail.rest, (enum report_of)(of % 4), flags, false);
    return 0;
}
