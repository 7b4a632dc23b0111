/* Operations for which Python would import, look up or call something. Here each makes a record that says so; the
 * global behind it is marked as used at that moment, whatever becomes of the result. */
#include "../text.h"
#include "arguments.h"
#include "machine_inside.h"

enum {
    LONGEST_NAME = 1024 /* of a global: keeps every look at a name short */,
    FEW_ARGUMENTS = 16 /* cost no steps */
};

static struct mention *mention_of(struct machine *m, uint32_t handle)
{
    const struct record *record = pickle_record(m->pickle, handle);
    if (record == NULL || record->how != HOW_GLOBAL)
        return NULL;
    return vector_at(&m->pickle->mentions, record->mention);
}

/* What a persistent id stands for, if it is a class: ('module', class, …) of legacy checkpoints. */
static uint32_t behind_id(const struct machine *m, uint32_t handle)
{
    const struct record *record = pickle_record(m->pickle, handle);
    uint32_t class_ = record == NULL ? NO_VALUE : tuple_item(m->pickle, record->args, 1);
    bool is_id = record != NULL && record->how == HOW_PERSISTENT;
    return is_id && pickle_mention(m->pickle, class_) != NULL ? class_ : handle;
}

/* The getattr behind a value that is getattr(global, "plain"), or NULL. */
static struct mention *attribute_reference(struct machine *m, uint32_t handle)
{
    const struct record *record = pickle_record(m->pickle, handle);
    if (record == NULL || record->how != HOW_REDUCE)
        return NULL;
    struct mention *getter = mention_of(m, record->callable);
    return getter != NULL && getter->row != NULL && getter->row->role == ROLE_GETATTR ? getter : NULL;
}

/* handle: what was called; or the object that was built or filled, which stands for what made it. */
void mark_use(struct machine *m, uint32_t handle, uint32_t uses)
{
    handle = behind_id(m, handle);
    const struct record *record = pickle_record(m->pickle, handle);
    struct mention *getter = attribute_reference(m, handle), *mention = mention_of(m, handle);
    bool is_call = (uses & (USE_REDUCE | USE_NEW | USE_PASSED)) != 0;
    if (getter != NULL)
        getter->uses |= USE_MISTAKEN;
    if (mention != NULL)
        mention->uses |= is_call ? uses : uses | USE_MISTAKEN;
    if (mention != NULL || record == NULL)
        return;
    struct mention *maker = mention_of(m, behind_id(m, record->callable));
    if (attribute_reference(m, record->callable) != NULL)
        attribute_reference(m, record->callable)->uses |= USE_MISTAKEN;
    if (maker != NULL && maker != getter)
        maker->uses |= is_call ? USE_MISTAKEN : uses; /* the result of a call is called: no use that was reviewed */
}

/* A global among the arguments, or what getattr found, may be called by what it is handed to. */
static void mark_passed(struct machine *m, uint32_t args)
{
    struct items it = items_of(m->pickle, args);
    uint32_t item = NO_VALUE;
    while (items_next(&it, &item)) {
        struct mention *mention = mention_of(m, item), *getter = attribute_reference(m, item);
        if (mention != NULL)
            mention->uses |= USE_PASSED;
        if (getter != NULL)
            getter->uses |= USE_MISTAKEN;
    }
}

static tv_status push_record(struct machine *m, struct record record, uint8_t flags)
{
    struct record *place = vector_push(&m->pickle->records);
    if (place == NULL || m->pickle->records.count > UINT32_MAX)
        return refuse_memory(m->findings);
    record.offset = m->op_at;
    record.items = record.pairs = record.states = NO_VALUE;
    *place = record;
    uint32_t index = (uint32_t)(m->pickle->records.count - 1);
    return push_new(m, (struct value){.type = V_RECORD, .flags = flags, .as.record = index}, NULL);
}

/* A direct global, or an object that a direct global makes, getattr's results not among them. Of what is known or
 * reviewed, only the rows that say so: the review is of the thing, not of its methods (PosixPath.unlink). */
static bool is_plain_target(struct machine *m, uint32_t handle)
{
    const struct record *record = pickle_record(m->pickle, handle);
    if (record == NULL || record->how == HOW_PERSISTENT || attribute_reference(m, handle) != NULL)
        return false;
    const struct mention *mention = mention_of(m, record->how == HOW_GLOBAL ? handle : record->callable);
    return mention != NULL && (mention->row == NULL || (mention->row->uses & USE_MEMBER) != 0);
}

/* The one harmless form of calling what is dangerous otherwise: getattr(target, "plain"), _load_from_bytes(bytes). */
static bool is_harmless_form(struct machine *m, const struct mention *callable, uint32_t args)
{
    uint32_t count = pickle_value(m->pickle, args)->size, last = tuple_item(m->pickle, args, count - 1);
    if (callable->row == NULL)
        return false;
    if (callable->row->role == ROLE_LOAD_BYTES)
        return count == 1 && argument_is_bytes(m->pickle, last);
    return callable->row->role == ROLE_GETATTR && count == 2 && pickle_is(m->pickle, last, V_STR) &&
           is_plain_attribute(pickle_text(m->pickle, last)) && is_plain_target(m, tuple_item(m->pickle, args, 0));
}

