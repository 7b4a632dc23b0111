/* The arguments of known callables (arguments.h). Source of the forms: __reduce__ of the classes, Python 2.7 to 3.13.
 */
#include "arguments.h"

/* The size of a text or of bytes is no number of items. */
static uint64_t items_in(const struct pickle *p, uint32_t handle)
{
    const struct value *value = pickle_value(p, handle);
    return value->type >= V_TUPLE && value->type <= V_FROZENSET ? value->size : 0;
}

uint64_t arguments_cost(const struct pickle *p, uint32_t args)
{
    return items_in(p, args) + items_in(p, tuple_item(p, args, 0)) + items_in(p, tuple_item(p, args, 2));
}

/* _codecs.encode(text, 'latin1'), which is how bytes are written; other codecs are modules, looked up by name. */
static bool is_latin(const struct pickle *p, uint32_t args)
{
    return pickle_value(p, args)->size == 2 && pickle_is(p, tuple_item(p, args, 0), V_STR) &&
           tv_span_is(pickle_text(p, tuple_item(p, args, 1)), "latin1");
}

bool argument_is_bytes(const struct pickle *p, uint32_t handle)
{
    const struct record *record = pickle_record(p, handle);
    const struct mention *called = record == NULL ? NULL : pickle_mention(p, record->callable);
    return pickle_is(p, handle, V_BYTES) || (called != NULL && record->how == HOW_REDUCE && called->row != NULL &&
                                             called->row->role == ROLE_ENCODE && is_latin(p, record->args));
}

/* bytes(), which is how empty ones are written, bytearray(bytes), and bytearray(text, 'latin-1'): not the ones that
 * make as many zeros as a number says. */
static bool is_bytes_call(const struct pickle *p, uint32_t args)
{
    uint32_t count = pickle_value(p, args)->size, first = tuple_item(p, args, 0);
    if (count < 2)
        return count == 0 || argument_is_bytes(p, first);
    return count == 2 && pickle_is(p, first, V_STR) && tv_span_is(pickle_text(p, tuple_item(p, args, 1)), "latin-1");
}

/* A list or tuple of pairs, each a list or tuple of two. */
static bool is_pairs(const struct pickle *p, uint32_t handle)
{
    struct items it = items_of(p, handle);
    uint32_t pair = NO_VALUE;
    if (!pickle_is(p, handle, V_LIST) && !pickle_is(p, handle, V_TUPLE))
        return false;
    while (items_next(&it, &pair))
        if ((!pickle_is(p, pair, V_LIST) && !pickle_is(p, pair, V_TUPLE)) || pickle_value(p, pair)->size != 2)
            return false;
    return true;
}

/* OrderedDict(), (pairs) or (dict); Counter() or (dict); defaultdict() or (factory). Given anything else, Python's
 * would hold what is not looked for here. */
static bool is_mapping_call(const struct pickle *p, const struct mention *callable, uint32_t args)
{
    uint32_t count = pickle_value(p, args)->size, first = tuple_item(p, args, 0);
    tv_span name = mention_name(p, callable);
    if (count == 0)
        return true;
    if (count > 1)
        return false;
    if (tv_span_is(name, "defaultdict"))
        return pickle_is(p, first, V_NONE) || pickle_is(p, first, V_RECORD);
    return pickle_is(p, first, V_DICT) || (!tv_span_is(name, "Counter") && is_pairs(p, first));
}

bool arguments_mistaken(const struct pickle *p, const struct mention *callable, uint32_t args)
{
    if (callable->row == NULL)
        return false;
    switch (callable->row->role) {
    case ROLE_ENCODE: return !is_latin(p, args);
    case ROLE_BYTES: return !is_bytes_call(p, args);
    case ROLE_MAPPING: return !is_mapping_call(p, callable, args);
    case ROLE_TENSOR_CLASS: return pickle_value(p, args)->size != 0;
    default: return false;
    }
}

/* A dict, or an object that known callables make one by. */
static bool maps(const struct pickle *p, uint32_t handle)
{
    const struct record *record = pickle_record(p, handle);
    const struct mention *maker = record == NULL ? NULL : pickle_mention(p, record->callable);
    return pickle_is(p, handle, V_DICT) || (maker != NULL && maker->row != NULL && maker->row->role == ROLE_MAPPING);
}

static void set_copied(struct pickle *p, uint32_t handle)
{
    struct value *value = vector_at(&p->values, handle);
    if (value != NULL && (value->type == V_LIST || maps(p, handle)))
        value->flags |= VALUE_COPIED;
}

static void set_items_copied(struct pickle *p, uint32_t container)
{
    struct items it = items_of(p, container);
    uint32_t item = NO_VALUE;
    while (items_next(&it, &item))
        set_copied(p, item);
}

void arguments_copied(struct pickle *p, const struct mention *callable, uint32_t args)
{
    uint8_t role = callable->row == NULL ? ROLE_NONE : callable->row->role;
    bool rebuilds = role >= ROLE_REBUILD_TENSOR && role <= ROLE_REBUILD_UNSUPPORTED;
    if (role != ROLE_MAPPING && role != ROLE_SEQUENCE && role != ROLE_PARAMETER && !rebuilds)
        return;
    set_items_copied(p, args);
    if (role == ROLE_MAPPING && !pickle_is(p, tuple_item(p, args, 0), V_DICT))
        set_items_copied(p, tuple_item(p, args, 0)); /* the pairs */
    if (role == ROLE_REBUILD_FROM_TYPE)
        set_items_copied(p, tuple_item(p, args, 2)); /* the arguments of the other function */
}

void state_copied(struct pickle *p, uint32_t state)
{
    if (maps(p, state))
        set_copied(p, state);
}
