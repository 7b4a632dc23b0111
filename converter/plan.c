/* The plan (plan.h): ties, order, header. Copies nothing; write.c does. */
#include "plan.h"

#include <stdlib.h>

#include <tensorvet/checked.h>

#include "sort.h"
#include "view.h"

/* So many bytes may always be written, whatever they come from: small masks are often expanded from one element. */
#define EXPANSION_FREE (16u << 20)

#define NOT_DROPPED UINT32_MAX

/* What making a plan works on. Arrays have an element for each tensor of the table, and live in its pool. */
struct making {
    struct checkpoint *checkpoint;
    const struct plan_options *options;
    struct plan *plan;
    tv_findings *findings;
    const struct ck_tensor *tensors;
    uint32_t count;
    uint32_t *order; /* tensors, sorted as the step at hand needs them */
    uint32_t *kept;  /* the tensor that is written for this one, or NOT_DROPPED */
    uint32_t *rules; /* of a tie: enum plan_tie_rule */
};

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* A dimension of 1 may have any stride: it is never stepped. */
static uint64_t stride_of(const struct ck_tensor *tensor, uint32_t d)
{
    return tensor->shape[d] == 1 ? 0 : tensor->stride[d];
}

/* 0 where the two are identical views: same storage, offset, dtype, shape and strides. */
static int compare_views(const struct ck_tensor *a, const struct ck_tensor *b)
{
    int order = compare_u64(a->storage, b->storage);
    if (order == 0)
        order = compare_u64(a->offset, b->offset);
    if (order == 0)
        order = compare_u64(a->dtype, b->dtype);
    if (order == 0)
        order = compare_u64(a->swap, b->swap);
    if (order == 0)
        order = compare_u64(a->signs, b->signs);
    if (order == 0)
        order = compare_u64(a->pairs, b->pairs);
    if (order == 0)
        order = compare_u64(a->rank, b->rank);
    for (uint32_t d = 0; order == 0 && d < a->rank; d++)
        order = compare_u64(a->shape[d], b->shape[d]);
    for (uint32_t d = 0; order == 0 && d < a->rank; d++)
        order = compare_u64(stride_of(a, d), stride_of(b, d));
    return order;
}

static bool view_before(const void *context, uint32_t a, uint32_t b)
{
    const struct making *m = context;
    int order = compare_views(&m->tensors[a], &m->tensors[b]);
    return order != 0 ? order < 0 : tv_span_compare(m->tensors[a].name, m->tensors[b].name) < 0;
}

static bool name_before(const void *context, uint32_t a, uint32_t b)
{
    const struct making *m = context;
    return tv_span_compare(m->tensors[a].name, m->tensors[b].name) < 0;
}

static bool is_one_of(const struct making *m, uint32_t tensor, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (tv_span_is(m->tensors[tensor].name, names[i]))
            return true;
    }
    return false;
}

/* Why that name gives way to others: PLAN_TIE_SMALLEST_NAME: it does not. */
static uint32_t gives_way(const struct making *m, uint32_t tensor)
{
    if (is_one_of(m, tensor, m->options->discard, m->options->discards))
        return PLAN_TIE_DISCARD;
    return is_one_of(m, tensor, m->options->hint, m->options->hints) ? PLAN_TIE_HINT : PLAN_TIE_SMALLEST_NAME;
}

/* A group of identical views, by name: keeps the first that is not to be discarded, else the first. */
static void tie_group(struct making *m, const uint32_t *group, uint64_t size)
{
    uint32_t keep = group[0];
    for (uint64_t i = 0; i < size && gives_way(m, keep) != PLAN_TIE_SMALLEST_NAME; i++)
        keep = group[i];
    if (gives_way(m, keep) != PLAN_TIE_SMALLEST_NAME)
        keep = group[0];
    uint32_t rule = keep == group[0] ? (uint32_t)PLAN_TIE_SMALLEST_NAME : gives_way(m, group[0]);
    for (uint64_t i = 0; i < size; i++) {
        m->rules[group[i]] = rule;
        if (group[i] != keep)
            m->kept[group[i]] = keep;
    }
}

/* Finds the groups. A tensor without elements views nothing, so it is tied to nothing. */
static void find_ties(struct making *m)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        m->kept[i] = NOT_DROPPED;
        if (m->tensors[i].elements > 0)
            m->order[count++] = i;
    }
    if (m->options->copy_ties)
        return;
    sort_items(m->order, count, view_before, m);
    for (uint32_t start = 0, end; start < count; start = end) {
        end = start + 1;
        while (end < count && compare_views(&m->tensors[m->order[start]], &m->tensors[m->order[end]]) == 0)
            end++;
        if (end - start > 1)
            tie_group(m, m->order + start, end - start);
    }
}

static tv_status refuse_name(struct making *m, const struct ck_tensor *tensor, const char *why)
{
    tv_findings_add(m->findings, TV_FIND_TENSOR_NAME_INVALID, TV_NO_OFFSET, tensor->name, tv_span_str(why));
    return TV_REJECTED;
}

