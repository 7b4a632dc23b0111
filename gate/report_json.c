/* The report as one object a line (DESIGN 5.1, docs/json.md). json-c makes every value; the lists of rows, rendered
 * long before, are put in before the closing brace. */
#include "report.h"

#include <inttypes.h>

#include <json-c/json.h>

#include "build_id.h"
#include "json.h"
#include "text.h"

#include <tensorvet/api.h>

/* Lists of rows and their keys, in the order in which they are printed. */
static const struct {
    enum row_list list;
    const char *key;
} lists[] = {
    {ROWS_GLOBALS, "globals"},         {ROWS_SHARED, "dropped_shared"}, {ROWS_CONTIGUOUS, "made_contiguous"},
    {ROWS_OBJECTS, "dropped_objects"}, {ROWS_DECISIONS, "decisions"},   {ROWS_TENSORS, "tensor_list"},
    {ROWS_METADATA, "metadata"},       {ROWS_NOTES, "notes"},           {ROWS_GROUPS, "groups"},
};

/* Which lists a report of that kind always has, empty or not. */
static bool always_listed(enum report_of of, enum row_list list)
{
    if (of == REPORT_CONVERT)
        return list == ROWS_GLOBALS || list == ROWS_SHARED || list == ROWS_CONTIGUOUS || list == ROWS_OBJECTS;
    return of == REPORT_INSPECT && (list == ROWS_GLOBALS || list == ROWS_TENSORS || list == ROWS_METADATA);
}

static struct json_object *tool_object(void)
{
    struct json_object *tool = json_object_new_object();
    json_put_text(tool, "version", tv_version());
    json_put_text(tool, "commit", TV_COMMIT);
    return tool;
}

static struct json_object *policy_object(const struct reporter *reporter)
{
    struct json_object *policy = json_object_new_object();
    json_put_text(policy, "name", reporter->policy->name);
    json_put_text(policy, "sha256", reporter->policy_sha256);
    return policy;
}

static void put_hex(struct json_object *object, const char *key, const uint8_t digest[32])
{
    char hex[65];
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    json_put_text(object, key, hex);
}

/* A subject or detail: sanitized and cut, with its full length where it was cut, and base64 where it is not exact. */
static void put_cut(struct json_object *object, const char *key, tv_span kept, uint32_t full)
{
    if (full == 0)
        return;
    json_put_bytes(object, key, kept);
    if (full > kept.size) {
        char beside[32];
        snprintf(beside, sizeof beside, "%s_bytes", key);
        json_put_number(object, beside, full);
    }
}

static struct json_object *finding_object(const struct policy *policy, const tv_finding *finding)
{
    const tv_finding_info *row = tv_finding_info_of(finding->id);
    struct json_object *object = json_object_new_object();
    char message[2048];
    size_t size = tv_finding_message(finding, message, sizeof message);
    struct text clean = text_of(tv_span_of(message, size));
    json_put_text(object, "id", row->id);
    json_put_text(object, "severity", tv_severity_name(policy_severity(policy, finding->id)));
    json_put_text(object, "message", clean.bytes);
    if (finding->offset != TV_NO_OFFSET)
        json_put_number(object, "offset", finding->offset);
    put_cut(object, "subject", tv_finding_subject(finding), finding->subject_size);
    put_cut(object, "detail", tv_finding_detail(finding), finding->detail_size);
    text_free(&clean);
    return object;
}

static void put_findings(struct json_object *line, const struct policy *policy, const tv_findings *findings)
{
    struct json_object *array = json_object_new_array();
    for (uint32_t i = 0; i < findings->count && i < TV_FINDINGS_MAX; i++)
        json_object_array_add(array, finding_object(policy, &findings->items[i]));
    json_object_object_add(line, "findings", array);
    if (findings->omitted > 0)
        json_put_number(line, "findings_omitted", findings->omitted);
}

/* What every line says, and first: what was looked at, by what. */
static void put_head(struct json_object *line, const struct reporter *reporter, const struct report *report)
{
    json_put_number(line, "schema", 1);
    json_object_object_add(line, "tool", tool_object());
    json_put_text(line, "ruleset", "sha256:" TV_RULESET);
    json_object_object_add(line, "policy", policy_object(reporter));
    json_put_bytes(line, "path", tv_span_str(report->path));
    if (report->target != NULL)
        json_put_bytes(line, "target", tv_span_str(report->target));
    json_put_text(line, "kind", report->of == REPORT_FOLDER ? "repository" : tv_kind_name(report->kind));
    json_put_text(line, "scope", "full");
    json_object_object_add(line, "complete", json_object_new_boolean(report->complete));
}

static void put_judgement(struct json_object *line, const struct report *report)
{
    json_put_text(line, "verdict", verdict_name(report->judgement.verdict));
    if (report->of == REPORT_CONVERT)
        json_put_text(line, "source_verdict", verdict_name(report->source_verdict));
    json_put_text(line, "class", tv_class_name(report->judgement.class_));
    json_put_text(line, "remedy", tv_remedy_name(report->judgement.remedy));
    json_object_object_add(line, "retryable", json_object_new_boolean(report->judgement.retryable));
}

