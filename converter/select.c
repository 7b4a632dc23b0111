/* The user's selection (select.h). Trusts the options; the names in the table are anyone's. */
#include "select.h"

#include <string.h>

#include "glob.h"
#include "refuse.h"
#include "sort.h"

static bool matches_any(const char *const *patterns, uint32_t count, tv_span name)
{
    for (uint32_t i = 0; i < count; i++)
        if (glob_match(patterns[i], name))
            return true;
    return false;
}

static bool is_selected(const struct selection *selection, tv_span name)
{
    bool wanted = selection->includes == 0 || matches_any(selection->include, selection->includes, name);
    return wanted && !matches_any(selection->exclude, selection->excludes, name);
}

static tv_status list_left_out(struct checkpoint *table, tv_span name, tv_findings *findings)
{
    struct ck_dropped *row = vector_push(&table->dropped);
    if (row == NULL)
        return refuse_memory(findings);
    *row = (struct ck_dropped){name, UINT32_MAX, "tensor that was not selected"};
    return TV_OK;
}

/* Closes the ranks of the selected tensors. */
static tv_status keep_selected(struct checkpoint *table, const struct selection *selection, tv_findings *findings)
{
    struct ck_tensor *tensors = table->tensors.data;
    uint64_t count = table->tensors.count, kept = 0;
    tv_status status = TV_OK;
    for (uint64_t i = 0; i < count && status == TV_OK; i++) {
        if (is_selected(selection, tensors[i].name))
            tensors[kept++] = tensors[i];
        else
            status = list_left_out(table, tensors[i].name, findings);
    }
    table->tensors.count = kept;
    if (status == TV_OK && kept == 0 && count != 0)
        status = refuse(findings, (struct refusal){.id = TV_FIND_NOTHING_SELECTED, .offset = TV_NO_OFFSET, .a = count});
    return status;
}

static const char *trouble_of(tv_span name)
{
    if (name.size == 0)
        return "--strip-prefix leaves nothing of it";
    return tv_span_is(name, "__metadata__") ? "it is reserved" : NULL;
}

static tv_status strip_names(struct checkpoint *table, const char *strip, tv_findings *findings)
{
    tv_span prefix = tv_span_str(strip), front, rest;
    for (uint64_t i = 0; i < table->tensors.count; i++) {
        struct ck_tensor *tensor = vector_at(&table->tensors, i);
        if (!tv_span_sub(tensor->name, 0, prefix.size, &front) || !tv_span_equal(front, prefix))
            continue;
        (void)tv_span_sub(tensor->name, prefix.size, tensor->name.size - prefix.size, &rest);
        const char *trouble = trouble_of(rest);
        if (trouble != NULL)
            return refuse(findings,
                          (struct refusal){TV_FIND_TENSOR_NAME_INVALID, TV_NO_OFFSET, tensor->name, trouble, 0, 0});
        tensor->name = rest;
    }
    return check_unique_names(table, findings);
}

tv_status select_tensors(struct checkpoint *table, const struct selection *selection, tv_findings *findings)
{
    tv_status status = keep_selected(table, selection, findings);
    if (status != TV_OK || selection->strip == NULL)
        return status;
    return strip_names(table, selection->strip, findings);
}

static bool by_name(const void *context, uint32_t a, uint32_t b)
{
    const struct ck_tensor *tensors = context;
    int order = tv_span_compare(tensors[a].name, tensors[b].name);
    return order != 0 ? order < 0 : a < b;
}

tv_status check_unique_names(struct checkpoint *table, tv_findings *findings)
{
    const struct ck_tensor *tensors = table->tensors.data;
    struct vector order = {.each = sizeof(uint32_t), .budget = &table->budget};
    tv_status status = TV_OK;
    uint64_t count = table->tensors.count;
    uint32_t *items = vector_extend(&order, count);
    if (items == NULL)
        return refuse_memory(findings);
    for (uint64_t i = 0; i < count; i++)
        items[i] = (uint32_t)i;
    sort_items(items, count, by_name, tensors);
    for (uint64_t i = 1; i < count && status == TV_OK; i++)
        if (tv_span_equal(tensors[items[i - 1]].name, tensors[items[i]].name))
            status = refuse(findings, (struct refusal){TV_FIND_TENSOR_NAME_CLASH, TV_NO_OFFSET, tensors[items[i]].name,
                                                       NULL, 0, 0});
    vector_free(&order);
    return status;
}
