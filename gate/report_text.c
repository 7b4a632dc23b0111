/* The report as people read it: what, where, why, and what to do next; a conversion in at most eight lines. */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

enum { FINDINGS_SHOWN = 8, ITEMS_SHOWN = 3 };

static const char *const styles[] = {"\033[1;32m", "\033[1;31m", "\033[1;33m", "\033[2m"}; /* by verdict */

/* Whether writing worked is asked once, at the end (report_print). */
static void put(const struct reporter *reporter, const char *text)
{
    (void)fputs(text, reporter->out);
}

static void put_verdict(const struct reporter *reporter, enum verdict verdict)
{
    bool styled = reporter->colour && (unsigned)verdict < VERDICT_COUNT;
    fprintf(reporter->out, "%s%s%s", styled ? styles[verdict] : "", verdict_name(verdict), styled ? "\033[0m" : "");
}

/* Untrusted bytes, sanitized. */
static void put_clean(const struct reporter *reporter, const char *bytes)
{
    struct text text = text_of(tv_span_str(bytes));
    put(reporter, text.bytes == NULL ? "?" : text.bytes);
    text_free(&text);
}

static void put_path(const struct reporter *reporter, const struct report *report)
{
    put_clean(reporter, report->path);
    if (report->target != NULL) {
        put(reporter, " (a link to ");
        put_clean(reporter, report->target);
        put(reporter, ")");
    }
    put(reporter, ": ");
}

/* ", a safetensors file, 4.0 KiB, 12 tensors" */
static void put_what(const struct reporter *reporter, const struct report *report)
{
    char size[SIZE_TEXT];
    if (report->complete || report->kind != TV_KIND_UNKNOWN)
        fprintf(reporter->out, "%s, ", tv_kind_what(report->kind));
    if (report->has_size)
        put(reporter, size_text(report->size, size));
    if (report->complete && report->tensors > 0)
        fprintf(reporter->out, ", %" PRIu64 " tensor%s", report->tensors, report->tensors == 1 ? "" : "s");
}

static void put_finding(const struct reporter *reporter, const tv_finding *finding)
{
    char message[2048];
    size_t size = tv_finding_message(finding, message, sizeof message);
    struct text clean = text_of(tv_span_of(message, size));
    tv_severity severity = policy_severity(reporter->policy, finding->id);
    fprintf(reporter->out, "  %-8s %s", tv_severity_name(severity), tv_finding_info_of(finding->id)->id);
    if (finding->offset != TV_NO_OFFSET)
        fprintf(reporter->out, " at byte %" PRIu64, finding->offset);
    fprintf(reporter->out, ": %s\n", clean.bytes == NULL ? "?" : clean.bytes);
    text_free(&clean);
}

/* What to do next: the table's word on the finding that decided. */
static void put_todo(const struct reporter *reporter, const struct judgement *judgement)
{
    if (judgement->why != TV_FIND_NONE)
        fprintf(reporter->out, "  to do    %s\n", tv_finding_info_of(judgement->why)->todo);
}

/* Errors first, for they decide; then what else there is, where there is room or -v. */
static void put_findings(const struct reporter *reporter, const struct report *report)
{
    const tv_findings *findings = report->findings;
    uint32_t shown = 0, all = 0;
    for (int errors = 1; errors >= 0; errors--)
        for (uint32_t i = 0; i < findings->count && i < TV_FINDINGS_MAX; i++) {
            tv_severity severity = policy_severity(reporter->policy, findings->items[i].id);
            if ((severity == TV_ERROR) != (errors == 1) || (severity == TV_NOTE && !reporter->verbose))
                continue;
            all++;
            if (!reporter->verbose && shown >= FINDINGS_SHOWN)
                continue;
            put_finding(reporter, &findings->items[i]);
            shown++;
        }
    uint64_t more = (uint64_t)all - shown + findings->omitted;
    if (more > 0)
        fprintf(reporter->out, "  \xE2\x80\xA6 %" PRIu64 " more%s\n", more, reporter->verbose ? "" : ", -v");
    put_todo(reporter, &report->judgement);
    if (report->reproduce != NULL && !reporter->reproducible)
        fprintf(reporter->out, "  repeat   %s\n", report->reproduce);
}

/* The lines of a list, indented. */
static void put_lines(const struct reporter *reporter, const char *title, const struct row_text *list)
{
    if (list->count + list->omitted == 0)
        return;
    fprintf(reporter->out, "%s\n", title);
    for (const char *at = list->text, *end; at != NULL && at < list->text + list->size; at = end + 1) {
        end = memchr(at, '\n', (size_t)(list->text + list->size - at));
        if (end == NULL)
            break;
        fprintf(reporter->out, "  %.*s\n", (int)(end - at), at);
    }
    if (list->omitted > 0)
        fprintf(reporter->out, "  \xE2\x80\xA6 %" PRIu64 " more than fit here\n", list->omitted);
}

