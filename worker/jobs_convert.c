/* WRITE and COMPARE, for a tensor table of any kind. The two share the table alone: plan and write on one side, the
 * comparer on the other. */
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <compare.h>
#include <harness/receive.h>
#include <select.h>

#include "jobs_internal.h"

/* Points out where every name begins with what a wrapper (DataParallel, torch.compile, FSDP) put there. */
static void report_prefix(struct run *run, const struct checkpoint *table)
{
    static const char *const wrappers[] = {"module._orig_mod.", "_orig_mod.module.", "module.",
                                           "_orig_mod.",        "_forward_module.",  "_fsdp_wrapped_module."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        uint64_t found = 0;
        char text[64] = "prefix: ";
        for (uint64_t t = 0; t < table->tensors.count; t++) {
            const struct ck_tensor *tensor = vector_at(&table->tensors, t);
            found += tv_span_starts(tensor->name, tv_span_str(wrappers[i])) ? 1 : 0;
        }
        if (found == 0 || found != table->tensors.count)
            continue;
        (void)strncat(text, wrappers[i], sizeof text - strlen(text) - 1);
        report_text(run, FRAME_NOTE, tv_span_str(text));
        return;
    }
}

static tv_status carry_out(struct run *run, struct checkpoint *table, const struct plan *plan)
{
    struct account account;
    const struct plan_writing how = {.part = (uint32_t)run->job->part,
                                     .parts = (uint32_t)run->job->parts,
                                     .allow_crc = run->job->allow_crc,
                                     .progress = report_progress,
                                     .context = run};
    tv_status status = account_make(table, plan, run->source.size, &account);
    if (status != TV_OK)
        return status;
    report_plan(run, table, plan);
    if (run->received != NULL)
        status = report_decisions(run, plan);
    else
        report_account(run, &account);
    if (status != TV_OK)
        return status;
    report_prefix(run, table);
    report_output(run, plan->header_size + plan->data_size);
    run->tensors = plan->items.count;
    run->data_bytes = plan->data_size;
    run->has_digest = true;
    tv_span header;
    if (!tv_span_sub(tv_span_of(plan->header, (size_t)plan->header_size), 8, plan->header_size - 8, &header))
        return TV_MISUSE;
    digest_of(header, run->digest);
    if (run->job->plan_only)
        return TV_OK;
    if (run->received != NULL)
        return received_write(run->received, plan, WORKER_OUTPUT, report_progress, run);
    return plan_write(&run->source, table, plan, WORKER_OUTPUT, &how, &run->findings);
}

static tv_status write_table(struct run *run, struct checkpoint *table, const struct kept_metadata *kept)
{
    struct plan plan;
    struct plan_options options = {.copy_ties = run->job->ties == TIES_COPY,
                                   .discard = run->job->discard,
                                   .discards = run->job->discards,
                                   .hint = run->job->hint,
                                   .hints = run->job->hints,
                                   .limits = &run->job->limits,
                                   .metadata = kept->pairs,
                                   .pairs = kept->count,
                                   .no_metadata = kept->none};
    if (table->tensors.count == 0 && table->kind != TV_KIND_SAFETENSORS) {
        tv_findings_add(&run->findings, TV_FIND_NO_TENSORS, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
        return TV_REJECTED;
    }
    tv_status status = plan_make(table, &options, &plan, &run->findings);
    if (status == TV_OK)
        status = carry_out(run, table, &plan);
    plan_free(&plan);
    return status;
}

static tv_status compare_table(struct run *run, const struct checkpoint *table, const struct kept_metadata *kept)
{
    struct stat about;
    struct source output = {.fd = WORKER_OUTPUT};
    struct compare_options options = {.copy_ties = run->job->ties == TIES_COPY,
                                      .limits = &run->job->limits,
                                      .seed = run->job->seed,
                                      .metadata = kept->pairs,
                                      .pairs = kept->count,
                                      .no_metadata = kept->none,
                                      .data = run->received == NULL ? NULL : received_compare,
                                      .data_context = run->received,
                                      .part = (uint32_t)run->job->part,
                                      .parts = (uint32_t)run->job->parts};
    if (syscall(SYS_fstat, WORKER_OUTPUT, &about) != 0)
        return TV_IO;
    output.size = (uint64_t)about.st_size;
    run->tensors = table->tensors.count;
    return compare_output(&run->source, table, &output, &options, report_progress, run, &run->findings);
}

/* What the user selects of the table: the same for writer and comparer. Rows list what is left. */
static tv_status select_from(struct run *run, struct checkpoint *table)
{
    const struct selection selection = {.include = run->job->include,
                                        .includes = run->job->includes,
                                        .exclude = run->job->exclude,
                                        .excludes = run->job->excludes,
                                        .strip = run->job->strip};
    tv_status status = select_tensors(table, &selection, &run->findings);
    if (status == TV_OK && run->job->want_rows)
        report_tensor_rows(run, table);
    return status;
}

tv_status convert_table(struct run *run, struct checkpoint *table, const struct kept_metadata *kept)
{
    tv_status status = select_from(run, table);
    if (status != TV_OK)
        return status;
    return run->job->kind == JOB_WRITE ? write_table(run, table, kept) : compare_table(run, table, kept);
}
