/* States of tensors (states.h). Sources: torch/_utils.py (_set_obj_state), torch/_tensor.py (Tensor.__setstate__); the
 * names are the attributes of torch.Tensor that can be set and are, or share, its numbers. */
#include "states.h"

#include "graph.h"

static bool is_own_attribute(tv_span name)
{
    return tv_span_is(name, "data") || tv_span_is(name, "real") || tv_span_is(name, "imag") ||
           tv_span_starts(name, tv_span_str("__"));
}

/* Attributes by name, none of which is torch's own; or no attributes at all. */
static tv_status attributes_keep(struct reading *r, uint32_t attributes, bool *keeps)
{
    const struct pickle *p = &r->pickle;
    struct mapping it = mapping_of(p, attributes);
    uint32_t key = NO_VALUE, value = NO_VALUE;
    tv_status status = reading_charge(r, mapping_cost(p, attributes));
    *keeps = pickle_is(p, attributes, V_NONE) || is_mapping(p, attributes);
    while (status == TV_OK && *keeps && mapping_next(&it, &key, &value))
        *keeps = pickle_is(p, key, V_STR) && !is_own_attribute(pickle_text(p, key));
    return status;
}

tv_status state_keeps_numbers(struct reading *r, uint32_t state, bool *keeps)
{
    const struct pickle *p = &r->pickle;
    bool has_slots = pickle_is(p, state, V_TUPLE) && pickle_value(p, state)->size == 2;
    tv_status status = attributes_keep(r, has_slots ? tuple_item(p, state, 0) : state, keeps);
    return status == TV_OK && *keeps && has_slots ? attributes_keep(r, tuple_item(p, state, 1), keeps) : status;
}

/* Tensor.__setstate__ takes (storage, offset, size, stride), (data, grad, hooks, requires_grad, volatile), or, as
 * Variables of torch 0.1 to 0.3 were written, (requires_grad, volatile, hooks), which alone leaves the data. */
uint32_t parameter_data(const struct pickle *p, const struct record *record)
{
    enum { FLAGS_ITEMS = 3, VARIABLE_ITEMS = 5 };
    uint32_t state = only_state(p, record), size = pickle_value(p, state)->size;
    if (pickle_value(p, record->args)->size == 0)
        return state != NO_VALUE && size == VARIABLE_ITEMS ? tuple_item(p, state, 0) : NO_VALUE;
    bool leaves_data = record->states == NO_VALUE || (state != NO_VALUE && size == FLAGS_ITEMS);
    return leaves_data ? tuple_item(p, record->args, 0) : NO_VALUE;
}