/* "a, b, c, … 12 more, -v"; all of them under -v. */
static void put_items(const struct reporter *reporter, const struct row_text *list)
{
    uint64_t shown = 0, all = list->count + list->omitted;
    for (const char *at = list->text, *end; at != NULL && at < list->text + list->size; at = end + 1) {
        end = memchr(at, '\n', (size_t)(list->text + list->size - at));
        if (end == NULL || (shown >= ITEMS_SHOWN && !reporter->verbose))
            break;
        fprintf(reporter->out, "%s%.*s", shown == 0 ? "" : ", ", (int)(end - at), at);
        shown++;
    }
    if (all > shown)
        fprintf(reporter->out, ", \xE2\x80\xA6 %" PRIu64 " more%s", all - shown, reporter->verbose ? "" : ", -v");
}

/* "3 entries: epoch (int), …" */
static void put_count_and_items(const struct reporter *reporter, const struct row_text *list, const char *one,
                                const char *many)
{
    uint64_t count = list->count + list->omitted;
    fprintf(reporter->out, "%" PRIu64 " %s: ", count, count == 1 ? one : many);
    put_items(reporter, list);
}

static bool empty(const struct row_text *list)
{
    return list->count + list->omitted == 0;
}

/* "m.pt: reject (dangerous), a PyTorch checkpoint (zip), 4.0 KiB", without the end of the line. */
static void put_head(const struct reporter *reporter, const struct report *report)
{
    put_path(reporter, report);
    put_verdict(reporter, report->judgement.verdict);
    if (report->judgement.verdict == VERDICT_REJECT)
        fprintf(reporter->out, " (%s)", tv_class_name(report->judgement.class_));
    if (report->has_size || report->complete)
        put(reporter, ", ");
    put_what(reporter, report);
}

/* Is there nothing to say of it: left alone without -v, or accepted with -q? */
static bool passed_over(const struct reporter *reporter, const struct report *report)
{
    if (report->judgement.verdict == VERDICT_UNJUDGED)
        return !reporter->verbose || reporter->quiet;
    return report->judgement.verdict == VERDICT_ACCEPT && reporter->quiet;
}

/* One word of a command to be copied, or nothing where the path cannot stand in one as it is. */
static bool is_bare_word(const char *path)
{
    for (const char *at = path; *at != '\0'; at++)
        if ((*at < 'a' || *at > 'z') && (*at < 'A' || *at > 'Z') && (*at < '0' || *at > '9') &&
            strchr("._/-", *at) == NULL)
            return false;
    return *path != '-' && *path != '\0';
}

/* The commands that convert one of several groups. */
static void put_groups(const struct reporter *reporter, const struct report *report)
{
    const struct row_text *list = &report->rows->lists[ROWS_GROUPS];
    for (const char *at = list->text, *end; at != NULL && at < list->text + list->size; at = end + 1) {
        end = memchr(at, '\n', (size_t)(list->text + list->size - at));
        if (end == NULL)
            break;
        fprintf(reporter->out, "    tensorvet convert %s %.*s\n", is_bare_word(report->path) ? report->path : "FILE",
                (int)(end - at), at);
    }
}

static void text_check(const struct reporter *reporter, const struct report *report)
{
    if (passed_over(reporter, report))
        return;
    put_head(reporter, report);
    put(reporter, "\n");
    put_findings(reporter, report);
    if (report->of == REPORT_CONVERT)
        put_groups(reporter, report);
}

static void text_inspect(const struct reporter *reporter, const struct report *report)
{
    const struct row_text *lists = report->rows->lists;
    char size[SIZE_TEXT];
    if (passed_over(reporter, report))
        return;
    put_head(reporter, report);
    if (report->complete && report->tensors > 0)
        fprintf(reporter->out, ", %s of data", size_text(report->data_bytes, size));
    put(reporter, "\n");
    put_findings(reporter, report);
    if (lists[ROWS_TENSORS].count > 0) {
        put(reporter, "tensors\n");
        tree_print(&report->rows->tree, reporter->depth, reporter->out);
    }
    put_lines(reporter, "tied", &lists[ROWS_SHARED]);
    put_lines(reporter, "metadata", &lists[ROWS_METADATA]);
    put_lines(reporter, "values", &lists[ROWS_VALUES]);
    put_lines(reporter, "globals", &lists[ROWS_GLOBALS]);
    put_lines(reporter, "notes", &lists[ROWS_NOTES]);
}

