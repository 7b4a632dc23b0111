/* Whole files of any kind to tensor table and plan.
 *
 * Oracles: what is rejected has an error; every storage lies in the source and every tensor in its storage, element by
 * element of its extremes; names of what is converted are unique; plan items tile the output, and each is some tensor,
 * once; memory goes back. */
#include <plan.h>

#include "table.h"

static tv_findings findings;

static void check_storage(const struct storage *s, const struct source *source)
{
    const struct source *from = storage_source(source, s);
    PROMISE(s->at <= from->size && s->size <= from->size - s->at);
    PROMISE(s->elem_size == 1 || s->elem_size == 2 || s->elem_size == 4 || s->elem_size == 8 || s->elem_size == 16);
}

/* The last element that shape and strides reach, in 128 bits so that nothing wraps. */
static void check_tensor(const struct ck_tensor *t, const struct checkpoint *table, bool listed)
{
    const struct storage *s = vector_at(&table->storages, t->storage);
    __uint128_t elements = 1, last = t->offset;
    PROMISE(s != NULL && t->rank <= 64 && t->source_dtype != NULL);
    PROMISE(t->dtype < TV_DTYPE_COUNT || listed); /* what safetensors cannot hold is listed, never converted */
    __uint128_t each = t->dtype < TV_DTYPE_COUNT ? tv_dtype_bits(t->dtype)
                       : t->elements == 0        ? 8
                                                 : t->bytes / t->elements * 8;
    for (uint16_t d = 0; d < t->rank; d++) {
        elements *= t->shape[d];
        PROMISE(elements <= UINT64_MAX);
        const uint64_t steps = t->pairs && d + 1 == t->rank ? t->shape[d] / 2 : t->shape[d];
        last += steps == 0 ? 0 : (__uint128_t)(steps - 1) * t->stride[d];
    }
    PROMISE(elements == t->elements && elements * each / 8 == t->bytes);
    PROMISE(elements == 0 || (last + 1) * (t->pairs ? 8 : each) <= (__uint128_t)s->size * 8);
    PROMISE(!t->pairs || (each == 4 && t->rank > 0 && t->shape[t->rank - 1] % 2 == 0));
}

static void check_table(const struct checkpoint *table, const struct source *source, bool listed)
{
    for (uint64_t i = 0; i < table->storages.count; i++)
        check_storage(vector_at(&table->storages, i), source);
    for (uint64_t i = 0; i < table->tensors.count; i++) {
        const struct ck_tensor *t = vector_at(&table->tensors, i);
        check_tensor(t, table, listed);
        for (uint64_t j = 0; !listed && j < i && j < 64; j++)
            PROMISE(!tv_span_equal(t->name, ((const struct ck_tensor *)vector_at(&table->tensors, j))->name));
    }
}

/* Globals and leaves are there even of a file that was refused. */
static uint64_t follow_lists(const struct checkpoint *table)
{
    uint64_t mixed = 0;
    for (uint64_t i = 0; i < table->globals.count; i++) {
        const struct ck_global *g = vector_at(&table->globals, i);
        PROMISE(g->class_ <= TV_CLASS_DANGEROUS);
        mixed += oracle_hash(g->module.data, g->module.size) + oracle_hash(g->name.data, g->name.size);
    }
    for (uint64_t i = 0; i < table->dropped.count; i++) {
        const struct ck_dropped *d = vector_at(&table->dropped, i);
        mixed += oracle_hash(d->path.data, d->path.size) + tv_span_str(d->type).size;
    }
    return mixed;
}

static void check_plan(const struct plan *plan, const struct checkpoint *table)
{
    uint64_t end = 0;
    PROMISE(plan->items.count + plan->ties.count == table->tensors.count && plan->header_size % 8 == 0);
    for (uint64_t i = 0; i < plan->items.count; i++) {
        const struct plan_item *item = vector_at(&plan->items, i);
        const struct ck_tensor *t = vector_at(&table->tensors, item->tensor);
        PROMISE(t != NULL && item->begin == end && item->end - item->begin == t->bytes);
        end = item->end;
        for (uint64_t j = 0; j < i && j < 64; j++)
            PROMISE(((const struct plan_item *)vector_at(&plan->items, j))->tensor != item->tensor);
    }
    PROMISE(end == plan->data_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table table;
    const struct source source = source_of_memory(tv_span_of(data, size));
    tv_limits limits = small_limits();
    uint64_t hash = oracle_hash(data, size);
    struct ck_options options = {.limits = &limits, .want_tensors = hash % 8 != 0, .whole = hash % 4 == 1};
    options.key = hash % 16 == 2 ? "model" : NULL;
    if (hash % 64 == 3)
        limits.memory_bytes = (hash >> 8) % 100000;
    oracle_ran(data, size);
    findings_clear(&findings);
    table_open(&table, &source, &options, &findings);
    PROMISE(table.status != TV_REJECTED || tv_findings_first_error(&findings) != NULL);
    PROMISE(follow_lists(&table.checkpoint) < UINT64_MAX);
    if (table.status == TV_OK)
        check_table(&table.checkpoint, &source, options.whole);
    if (table.status == TV_OK && options.want_tensors && !options.whole) {
        struct plan plan;
        const struct plan_options how = {
            .limits = &limits, .metadata = table.pairs, .pairs = table.pair_count, .no_metadata = table.no_metadata};
        tv_status planned = plan_make(&table.checkpoint, &how, &plan, &findings);
        PROMISE(planned == TV_OK || planned == TV_REJECTED || planned == TV_NO_MEMORY);
        if (planned == TV_OK && table.checkpoint.tensors.count > 0) {
            check_plan(&plan, &table.checkpoint);
            oracle_accepted();
        }
        plan_free(&plan);
    }
    table_close(&table);
    return 0;
}
