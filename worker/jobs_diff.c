/* DIFF: the tensors of two files of any kind, compared where they lie. The first file is the source, the second the
 * descriptor that other jobs write to, here open for reading alone. */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <diff.h>

#include "jobs_internal.h"

/* The tensors of run->source, of whatever kind. The kind of the first file has been reported. What safetensors cannot
 * hold is refused: were it left out, files that differ in it would be called the same. */
static tv_status read_side(struct run *run, struct checkpoint *table)
{
    const struct ck_options options = {.limits = &run->job->limits, .key = run->job->key, .want_tensors = true};
    if (run->kind == TV_KIND_SAFETENSORS)
        return table_of_safetensors(run, table);
    return checkpoint_read(&run->source, run->kind, &options, table, &run->findings);
}

static void shape_text(const struct ck_tensor *tensor, char *text, size_t capacity)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < tensor->rank && used + 24 < capacity; i++)
        used +=
            (size_t)snprintf(text + used, capacity - used, "%s%lu", i == 0 ? "" : "x", (unsigned long)tensor->shape[i]);
    if (tensor->rank == 0)
        (void)snprintf(text, capacity, "scalar");
}

static void on_difference(void *context, enum diff_what what, const struct ck_tensor *a, const struct ck_tensor *b)
{
    struct run *run = context;
    char left[512] = "", right[512] = "";
    if (what == DIFF_DTYPE) {
        (void)snprintf(left, sizeof left, "%s", a->source_dtype);
        (void)snprintf(right, sizeof right, "%s", b->source_dtype);
    } else {
        if (what != DIFF_ONLY_IN_B)
            shape_text(a, left, sizeof left);
        if (what != DIFF_ONLY_IN_A)
            shape_text(b, right, sizeof right);
    }
    frame_begin(&run->frame, FRAME_DIFFERENCE);
    frame_put_text(&run->frame, a != NULL ? a->name : b->name);
    frame_put_u32(&run->frame, (uint32_t)what);
    frame_put_text(&run->frame, tv_span_str(left));
    frame_put_text(&run->frame, tv_span_str(right));
    frame_send(&run->frame, WORKER_REPORT);
}

_Static_assert((int)DIFFERENCES == (int)DIFF_KINDS && (int)DIFFERS_BITS == (int)DIFF_BITS,
               "frame.h and diff.h name the same differences");

/* The second file in the place of the source. */
static tv_status open_other(struct run *run)
{
    struct stat about;
    if (syscall(SYS_fstat, WORKER_OUTPUT, &about) != 0)
        return TV_IO;
    report_text(run, FRAME_NOTE, tv_span_str(FRAME_NOTE_SECOND_FILE));
    run->source = (struct source){.fd = WORKER_OUTPUT, .size = (uint64_t)about.st_size};
    return source_identify(&run->source, &run->job->limits, &run->kind);
}

tv_status job_diff(struct run *run)
{
    struct checkpoint a, b;
    struct source first = run->source;
    tv_kind kind = run->kind;
    const struct diff_listener listener = {run, on_difference, report_progress};
    tv_status status = read_side(run, &a);
    if (status == TV_OK)
        status = open_other(run);
    if (status == TV_OK) {
        status = read_side(run, &b);
        const struct source second = run->source;
        const struct diff_side sides[2] = {{&first, &a, &run->findings}, {&second, &b, &run->findings}};
        if (status == TV_OK)
            status = diff_tables(&sides[0], &sides[1], &listener, &run->tensors);
        checkpoint_free(&b);
    }
    checkpoint_free(&a);
    run->source = first;
    run->kind = kind;
    return status;
}