/* Where every byte went: "8.1 KiB in = 4.1 KiB container + 0 bytes of unused storages + …" */
static void put_account(const struct reporter *reporter, const struct row_account *a)
{
    fprintf(reporter->out,
            "  bytes in %" PRIu64 " = %" PRIu64 " of the container + %" PRIu64
            " of storages that are not used + %" PRIu64 " of storages that are\n",
            a->source, a->container, a->unused, a->used);
    fprintf(reporter->out,
            "  and out  %" PRIu64 " = %" PRIu64 " of header + %" PRIu64 " of those storages - %" PRIu64
            " that no tensor shows + %" PRIu64 " written again\n",
            a->output, a->header, a->used, a->hidden, a->repeated);
}

/* The names of a dry run: the first of them, all under -v. */
static void put_planned_tensors(const struct reporter *reporter, const struct row_text *list)
{
    const uint64_t most = 16;
    uint64_t shown = 0;
    for (const char *at = list->text, *end; at != NULL && at < list->text + list->size; at = end + 1, shown++) {
        end = memchr(at, '\n', (size_t)(list->text + list->size - at));
        if (end == NULL || (shown == most && !reporter->verbose))
            break;
        fprintf(reporter->out, "    %.*s\n", (int)(end - at), at);
    }
    if (list->count + list->omitted > shown)
        fprintf(reporter->out, "    \xE2\x80\xA6 %" PRIu64 " more%s\n", list->count + list->omitted - shown,
                reporter->verbose ? "" : ", -v");
}

static void put_written(const struct reporter *reporter, const struct report *report)
{
    char size[SIZE_TEXT];
    fprintf(reporter->out, "  %-8s ", report->planned ? "to write" : report->existing ? "kept" : "wrote");
    put_clean(reporter, report->output);
    fprintf(reporter->out, ", %s, %" PRIu64 " tensor%s\n", size_text(report->output_size, size), report->tensors,
            report->tensors == 1 ? "" : "s");
    if (report->has_free && !reporter->reproducible)
        fprintf(reporter->out, "  free     %s\n", size_text(report->free_bytes, size));
    if (report->extras != NULL) {
        put(reporter, "  extras   ");
        put_clean(reporter, report->extras);
        put(reporter, "\n");
    }
    if (report->planned)
        put_planned_tensors(reporter, &report->rows->lists[ROWS_TENSORS]);
    if (reporter->verbose && report->rows->has_account)
        put_account(reporter, &report->rows->account);
    if (!report->verified)
        return;
    put(reporter, report->kind == TV_KIND_SHARD_INDEX ? "  verified against what its shards hold"
                  : report->torch != NULL             ? "  verified bit for bit against a second loading"
                                                      : "  verified bit for bit against the source");
    if (!reporter->reproducible)
        fprintf(reporter->out, report->seconds < 1 ? "; %.3f s in all" : "; %.1f s in all", report->seconds);
    if (!reporter->reproducible && report->seconds >= 1) /* below, starting up is most of it */
        fprintf(reporter->out, ", %s/s", size_text((uint64_t)((double)report->output_size / report->seconds), size));
    put(reporter, "\n");
}

/* Which rule chose the names that are kept, where it is not the usual one. */
static void put_rule(const struct reporter *reporter, const struct report *report)
{
    if (report->rows->rules[TIE_CONFIG_HINT] > 0 && report->hints_of != NULL)
        fprintf(reporter->out, " (as %s has it)", report->hints_of);
    else if (report->rows->rules[TIE_DISCARD] > 0)
        put(reporter, " (by --discard)");
}

/* The text behind that mark of a note of the worker's, up to the end of its line; NULL where there is none. */
static const char *find_note(const struct row_text *notes, const char *mark, size_t *size)
{
    for (const char *at = notes->text, *end; at != NULL && at < notes->text + notes->size; at = end + 1) {
        end = memchr(at, '\n', (size_t)(notes->text + notes->size - at));
        if (end == NULL)
            break;
        *size = (size_t)(end - at) - strlen(mark);
        if ((size_t)(end - at) > strlen(mark) && memcmp(at, mark, strlen(mark)) == 0)
            return at + strlen(mark);
    }
    return NULL;
}

