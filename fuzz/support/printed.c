/* printed.h: the broker's way from frames to a report, and the naive judge of plain text and json-c as its readers. */
#define _GNU_SOURCE
#include "printed.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "json_c.h"
#include "plain.h"

static void decode(tv_span frames, const struct job *job, struct rows *rows, struct said *said)
{
    struct decoder decoder;
    const struct listener listener = rows_listener(rows);
    PROMISE(decoder_init(&decoder, job, "fuzz", &listener, &said->outcome));
    said->state = decoder_feed(&decoder, frames);
    said->finished = decoder_finished(&decoder);
    said->outcome.complete = said->finished;
    decoder_free(&decoder);
}

static json_object *parse_strictly(const char *text, size_t size)
{
    json_object *root = json_c_read(tv_span_of(text, size), 2 * FRAME_VALUE_DEPTH + 16,
                                    JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    PROMISE(root != NULL && json_object_is_type(root, json_type_object));
    return root;
}

static void check_json(const char *line, size_t size, const struct report *report)
{
    json_object *value = NULL;
    PROMISE(size > 2 && line[size - 1] == '\n');
    PROMISE(memchr(line, '\n', size - 1) == NULL && plain_text(line, size));
    json_object *root = parse_strictly(line, size);
    PROMISE(json_object_object_get_ex(root, "verdict", &value));
    PROMISE(strcmp(json_object_get_string(value), verdict_name(report->judgement.verdict)) == 0);
    PROMISE(json_object_object_get_ex(root, "findings", &value));
    PROMISE(json_object_array_length(value) == report->findings->count);
    PROMISE(json_object_object_get_ex(root, "complete", &value));
    PROMISE(json_object_get_boolean(value) == report->complete);
    json_object_put(root);
}

/* The file of --save-extras. */
static void check_values(const struct rows *rows)
{
    static int file = -1;
    static char text[1 << 20];
    if (file < 0)
        file = memfd_create("values", 0);
    PROMISE(file >= 0 && ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
    PROMISE(values_write(&rows->values, file) == 0);
    ssize_t size = pread(file, text, sizeof text, 0);
    PROMISE(size > 0);
    if (size < (ssize_t)sizeof text)
        json_object_put(parse_strictly(text, (size_t)size));
}

static bool has(uint32_t flags, enum printed_flag flag)
{
    return (flags & (uint32_t)flag) != 0;
}

static void print(struct report *report, const struct policy *policy, bool json, uint32_t flags)
{
    char *text = NULL;
    size_t size = 0;
    struct reporter reporter = {.json = json,
                                .quiet = has(flags, PRINTED_QUIET),
                                .verbose = has(flags, PRINTED_VERBOSE),
                                .reproducible = has(flags, PRINTED_REPRODUCIBLE),
                                .depth = has(flags, PRINTED_DEPTH) ? 2 : 0,
                                .policy = policy};
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

/* What the broker itself would know, as the flags have it. */
static void tell(struct report *report, uint32_t flags, const char *path)
{
    report->target = has(flags, PRINTED_TARGET) ? path : NULL;
    report->output = has(flags, PRINTED_OUTPUT) ? path : NULL;
    report->torch = has(flags, PRINTED_TORCH) ? "torch 2, Python 3" : NULL;
    report->code_ran = has(flags, PRINTED_CODE_RAN);
    report->extras = has(flags, PRINTED_EXTRAS) ? path : NULL;
    report->hints_of = has(flags, PRINTED_HINTS) ? "GPT2LMHeadModel" : NULL;
    report->existing = has(flags, PRINTED_EXISTING);
    report->planned = has(flags, PRINTED_PLANNED);
    report->has_free = has(flags, PRINTED_FREE);
    report->free_bytes = 12345678;
    report->has_size = has(flags, PRINTED_SIZE);
    report->size = 1000;
    report->reproduce = has(flags, PRINTED_REPRODUCE) ? "tensorvet check m" : NULL;
    report->verified = has(flags, PRINTED_VERIFIED);
    report->seconds = has(flags, PRINTED_LONG) ? 3.5 : 0.01;
    report->disarmed = has(flags, PRINTED_DISARM);
}

void printed_check(tv_span frames, const struct job *job, enum report_of of, uint32_t flags, bool json,
                   struct said *said)
{
    static const struct outcome empty;
    struct policy hub = policy_hub(), policy = policy_for_convert(&hub, has(flags, PRINTED_DISARM));
    const struct policy *used = of == REPORT_CONVERT ? &policy : &hub;
    struct rows rows;
    said->outcome = empty;
    rows_init(&rows, json, (struct progress_to){NULL, NULL});
    rows.keep_values = has(flags, PRINTED_KEEP_VALUES);
    rows.depth = has(flags, PRINTED_DEPTH) ? 2 : 0;
    decode(frames, job, &rows, said);
    struct outcome *outcome = &said->outcome;
    const char *path = hostile_path(&outcome->findings);
    struct report report = {.of = of,
                            .path = path,
                            .kind = outcome->kind,
                            .complete = outcome->complete,
                            .findings = &outcome->findings,
                            .tensors = outcome->tensors,
                            .data_bytes = outcome->data_bytes,
                            .output_size = outcome->output_size,
                            .has_digest = outcome->has_digest,
                            .rows = &rows};
    tell(&report, flags, path);
    memcpy(report.digest, outcome->digest, sizeof report.digest);
    report.judgement = policy_judge(used, &outcome->findings, outcome->complete);
    report.source_verdict = policy_source_verdict(&hub, outcome->kind, &outcome->findings, outcome->complete);
    PROMISE(report.source_verdict != VERDICT_ACCEPT || outcome->complete);
    PROMISE(report.judgement.verdict != VERDICT_ACCEPT || of == REPORT_CONVERT ||
            (outcome->complete && tv_findings_first_error(&outcome->findings) == NULL));
    print(&report, used, json, flags);
    check_values(&rows);
    rows_free(&rows);
}