/* Notes the call at once: its effect would be there even if its result were thrown away. */
static void note_call(struct machine *m, uint32_t callable, uint32_t args, uint32_t use)
{
    struct mention *mention = mention_of(m, callable);
    if (mention != NULL && use == USE_REDUCE && is_harmless_form(m, mention, args)) {
        mention->references++;
        return;
    }
    if (mention != NULL && arguments_mistaken(m->pickle, mention, args))
        use |= USE_MISTAKEN;
    if (mention != NULL)
        arguments_copied(m->pickle, mention, args);
    mark_use(m, callable, use);
    mark_passed(m, args);
}

/* How a callable is used. INST and OBJ call the class where there are arguments, as REDUCE does; without any they make
 * an empty object, as NEWOBJ does. */
static uint32_t use_of(const struct machine *m, enum record_how how, uint32_t args)
{
    if (how == HOW_INSTANCE && pickle_value(m->pickle, args)->size != 0)
        return USE_REDUCE | USE_NEW;
    return how == HOW_REDUCE ? USE_REDUCE : USE_NEW;
}

static tv_status call(struct machine *m, enum record_how how, uint32_t callable, uint32_t args, uint32_t kwargs)
{
    if (!pickle_is(m->pickle, callable, V_RECORD))
        return op_type_mismatch(m, callable);
    if (!pickle_is(m->pickle, args, V_TUPLE))
        return op_type_mismatch(m, args);
    uint64_t cost = arguments_cost(m->pickle, args);
    tv_status status = op_charge(m, cost > FEW_ARGUMENTS ? cost : 0);
    if (status != TV_OK)
        return status;
    note_call(m, callable, args, use_of(m, how, args));
    return push_record(m, (struct record){.how = (uint8_t)how, .callable = callable, .args = args, .kwargs = kwargs},
                       VALUE_HASHABLE);
}

tv_status do_reduce(struct machine *m)
{
    uint32_t args = stack_pop(m), callable = stack_pop(m);
    return call(m, HOW_REDUCE, callable, args, NO_VALUE);
}

tv_status do_newobj(struct machine *m)
{
    uint32_t args = stack_pop(m), callable = stack_pop(m);
    return call(m, HOW_NEW, callable, args, NO_VALUE);
}

tv_status do_newobj_ex(struct machine *m)
{
    uint32_t kwargs = stack_pop(m), args = stack_pop(m), callable = stack_pop(m);
    if (!pickle_is(m->pickle, kwargs, V_DICT))
        return op_type_mismatch(m, kwargs);
    return call(m, HOW_NEW_EX, callable, args, kwargs);
}

/* What was marked, as a tuple of arguments. */
static tv_status marked_args(struct machine *m, const uint32_t *items, uint64_t count, uint32_t *args)
{
    tv_status status = make_new(m, empty_container(V_TUPLE), args);
    return status != TV_OK ? status : append_items(m, *args, items, count);
}

/* OBJ: class and arguments lie above the MARK. */
tv_status do_obj(struct machine *m)
{
    uint64_t count = 0;
    uint32_t args = NO_VALUE;
    const uint32_t *items = take_marked(m, &count);
    if (count == 0)
        return op_refuse(m, TV_FIND_PICKLE_STACK_UNDERFLOW, 1, 0);
    uint32_t callable = items[0];
    tv_status status = marked_args(m, items + 1, count - 1, &args);
    return status != TV_OK ? status : call(m, HOW_INSTANCE, callable, args, NO_VALUE);
}

/* A state that is no object, or a dictionary: reading others may run code of theirs (OmegaConf resolves on access). */
static bool is_plain_state(struct machine *m, uint32_t state)
{
    const struct record *record = pickle_record(m->pickle, state);
    const struct mention *maker = record == NULL ? NULL : mention_of(m, record->callable);
    return record == NULL || (maker != NULL && maker->row != NULL && maker->row->role == ROLE_MAPPING);
}

/* The state goes to the record's list of states. */
tv_status do_build(struct machine *m)
{
    uint32_t state = stack_pop(m), target = stack_top(m);
    if (!pickle_is(m->pickle, target, V_RECORD))
        return op_type_mismatch(m, target);
    struct record *record = vector_at(&m->pickle->records, pickle_value(m->pickle, target)->as.record);
    mark_use(m, target, is_plain_state(m, state) ? USE_BUILD : USE_BUILD | USE_MISTAKEN);
    state_copied(m->pickle, state);
    if (record->states == NO_VALUE) {
        tv_status status = make_new(m, empty_container(V_LIST), &record->states);
        if (status != TV_OK)
            return status;
    }
    return append_items(m, record->states, &state, 1);
}