static void put_conversion(struct json_object *line, const struct reporter *reporter, const struct report *report)
{
    json_object_object_add(line, "disarmed", json_object_new_boolean(report->disarmed));
    if (report->output != NULL)
        json_put_bytes(line, "output", tv_span_str(report->output));
    else
        json_put_text(line, "output", NULL);
    if (report->output_size > 0)
        json_put_number(line, "output_size", report->output_size);
    if (report->extras != NULL)
        json_put_bytes(line, "extras", tv_span_str(report->extras));
    if (report->hints_of != NULL)
        json_put_text(line, "tie_hints_of", report->hints_of);
    if (report->existing)
        json_object_object_add(line, "existing", json_object_new_boolean(true));
    json_put_text(line, "engine", report->torch != NULL ? "torch" : "native");
    if (report->torch != NULL) {
        if (!reporter->reproducible)
            json_put_bytes(line, "engine_version", tv_span_str(report->torch));
        json_object_object_add(line, "code_ran", json_object_new_boolean(report->code_ran));
    }
    json_object_object_add(line, "verified", json_object_new_boolean(report->verified));
    if (report->planned)
        json_object_object_add(line, "dry_run", json_object_new_boolean(true));
    if (report->has_free && !reporter->reproducible)
        json_put_number(line, "free_bytes", report->free_bytes);
}

/* Where every byte went and came from (converter/account.h). */
static void put_account(struct json_object *line, const struct row_account *account)
{
    struct json_object *bytes = json_object_new_object();
    json_put_number(bytes, "source", account->source);
    json_put_number(bytes, "container", account->container);
    json_put_number(bytes, "unused_storages", account->unused);
    json_put_number(bytes, "used_storages", account->used);
    json_put_number(bytes, "not_viewed", account->hidden);
    json_put_number(bytes, "repeated", account->repeated);
    json_put_number(bytes, "header", account->header);
    json_put_number(bytes, "output", account->output);
    json_object_object_add(line, "bytes", bytes);
}

/* Objects made of rows. */
static void put_trees(struct json_object *line, const struct report *report)
{
    const struct rows *rows = report->rows;
    if (rows != NULL && rows->has_account)
        put_account(line, &rows->account);
    if (rows == NULL || report->of != REPORT_INSPECT)
        return;
    if (rows->values.list != NULL)
        json_object_object_add(line, "values", json_object_get(rows->values.list));
    if (rows->values.omitted > 0)
        json_put_number(line, "values_omitted", rows->values.omitted);
}

static void put_counts(struct json_object *line, const struct report *report)
{
    struct json_object *files = json_object_new_object();
    for (int i = 0; i < VERDICT_COUNT; i++)
        json_put_number(files, verdict_name((enum verdict)i), report->counts[i]);
    json_object_object_add(line, "files", files);
}

static void put_seconds(struct json_object *line, double seconds)
{
    char text[32];
    snprintf(text, sizeof text, "%.4f", seconds);
    json_object_object_add(line, "seconds", json_object_new_double_s(seconds, text));
}

/* Whether writing worked is asked once, at the end (report_print).
 * ,"globals":[{…},{…}],… : the rows are JSON already, each followed by a comma, of which the last goes. */
static void print_lists(const struct reporter *reporter, const struct report *report)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct row_text *list = &report->rows->lists[lists[i].list];
        if (list->count == 0 && list->omitted == 0 && !always_listed(report->of, lists[i].list))
            continue;
        fprintf(reporter->out, ",\"%s\":[", lists[i].key);
        if (list->size > 0)
            (void)fwrite(list->text, 1, list->size - 1, reporter->out);
        (void)fputc(']', reporter->out);
        if (list->omitted > 0)
            fprintf(reporter->out, ",\"%s_omitted\":%" PRIu64, lists[i].key, list->omitted);
    }
}

/* Memory may end anywhere, and leaves null behind. A line that does not say which file it is about, or where its output
 * is, would be no report. */
static bool names_its_files(struct json_object *line, const struct report *report)
{
    bool has_output = report->of == REPORT_CONVERT && report->output != NULL;
    return json_object_object_get(line, "path") != NULL &&
           (!has_output || json_object_object_get(line, "output") != NULL);
}

bool report_as_json(const struct reporter *reporter, const struct report *report)
{
    struct json_object *line = json_object_new_object();
    size_t size = 0;
    put_head(line, reporter, report);
    put_judgement(line, report);
    if (report->has_size)
        json_put_number(line, "size", report->size);
    if (report->has_digest)
        put_hex(line, "header_sha256", report->digest);
    if (report->of == REPORT_CONVERT)
        put_conversion(line, reporter, report);
    put_findings(line, reporter->policy, report->findings);
    if (report->reproduce != NULL && !reporter->reproducible)
        json_put_text(line, "reproduce", report->reproduce);
    if (report->of == REPORT_FOLDER) {
        put_counts(line, report);
    } else {
        json_put_number(line, "tensors", report->tensors);
        json_put_number(line, "data_bytes", report->data_bytes);
    }
    put_trees(line, report);
    if (!reporter->reproducible)
        put_seconds(line, report->seconds);
    const char *text =
        !names_its_files(line, report) ? NULL : json_object_to_json_string_length(line, JSON_STYLE, &size);
    bool made = text != NULL && size > 0;
    if (made) {
        (void)fwrite(text, 1, size - 1, reporter->out); /* without the closing brace */
        if (report->rows != NULL)
            print_lists(reporter, report);
        (void)fputs("}\n", reporter->out);
    }
    json_object_put(line);
    return made;
}
