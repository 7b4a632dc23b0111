/* Plain values as rows (values.h). Iterative: a stack of containers, at most VALUES_DEPTH of them; a container that is
 * in itself, or lies deeper, is a row without children. */
#include "values.h"

#include "children.h"

enum {
    VALUES_DEPTH = 32,
    VALUES_MOST = 1 << 18,
    VALUES_TEXT_MOST = 1 << 26, /* of all together; one text can be there many times */
    VALUE_TEXT_MOST = 1 << 14,
    VALUE_BYTES_MOST = 1 << 10
};

/* A container whose children are being listed. */
struct level {
    struct children children;
    struct items items; /* of a set, which has no names for them */
    bool is_set;
};

struct collecting {
    struct reading *r;
    struct level levels[VALUES_DEPTH];
    uint32_t depth;
    uint64_t text; /* bytes of the rows' texts */
};

static const struct children_rule everything = {false, true, true};

/* Of a number too large for 64 bits: its digits, or its bytes in hexadecimal, highest first. */
static tv_span long_text(struct collecting *c, uint32_t handle)
{
    static const char hex[] = "0123456789abcdef";
    const struct value *value = pickle_value(&c->r->pickle, handle);
    tv_span bytes = pickle_text(&c->r->pickle, handle);
    if ((value->flags & VALUE_DECIMAL) != 0)
        return pool_copy(&c->r->out->pool, bytes);
    size_t size = bytes.size < VALUE_BYTES_MOST ? bytes.size : VALUE_BYTES_MOST;
    char *text = pool_take(&c->r->out->pool, 2 * size + 2, 1);
    if (text == NULL)
        return tv_span_of(NULL, 0);
    text[0] = '0';
    text[1] = 'x';
    for (size_t i = 0; i < size; i++) {
        unsigned byte = (unsigned)tv_span_byte(bytes, bytes.size - 1 - i);
        text[2 + 2 * i] = hex[byte >> 4];
        text[3 + 2 * i] = hex[byte & 15];
    }
    return tv_span_of(text, 2 * size + 2);
}

static tv_span cut_copy(struct collecting *c, tv_span text, size_t most)
{
    text.size = text.size < most ? text.size : most;
    return pool_copy(&c->r->out->pool, text);
}

/* "module.Name" of what made an object. */
static tv_span class_of(struct collecting *c, uint32_t handle)
{
    const struct pickle *p = &c->r->pickle;
    const struct record *record = pickle_record(p, handle);
    const struct mention *mention = pickle_mention(p, record->how == HOW_GLOBAL ? handle : record->callable);
    if (mention == NULL)
        return tv_span_of("", 0);
    tv_span module = mention_module(p, mention), name = mention_name(p, mention);
    uint8_t *text = pool_take(&c->r->out->pool, module.size + name.size + 1, 1);
    if (text == NULL)
        return tv_span_of(NULL, 0);
    if (module.size != 0)
        memcpy(text, module.data, module.size);
    text[module.size] = '.';
    if (name.size != 0)
        memcpy(text + module.size + 1, name.data, name.size);
    return tv_span_of(text, module.size + name.size + 1);
}

/* Fills type, number and text of what is no plain container. */
static void fill_object(struct collecting *c, uint32_t handle, struct ck_value *row)
{
    const struct record *record = pickle_record(&c->r->pickle, handle);
    const struct meaning *meaning = vector_at(&c->r->meanings, pickle_value(&c->r->pickle, handle)->as.record);
    if (meaning != NULL && meaning->what != MEANS_NOTHING) {
        row->type = CK_VALUE_TENSOR;
        return;
    }
    row->type = record->how == HOW_GLOBAL ? CK_VALUE_NAME : CK_VALUE_OBJECT;
    row->text = class_of(c, handle);
}

static void fill(struct collecting *c, uint32_t handle, struct ck_value *row)
{
    static const uint8_t types[V_COUNT] = {
        [V_NONE] = CK_VALUE_NONE,    [V_BOOL] = CK_VALUE_BOOL,       [V_INT] = CK_VALUE_INT,
        [V_LONG] = CK_VALUE_LONG,    [V_FLOAT] = CK_VALUE_FLOAT,     [V_STR] = CK_VALUE_STR,
        [V_BYTES] = CK_VALUE_BYTES,  [V_BYTEARRAY] = CK_VALUE_BYTES, [V_TUPLE] = CK_VALUE_TUPLE,
        [V_LIST] = CK_VALUE_LIST,    [V_DICT] = CK_VALUE_DICT,       [V_SET] = CK_VALUE_SET,
        [V_FROZENSET] = CK_VALUE_SET};
    const struct value *value = pickle_value(&c->r->pickle, handle);
    row->type = types[value->type];
    row->number = value->size;
    row->text = tv_span_of("", 0);
    if (value->type == V_INT || value->type == V_BOOL)
        row->number = (uint64_t)value->as.integer;
    else if (value->type == V_FLOAT)
        memcpy(&row->number, &value->as.real, sizeof row->number);
    else if (value->type == V_STR)
        row->text = cut_copy(c, pickle_text(&c->r->pickle, handle), VALUE_TEXT_MOST);
    else if (value->type == V_LONG)
        row->text = long_text(c, handle);
    else if (value->type == V_RECORD)
        fill_object(c, handle, row);
    if (is_mapping(&c->r->pickle, handle))
        row->type = CK_VALUE_DICT; /* an OrderedDict too */
}

