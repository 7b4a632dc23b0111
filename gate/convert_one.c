/* One conversion (convert.h): look, write, verify, publish, report. Whatever fails becomes a finding. */
#define _GNU_SOURCE
#include "convert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "folder.h"
#include "hints.h"
#include "name.h"

#define PART_LEAST (16u << 20) /* bytes of a source: smaller parts are not worth a worker */

struct making {
    struct session *session;
    const struct convert_options *options;
    const struct conversion *conversion;
    struct examination *examination;
    struct input input;
    struct out_folder folder;
    struct publish publish;
    struct publish_identity before; /* what has the output's name */
    struct policy policy;
    bool published;
    bool existing; /* the output is there already, and is what would be written */
    struct hints hints;
    struct out_folder extras_folder;
    struct publish extras;
    bool extras_published;
    bool code_ran; /* torch engine: code of the file was allowed to run, and a Python started */
    double start;  /* seconds of the monotonic clock */
};

static tv_findings *findings_of(struct making *making)
{
    return &making->examination->outcome.findings;
}

/* A failure of writing or publishing. */
static void add_output_failure(struct making *making, int error)
{
    const char *output = making->conversion->out_path;
    if (error == EEXIST)
        add_finding(findings_of(making), TV_FIND_OUTPUT_EXISTS, output, "");
    else
        add_finding(findings_of(making), TV_FIND_OUTPUT_UNWRITABLE, output, strerrordesc_np(error));
}

