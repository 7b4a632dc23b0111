/* The values of a pickle (value.h). */
#include "value.h"

enum { CHUNK_NEXT, CHUNK_CAPACITY, CHUNK_COUNT, CHUNK_ITEMS };
enum { CHUNK_SMALLEST = 4, CHUNK_DOUBLES_TO = 1024 };

static const char *const type_names[] = {
#define VALUE(NAME, name) [V_##NAME] = (name),
    VALUE_TYPES(VALUE)
#undef VALUE
};

void pickle_start(struct pickle *p, struct budget *budget)
{
    *p = (struct pickle){.budget = budget,
                         .values = {.each = sizeof(struct value), .budget = budget},
                         .cells = {.each = sizeof(uint32_t), .budget = budget},
                         .records = {.each = sizeof(struct record), .budget = budget},
                         .mentions = {.each = sizeof(struct mention), .budget = budget},
                         .texts = {.each = 1, .budget = budget},
                         .root = NO_VALUE};
}

void pickle_free(struct pickle *p)
{
    vector_free(&p->values);
    vector_free(&p->cells);
    vector_free(&p->records);
    vector_free(&p->mentions);
    vector_free(&p->texts);
}

const struct value *pickle_value(const struct pickle *p, uint32_t handle)
{
    static const struct value none = {.type = V_NONE};
    const struct value *value = vector_at(&p->values, handle);
    return value == NULL ? &none : value;
}

bool pickle_is(const struct pickle *p, uint32_t handle, enum value_type type)
{
    return handle < p->values.count && pickle_value(p, handle)->type == type;
}

const char *value_type_name(uint32_t type)
{
    return type < V_COUNT ? type_names[type] : "?";
}

static tv_span text_at(const struct pickle *p, uint64_t at, uint64_t size)
{
    tv_span part;
    (void)tv_span_sub(tv_span_of(p->texts.data, (size_t)p->texts.count), at, size, &part);
    return part;
}

tv_span pickle_text(const struct pickle *p, uint32_t handle)
{
    const struct value *value = pickle_value(p, handle);
    if (value->type == V_STR || value->type == V_LONG || (value->flags & VALUE_IN_TEXTS) != 0)
        return text_at(p, value->as.at, value->size);
    return tv_span_of(NULL, 0);
}

bool pickle_unsigned(const struct pickle *p, uint32_t handle, uint64_t *number)
{
    const struct value *value = pickle_value(p, handle);
    if (value->type != V_INT || value->as.integer < 0)
        return false;
    *number = (uint64_t)value->as.integer;
    return true;
}

const struct record *pickle_record(const struct pickle *p, uint32_t handle)
{
    return pickle_is(p, handle, V_RECORD) ? vector_at(&p->records, pickle_value(p, handle)->as.record) : NULL;
}

const struct mention *pickle_mention(const struct pickle *p, uint32_t handle)
{
    const struct record *record = pickle_record(p, handle);
    return record != NULL && record->how == HOW_GLOBAL ? vector_at(&p->mentions, record->mention) : NULL;
}

tv_span mention_module(const struct pickle *p, const struct mention *mention)
{
    return text_at(p, mention->module_at, mention->module_size);
}

tv_span mention_name(const struct pickle *p, const struct mention *mention)
{
    return text_at(p, mention->name_at, mention->name_size);
}

static bool is_container(const struct value *value)
{
    return value->type >= V_TUPLE && value->type <= V_FROZENSET;
}

struct items items_of(const struct pickle *p, uint32_t handle)
{
    const struct value *value = pickle_value(p, handle);
    return (struct items){p, is_container(value) ? value->as.items.first : NO_VALUE, 0};
}

bool items_next(struct items *it, uint32_t *handle)
{
    const uint32_t *cells = it->pickle->cells.data;
    while (it->chunk != NO_VALUE && it->index >= cells[it->chunk + CHUNK_COUNT]) {
        it->chunk = cells[it->chunk + CHUNK_NEXT];
        it->index = 0;
    }
    if (it->chunk == NO_VALUE)
        return false;
    *handle = cells[it->chunk + CHUNK_ITEMS + it->index++];
    return true;
}

uint32_t tuple_item(const struct pickle *p, uint32_t handle, uint32_t index)
{
    const struct value *value = pickle_value(p, handle);
    if (value->type != V_TUPLE || index >= value->size)
        return NO_VALUE;
    const uint32_t *cells = p->cells.data;
    return cells[value->as.items.first + CHUNK_ITEMS + index]; /* a tuple is made at once: one chunk */
}

bool pickle_add(struct pickle *p, struct value value, uint32_t *handle)
{
    if (p->values.count >= NO_VALUE)
        return false;
    struct value *place = vector_push(&p->values);
    if (place == NULL)
        return false;
    *place = value;
    *handle = (uint32_t)(p->values.count - 1);
    return true;
}

/* A new chunk, not yet linked; NO_VALUE where memory ends. */
static uint32_t new_chunk(struct pickle *p, uint64_t capacity)
{
    uint64_t at = p->cells.count;
    if (capacity >= NO_VALUE || at + capacity + CHUNK_ITEMS >= NO_VALUE)
        return NO_VALUE;
    uint32_t *cells = vector_extend(&p->cells, CHUNK_ITEMS + capacity);
    if (cells == NULL)
        return NO_VALUE;
    cells[CHUNK_NEXT] = NO_VALUE;
    cells[CHUNK_CAPACITY] = (uint32_t)capacity;
    return (uint32_t)at;
}

/* How large the next chunk of a container is: exact for what comes at once, doubling for what comes one by one. */
static uint64_t chunk_capacity(const struct value *value, uint64_t count)
{
    uint64_t capacity = value->size < CHUNK_SMALLEST ? CHUNK_SMALLEST : value->size;
    if (capacity > CHUNK_DOUBLES_TO)
        capacity = CHUNK_DOUBLES_TO;
    return value->size == 0 || count > capacity ? count : capacity;
}

bool pickle_append(struct pickle *p, uint32_t container, const uint32_t *items, uint64_t count)
{
    struct value *value = vector_at(&p->values, container);
    if (value == NULL || !is_container(value) || count > UINT32_MAX - value->size)
        return false;
    uint32_t *cells = p->cells.data;
    uint32_t last = value->as.items.last;
    if (count == 0)
        return true;
    if (last == NO_VALUE || cells[last + CHUNK_CAPACITY] - cells[last + CHUNK_COUNT] < count) {
        uint32_t chunk = new_chunk(p, chunk_capacity(value, count));
        if (chunk == NO_VALUE)
            return false;
        cells = p->cells.data;
        if (last == NO_VALUE)
            value->as.items.first = chunk;
        else
            cells[last + CHUNK_NEXT] = chunk;
        value->as.items.last = last = chunk;
    }
    for (uint64_t i = 0; i < count; i++)
        cells[last + CHUNK_ITEMS + cells[last + CHUNK_COUNT]++] = items[i];
    value->size += (uint32_t)count;
    return true;
}
