/* Conversions: which inputs go where (convert.h). First all are planned, so that clashes are known before anything is
 * written; then each is converted on its own. */
#define _GNU_SOURCE
#include "convert.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert_jobs.h"
#include "name.h"
#include "vet.h"

/* One input of the command line: a file of the user's own, or a folder. */
struct group {
    int fd; /* of a folder, open until the end; -1: a file */
    const char *path;
    char *target;        /* where a folder's path led, if it is a link; malloc'd */
    enum folder_end end; /* how the folder's walk ended */
    struct folder_tally tally;
};

struct planning {
    struct session *session;
    const struct convert_options *options;
    struct group *groups;     /* one for each input */
    size_t group_count;       /* of those that were planned so far */
    struct conversion *items; /* in the order of their groups */
    size_t count, capacity, done;
    struct convert_jobs *jobs; /* NULL: one file at a time */
    struct out_folder base;    /* --out-dir, opened once; fd is -1 where there is none, or not yet */
};

static void free_conversion(struct conversion *conversion)
{
    free(conversion->path);
    free(conversion->inside);
    free(conversion->out_folder);
    free(conversion->out_name);
    free(conversion->out_path);
}

/* The folder part of a path: "." where it has none. malloc'd. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* As it is reported: without "./" in front. malloc'd. */
static char *out_path_of(const char *folder, const char *name)
{
    return strcmp(folder, ".") == 0 ? strdup(name) : path_join(folder, name);
}

/* Takes the conversion over; without memory it is freed and counts as undecided. */
static void add(struct planning *planning, struct conversion *conversion)
{
    bool whole = conversion->path != NULL && conversion->out_folder != NULL && conversion->out_name != NULL &&
                 conversion->out_path != NULL && (conversion->in_top < 0 || conversion->inside != NULL);
    if (whole && planning->count == planning->capacity) {
        size_t more = planning->capacity == 0 ? 16 : planning->capacity * 2;
        struct conversion *items = realloc(planning->items, more * sizeof *items);
        whole = items != NULL;
        if (whole) {
            planning->items = items;
            planning->capacity = more;
        }
    }
    if (whole)
        planning->items[planning->count++] = *conversion;
    else
        free_conversion(conversion);
    planning->session->undecided |= !whole;
}

/* The input that is being planned: the last. */
static struct group *current(const struct planning *planning)
{
    return &planning->groups[planning->group_count - 1];
}

/* A file of the user's own. */
static void plan_file(struct planning *planning, const char *path)
{
    const struct convert_options *options = planning->options;
    const char *output = options->output;
    struct conversion conversion = {.path = strdup(path), .in_top = -1, .out_top = AT_FDCWD};
    conversion.group = planning->group_count - 1;
    conversion.out_name = output != NULL ? strdup(name_of_path(output)) : name_of_output(name_of_path(path));
    conversion.out_folder =
        options->out_dir != NULL ? strdup(options->out_dir) : folder_of(output != NULL ? output : path);
    if (conversion.out_folder != NULL && conversion.out_name != NULL)
        conversion.out_path = out_path_of(conversion.out_folder, conversion.out_name);
    add(planning, &conversion);
}

/* A file of the folder that is being walked, `inside` it. */
static void plan_inside(struct planning *planning, const char *path, const char *inside)
{
    const char *out_dir = planning->options->out_dir;
    const struct group *group = current(planning);
    struct conversion conversion = {.path = strdup(path), .in_top = group->fd, .inside = strdup(inside)};
    conversion.group = planning->group_count - 1;
    conversion.is_index = name_is_index(inside);
    conversion.out_name =
        conversion.is_index ? name_of_output_index(name_of_path(inside)) : name_of_output(name_of_path(inside));
    char *below = folder_of(inside), *shown = NULL;
    if (below != NULL && conversion.out_name != NULL)
        shown = out_path_of(below, conversion.out_name);
    if (shown != NULL)
        conversion.out_path = path_join(out_dir != NULL ? out_dir : group->path, shown);
    /* Where --out-dir is not open (a dry run, or it cannot be), its path is tried again when its turn comes. */
    bool by_path = out_dir != NULL && planning->base.fd < 0;
    conversion.out_top = by_path ? AT_FDCWD : out_dir != NULL ? planning->base.fd : group->fd;
    if (below != NULL)
        conversion.out_folder = by_path ? path_join(out_dir, below) : strdup(below);
    free(below);
    free(shown);
    add(planning, &conversion);
}

/* What is in a file decides whether a folder's conversion takes it: checkpoints, and safetensors files where the output
 * goes elsewhere (so that what is there is ours and not the upload). */
static bool takes(const struct planning *planning, tv_kind kind)
{
    static const tv_kind checkpoints[] = {TV_KIND_TORCH_ZIP,   TV_KIND_TORCH_LEGACY, TV_KIND_TORCH_TAR,
                                          TV_KIND_TORCHSCRIPT, TV_KIND_PICKLE,       TV_KIND_NUMPY,
                                          TV_KIND_NPZ};
    for (size_t i = 0; i < sizeof checkpoints / sizeof *checkpoints; i++)
        if (checkpoints[i] == kind)
            return true;
    return kind == TV_KIND_SAFETENSORS && planning->options->out_dir != NULL;
}

/* A file that is not converted is reported: left alone, or undecided where it could not be read. */
static void plan_opened(struct planning *planning, const struct folder_entry *entry, const char *path)
{
    struct session *session = planning->session;
    struct folder_tally *tally = &current(planning)->tally;
    struct examination *examination = examination_new(session);
    struct input input;
    if (examination == NULL)
        return;
    input_of(&input, entry->fd);
    session_examine(session, examination, JOB_CHECK, &input, path);
    if (takes(planning, examination->outcome.kind)) {
        plan_inside(planning, path, entry->path);
    } else if (examination->outcome.complete) {
        folder_report_left_alone(session, tally, examination, &input, path);
    } else if (!examination->outcome.interrupted) {
        struct report report = examination_report(examination, &session->policy, REPORT_CHECK, &input, path);
        folder_tally_add(tally, &report.judgement);
        session_report(session, &report);
    }
    examination_free(examination);
}

