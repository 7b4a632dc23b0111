/* Conversions: which inputs go where (convert.h). First all are planned, so that clashes are known before anything is
 * written; then each is converted on its own. */
#define _GNU_SOURCE
#include "convert.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name.h"
#include "vet.h"

/* A folder that was given as an input. */
struct top {
    int fd; /* open until the end */
    const char *path;
    char *target;        /* where the path led, if it is a link; malloc'd */
    enum folder_end end; /* how its walk ended */
    struct folder_tally tally;
};

struct planning {
    struct session *session;
    const struct convert_options *options;
    struct conversion *items;
    size_t count, capacity;
    struct out_folder base; /* --out-dir, opened once; fd is -1 where there is none, or not yet */
    struct top *tops;
    size_t top_count;
};

static void free_conversion(struct conversion *conversion)
{
    free(conversion->path);
    free(conversion->inside);
    free(conversion->out_folder);
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

/* Takes the conversion over; false, and it is freed, without memory. */
static bool add(struct planning *planning, struct conversion *conversion)
{
    bool whole = conversion->path != NULL && conversion->out_folder != NULL && conversion->out_path != NULL;
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
    return whole;
}

/* The output's name where none was given; what cannot be named is called as the input and clashes or fails later. */
static bool name_output(struct planning *planning, struct conversion *conversion, const char *path)
{
    if (name_of_output(name_of_path(path), conversion->out_name, sizeof conversion->out_name))
        return true;
    planning->session->undecided = true;
    return false;
}

/* A file of the user's own. */
static void plan_file(struct planning *planning, const char *path)
{
    const struct convert_options *options = planning->options;
    const char *place = options->output != NULL ? options->output : path;
    struct conversion conversion = {.path = strdup(path), .in_top = -1, .out_top = AT_FDCWD};
    bool named = true;
    if (options->output != NULL)
        named = (size_t)snprintf(conversion.out_name, sizeof conversion.out_name, "%s", name_of_path(place)) <
                sizeof conversion.out_name;
    else
        named = name_output(planning, &conversion, path);
    conversion.out_folder = options->out_dir != NULL ? strdup(options->out_dir) : folder_of(place);
    if (conversion.out_folder != NULL)
        conversion.out_path = out_path_of(conversion.out_folder, conversion.out_name);
    if (named)
        (void)add(planning, &conversion);
    else
        free_conversion(&conversion);
}

/* The folder being walked: the last. */
static struct top *walked(const struct planning *planning)
{
    return &planning->tops[planning->top_count - 1];
}

/* A file of the folder that is being walked, `inside` it. */
static void plan_inside(struct planning *planning, const char *path, const char *inside)
{
    const char *out_dir = planning->options->out_dir;
    const struct top *top = walked(planning);
    struct conversion conversion = {.path = strdup(path), .in_top = top->fd, .inside = strdup(inside)};
    char *below = folder_of(inside), *shown = NULL;
    if (below != NULL && name_output(planning, &conversion, inside))
        shown = out_path_of(below, conversion.out_name);
    if (shown != NULL)
        conversion.out_path = path_join(out_dir != NULL ? out_dir : top->path, shown);
    /* Where --out-dir is not open (a dry run, or it cannot be), its path is tried again when its turn comes. */
    bool by_path = out_dir != NULL && planning->base.fd < 0;
    conversion.out_top = by_path ? AT_FDCWD : out_dir != NULL ? planning->base.fd : top->fd;
    if (below != NULL)
        conversion.out_folder = by_path ? path_join(out_dir, below) : strdup(below);
    free(below);
    free(shown);
    if (conversion.inside == NULL)
        free_conversion(&conversion);
    else
        (void)add(planning, &conversion);
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
    struct folder_tally *tally = &walked(planning)->tally;
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

static bool plan_entry(void *context, const struct folder_entry *entry)
{
    struct planning *planning = context;
    char *path = path_join(walked(planning)->path, entry->path);
    if (path == NULL)
        planning->session->undecided = true;
    else if (entry->fd < 0)
        folder_report_unopened(planning->session, &walked(planning)->tally, entry, path);
    else
        plan_opened(planning, entry, path);
    free(path);
    return !session_stopped(planning->session);
}

static void plan_folder(struct planning *planning, int fd, const char *path)
{
    struct top *tops = realloc(planning->tops, (planning->top_count + 1) * sizeof *tops);
    if (tops == NULL) {
        close(fd);
        planning->session->undecided = true;
        return;
    }
    planning->tops = tops;
    struct top *top = &tops[planning->top_count++];
    *top = (struct top){.fd = fd, .path = path, .target = input_link_target(path, fd)};
    folder_tally_start(&top->tally);
    top->end = folder_walk(fd, &planning->session->policy.limits, plan_entry, planning);
}

static void plan_input(struct planning *planning, const char *path)
{
    int top = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (top >= 0)
        plan_folder(planning, top, path);
    else
        plan_file(planning, path);
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

/* Converts the planned ones of that folder (-1: those of the user's own), in the order planned. */
static void convert_all_of(struct planning *planning, struct top *top)
{
    for (size_t i = 0; i < planning->count && !session_stopped(planning->session); i++) {
        const struct conversion *item = &planning->items[i];
        struct judgement judgement;
        if (item->in_top != (top == NULL ? -1 : top->fd))
            continue;
        if (convert_one(planning->session, planning->options, item, &judgement) && top != NULL)
            folder_tally_add(&top->tally, &judgement);
    }
    if (top != NULL && top->end != FOLDER_STOPPED && !session_stopped(planning->session))
        folder_report(planning->session, top->path, top->target, &top->tally, top->end);
}

void session_convert(struct session *session, const struct convert_options *options, const char *const *inputs,
                     size_t count)
{
    struct planning planning = {.session = session, .options = options};
    planning.base.fd = -1;
    if (options->out_dir != NULL && !options->dry_run)
        (void)out_folder_open(&planning.base, AT_FDCWD, options->out_dir, OUT_FOLLOW | OUT_MAKE);
    for (size_t i = 0; i < count && !session_stopped(session); i++)
        plan_input(&planning, inputs[i]);
    find_clashes(&planning);
    convert_all_of(&planning, NULL);
    for (size_t i = 0; i < planning.top_count; i++)
        convert_all_of(&planning, &planning.tops[i]);
    for (size_t i = 0; i < planning.count; i++)
        free_conversion(&planning.items[i]);
    for (size_t i = 0; i < planning.top_count; i++) {
        close(planning.tops[i].fd);
        free(planning.tops[i].target);
    }
    free(planning.tops);
    free(planning.items);
    out_folder_undo(&planning.base); /* taken away only if nothing came to be in it */
}
