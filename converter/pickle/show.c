/* Calls in one line (show.h). Arguments are shown to a small fixed depth; what is deeper or longer becomes "...". */
#include "show.h"

#include <stdarg.h>
#include <stdio.h>

enum { DEEPEST = 3, ITEMS_SHOWN = 6, TEXT_SHOWN = 100 };

struct line {
    const struct pickle *pickle;
    char *text;
    size_t used, capacity;
};

static __attribute__((format(printf, 2, 3))) void put(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = line->capacity - line->used;
    int wrote = vsnprintf(line->text + line->used, room, format, args);
    va_end(args);
    if (wrote > 0)
        line->used += (size_t)wrote < room ? (size_t)wrote : room - 1;
}

/* Printable ASCII stays, all else is escaped; at most `most` bytes are shown. */
static void put_bytes(struct line *line, tv_span bytes, size_t most)
{
    size_t shown = bytes.size < most ? bytes.size : most;
    for (size_t i = 0; i < shown; i++) {
        int byte = tv_span_byte(bytes, i);
        if (byte == '\n')
            put(line, "\\n");
        else if (byte < ' ' || byte > '~')
            put(line, "\\x%02x", (unsigned)byte);
        else
            put(line, byte == '\'' || byte == '\\' ? "\\%c" : "%c", byte);
    }
    if (shown < bytes.size)
        put(line, "...");
}

static void put_name(struct line *line, const struct mention *mention)
{
    put_bytes(line, mention_module(line->pickle, mention), TEXT_SHOWN);
    put(line, ".");
    put_bytes(line, mention_name(line->pickle, mention), TEXT_SHOWN);
}

/* What is no container. */
static void put_plain(struct line *line, uint32_t handle)
{
    const struct value *value = pickle_value(line->pickle, handle);
    const struct mention *mention = pickle_mention(line->pickle, handle);
    const struct record *record = pickle_record(line->pickle, handle);
    if (mention != NULL) {
        put_name(line, mention);
    } else if (value->type == V_STR) {
        put(line, "'");
        put_bytes(line, pickle_text(line->pickle, handle), TEXT_SHOWN);
        put(line, "'");
    } else if (value->type == V_INT) {
        put(line, "%lld", (long long)value->as.integer);
    } else if (value->type == V_BOOL) {
        put(line, value->as.integer != 0 ? "True" : "False");
    } else if (value->type == V_FLOAT) {
        put(line, "%.17g", value->as.real);
    } else if (value->type == V_BYTES || value->type == V_BYTEARRAY) {
        put(line, "<%lu bytes>", (unsigned long)value->size);
    } else if (record != NULL && pickle_mention(line->pickle, record->callable) != NULL) {
        put_name(line, pickle_mention(line->pickle, record->callable));
        put(line, "(...)");
    } else {
        put(line, value->type == V_NONE ? "None" : "<%s>", value_type_name(value->type));
    }
}

static const char *const opening[V_COUNT] = {
    [V_TUPLE] = "(", [V_LIST] = "[", [V_DICT] = "{", [V_SET] = "{", [V_FROZENSET] = "{"};
static const char *const closing[V_COUNT] = {
    [V_TUPLE] = ")", [V_LIST] = "]", [V_DICT] = "}", [V_SET] = "}", [V_FROZENSET] = "}"};

/* A container whose items are being shown. */
struct level {
    struct items items;
    uint8_t type;
    uint32_t index;
};

/* The separator before the next item of a level. */
static void put_separator(struct line *line, const struct level *level)
{
    if (level->index > 0)
        put(line, level->type == V_DICT && level->index % 2 == 1 ? ": " : ", ");
}

static void put_value(struct line *line, uint32_t root)
{
    struct level levels[DEEPEST];
    uint32_t depth = 0, handle = root;
    for (bool is_item = true;; is_item = items_next(&levels[depth - 1].items, &handle)) {
        bool is_more = is_item && depth > 0 && levels[depth - 1].index == ITEMS_SHOWN;
        if (!is_item || is_more) {
            depth--;
            put(line, is_more ? ", ...%s" : "%s", closing[levels[depth].type]);
        } else {
            const struct value *value = pickle_value(line->pickle, handle);
            if (depth > 0) {
                put_separator(line, &levels[depth - 1]);
                levels[depth - 1].index++;
            }
            if (opening[value->type] == NULL) {
                put_plain(line, handle);
            } else if (depth == DEEPEST) {
                put(line, "%s...%s", opening[value->type], closing[value->type]);
            } else {
                put(line, "%s", opening[value->type]);
                levels[depth++] = (struct level){items_of(line->pickle, handle), value->type, 0};
            }
        }
        if (depth == 0)
            return;
    }
}

void show_call(const struct pickle *p, uint32_t record, char *text, size_t capacity)
{
    const struct record *call = vector_at(&p->records, record);
    struct line line = {p, text, 0, capacity};
    if (capacity == 0)
        return;
    text[0] = '\0';
    if (call == NULL)
        return;
    put_plain(&line, call->callable);
    put_value(&line, call->args);
    if (call->kwargs != NO_VALUE) {
        put(&line, " with ");
        put_value(&line, call->kwargs);
    }
    if (line.used + 1 == capacity && capacity > sizeof "...") /* cut */
        (void)snprintf(text + capacity - sizeof "...", sizeof "...", "...");
}
