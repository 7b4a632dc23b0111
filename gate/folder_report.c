/* A folder's own line, and those of its entries that were not examined (vet.h). */
#define _GNU_SOURCE
#include "vet.h"

#include <stdio.h>
#include <string.h>

char *path_join(const char *folder, const char *entry)
{
    char *joined = NULL;
    size_t size = strlen(folder);
    const char *slash = size > 0 && folder[size - 1] == '/' ? "" : "/";
    return asprintf(&joined, "%s%s%s", folder, slash, entry) < 0 ? NULL : joined;
}

void folder_tally_start(struct folder_tally *tally)
{
    memset(tally, 0, sizeof *tally);
    tally->start = clock_seconds();
}

void folder_tally_add(struct folder_tally *tally, const struct judgement *judgement)
{
    struct judgement *worst = &tally->worst[judgement->verdict];
    if (tally->counts[judgement->verdict]++ == 0 || policy_worse(worst->class_, judgement->class_) != worst->class_)
        *worst = *judgement;
    worst->why = TV_FIND_NONE; /* it is in another line */
}

/* The folder's own finding: how the walk ended, or that there was nothing to examine. */
static void add_folder_finding(const struct session *session, const struct folder_tally *tally, enum folder_end end,
                               tv_findings *findings)
{
    uint64_t examined =
        tally->counts[VERDICT_ACCEPT] + tally->counts[VERDICT_REJECT] + tally->counts[VERDICT_UNDECIDED];
    if (end == FOLDER_TOO_LARGE) {
        tv_span none = tv_span_of(NULL, 0);
        tv_finding *finding = tv_findings_add(findings, TV_FIND_FOLDER_TOO_LARGE, TV_NO_OFFSET, none, none);
        finding->a = session->policy.limits.folder_entries;
        finding->b = session->policy.limits.folder_depth;
    } else if (end == FOLDER_FAILED) {
        add_finding(findings, TV_FIND_UNREADABLE, "", "the folder could not be listed to its end");
    } else if (examined == 0) {
        add_finding(findings, TV_FIND_NOTHING_EXAMINED, "", "");
    }
}

static struct judgement judge_folder(const struct session *session, const struct folder_tally *tally,
                                     const tv_findings *findings)
{
    static const enum verdict order[] = {VERDICT_REJECT, VERDICT_UNDECIDED, VERDICT_ACCEPT};
    struct judgement own = policy_judge(&session->policy, findings, true);
    for (size_t i = 0; i < sizeof order / sizeof *order && own.verdict != order[i]; i++)
        if (tally->counts[order[i]] > 0)
            return tally->worst[order[i]];
    if (own.verdict == VERDICT_ACCEPT)
        own.class_ = tally->worst[VERDICT_ACCEPT].class_;
    return own;
}

void folder_report(struct session *session, const char *path, const char *target, const struct folder_tally *tally,
                   enum folder_end end)
{
    struct examination *examination = examination_new(session);
    if (examination == NULL)
        return;
    tv_findings *findings = &examination->outcome.findings;
    add_folder_finding(session, tally, end, findings);
    struct report report = {
        .of = REPORT_FOLDER,
        .path = path,
        .target = target,
        .complete = end == FOLDER_DONE,
        .judgement = judge_folder(session, tally, findings),
        .findings = findings,
        .seconds = clock_seconds() - tally->start,
    };
    memcpy(report.counts, tally->counts, sizeof report.counts);
    session_report(session, &report);
    examination_free(examination);
}

void folder_report_unopened(struct session *session, struct folder_tally *tally, const struct folder_entry *entry,
                            const char *path)
{
    session_finish(session);
    struct examination *examination = examination_new(session);
    if (examination == NULL)
        return;
    struct input input = {.state = INPUT_FAILED, .fd = -1, .error = entry->error};
    tv_findings *findings = &examination->outcome.findings;
    bool elsewhere = entry->why == link_to_folder;
    if (entry->why == NULL)
        add_finding(findings, TV_FIND_UNREADABLE, "", strerrordesc_np(entry->error));
    else if (!elsewhere)
        add_finding(findings, TV_FIND_NOT_EXAMINED, "", entry->why);
    struct report report = examination_report(examination, &session->policy, REPORT_CHECK, &input, path);
    report.target = entry->target;
    if (elsewhere)
        report.judgement = (struct judgement){.verdict = VERDICT_UNJUDGED};
    folder_tally_add(tally, &report.judgement);
    session_report(session, &report);
    examination_free(examination);
}

void folder_report_left_alone(struct session *session, struct folder_tally *tally, struct examination *examination,
                              const struct input *input, const char *path)
{
    examination->outcome.findings.count = 0;
    struct report report = examination_report(examination, &session->policy, REPORT_CHECK, input, path);
    report.judgement = (struct judgement){.verdict = VERDICT_UNJUDGED};
    folder_tally_add(tally, &report.judgement);
    session_report(session, &report);
}
