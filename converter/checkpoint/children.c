/* Children of containers, modules and objects (children.h). */
#include "children.h"

#include <stdio.h>

enum { IN_NOTHING = IN_MODULES + 1 };

/* What follows when a part is through. */
static const uint8_t next_form[] = {
    [IN_MAPPING] = IN_NOTHING,   [IN_SEQUENCE] = IN_NOTHING,   [IN_STATE] = IN_SLOTS,     [IN_SLOTS] = IN_STATE_ITEMS,
    [IN_STATE_ITEMS] = IN_PAIRS, [IN_PAIRS] = IN_KEYWORDS,     [IN_KEYWORDS] = IN_ITEMS,  [IN_ITEMS] = IN_ARGUMENTS,
    [IN_ARGUMENTS] = IN_NOTHING, [IN_PARAMETERS] = IN_BUFFERS, [IN_BUFFERS] = IN_MODULES, [IN_MODULES] = IN_NOTHING,
};

static bool is_numbered(const struct children *c)
{
    return c->form == IN_SEQUENCE || c->form == IN_STATE_ITEMS || c->form == IN_ITEMS || c->form == IN_ARGUMENTS;
}

/* The two parts of a state as classes with __slots__ give it: (dict or None, dict of the slots). */
static bool has_slots(const struct pickle *p, uint32_t state)
{
    uint32_t plain = tuple_item(p, state, 0);
    return pickle_is(p, state, V_TUPLE) && pickle_value(p, state)->size == 2 &&
           (pickle_is(p, plain, V_NONE) || is_mapping(p, plain)) && is_mapping(p, tuple_item(p, state, 1));
}

/* The attributes in a state that has names for them. */
static struct mapping attributes_of(const struct children *c, bool slots)
{
    const struct pickle *p = c->pickle;
    if (has_slots(p, c->state))
        return mapping_of(p, tuple_item(p, c->state, slots ? 1 : 0));
    return mapping_of(p, slots ? NO_VALUE : c->state);
}

/* What an object's part holds. */
static void begin_object_part(struct children *c)
{
    const struct pickle *p = c->pickle;
    const struct record *record = pickle_record(p, c->handle);
    if (c->form == IN_STATE || c->form == IN_SLOTS)
        c->mapping = attributes_of(c, c->form == IN_SLOTS);
    else if (c->form == IN_PAIRS)
        c->mapping = mapping_of(p, record->pairs);
    else if (c->form == IN_KEYWORDS)
        c->mapping = mapping_of(p, record->kwargs);
    else if (c->form == IN_STATE_ITEMS)
        c->items = items_of(p, is_sequence(p, c->state) && !has_slots(p, c->state) ? c->state : NO_VALUE);
    else
        c->items = items_of(p, c->form == IN_ITEMS ? record->items : record->args);
}

static void begin_part(struct children *c)
{
    const struct pickle *p = c->pickle;
    c->index = 0;
    if (c->form == IN_MAPPING)
        c->mapping = mapping_of(p, c->state == NO_VALUE ? c->handle : c->state);
    else if (c->form == IN_SEQUENCE)
        c->items = items_of(p, c->handle);
    else if (c->form == IN_PARAMETERS)
        c->mapping = mapping_of(p, mapping_get(p, c->state, "_parameters"));
    else if (c->form == IN_BUFFERS)
        c->mapping = mapping_of(p, mapping_get(p, c->state, "_buffers"));
    else if (c->form == IN_MODULES)
        c->mapping = mapping_of(p, mapping_get(p, c->state, "_modules"));
    else
        begin_object_part(c);
}

static bool start(struct children *c, enum children_form form)
{
    c->form = (uint8_t)form;
    begin_part(c);
    return true;
}

bool children_of(const struct pickle *p, uint32_t handle, struct children_rule rule, struct children *out)
{
    *out = (struct children){.pickle = p, .handle = handle, .state = NO_VALUE, .rule = rule};
    if (is_mapping(p, handle))
        return start(out, IN_MAPPING);
    if (rule.script && object_state(p, handle, &out->state))
        return start(out, IN_MAPPING);
    out->state = NO_VALUE;
    if (is_sequence(p, handle))
        return start(out, IN_SEQUENCE);
    if (!rule.bare && module_state(p, handle, &out->state))
        return start(out, IN_PARAMETERS);
    if (!rule.objects || !is_object(p, handle, &out->state))
        return false;
    return start(out, IN_STATE);
}

bool children_of_object(const struct children *c)
{
    return c->form >= IN_STATE && c->form <= IN_ARGUMENTS;
}

bool children_of_module(const struct children *c)
{
    return c->form >= IN_PARAMETERS;
}

static bool take(struct children *c, struct child *child)
{
    *child = (struct child){is_numbered(c), c->index, NO_VALUE, NO_VALUE};
    c->index++;
    if (child->is_numbered)
        return items_next(&c->items, &child->value);
    if (!mapping_next(&c->mapping, &child->key, &child->value))
        return false;
    child->is_numbered = c->rule.objects && pickle_is(c->pickle, child->key, V_RECORD);
    return true;
}

bool children_next(struct children *c, struct child *child)
{
    while (!take(c, child)) {
        if (next_form[c->form] == IN_NOTHING)
            return false;
        c->form = next_form[c->form];
        begin_part(c);
    }
    return true;
}

/* The container behind a set, however its pickle spells sets. */
static uint32_t set_items(const struct pickle *p, uint32_t set)
{
    const struct record *record = pickle_record(p, set);
    return record == NULL ? set : tuple_item(p, record->args, 0);
}

static uint32_t non_persistent(const struct children *c)
{
    return set_items(c->pickle, mapping_get(c->pickle, c->state, "_non_persistent_buffers_set"));
}

static bool holds_text(const struct pickle *p, uint32_t container, tv_span text)
{
    struct items it = items_of(p, container);
    uint32_t item = NO_VALUE;
    while (items_next(&it, &item))
        if (pickle_is(p, item, V_STR) && tv_span_equal(pickle_text(p, item), text))
            return true;
    return false;
}

uint64_t children_cost(const struct children *c)
{
    if (c->form != IN_BUFFERS)
        return 1;
    return 1 + module_cost(c->pickle, c->handle) + pickle_value(c->pickle, non_persistent(c))->size;
}

bool children_left_out(const struct children *c, const struct child *child)
{
    if (!children_of_module(c))
        return false;
    if (pickle_is(c->pickle, child->value, V_NONE) || child->key == NO_VALUE)
        return true;
    return c->form == IN_BUFFERS && holds_text(c->pickle, non_persistent(c), pickle_text(c->pickle, child->key));
}

tv_span child_name(const struct pickle *p, const struct child *child, char room[32], bool *is_odd)
{
    const struct value *key = pickle_value(p, child->key);
    if (!child->is_numbered && key->type == V_STR && (key->flags & VALUE_SURROGATES) == 0)
        return pickle_text(p, child->key);
    if (child->is_numbered)
        (void)snprintf(room, 32, "%lu", (unsigned long)child->index);
    else if (key->type == V_INT)
        (void)snprintf(room, 32, "%lld", (long long)key->as.integer);
    else
        (void)snprintf(room, 32, "<%s>", value_type_name(key->type));
    *is_odd = *is_odd || (!child->is_numbered && key->type != V_INT);
    return tv_span_str(room);
}