static void set_path_flag(struct collecting *c, uint32_t handle, bool on)
{
    struct value *value = vector_at(&c->r->pickle.values, handle);
    value->flags = (uint8_t)(on ? value->flags | VALUE_ON_PATH : value->flags & ~VALUE_ON_PATH);
}

/* Enters a container, if there is room for another level and it is not inside itself. False: it has no children. */
static void enter(struct collecting *c, uint32_t handle, struct ck_value *row)
{
    const struct pickle *p = &c->r->pickle;
    struct level level = {.is_set = row->type == CK_VALUE_SET, .items = items_of(p, handle)};
    bool has_children =
        level.is_set || (row->type >= CK_VALUE_TUPLE && children_of(p, handle, everything, &level.children));
    level.children.handle = handle;
    if (!has_children)
        return;
    if (c->depth == VALUES_DEPTH || (pickle_value(p, handle)->flags & VALUE_ON_PATH) != 0) {
        row->is_cut = true;
        return;
    }
    set_path_flag(c, handle, true);
    c->levels[c->depth++] = level;
}

static bool is_full(const struct collecting *c)
{
    return c->r->out->values.count >= VALUES_MOST || c->text > VALUES_TEXT_MOST;
}

/* Adds the row of a value and enters it. Looking into an object takes steps of its own. */
static tv_status add(struct collecting *c, struct ck_value row, uint32_t handle)
{
    row.depth = c->depth;
    if (is_full(c)) {
        c->r->out->values_omitted++;
        return TV_OK;
    }
    tv_status status = reading_charge(c->r, 1 + module_cost(&c->r->pickle, handle));
    if (status != TV_OK)
        return status;
    fill(c, handle, &row);
    enter(c, handle, &row);
    struct ck_value *place = row.key.data == NULL || row.text.data == NULL ? NULL : vector_push(&c->r->out->values);
    if (place == NULL)
        return refuse_memory(c->r->findings);
    *place = row;
    c->text += row.key.size + row.text.size;
    return TV_OK;
}

/* The next child of the innermost container; false at its end. */
static bool next_child(struct collecting *c, struct ck_value *row, uint32_t *handle)
{
    struct level *level = &c->levels[c->depth - 1];
    struct child child;
    char room[32];
    bool is_odd = false;
    *row = (struct ck_value){.key = tv_span_of("", 0)};
    if (level->is_set)
        return items_next(&level->items, handle);
    if (!children_next(&level->children, &child))
        return false;
    *handle = child.value;
    row->key = cut_copy(c, child_name(&c->r->pickle, &child, room, &is_odd), VALUE_TEXT_MOST);
    row->key_type = is_odd                                       ? CK_KEY_STAND_IN
                    : child.is_numbered                          ? CK_KEY_INDEX
                    : pickle_is(&c->r->pickle, child.key, V_INT) ? CK_KEY_NUMBER
                                                                 : CK_KEY_TEXT;
    return true;
}

/* One dropped value with all that is in it. */
static tv_status collect(struct collecting *c, const struct ck_dropped *dropped)
{
    struct ck_value row = {.key = dropped->path, .key_type = CK_KEY_TEXT};
    uint32_t handle = dropped->handle;
    tv_status status = add(c, row, handle);
    while (status == TV_OK && c->depth > 0) {
        if (next_child(c, &row, &handle)) {
            status = add(c, row, handle);
        } else {
            c->depth--;
            set_path_flag(c, c->levels[c->depth].children.handle, false);
        }
        if (is_full(c))
            break; /* what is left is not counted child by child */
    }
    while (c->depth > 0)
        set_path_flag(c, c->levels[--c->depth].children.handle, false);
    return status;
}

tv_status collect_values(struct reading *r)
{
    struct collecting c = {.r = r};
    tv_status status = TV_OK;
    for (uint64_t i = 0; i < r->out->dropped.count && status == TV_OK; i++) {
        const struct ck_dropped *dropped = vector_at(&r->out->dropped, i);
        if (dropped->handle != NO_VALUE)
            status = collect(&c, dropped);
    }
    return status;
}