/* A name that the metadata needs for itself would be lost as a tensor's or as an alias: refused. Then records the ties,
 * in the order of the names, which m->order holds. */
static tv_status record_ties(struct making *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        const struct ck_tensor *tensor = &m->tensors[m->order[i]];
        if (tv_span_is(tensor->name, "__metadata__"))
            return refuse_name(m, tensor, "it is the metadata's own");
        if (m->kept[m->order[i]] == NOT_DROPPED)
            continue;
        if (tv_span_is(tensor->name, "format"))
            return refuse_name(m, tensor, "an alias cannot be recorded under the name of the format");
        struct plan_tie *tie = vector_push(&m->plan->ties);
        if (tie == NULL)
            return TV_NO_MEMORY;
        *tie = (struct plan_tie){m->order[i], m->kept[m->order[i]], m->rules[m->order[i]]};
    }
    return TV_OK;
}

/* The tensor of that name: m->order is sorted by name, and every entry's name came from there. */
static uint32_t tensor_named(const struct making *m, tv_span name)
{
    uint32_t low = 0, high = m->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (tv_span_compare(m->tensors[m->order[middle]].name, name) <= 0)
            low = middle;
        else
            high = middle;
    }
    return m->order[low];
}

/* One item for each entry that tv_layout has put in order. */
static tv_status make_items(struct making *m, const tv_entry *entries, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct plan_item *item = vector_push(&m->plan->items);
        if (item == NULL)
            return TV_NO_MEMORY;
        item->tensor = tensor_named(m, entries[i].name);
        item->contiguous = view_contiguous(&m->tensors[item->tensor]);
        item->begin = entries[i].begin;
        item->end = entries[i].end;
    }
    m->plan->data_size = count == 0 ? 0 : entries[count - 1].end;
    return TV_OK;
}

/* Bytes of the storages that the output is made from, each counted once. */
static tv_status source_bytes(struct making *m, uint64_t *bytes)
{
    uint8_t *seen = pool_take(&m->checkpoint->pool, m->checkpoint->storages.count + 1, 1);
    *bytes = 0;
    if (seen == NULL)
        return TV_NO_MEMORY;
    for (uint64_t i = 0; i < m->plan->items.count; i++) {
        const struct plan_item *item = vector_at(&m->plan->items, i);
        uint32_t index = m->tensors[item->tensor].storage;
        const struct storage *storage = vector_at(&m->checkpoint->storages, index);
        if (storage == NULL)
            return TV_MISUSE;
        if (!seen[index] && !tv_add(*bytes, storage_stored(storage), bytes))
            return TV_MISUSE;
        seen[index] = 1;
    }
    return TV_OK;
}

static tv_status refuse_size(struct making *m, tv_finding_id id, uint64_t wanted, uint64_t allowed)
{
    tv_finding *finding = tv_findings_add(m->findings, id, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
    finding->a = wanted;
    finding->b = allowed;
    return TV_REJECTED;
}

/* Is the output as large as it may be: by itself, and compared with what it comes from? */
static tv_status check_size(struct making *m)
{
    const tv_limits *limits = m->options->limits;
    uint64_t bytes = 0, allowed = 0, total = 0;
    tv_status status = source_bytes(m, &bytes);
    if (status != TV_OK)
        return status;
    if (!tv_mul(bytes, limits->expansion, &allowed))
        allowed = UINT64_MAX;
    if (m->plan->data_size > EXPANSION_FREE && m->plan->data_size > allowed)
        return refuse_size(m, TV_FIND_TENSOR_EXPANDED, m->plan->data_size, allowed);
    if (!tv_add(m->plan->header_size, m->plan->data_size, &total) || total > limits->output_bytes)
        return refuse_size(m, TV_FIND_LIMIT_OUTPUT, total, limits->output_bytes);
    return TV_OK;
}

/* What goes into the metadata: the source's own pairs, or the format and the aliases. */
static tv_status make_metadata(struct making *m, tv_pair **pairs, uint64_t *count)
{
    const struct plan_options *o = m->options;
    uint64_t own = o->metadata != NULL || o->no_metadata ? o->pairs : 1;
    *count = own + m->plan->ties.count;
    *pairs = pool_take(&m->checkpoint->pool, *count + 1, sizeof(tv_pair));
    if (*pairs == NULL)
        return TV_NO_MEMORY;
    for (uint64_t i = 0; i < own; i++)
        (*pairs)[i] = o->metadata != NULL ? o->metadata[i] : (tv_pair){tv_span_str("format"), tv_span_str("pt")};
    for (uint64_t i = 0; i < m->plan->ties.count; i++) {
        const struct plan_tie *tie = vector_at(&m->plan->ties, i);
        (*pairs)[own + i] = (tv_pair){m->tensors[tie->dropped].name, m->tensors[tie->kept].name};
    }
    return TV_OK;
}

static tv_status make_header(struct making *m, const tv_entry *entries, uint64_t count)
{
    struct plan *plan = m->plan;
    const tv_limits *limits = m->options->limits;
    bool has_metadata = !m->options->no_metadata;
    tv_pair *pairs = NULL;
    uint64_t pair_count = 0;
    tv_status status = make_metadata(m, &pairs, &pair_count);
    if (status != TV_OK)
        return status;
    status = tv_header_write(entries, count, pairs, pair_count, has_metadata, limits, NULL, 0, &plan->header_size,
                             m->findings);
    if (status != TV_NO_MEMORY) /* which is how it says that the size is there */
        return status == TV_OK ? TV_MISUSE : status;
    plan->header = pool_take(&m->checkpoint->pool, plan->header_size, 1);
    if (plan->header == NULL)
        return TV_NO_MEMORY;
    return tv_header_write(entries, count, pairs, pair_count, has_metadata, limits, plan->header, plan->header_size,
                           &plan->header_size, m->findings);
}

/* The tensors that are written, in the reference's order with their offsets. */
static tv_status make_entries(struct making *m, tv_entry **entries, uint64_t *count)
{
    *count = 0;
    *entries = pool_take(&m->checkpoint->pool, (uint64_t)m->count + 1, sizeof(tv_entry));
    if (*entries == NULL)
        return TV_NO_MEMORY;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct ck_tensor *t = &m->tensors[i];
        if (m->kept[i] == NOT_DROPPED)
            (*entries)[(*count)++] = (tv_entry){.name = t->name, .shape = t->shape, .rank = t->rank, .dtype = t->dtype};
    }
    return tv_layout(*entries, *count, m->findings);
}

