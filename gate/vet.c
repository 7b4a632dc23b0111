/* A folder's vetting (vet.h). */
#define _GNU_SOURCE
#include "vet.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "name.h"
#include "shards.h"

struct vetting {
    struct session *session;
    enum job_kind kind;
    const char *folder;
    int top; /* the folder, open */
    struct folder_tally tally;
};

bool vet_leaves_alone(const struct outcome *outcome, const char *path)
{
    tv_finding_id finding = tv_kind_finding(outcome->kind);
    if (!outcome->complete || finding == TV_FIND_NONE || finding == TV_FIND_LOADER_EXECUTES || name_is_model(path))
        return false;
    /* Any other error is about this file: a reader that crashed on it, say. */
    for (uint32_t i = 0; i < outcome->findings.count && i < TV_FINDINGS_MAX; i++)
        if (outcome->findings.items[i].id != finding &&
            tv_finding_info_of(outcome->findings.items[i].id)->severity == TV_ERROR)
            return false;
    return true;
}

/* An index is read in a worker, and compared with the shards that it names. */
static void judge_index(struct session *session, int top, const char *inside, const struct input *input,
                        const char *path, struct folder_tally *tally)
{
    session_finish(session);
    struct examination *examination = examination_new(session);
    struct shards shards;
    if (examination == NULL)
        return;
    if (session->on_file != NULL)
        session->on_file(session->on_file_context, path);
    shards_examine(session, top, inside, input, &shards, &examination->outcome);
    if (!examination->outcome.interrupted) {
        struct report report = examination_report(examination, &session->policy, REPORT_CHECK, input, path);
        if (tally != NULL)
            folder_tally_add(tally, &report.judgement);
        session_report(session, &report);
    }
    shards_free(&shards);
    examination_free(examination);
}

static void vet_index(struct vetting *vetting, const struct folder_entry *entry, const char *path)
{
    struct input input;
    input_of(&input, entry->fd);
    judge_index(vetting->session, vetting->top, entry->path, &input, path, &vetting->tally);
}

void vet_index_file(struct session *session, const struct input *input, const char *path)
{
    const char *name = name_of_path(path);
    char *folder = name == path ? strdup(".") : strndup(path, (size_t)(name - path));
    int top = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top >= 0)
        judge_index(session, top, name, input, path, NULL);
    else
        session->undecided = true;
    if (top >= 0)
        close(top);
    free(folder);
}

static void report_opened(void *context, struct session *session, struct begun *begun)
{
    struct vetting *vetting = context;
    if (vet_leaves_alone(&begun->examination->outcome, begun->path)) {
        folder_report_left_alone(session, &vetting->tally, begun->examination, &begun->input, begun->path);
        return;
    }
    enum report_of of = vetting->kind == JOB_INSPECT ? REPORT_INSPECT : REPORT_CHECK;
    struct report report = examination_report(begun->examination, &session->policy, of, &begun->input, begun->path);
    folder_tally_add(&vetting->tally, &report.judgement);
    session_report(session, &report);
}

/* Takes the entry's descriptor. */
static void vet_opened(struct vetting *vetting, struct folder_entry *entry, const char *path)
{
    struct input input;
    input_of(&input, entry->fd);
    entry->fd = -1;
    input.target = entry->target == NULL ? NULL : strdup(entry->target);
    session_begin(vetting->session, vetting->kind, &input, path, report_opened, vetting);
}

static bool vet_entry(void *context, struct folder_entry *entry)
{
    struct vetting *vetting = context;
    char *path = path_join(vetting->folder, entry->path);
    if (path == NULL)
        vetting->session->undecided = true;
    else if (entry->fd < 0)
        folder_report_unopened(vetting->session, &vetting->tally, entry, path);
    else if (vetting->kind == JOB_CHECK && name_is_index(path))
        vet_index(vetting, entry, path);
    else
        vet_opened(vetting, entry, path);
    free(path);
    return !session_stopped(vetting->session);
}

void vet_folder(struct session *session, enum job_kind kind, const struct input *top, const char *path)
{
    struct vetting vetting = {.session = session, .kind = kind, .folder = path, .top = top->fd};
    folder_tally_start(&vetting.tally);
    enum folder_end end = folder_walk(top->fd, &session->policy.limits, vet_entry, &vetting);
    session_finish(session);
    if (end != FOLDER_STOPPED)
        folder_report(session, path, top->target, &vetting.tally, end);
}