static tv_status keep_name(struct machine *m, tv_span text, uint64_t *at, uint32_t *size)
{
    if (text.size > LONGEST_NAME)
        return op_bad_argument(m, "a name of over 1024 bytes");
    if (text_classify(text) == TEXT_INVALID)
        return op_bad_argument(m, "a name that is not UTF-8");
    *at = m->pickle->texts.count;
    *size = (uint32_t)text.size;
    uint8_t *to = vector_extend(&m->pickle->texts, text.size);
    if (to == NULL)
        return refuse_memory(m->findings);
    if (text.size != 0)
        memcpy(to, text.data, text.size);
    return TV_OK;
}

/* Notes the name and pushes what stands for it. */
static tv_status push_global(struct machine *m, struct mention mention)
{
    struct mention *place = vector_push(&m->pickle->mentions);
    if (place == NULL || m->pickle->mentions.count > UINT32_MAX)
        return refuse_memory(m->findings);
    mention.offset = m->op_at;
    mention.pushes = 1;
    mention.row = global_lookup(mention_module(m->pickle, &mention), mention_name(m->pickle, &mention));
    *place = mention;
    return push_record(m,
                       (struct record){.how = HOW_GLOBAL,
                                       .mention = (uint32_t)(m->pickle->mentions.count - 1),
                                       .callable = NO_VALUE,
                                       .args = NO_VALUE,
                                       .kwargs = NO_VALUE},
                       VALUE_HASHABLE);
}

static tv_status fetch_name(struct machine *m, uint64_t *at, uint32_t *size)
{
    tv_status status = fetch_line(m);
    return status != TV_OK ? status : keep_name(m, m->line, at, size);
}

/* Two lines: module and name. */
static tv_status fetch_names(struct machine *m, struct mention *mention)
{
    tv_status status = fetch_name(m, &mention->module_at, &mention->module_size);
    return status != TV_OK ? status : fetch_name(m, &mention->name_at, &mention->name_size);
}

tv_status do_global(struct machine *m)
{
    struct mention mention = {0};
    tv_status status = fetch_names(m, &mention);
    return status != TV_OK ? status : push_global(m, mention);
}

static bool is_ascii(tv_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= 0x80)
            return false;
    return true;
}

/* INST names a class, in ASCII, and calls it with what was marked. */
tv_status do_inst(struct machine *m)
{
    uint64_t count = 0;
    uint32_t args = NO_VALUE;
    struct mention mention = {0};
    tv_status status = fetch_names(m, &mention);
    if (status != TV_OK)
        return status;
    if (!is_ascii(mention_module(m->pickle, &mention)) || !is_ascii(mention_name(m->pickle, &mention)))
        return op_bad_argument(m, "not ASCII");
    const uint32_t *items = take_marked(m, &count);
    status = marked_args(m, items, count, &args);
    if (status == TV_OK)
        status = push_global(m, mention);
    return status != TV_OK ? status : call(m, HOW_INSTANCE, stack_pop(m), args, NO_VALUE);
}

tv_status do_stack_global(struct machine *m)
{
    uint32_t name = stack_pop(m), module = stack_pop(m);
    if (!pickle_is(m->pickle, module, V_STR))
        return op_type_mismatch(m, module);
    if (!pickle_is(m->pickle, name, V_STR))
        return op_type_mismatch(m, name);
    const struct value *module_text = pickle_value(m->pickle, module), *name_text = pickle_value(m->pickle, name);
    if (module_text->size > LONGEST_NAME || name_text->size > LONGEST_NAME)
        return op_bad_argument(m, "a name of over 1024 bytes");
    return push_global(m, (struct mention){.module_at = module_text->as.at,
                                           .module_size = module_text->size,
                                           .name_at = name_text->as.at,
                                           .name_size = name_text->size});
}

tv_status do_persistent(struct machine *m)
{
    uint32_t id = stack_pop(m);
    return push_record(m, (struct record){.how = HOW_PERSISTENT, .callable = NO_VALUE, .args = id, .kwargs = NO_VALUE},
                       VALUE_HASHABLE);
}

/* PERSID: the id is a line of ASCII text. */
tv_status do_persistent_text(struct machine *m)
{
    struct value value = {.type = V_STR, .flags = VALUE_HASHABLE};
    uint32_t id = NO_VALUE;
    if (!is_ascii(m->line))
        return op_bad_argument(m, "not ASCII");
    tv_status status = keep_name(m, m->line, &value.as.at, &value.size);
    if (status == TV_OK)
        status = make_new(m, value, &id);
    if (status != TV_OK)
        return status;
    return push_record(m, (struct record){.how = HOW_PERSISTENT, .callable = NO_VALUE, .args = id, .kwargs = NO_VALUE},
                       VALUE_HASHABLE);
}
