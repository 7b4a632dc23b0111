/* The report of a job, frame by frame (frame.h says what is in each). */
#include "jobs_internal.h"

#include <harness/receive.h>
#include <view.h>

/* Of all bytes: PROGRESS is sent when at least this part more is done. */
#define PROGRESS_STEPS 200u
#define PROGRESS_LEAST (4u << 20)

static void send(struct run *run)
{
    frame_send(&run->frame, WORKER_REPORT);
}

void report_kind(struct run *run)
{
    frame_begin(&run->frame, FRAME_KIND);
    frame_put_u32(&run->frame, (uint32_t)run->kind);
    send(run);
}

void report_tensor(struct run *run, const struct ck_tensor *tensor, uint64_t offset)
{
    frame_begin(&run->frame, FRAME_TENSOR);
    frame_put_text(&run->frame, tensor->name);
    frame_put_u32(&run->frame, (uint32_t)tensor->dtype);
    frame_put_text(&run->frame, tv_span_str(tensor->source_dtype == NULL ? "" : tensor->source_dtype));
    frame_put_u64(&run->frame, offset);
    frame_put_u64(&run->frame, tensor->bytes);
    frame_put_u32(&run->frame, tensor->rank);
    for (uint32_t d = 0; d < tensor->rank; d++)
        frame_put_u64(&run->frame, tensor->shape[d]);
    send(run);
}

void report_pair(struct run *run, enum frame_type type, tv_span one, tv_span other)
{
    frame_begin(&run->frame, type);
    frame_put_text(&run->frame, one);
    frame_put_text(&run->frame, other);
    send(run);
}

void report_text(struct run *run, enum frame_type type, tv_span text)
{
    frame_begin(&run->frame, type);
    frame_put_text(&run->frame, text);
    send(run);
}

void report_metadata(struct run *run, tv_span key, tv_span value)
{
    report_pair(run, FRAME_METADATA, key, value);
}

void report_global(struct run *run, const struct ck_global *global)
{
    frame_begin(&run->frame, FRAME_GLOBAL);
    frame_put_text(&run->frame, global->module);
    frame_put_text(&run->frame, global->name);
    frame_put_u32(&run->frame, (uint32_t)global->class_);
    frame_put_u32(&run->frame, global->called ? 1 : 0);
    frame_put_u64(&run->frame, global->offset);
    send(run);
}

void report_output(struct run *run, uint64_t size)
{
    frame_begin(&run->frame, FRAME_OUTPUT);
    frame_put_u64(&run->frame, size);
    send(run);
}

void report_progress(void *context, uint64_t done, uint64_t total)
{
    struct run *run = context;
    uint64_t step = total / PROGRESS_STEPS > PROGRESS_LEAST ? total / PROGRESS_STEPS : PROGRESS_LEAST;
    if (done - run->told < step && (done < total || total < PROGRESS_LEAST))
        return;
    run->told = done;
    frame_begin(&run->frame, FRAME_PROGRESS);
    frame_put_u64(&run->frame, done);
    frame_put_u64(&run->frame, total);
    send(run);
}

void report_result(struct run *run, enum frame_outcome outcome)
{
    for (uint32_t i = 0; i < run->findings.count; i++)
        frame_send_finding(&run->frame, WORKER_REPORT, &run->findings.items[i]);
    if (run->findings.omitted > 0) {
        frame_begin(&run->frame, FRAME_OMITTED);
        frame_put_u64(&run->frame, run->findings.omitted);
        send(run);
    }
    frame_begin(&run->frame, FRAME_RESULT);
    frame_put_u32(&run->frame, (uint32_t)outcome);
    frame_put_u64(&run->frame, run->tensors);
    frame_put_u64(&run->frame, run->data_bytes);
    frame_put_u32(&run->frame, run->has_digest ? 1 : 0);
    frame_put_bytes(&run->frame, run->digest, sizeof run->digest);
    send(run);
}

/* Where the tensor's bytes are in the file, if they are there as they stand. */
static uint64_t place_of(const struct checkpoint *table, const struct ck_tensor *tensor)
{
    const struct storage *storage = vector_at(&table->storages, tensor->storage);
    if (storage == NULL || table->is_fed || !view_contiguous(tensor))
        return TV_NO_OFFSET;
    return storage->at +
           tensor->offset * tv_dtype_bits(tensor->dtype) / 8; /* inside the storage, as the reader found */
}

void report_tensor_rows(struct run *run, const struct checkpoint *table)
{
    for (uint64_t i = 0; i < table->tensors.count; i++) {
        const struct ck_tensor *tensor = vector_at(&table->tensors, i);
        report_tensor(run, tensor, place_of(table, tensor));
    }
}