/* What was chosen, and what was left behind. */
static void put_choices(const struct reporter *reporter, const struct report *report)
{
    const struct row_text *lists = report->rows->lists;
    size_t size = 0;
    const struct row_text *notes = &lists[ROWS_NOTES], *danger = &lists[ROWS_DANGEROUS], *inert = &lists[ROWS_UNKNOWN];
    const char *chosen = find_note(notes, "chosen: ", &size); /* the worker's, on --key and its default */
    if (chosen != NULL)
        fprintf(reporter->out, "  chose    %.*s\n", (int)size, chosen);
    if (!empty(&lists[ROWS_OBJECTS])) {
        put(reporter, "  dropped  ");
        put_count_and_items(reporter, &lists[ROWS_OBJECTS], "entry", "entries");
        put(reporter, "\n");
    }
    if (!empty(danger) || !empty(inert)) {
        put(reporter, report->code_ran ? "  may run  " : "  not run  ");
        if (!empty(danger))
            put_count_and_items(reporter, danger, "dangerous name", "dangerous names");
        put(reporter, !empty(danger) && !empty(inert) ? "; " : "");
        if (!empty(inert))
            put_count_and_items(reporter, inert, "inert name", "inert names");
        put(reporter, "\n");
    }
    if (!empty(&lists[ROWS_DECISIONS])) {
        put(reporter, "  decided  ");
        put_count_and_items(reporter, &lists[ROWS_DECISIONS], "tensor made plain", "tensors made plain");
        put(reporter, "\n");
    }
    if (!empty(&lists[ROWS_SHARED])) {
        put(reporter, "  tied     ");
        put_count_and_items(reporter, &lists[ROWS_SHARED], "name not repeated", "names not repeated");
        put_rule(reporter, report);
        put(reporter, "\n");
    }
}

/* One tip, if there is one. */
static void put_tip(const struct reporter *reporter, const struct report *report)
{
    uint32_t warnings = 0;
    for (uint32_t i = 0; i < report->findings->count && i < TV_FINDINGS_MAX; i++)
        warnings += tv_finding_info_of(report->findings->items[i].id)->severity == TV_WARNING;
    size_t size = 0;
    const char *prefix = find_note(&report->rows->lists[ROWS_NOTES], "prefix: ", &size);
    if (prefix != NULL)
        fprintf(reporter->out,
                "  tip      every name begins with %.*s, a wrapper's: --strip-prefix %.*s takes it off\n", (int)size,
                prefix, (int)size, prefix);
    else if (!empty(&report->rows->lists[ROWS_SHARED]))
        put(reporter, "  tip      the metadata says which name stands for which; --ties copy writes all of them\n");
    else if (warnings > 0 && !reporter->verbose)
        fprintf(reporter->out, "  tip      %u warning%s, -v\n", warnings, warnings == 1 ? "" : "s");
}

/* Eight lines at most, but for -v. */
static void text_converted(const struct reporter *reporter, const struct report *report)
{
    char size[SIZE_TEXT];
    const struct row_text *lists = report->rows->lists;
    put_path(reporter, report);
    fprintf(reporter->out, "%s, %s\n", tv_kind_what(report->kind), size_text(report->size, size));
    if (report->torch != NULL)
        fprintf(reporter->out, "  engine   %s; %s\n", report->torch,
                report->code_ran ? "CODE OF THE FILE RAN, in the jail: its numbers are what that code said"
                                 : "weights only, no code of the file ran");
    put_choices(reporter, report);
    if (report->output != NULL)
        put_written(reporter, report);
    if (reporter->verbose) {
        put_lines(reporter, "  made contiguous", &lists[ROWS_CONTIGUOUS]);
        put_lines(reporter, "  decisions", &lists[ROWS_DECISIONS]);
        put_findings(reporter, report);
    }
    put_tip(reporter, report);
}

static void text_folder(const struct reporter *reporter, const struct report *report)
{
    if (passed_over(reporter, report))
        return;
    put_path(reporter, report);
    put_verdict(reporter, report->judgement.verdict);
    put(reporter, ", a folder:");
    for (int i = 0; i < VERDICT_COUNT; i++)
        fprintf(reporter->out, "%s %" PRIu64 " %s", i == 0 ? "" : ",", report->counts[i],
                verdict_name((enum verdict)i));
    put(reporter, "\n");
    put_findings(reporter, report);
}

bool report_as_text(const struct reporter *reporter, const struct report *report)
{
    switch (report->of) {
    case REPORT_CHECK: text_check(reporter, report); break;
    case REPORT_INSPECT: text_inspect(reporter, report); break;
    case REPORT_CONVERT:
        if (report->judgement.verdict != VERDICT_ACCEPT)
            text_check(reporter, report);
        else if (!reporter->quiet)
            text_converted(reporter, report);
        break;
    case REPORT_FOLDER: text_folder(reporter, report); break;
    }
    return true;
}
