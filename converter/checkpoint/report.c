/* What a pickle named: every mention of a global, merged by name and judged, into the table and the findings.
 * Trusts: nothing. Time n log n whatever the names. */
#include <stdio.h>

#include "../pickle/show.h"
#include "../sort.h"
#include "reading.h"

static const struct mention *mention_at(const struct pickle *p, uint32_t index)
{
    return vector_at(&p->mentions, index);
}

static int compare_names(const struct pickle *p, const struct mention *a, const struct mention *b)
{
    int order = tv_span_compare(mention_module(p, a), mention_module(p, b));
    return order != 0 ? order : tv_span_compare(mention_name(p, a), mention_name(p, b));
}

/* By name, then by first mention. */
static bool by_name(const void *context, uint32_t a, uint32_t b)
{
    const struct pickle *p = context;
    int order = compare_names(p, mention_at(p, a), mention_at(p, b));
    return order != 0 ? order < 0 : a < b;
}

static bool by_offset(const void *context, uint32_t a, uint32_t b)
{
    const struct ck_global *globals = context;
    return globals[a].offset != globals[b].offset ? globals[a].offset < globals[b].offset : a < b;
}

/* "module.name" in the pool. */
static tv_span full_name(struct reading *r, tv_span module, tv_span name)
{
    uint8_t *text = pool_take(&r->out->pool, module.size + 1 + name.size, 1);
    if (text == NULL)
        return name;
    if (module.size != 0)
        memcpy(text, module.data, module.size);
    text[module.size] = '.';
    if (name.size != 0)
        memcpy(text + module.size + 1, name.data, name.size);
    return tv_span_of(text, module.size + 1 + name.size);
}

/* One finding for one global: of danger, of the unknown, or that it was reviewed. */
static void add_finding(struct reading *r, const struct ck_global *global, const char *reason)
{
    tv_finding_id id = TV_FIND_NONE;
    if (global->class_ == TV_CLASS_DANGEROUS)
        id = TV_FIND_DANGEROUS_GLOBAL;
    else if (global->class_ == TV_CLASS_INERT_UNKNOWN)
        id = TV_FIND_UNKNOWN_GLOBAL;
    else if (global->class_ == TV_CLASS_REVIEWED)
        id = TV_FIND_REVIEWED_GLOBAL;
    if (id != TV_FIND_NONE)
        remark(r->findings,
               (struct refusal){id, global->offset, full_name(r, global->module, global->name), reason, 0, 0});
}

/* The calls that the pickle makes, by what is called: for each mention the first record that calls it and 1 to it, or
 * 0.
 */
static bool find_calls(const struct pickle *p, struct vector *calls)
{
    uint32_t *first = vector_extend(calls, p->mentions.count);
    for (uint64_t i = 0; first != NULL && i < p->records.count; i++) {
        const struct record *record = vector_at(&p->records, i), *callable = pickle_record(p, record->callable);
        bool is_call = record->how != HOW_GLOBAL && record->how != HOW_PERSISTENT;
        if (is_call && callable != NULL && callable->how == HOW_GLOBAL && first[callable->mention] == 0)
            first[callable->mention] = (uint32_t)i + 1;
    }
    return first != NULL;
}

/* What a dangerous global would do, and with which arguments: in the pool. Without memory, the reason alone. */
static const char *reason_with_call(struct reading *r, const struct pickle *p, const char *reason, uint32_t call)
{
    char *text = call == 0 ? NULL : pool_take(&r->out->pool, TV_SUBJECT_BYTES + 1, 1);
    int size = text == NULL ? -1 : snprintf(text, TV_SUBJECT_BYTES + 1, "%s: ", reason);
    if (size < 0 || size >= TV_SUBJECT_BYTES - 1)
        return reason;
    show_call(p, call - 1, text + size, TV_SUBJECT_BYTES + 1 - (size_t)size);
    return text;
}

/* Adds mentions [from, to) of `order`, which are of one name: the worst of them counts. */
static tv_status add_global(struct reading *r, const struct pickle *p, const uint32_t *order, uint64_t from,
                            uint64_t to, const struct vector *calls)
{
    const struct mention *first = mention_at(p, order[from]), *worst = first;
    bool called = false;
    uint32_t call = 0;
    for (uint64_t i = from; i < to; i++) {
        uint32_t met = *(const uint32_t *)vector_at(calls, order[i]);
        call = met != 0 && (call == 0 || met < call) ? met : call;
        const struct mention *mention = mention_at(p, order[i]);
        if (mention_class(p, mention) > mention_class(p, worst))
            worst = mention;
        called = called || mention_called(mention);
    }
    struct ck_global *global = vector_push(&r->out->globals);
    if (global == NULL)
        return refuse_memory(r->findings);
    *global = (struct ck_global){.module = pool_copy(&r->out->pool, mention_module(p, first)),
                                 .name = pool_copy(&r->out->pool, mention_name(p, first)),
                                 .class_ = mention_class(p, worst),
                                 .called = called,
                                 .reason = mention_reason(p, worst),
                                 .offset = first->offset};
    if (global->class_ == TV_CLASS_DANGEROUS)
        global->reason = reason_with_call(r, p, global->reason, call);
    return global->module.data == NULL || global->name.data == NULL ? refuse_memory(r->findings) : TV_OK;
}

/* Puts the new rows of the table in the order of their first mention, and adds their findings. */
static tv_status order_globals(struct reading *r, uint64_t start)
{
    uint64_t count = r->out->globals.count - start;
    if (count == 0)
        return TV_OK;
    struct vector order = {.each = sizeof(uint32_t), .budget = &r->out->budget};
    struct vector sorted = {.each = sizeof(struct ck_global), .budget = &r->out->budget};
    uint32_t *items = vector_extend(&order, count);
    struct ck_global *to = vector_extend(&sorted, count), *from = (struct ck_global *)r->out->globals.data + start;
    bool fits = items != NULL && to != NULL;
    for (uint64_t i = 0; fits && i < count; i++)
        items[i] = (uint32_t)i;
    if (fits)
        sort_items(items, count, by_offset, from);
    for (uint64_t i = 0; fits && i < count; i++) {
        to[i] = from[items[i]];
        add_finding(r, &to[i], to[i].reason);
    }
    if (fits)
        memcpy(from, to, count * sizeof *to);
    vector_free(&order);
    vector_free(&sorted);
    return fits ? TV_OK : refuse_memory(r->findings);
}

tv_status report_globals(struct reading *r, const struct pickle *p)
{
    uint64_t count = p->mentions.count, start = r->out->globals.count;
    struct vector order = {.each = sizeof(uint32_t), .budget = &r->out->budget};
    struct vector calls = {.each = sizeof(uint32_t), .budget = &r->out->budget};
    uint32_t *items = vector_extend(&order, count);
    bool fits = items != NULL && find_calls(p, &calls);
    tv_status status = fits ? TV_OK : refuse_memory(r->findings);
    for (uint64_t i = 0; fits && i < count; i++)
        items[i] = (uint32_t)i;
    if (fits)
        sort_items(items, count, by_name, p);
    for (uint64_t from = 0, to = 0; fits && from < count && status == TV_OK; from = to) {
        for (to = from + 1; to < count; to++)
            if (compare_names(p, mention_at(p, items[from]), mention_at(p, items[to])) != 0)
                break;
        status = add_global(r, p, items, from, to, &calls);
    }
    vector_free(&order);
    vector_free(&calls);
    return status != TV_OK ? status : order_globals(r, start);
}