/* Is the file that has the output's name a safetensors file that passes? Asked of a worker, as of any file. */
static bool replaceable(struct making *making)
{
    struct session *session = making->session;
    bool passes = false;
    int fd = openat(making->folder.fd, making->conversion->out_name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct examination *target = fd < 0 ? NULL : examination_new(session);
    if (target != NULL) {
        struct job job = session_job(session, JOB_CHECK);
        struct stat seen;
        broker_run(&session->broker, &job, fd, -1, NULL, &target->outcome);
        struct judgement judgement =
            policy_judge(&session->policy, &target->outcome.findings, target->outcome.complete);
        passes = target->outcome.kind == TV_KIND_SAFETENSORS && judgement.verdict == VERDICT_ACCEPT &&
                 fstat(fd, &seen) == 0 && seen.st_dev == making->before.device && seen.st_ino == making->before.inode;
    }
    examination_free(target);
    if (fd >= 0)
        close(fd);
    return passes;
}

/* Of a folder, an output that is there already is looked at, not written again. */
static bool is_kept_if_same(const struct making *making)
{
    return making->conversion->in_top >= 0 && !making->options->overwrite && !making->options->torch.wanted &&
           making->before.what == PUBLISH_FILE;
}

/* May something get the output's name? Adds a finding where not. */
static bool target_is_free(struct making *making)
{
    const char *output = making->conversion->out_path;
    if (making->conversion->clash) {
        add_finding(findings_of(making), TV_FIND_OUTPUT_CLASH, output, "");
        return false;
    }
    if (making->folder.fd < 0) /* a dry run, and the folder is not there yet */
        return true;
    int error = publish_look(making->folder.fd, making->conversion->out_name, &making->before);
    bool takes = making->options->overwrite && making->before.what == PUBLISH_FILE;
    if (error == 0 && is_kept_if_same(making))
        return true;
    if (error == 0 && (making->before.what == PUBLISH_FREE || (takes && replaceable(making))))
        return true;
    if (error != 0)
        add_output_failure(making, error);
    else if (!making->options->overwrite)
        add_finding(findings_of(making), TV_FIND_OUTPUT_EXISTS, output, "");
    else if (!session_stopped(making->session))
        add_finding(findings_of(making), TV_FIND_OUTPUT_NOT_SAFETENSORS, output, "");
    return false;
}

static void open_source(struct making *making)
{
    const struct conversion *conversion = making->conversion;
    const char *why = NULL;
    if (conversion->in_top < 0) {
        input_open(&making->input, conversion->path, making->session->policy.limits.spool_bytes, making->session->stop);
        if (making->input.state == INPUT_FOLDER) {
            making->input.state = INPUT_FAILED;
            making->input.error = EISDIR;
        }
        return;
    }
    int fd = folder_open(conversion->in_top, conversion->inside, &why);
    if (fd >= 0)
        input_of(&making->input, fd);
    else
        making->input = (struct input){.state = INPUT_FAILED, .fd = -1, .error = errno};
}

static bool open_target(struct making *making)
{
    const struct conversion *conversion = making->conversion;
    unsigned flags = (conversion->out_top == AT_FDCWD ? OUT_FOLLOW : 0) | (making->options->dry_run ? 0 : OUT_MAKE);
    int error = out_folder_open(&making->folder, conversion->out_top, conversion->out_folder, flags);
    if (error == 0 || (error == ENOENT && making->options->dry_run))
        return true;
    add_output_failure(making, error);
    return false;
}

static bool found(const tv_findings *findings, tv_finding_id id)
{
    for (uint32_t i = 0; i < findings->count && i < TV_FINDINGS_MAX; i++)
        if (findings->items[i].id == id)
            return true;
    return false;
}

/* Is what has the output's name what would be written? Other bytes are a finding of their own: nothing failed. */
static void verify_existing(struct making *making, const struct job *job, const struct listener *listener)
{
    struct outcome *outcome = &making->examination->outcome;
    int fd = openat(making->folder.fd, making->conversion->out_name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        add_output_failure(making, errno);
        return;
    }
    broker_verify(&making->session->broker, job, making->input.fd, fd, listener, outcome);
    close(fd);
    making->existing = outcome->verified;
    bool planned = outcome->output_size > 0 && !outcome->interrupted;
    if (outcome->verified || !planned || found(findings_of(making), TV_FIND_SOURCE_CHANGED))
        return;
    outcome->findings.count = 0; /* of the comparison, whose word is this one */
    add_finding(findings_of(making), TV_FIND_OUTPUT_DIFFERS, making->conversion->out_path, "");
}

/* A worker does not know what the file is called that it cannot write. */
static void name_unwritable(struct making *making)
{
    const tv_span name = tv_span_str(making->conversion->out_path);
    tv_findings *findings = findings_of(making);
    for (uint32_t i = 0; i < findings->count && i < TV_FINDINGS_MAX; i++) {
        tv_finding *finding = &findings->items[i];
        if (finding->id != TV_FIND_OUTPUT_UNWRITABLE || finding->subject_size != 0 || name.size > UINT32_MAX)
            continue;
        finding->subject_size = (uint32_t)name.size;
        memcpy(finding->subject, name.data, name.size < TV_SUBJECT_BYTES ? name.size : TV_SUBJECT_BYTES);
    }
}

/* What the options ask of a worker. */
static struct job job_of(const struct making *making)
{
    const struct convert_options *options = making->options;
    struct job job = session_job(making->session, JOB_WRITE);
    job.called_safetensors = name_is_safetensors(making->conversion->path);
    job.key = options->key;
    job.ties = options->ties;
    job.disarm = options->disarm;
    job.plan_only = options->dry_run;
    job.want_rows = true;
    job.want_values = options->extras != NULL;
    job.skip_unsupported = options->skip_unsupported;
    job.strip = options->strip;
    job.only_models = making->conversion->in_top >= 0 && !options->all;
    job.allow_crc = options->allow_crc;
    job.allow_extra = options->allow_extra;
    job.parts = options->torch.wanted ? 0 : (uint64_t)making->input.seen.st_size / PART_LEAST;
    if (job.parts > making->conversion->parts)
        job.parts = making->conversion->parts;
    job.hints = making->hints.count;
    memcpy(job.hint, making->hints.names, sizeof job.hint);
    job.discards = options->discards;
    memcpy(job.discard, options->discard, sizeof job.discard);
    job.includes = options->includes;
    memcpy(job.include, options->include, sizeof job.include);
    job.excludes = options->excludes;
    memcpy(job.exclude, options->exclude, sizeof job.exclude);
    return job;
}

/* Runs writer, comparer and judge; on a dry run, the plan alone. */
static void run(struct making *making)
{
    struct session *session = making->session;
    const struct convert_options *options = making->options;
    const struct job job = job_of(making);
    struct outcome *outcome = &making->examination->outcome;
    making->examination->rows.keep_values = job.want_values;
    struct listener listener = rows_listener(&making->examination->rows);
    if (!options->dry_run)
        listener.tensor = NULL;
    if (session->on_file != NULL)
        session->on_file(session->on_file_context, making->conversion->path);
    if (options->torch.wanted)
        torch_convert(&session->torch, &session->broker, &job, making->input.fd, making->publish.fd, &listener, outcome,
                      &making->code_ran);
    else if (options->dry_run)
        broker_run(&session->broker, &job, making->input.fd, -1, &listener, outcome);
    else if (is_kept_if_same(making))
        verify_existing(making, &job, &listener);
    else
        broker_convert(&session->broker, &job, making->input.fd, making->publish.fd, &listener, outcome);
}

/* A verified conversion is done; a dry run is, once the plan is made. Nothing else may be called accepted. Where the
 * worker stopped at a finding that converting would let pass, the finding decides all the same. */
static struct judgement judge(const struct making *making)
{
    const struct outcome *outcome = &making->examination->outcome;
    bool planned = making->options->dry_run && outcome->complete && outcome->said == OUTCOME_DONE;
    struct judgement judgement = policy_judge(&making->policy, &outcome->findings, planned || outcome->verified);
    if (judgement.verdict == VERDICT_UNDECIDED && outcome->complete && outcome->said == OUTCOME_REJECTED)
        judgement = policy_judge(&making->session->policy, &outcome->findings, false);
    return judgement;
}

/* The values beside the tensors, whole in a file without a name, before the output gets its own. An extras file never
 * replaces anything. */
static bool make_extras(struct making *making)
{
    const char *path = making->options->extras;
    struct publish_identity there;
    char *folder = NULL;
    if (path == NULL)
        return true;
    const char *slash = strrchr(path, '/');
    folder = slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    int error =
        folder == NULL ? ENOMEM : out_folder_open(&making->extras_folder, AT_FDCWD, folder, OUT_FOLLOW | OUT_MAKE);
    free(folder);
    if (error == 0)
        error = publish_look(making->extras_folder.fd, name_of_path(path), &there);
    if (error == 0 && there.what != PUBLISH_FREE)
        error = EEXIST;
    if (error == 0)
        error = publish_begin(&making->extras, making->extras_folder.fd, name_of_path(path));
    if (error == 0)
        error = values_write(&making->examination->rows.values, making->extras.fd);
    if (error != 0)
        add_finding(findings_of(making), error == EEXIST ? TV_FIND_OUTPUT_EXISTS : TV_FIND_OUTPUT_UNWRITABLE, path,
                    error == EEXIST ? "" : strerrordesc_np(error));
    return error == 0;
}

static void publish_extras(struct making *making)
{
    if (making->options->extras == NULL)
        return;
    int error = publish_commit(&making->extras, NULL);
    making->extras_published = error == 0;
    if (error != 0)
        add_finding(findings_of(making), TV_FIND_OUTPUT_UNWRITABLE, making->options->extras, strerrordesc_np(error));
}

/* From an open source and an open target folder to a published file, as far as it goes. */
static void make(struct making *making)
{
    if (!making->options->dry_run && !is_kept_if_same(making)) {
        int error = publish_begin(&making->publish, making->folder.fd, making->conversion->out_name);
        if (error != 0) {
            add_output_failure(making, error);
            return;
        }
    }
    if (making->conversion->in_top >= 0 && making->options->ties == TIES_DROP)
        making->hints = hints_find(making->session, making->conversion->in_top, making->conversion->inside);
    run(making);
    name_unwritable(making);
    if (!input_unchanged(&making->input))
        add_finding(findings_of(making), TV_FIND_SOURCE_CHANGED, "", "");
    if (making->options->dry_run || judge(making).verdict != VERDICT_ACCEPT || session_stopped(making->session))
        return;
    if (making->existing || !make_extras(making))
        return;
    bool replaces = making->before.what == PUBLISH_FILE;
    int error = publish_commit(&making->publish, replaces ? &making->before : NULL);
    making->published = error == 0;
    if (error != 0)
        add_output_failure(making, error);
    else
        publish_extras(making);
}

static bool names_dangerous(const tv_findings *findings)
{
    for (uint32_t i = 0; i < findings->count && i < TV_FINDINGS_MAX; i++)
        if (tv_finding_info_of(findings->items[i].id)->class_ == TV_CLASS_DANGEROUS)
            return true;
    return false;
}

/* A folder holds checkpoints without tensors by habit (training_args.bin), without any that are selected, or of what
 * training alone needs (optimizer.pt): nothing to convert, and nothing wrong. */
static bool has_nothing_to_convert(const tv_findings *findings)
{
    const tv_finding *error = tv_findings_first_error(findings);
    return error != NULL && (error->id == TV_FIND_NO_TENSORS || error->id == TV_FIND_NOTHING_SELECTED ||
                             error->id == TV_FIND_TRAINING_STATE);
}

/* What `check` would say of the source. A verified conversion has read all of it. */
static enum verdict judge_source(const struct making *making)
{
    const struct outcome *outcome = &making->examination->outcome;
    bool read = outcome->complete || outcome->said == OUTCOME_REJECTED;
    if (found(&outcome->findings, TV_FIND_ZIP_CRC_LET_THROUGH) ||
        found(&outcome->findings, TV_FIND_ZIP_EXTRA_LET_THROUGH))
        return VERDICT_REJECT; /* check lets nothing through */
    if (read && name_disguise(making->conversion->path, outcome->kind) != TV_FIND_NONE)
        return VERDICT_REJECT;
    return policy_source_verdict(&making->session->policy, outcome->kind, &outcome->findings, read);
}

static struct judgement tell(struct making *making)
{
    struct examination *examination = making->examination;
    struct report report =
        examination_report(examination, &making->policy, REPORT_CONVERT, &making->input, making->conversion->path);
    struct statvfs space;
    report.judgement = judge(making);
    report.seconds = clock_seconds() - making->start;
    if (making->conversion->in_top >= 0 && has_nothing_to_convert(report.findings))
        report.judgement = (struct judgement){.verdict = VERDICT_UNJUDGED};
    report.source_verdict = judge_source(making);
    report.disarmed = making->options->disarm && names_dangerous(report.findings);
    report.verified = making->published || making->existing;
    report.existing = making->existing;
    report.extras = making->extras_published ? making->options->extras : NULL;
    report.hints_of = making->hints.architecture;
    report.planned = making->options->dry_run;
    if (making->options->torch.wanted) {
        const struct torch_engine *engine = &making->session->torch;
        report.torch = engine->version[0] == '\0' ? "torch" : engine->version;
        report.code_ran = making->code_ran;
    }
    if (making->published || making->existing || (report.planned && report.judgement.verdict == VERDICT_ACCEPT))
        report.output = making->conversion->out_path;
    if (report.planned && making->folder.fd >= 0 && fstatvfs(making->folder.fd, &space) == 0) {
        report.has_free = true;
        report.free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    }
    /* Severities are shown as they applied here: what was let pass is a warning. */
    const struct policy *strict = making->session->reporter.policy;
    making->session->reporter.policy = &making->policy;
    session_report(making->session, &report);
    making->session->reporter.policy = strict;
    return report.judgement;
}

/* Moves what was made over to the conversion; without memory nothing is undone. */
static void keep_for_later(struct out_folder *folder, struct conversion *conversion)
{
    conversion->made = malloc(sizeof *conversion->made);
    if (conversion->made != NULL) {
        *conversion->made = *folder;
        folder->fd = -1;
    }
    folder->made = 0;
}

bool convert_one(struct session *session, const struct convert_options *options, struct conversion *conversion,
                 struct judgement *judgement)
{
    struct making making = {.session = session, .options = options, .conversion = conversion};
    making.folder.fd = making.publish.fd = making.input.fd = -1;
    making.extras_folder.fd = making.extras.fd = -1;
    making.start = clock_seconds();
    making.policy = policy_for_convert(&session->policy, options->disarm || options->torch.allow_code);
    making.examination = examination_new(session);
    if (making.examination == NULL)
        return false;
    open_source(&making);
    if (making.input.state == INPUT_FILE) {
        if (open_target(&making) && target_is_free(&making))
            make(&making);
    } else if (making.input.state != INPUT_STOPPED) {
        session_examine(session, making.examination, JOB_WRITE, &making.input, conversion->path);
    }
    bool told = !session_stopped(session) || making.published;
    if (told)
        *judgement = tell(&making);
    publish_abort(&making.publish);
    publish_abort(&making.extras);
    if (making.extras_published)
        out_folder_close(&making.extras_folder);
    else
        out_folder_undo(&making.extras_folder);
    if (!making.published && conversion->undo_later)
        keep_for_later(&making.folder, conversion);
    if (making.published)
        out_folder_close(&making.folder);
    else
        out_folder_undo(&making.folder);
    input_close(&making.input);
    examination_free(making.examination);
    return told;
}