static tv_status make(struct making *m)
{
    tv_entry *entries = NULL;
    uint64_t count = 0;
    find_ties(m);
    for (uint32_t i = 0; i < m->count; i++)
        m->order[i] = i;
    sort_items(m->order, m->count, name_before, m);
    tv_status status = record_ties(m);
    if (status == TV_OK)
        status = make_entries(m, &entries, &count);
    if (status == TV_OK)
        status = make_items(m, entries, count);
    if (status == TV_OK)
        status = make_header(m, entries, count);
    return status == TV_OK ? check_size(m) : status;
}

/* An empty plan, and room to make it in. */
static tv_status begin(struct making *m)
{
    struct checkpoint *checkpoint = m->checkpoint;
    m->tensors = checkpoint->tensors.data;
    m->count = (uint32_t)checkpoint->tensors.count;
    m->order = pool_take(&checkpoint->pool, (uint64_t)m->count + 1, sizeof *m->order);
    m->kept = pool_take(&checkpoint->pool, (uint64_t)m->count + 1, sizeof *m->kept);
    m->rules = pool_take(&checkpoint->pool, (uint64_t)m->count + 1, sizeof *m->rules);
    return m->order == NULL || m->kept == NULL || m->rules == NULL ? TV_NO_MEMORY : TV_OK;
}

static struct plan empty_plan(struct checkpoint *checkpoint)
{
    return (struct plan){
        .items = {.each = sizeof(struct plan_item), .budget = &checkpoint->budget},
        .ties = {.each = sizeof(struct plan_tie), .budget = &checkpoint->budget},
    };
}

tv_status plan_find_ties(struct checkpoint *checkpoint, struct plan *plan)
{
    const struct plan_options options = {0};
    struct making m = {.checkpoint = checkpoint, .options = &options, .plan = plan};
    *plan = empty_plan(checkpoint);
    if (checkpoint->tensors.count >= NOT_DROPPED || begin(&m) != TV_OK)
        return TV_NO_MEMORY;
    find_ties(&m);
    for (uint32_t i = 0; i < m.count; i++) {
        struct plan_tie *tie = m.kept[i] == NOT_DROPPED ? NULL : vector_push(&plan->ties);
        if (tie != NULL)
            *tie = (struct plan_tie){i, m.kept[i], m.rules[i]};
        else if (m.kept[i] != NOT_DROPPED)
            return TV_NO_MEMORY;
    }
    return TV_OK;
}

tv_status plan_make(struct checkpoint *checkpoint, const struct plan_options *options, struct plan *plan,
                    tv_findings *findings)
{
    struct making m = {.checkpoint = checkpoint, .options = options, .plan = plan, .findings = findings};
    *plan = empty_plan(checkpoint);
    if (checkpoint->tensors.count >= NOT_DROPPED)
        return refuse_size(&m, TV_FIND_TOO_MANY_TENSORS, checkpoint->tensors.count, options->limits->tensors);
    tv_status status = begin(&m);
    return status == TV_OK ? make(&m) : status;
}

void plan_free(struct plan *plan)
{
    vector_free(&plan->items);
    vector_free(&plan->ties);
    *plan = (struct plan){0}; /* the header is the pool's */
}
