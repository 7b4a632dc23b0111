/* Operations that make and fill containers. Containers are memoised before they are filled, so they are filled in
 * place; a dictionary keeps every pair it was given, in order: who reads it decides what a repeated key means. */
#include "machine_inside.h"

struct value empty_container(enum value_type type)
{
    bool hashable = type == V_TUPLE || type == V_FROZENSET;
    return (struct value){.type = (uint8_t)type,
                          .flags = hashable ? VALUE_HASHABLE : 0,
                          .as.items = {.first = NO_VALUE, .last = NO_VALUE}};
}

bool all_hashable(const struct machine *m, const uint32_t *items, uint64_t count, uint64_t step)
{
    for (uint64_t i = 0; i < count; i += step)
        if ((pickle_value(m->pickle, items[i])->flags & VALUE_HASHABLE) == 0)
            return false;
    return true;
}

/* Finds the first item that cannot be a key, for the message. */
static tv_status refuse_unhashable(struct machine *m, const uint32_t *items, uint64_t count, uint64_t step)
{
    uint64_t i = 0;
    while (i + step < count && all_hashable(m, items + i, 1, 1))
        i += step;
    return op_type_mismatch(m, items[i]);
}

tv_status do_empty_tuple(struct machine *m)
{
    return stack_push(m, m->empty_tuple);
}

tv_status do_empty_list(struct machine *m)
{
    return push_new(m, empty_container(V_LIST), NULL);
}

tv_status do_empty_dict(struct machine *m)
{
    return push_new(m, empty_container(V_DICT), NULL);
}

tv_status do_empty_set(struct machine *m)
{
    return push_new(m, empty_container(V_SET), NULL);
}

/* A new container of items that were just taken from the stack, where they still lie. */
static tv_status push_filled(struct machine *m, enum value_type type, const uint32_t *items, uint64_t count)
{
    uint32_t handle = NO_VALUE;
    struct value value = empty_container(type);
    if (type == V_TUPLE && !all_hashable(m, items, count, 1))
        value.flags = 0;
    tv_status status = make_new(m, value, &handle);
    if (status == TV_OK)
        status = append_items(m, handle, items, count);
    return status != TV_OK ? status : stack_push(m, handle);
}

tv_status do_tuple_fixed(struct machine *m)
{
    uint64_t count = m->op->takes;
    m->stack.count -= count;
    return push_filled(m, V_TUPLE, (const uint32_t *)m->stack.data + m->stack.count, count);
}

tv_status do_tuple(struct machine *m)
{
    uint64_t count = 0;
    const uint32_t *items = take_marked(m, &count);
    return count == 0 ? stack_push(m, m->empty_tuple) : push_filled(m, V_TUPLE, items, count);
}

tv_status do_list(struct machine *m)
{
    uint64_t count = 0;
    const uint32_t *items = take_marked(m, &count);
    return push_filled(m, V_LIST, items, count);
}

/* Keys and values alternate, and keys are hashable. */
static tv_status check_pairs(struct machine *m, const uint32_t *items, uint64_t count)
{
    if (count % 2 != 0)
        return op_refuse(m, TV_FIND_PICKLE_ODD_ITEMS, count, 0);
    return all_hashable(m, items, count, 2) ? TV_OK : refuse_unhashable(m, items, count, 2);
}

tv_status do_dict(struct machine *m)
{
    uint64_t count = 0;
    const uint32_t *items = take_marked(m, &count);
    tv_status status = check_pairs(m, items, count);
    return status != TV_OK ? status : push_filled(m, V_DICT, items, count);
}

tv_status do_frozenset(struct machine *m)
{
    uint64_t count = 0;
    const uint32_t *items = take_marked(m, &count);
    if (!all_hashable(m, items, count, 1))
        return refuse_unhashable(m, items, count, 1);
    return push_filled(m, V_FROZENSET, items, count);
}

/* The container that a record keeps such things in: made when first needed. */
static tv_status record_container(struct machine *m, uint32_t target, enum value_type type, uint32_t *handle)
{
    uint32_t index = pickle_value(m->pickle, target)->as.record;
    struct record *record = vector_at(&m->pickle->records, index);
    *handle = type == V_DICT ? record->pairs : record->items;
    mark_use(m, target, USE_ITEMS);
    if (*handle != NO_VALUE)
        return TV_OK;
    tv_status status = make_new(m, empty_container(type), handle);
    if (type == V_DICT)
        record->pairs = *handle;
    else
        record->items = *handle;
    return status;
}

/* Adds items to a container of that type, or to a record, which notes them. */
static tv_status fill(struct machine *m, uint32_t target, enum value_type type, const uint32_t *items, uint64_t count)
{
    if ((pickle_value(m->pickle, target)->flags & VALUE_COPIED) != 0)
        return op_refuse(m, TV_FIND_PICKLE_LATE_CHANGE, 0, 0);
    if (pickle_is(m->pickle, target, V_RECORD)) {
        tv_status status = record_container(m, target, type == V_DICT ? V_DICT : V_LIST, &target);
        return status != TV_OK ? status : append_items(m, target, items, count);
    }
    if (!pickle_is(m->pickle, target, type))
        return op_type_mismatch(m, target);
    return append_items(m, target, items, count);
}

tv_status do_append(struct machine *m)
{
    uint32_t item = stack_pop(m);
    return fill(m, stack_top(m), V_LIST, &item, 1);
}

tv_status do_appends(struct machine *m)
{
    uint64_t count = 0;
    const uint32_t *items = take_marked(m, &count);
    return fill(m, stack_top(m), V_LIST, items, count);
}

tv_status do_additems(struct machine *m)
{
    uint64_t count = 0;
    const uint32_t *items = take_marked(m, &count);
    if (!all_hashable(m, items, count, 1))
        return refuse_unhashable(m, items, count, 1);
    return fill(m, stack_top(m), V_SET, items, count);
}

static tv_status set_pairs(struct machine *m, const uint32_t *items, uint64_t count)
{
    tv_status status = check_pairs(m, items, count);
    return status != TV_OK ? status : fill(m, stack_top(m), V_DICT, items, count);
}

tv_status do_setitem(struct machine *m)
{
    m->stack.count -= 2;
    const uint32_t *items = (const uint32_t *)m->stack.data + m->stack.count;
    uint32_t pair[2] = {items[0], items[1]};
    return set_pairs(m, pair, 2);
}

tv_status do_setitems(struct machine *m)
{
    uint64_t count = 0;
    const uint32_t *items = take_marked(m, &count);
    return set_pairs(m, items, count);
}
