/* Jobs on a checkpoint: judge it, list it, convert it, compare what was converted. */
#include <string.h>

#include "jobs_internal.h"

/* Names what the reader chose of the file. */
static void report_choice(struct run *run, const struct checkpoint *table)
{
    char text[1024] = "chosen: ";
    size_t used = strlen(text), room = sizeof text - used;
    if (table->chosen.size == 0)
        return;
    size_t size = table->chosen.size < room ? table->chosen.size : room;
    memcpy(text + used, table->chosen.data, size);
    report_text(run, FRAME_NOTE, tv_span_of(text, used + size));
}

static tv_status report_ties(struct run *run, struct checkpoint *table)
{
    struct plan plan;
    tv_status status = plan_find_ties(table, &plan);
    if (status == TV_OK)
        report_tie_rows(run, table, &plan);
    plan_free(&plan);
    return status;
}

static tv_status examine(struct run *run, struct checkpoint *table)
{
    if (run->job->kind == JOB_INSPECT) {
        tv_status told = report_ties(run, table);
        if (told != TV_OK)
            return told;
    }
    run->tensors = table->tensors.count;
    for (uint64_t i = 0; i < table->storages.count; i++) {
        const struct storage *storage = vector_at(&table->storages, i);
        run->data_bytes += storage->size; /* parts of one file: no overflow */
    }
    return checkpoint_verify_storages(&run->source, table, report_progress, run, &run->findings);
}

static bool names_danger(const struct checkpoint *table)
{
    for (uint64_t i = 0; i < table->globals.count; i++) {
        const struct ck_global *global = vector_at(&table->globals, i);
        if (global->class_ == TV_CLASS_DANGEROUS)
            return true;
    }
    return false;
}

/* A source that names dangerous globals is converted only if --disarm says so; the findings say which it names. */
static tv_status convert(struct run *run, struct checkpoint *table)
{
    static const struct kept_metadata own = {0};
    if (names_danger(table) && !run->job->disarm)
        return TV_REJECTED;
    if (run->job->kind == JOB_WRITE)
        report_choice(run, table);
    return convert_table(run, table, &own);
}

tv_status job_checkpoint(struct run *run)
{
    bool converts = run->job->kind == JOB_WRITE || run->job->kind == JOB_COMPARE;
    struct ck_options options = {.limits = &run->job->limits,
                                 .key = run->job->key,
                                 .want_tensors = !run->job->container_only,
                                 .whole = !converts,
                                 .want_values = run->job->want_values,
                                 .only_models = run->job->only_models,
                                 .allow_crc = run->job->allow_crc,
                                 .allow_extra = run->job->allow_extra,
                                 .skip_unsupported = run->job->skip_unsupported};
    struct checkpoint table;
    tv_status status = checkpoint_read(&run->source, run->kind, &options, &table, &run->findings);
    if (run->job->kind == JOB_INSPECT || run->job->want_rows)
        report_global_rows(run, &table);
    if (!converts && (run->job->kind == JOB_INSPECT || run->job->want_rows))
        report_tensor_rows(run, &table);
    report_value_rows(run, &table);
    report_group_rows(run, &table);
    if (status == TV_OK)
        status = converts ? convert(run, &table) : examine(run, &table);
    checkpoint_free(&table);
    return status;
}