void report_global_rows(struct run *run, const struct checkpoint *table)
{
    for (uint64_t i = 0; i < table->globals.count; i++)
        report_global(run, vector_at(&table->globals, i));
}

static tv_span name_of(const struct checkpoint *table, uint32_t index)
{
    const struct ck_tensor *tensor = vector_at(&table->tensors, index);
    return tensor == NULL ? tv_span_of(NULL, 0) : tensor->name;
}

/* The rows on the wire have the numbers of the table. */
_Static_assert((int)VALUE_TYPES == (int)CK_VALUE_TYPES && (int)VALUE_TENSOR == (int)CK_VALUE_TENSOR &&
                   (int)VALUE_OBJECT == (int)CK_VALUE_OBJECT && (int)KEY_TYPES == (int)CK_KEY_TYPES,
               "frame.h and checkpoint.h name the same types");
_Static_assert((int)TIE_RULES == (int)PLAN_TIE_RULES, "frame.h and plan.h name the same rules");

void report_value_rows(struct run *run, const struct checkpoint *table)
{
    for (uint64_t i = 0; i < table->values.count; i++) {
        const struct ck_value *value = vector_at(&table->values, i);
        frame_begin(&run->frame, FRAME_VALUE);
        frame_put_u32(&run->frame, value->depth);
        frame_put_u32(&run->frame, value->key_type);
        frame_put_text(&run->frame, value->key);
        frame_put_u32(&run->frame, value->type);
        frame_put_u32(&run->frame, value->is_cut ? 1 : 0);
        frame_put_u64(&run->frame, value->number);
        frame_put_text(&run->frame, value->text);
        send(run);
    }
    if (table->values_omitted != 0)
        report_text(run, FRAME_NOTE, tv_span_str("values: there are more than are listed"));
}

void report_group_rows(struct run *run, const struct checkpoint *table)
{
    for (uint64_t i = 0; i < table->groups.count; i++) {
        const struct ck_group *group = vector_at(&table->groups, i);
        frame_begin(&run->frame, FRAME_GROUP);
        frame_put_text(&run->frame, group->key);
        frame_put_u64(&run->frame, group->tensors);
        frame_put_u64(&run->frame, group->bytes);
        send(run);
    }
}

void report_account(struct run *run, const struct account *account)
{
    const uint64_t numbers[] = {account->source, account->container, account->unused, account->used,
                                account->hidden, account->repeated,  account->header, account->output};
    frame_begin(&run->frame, FRAME_ACCOUNT);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        frame_put_u64(&run->frame, numbers[i]);
    send(run);
}

static void report_tie(struct run *run, tv_span name, tv_span kept, uint32_t rule)
{
    frame_begin(&run->frame, FRAME_DROPPED_SHARED);
    frame_put_text(&run->frame, name);
    frame_put_text(&run->frame, kept);
    frame_put_u32(&run->frame, rule);
    send(run);
}

void report_tie_rows(struct run *run, const struct checkpoint *table, const struct plan *plan)
{
    for (uint64_t i = 0; i < plan->ties.count; i++) {
        const struct plan_tie *tie = vector_at(&plan->ties, i);
        report_tie(run, name_of(table, tie->dropped), name_of(table, tie->kept), tie->rule);
    }
}

void report_plan(struct run *run, const struct checkpoint *table, const struct plan *plan)
{
    report_tie_rows(run, table, plan);
    for (uint64_t i = 0; i < plan->items.count; i++) {
        const struct plan_item *item = vector_at(&plan->items, i);
        if (!item->contiguous)
            report_text(run, FRAME_MADE_CONTIGUOUS, name_of(table, item->tensor));
    }
    for (uint64_t i = 0; i < table->dropped.count; i++) {
        const struct ck_dropped *dropped = vector_at(&table->dropped, i);
        report_pair(run, FRAME_DROPPED_OBJECT, dropped->path, tv_span_str(dropped->type));
    }
}

tv_status report_decisions(struct run *run, const struct plan *plan)
{
    struct received *received = run->received;
    tv_status status = received_find_names(received);
    if (status != TV_OK)
        return status;
    for (uint64_t i = 0; i < plan->items.count; i++) {
        const struct plan_item *item = vector_at(&plan->items, i);
        const struct ck_tensor *tensor = vector_at(&received->table.tensors, item->tensor);
        const struct announced *storage = received_storage(received, tensor);
        if (storage != NULL && !storage->was_contiguous)
            report_text(run, FRAME_MADE_CONTIGUOUS, tensor->name);
    }
    for (uint64_t i = 0; i < received->decisions.count; i++) {
        const struct decision *decision = vector_at(&received->decisions, i);
        report_pair(run, FRAME_DECISION, received_name(received, decision->storage), decision->text);
    }
    return TV_OK;
}
