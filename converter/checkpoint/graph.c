/* Mappings and sequences among inert values (graph.h). */
#include "graph.h"

static enum global_role role_of(const struct pickle *p, const struct record *record)
{
    const struct mention *mention = pickle_mention(p, record->callable);
    if (mention == NULL || mention->row == NULL || mention_class(p, mention) > TV_CLASS_REVIEWED)
        return ROLE_NONE;
    return (enum global_role)mention->row->role;
}

enum global_role called_role(const struct pickle *p, const struct record *record)
{
    return record == NULL || record->how != HOW_REDUCE ? ROLE_NONE : role_of(p, record);
}

enum global_role made_role(const struct pickle *p, const struct record *record)
{
    enum global_role role = called_role(p, record);
    bool made = record != NULL && (record->how == HOW_NEW || record->how == HOW_INSTANCE);
    if (!made)
        return role;
    role = role_of(p, record);
    return role == ROLE_TENSOR_CLASS || role == ROLE_PARAMETER || role == ROLE_REBUILD_UNSUPPORTED ? role : ROLE_NONE;
}

uint32_t only_state(const struct pickle *p, const struct record *record)
{
    struct items it = items_of(p, record->states);
    uint32_t state = NO_VALUE, more = NO_VALUE;
    bool one = items_next(&it, &state) && !items_next(&it, &more);
    return one && pickle_is(p, state, V_TUPLE) ? state : NO_VALUE;
}

bool is_mapping(const struct pickle *p, uint32_t handle)
{
    return pickle_is(p, handle, V_DICT) || called_role(p, pickle_record(p, handle)) == ROLE_MAPPING;
}

bool is_sequence(const struct pickle *p, uint32_t handle)
{
    return pickle_is(p, handle, V_LIST) || pickle_is(p, handle, V_TUPLE);
}

struct mapping mapping_of(const struct pickle *p, uint32_t handle)
{
    struct mapping it = {p, items_of(p, NO_VALUE), items_of(p, NO_VALUE), items_of(p, NO_VALUE)};
    const struct record *record = pickle_record(p, handle);
    if (pickle_is(p, handle, V_DICT)) {
        it.flat = items_of(p, handle);
    } else if (called_role(p, record) == ROLE_MAPPING) {
        uint32_t first = tuple_item(p, record->args, 0); /* a factory or nothing at all has no items */
        if (pickle_is(p, first, V_DICT))
            it.flat = items_of(p, first);
        else
            it.pairs = items_of(p, first);
        it.more = items_of(p, record->pairs);
    }
    return it;
}

/* Key and value of a pair, which is a tuple or a list of two. */
static bool split_pair(const struct pickle *p, uint32_t pair, uint32_t *key, uint32_t *value)
{
    struct items it = items_of(p, pair);
    uint32_t more = NO_VALUE;
    return is_sequence(p, pair) && items_next(&it, key) && items_next(&it, value) && !items_next(&it, &more);
}

bool mapping_next(struct mapping *it, uint32_t *key, uint32_t *value)
{
    uint32_t pair = NO_VALUE;
    if (items_next(&it->pairs, &pair)) {
        if (!split_pair(it->pickle, pair, key, value))
            *key = *value = NO_VALUE;
        return true;
    }
    if (items_next(&it->flat, key))
        return items_next(&it->flat, value);
    return items_next(&it->more, key) && items_next(&it->more, value);
}

uint64_t mapping_cost(const struct pickle *p, uint32_t handle)
{
    const struct record *record = pickle_record(p, handle);
    uint64_t cost = 1;
    if (pickle_is(p, handle, V_DICT))
        cost += pickle_value(p, handle)->size;
    if (record != NULL)
        cost += (uint64_t)pickle_value(p, tuple_item(p, record->args, 0))->size + pickle_value(p, record->pairs)->size;
    return cost;
}

uint32_t mapping_get(const struct pickle *p, uint32_t handle, const char *key)
{
    struct mapping it = mapping_of(p, handle);
    uint32_t found = NO_VALUE, met = NO_VALUE, value = NO_VALUE;
    while (mapping_next(&it, &met, &value))
        if (pickle_is(p, met, V_STR) && tv_span_is(pickle_text(p, met), key))
            found = value;
    return found;
}

/* The last state that an object was built with. */
static uint32_t last_state(const struct pickle *p, const struct record *record)
{
    uint32_t last = NO_VALUE;
    struct items it = items_of(p, record->states);
    while (items_next(&it, &last))
        continue;
    return last;
}

uint64_t module_cost(const struct pickle *p, uint32_t handle)
{
    const struct record *record = pickle_record(p, handle);
    return record == NULL ? 1 : pickle_value(p, record->states)->size + 4 * mapping_cost(p, last_state(p, record));
}

bool object_state(const struct pickle *p, uint32_t handle, uint32_t *state)
{
    const struct record *record = pickle_record(p, handle);
    if (record == NULL || record->how != HOW_NEW)
        return false;
    *state = last_state(p, record);
    return is_mapping(p, *state);
}

bool is_object(const struct pickle *p, uint32_t handle, uint32_t *state)
{
    const struct record *record = pickle_record(p, handle);
    if (record == NULL || record->how == HOW_GLOBAL || record->how == HOW_PERSISTENT)
        return false;
    *state = last_state(p, record);
    return true;
}

bool module_state(const struct pickle *p, uint32_t handle, uint32_t *state)
{
    if (!is_object(p, handle, state))
        return false;
    uint32_t last = *state;
    return is_mapping(p, last) && is_mapping(p, mapping_get(p, last, "_parameters")) &&
           is_mapping(p, mapping_get(p, last, "_buffers")) && is_mapping(p, mapping_get(p, last, "_modules"));
}