/* The index of shards that are converted; that of safetensors files only where the outputs go elsewhere, as those do.
 */
static bool takes_index(const struct planning *planning, const char *path)
{
    return name_is_index(path) && (planning->options->out_dir != NULL || !name_ends(path, ".safetensors.index.json"));
}

static bool plan_entry(void *context, struct folder_entry *entry)
{
    struct planning *planning = context;
    char *path = path_join(current(planning)->path, entry->path);
    if (path == NULL)
        planning->session->undecided = true;
    else if (entry->fd < 0)
        folder_report_unopened(planning->session, &current(planning)->tally, entry, path);
    else if (takes_index(planning, path))
        plan_inside(planning, path, entry->path);
    else
        plan_opened(planning, entry, path);
    free(path);
    return !session_stopped(planning->session);
}

static void plan_input(struct planning *planning, const char *path)
{
    struct group *group = &planning->groups[planning->group_count++];
    *group = (struct group){.fd = -1, .path = path};
    if (strcmp(path, "-") != 0)
        group->fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (group->fd < 0) {
        plan_file(planning, path);
        return;
    }
    group->target = input_link_target(path, group->fd);
    folder_tally_start(&group->tally);
    group->end = folder_walk(group->fd, &planning->session->policy.limits, plan_entry, planning);
}

struct named_output {
    const char *path;
    size_t item;
};

static int by_path(const void *a, const void *b)
{
    const struct named_output *one = a, *two = b;
    return strcmp(one->path, two->path);
}

/* Marks conversions that would write to the same path. */
static void find_clashes(struct planning *planning)
{
    if (planning->count < 2)
        return;
    struct named_output *sorted = calloc(planning->count, sizeof *sorted);
    if (sorted == NULL)
        return; /* the second will find the output there, and stop */
    for (size_t i = 0; i < planning->count; i++)
        sorted[i] = (struct named_output){planning->items[i].out_path, i};
    qsort(sorted, planning->count, sizeof *sorted, by_path);
    for (size_t i = 1; i < planning->count; i++)
        if (strcmp(sorted[i - 1].path, sorted[i].path) == 0)
            planning->items[sorted[i - 1].item].clash = planning->items[sorted[i].item].clash = true;
    free(sorted);
}

static void convert_item(struct session *session, const struct planning *planning, size_t from, size_t to, size_t i,
                         struct judgement *judgement)
{
    struct conversion *item = &planning->items[i];
    if (planning->jobs != NULL && !item->is_index) {
        convert_jobs_finish(planning->jobs, i, judgement);
        return;
    }
    *judgement = (struct judgement){.verdict = VERDICT_UNDECIDED};
    item->told = item->is_index
                     ? convert_index(session, planning->options, item, planning->items + from, to - from, judgement)
                     : convert_one(session, planning->options, item, judgement);
    item->verdict = judgement->verdict;
}

/* Converts the files among items [from, to), or the indexes. */
static void convert_items(struct planning *planning, struct group *group, size_t from, size_t to, bool indexes)
{
    for (size_t i = from; i < to && !session_stopped(planning->session); i++) {
        struct judgement judgement;
        if (planning->items[i].is_index != indexes)
            continue;
        convert_item(planning->session, planning, from, to, i, &judgement);
        if (planning->items[i].told)
            folder_tally_add(&group->tally, &judgement);
    }
}

/* Converts what was planned of that input, in the order planned, but indexes after their shards; a folder's own line
 * comes last. */
static void convert_group(struct planning *planning, size_t number)
{
    struct group *group = &planning->groups[number];
    size_t from = planning->done;
    while (planning->done < planning->count && planning->items[planning->done].group == number)
        planning->done++;
    convert_items(planning, group, from, planning->done, false);
    convert_items(planning, group, from, planning->done, true);
    if (group->fd >= 0 && group->end != FOLDER_STOPPED && !session_stopped(planning->session))
        folder_report(planning->session, group->path, group->target, &group->tally, group->end);
}

static void free_planning(struct planning *planning)
{
    for (size_t i = 0; i < planning->count; i++)
        free_conversion(&planning->items[i]);
    for (size_t i = 0; i < planning->group_count; i++) {
        if (planning->groups[i].fd >= 0)
            close(planning->groups[i].fd);
        free(planning->groups[i].target);
    }
    free(planning->groups);
    free(planning->items);
    out_folder_undo(&planning->base); /* taken away only if nothing came to be in it */
}

void session_convert(struct session *session, const struct convert_options *options, const char *const *inputs,
                     size_t count)
{
    struct planning planning = {.session = session, .options = options, .base.fd = -1};
    planning.groups = calloc(count, sizeof *planning.groups);
    if (planning.groups == NULL) {
        session->undecided = true;
        return;
    }
    if (options->out_dir != NULL && !options->dry_run)
        (void)out_folder_open(&planning.base, AT_FDCWD, options->out_dir, OUT_FOLLOW | OUT_MAKE);
    for (size_t i = 0; i < count && !session_stopped(session); i++)
        plan_input(&planning, inputs[i]);
    find_clashes(&planning);
    planning.jobs = convert_jobs_start(session, options, planning.items, planning.count);
    for (size_t i = 0; i < planning.group_count && !session_stopped(session); i++)
        convert_group(&planning, i);
    convert_jobs_end(planning.jobs);
    free_planning(&planning);
}
