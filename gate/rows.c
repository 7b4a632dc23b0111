/* Rows (rows.h). Each row becomes text when it comes, so that no tree of a hostile report is ever held. */
#define _GNU_SOURCE
#include "rows.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "json.h"
#include "report.h"
#include "text.h"

void rows_init(struct rows *rows, bool json, struct progress_to progress)
{
    memset(rows, 0, sizeof *rows);
    rows->json = json;
    rows->progress = progress;
}

void rows_free(struct rows *rows)
{
    for (int i = 0; i < ROW_LISTS; i++)
        free(rows->lists[i].text);
    values_free(&rows->values);
    tree_free(&rows->tree);
    memset(rows->lists, 0, sizeof rows->lists);
}

/* Makes room for `more` bytes; false where bounds or memory end. */
static bool reserve(struct row_text *list, size_t more)
{
    if (more > ROWS_BYTES_MAX || list->size > ROWS_BYTES_MAX - more)
        return false;
    if (list->size + more <= list->capacity)
        return true;
    size_t capacity = list->capacity == 0 ? 4096 : list->capacity * 2;
    while (capacity < list->size + more)
        capacity *= 2;
    char *text = realloc(list->text, capacity);
    if (text == NULL)
        return false;
    list->text = text;
    list->capacity = capacity;
    return true;
}

static void append(struct row_text *list, const char *text, size_t size, char end)
{
    if (text == NULL || !reserve(list, size + 1)) {
        list->omitted++;
        return;
    }
    memcpy(list->text + list->size, text, size);
    list->text[list->size + size] = end;
    list->size += size + 1;
    list->count++;
}

static void append_json(struct row_text *list, struct json_object *row)
{
    size_t size = 0;
    const char *text = row == NULL ? NULL : json_object_to_json_string_length(row, JSON_STYLE, &size);
    append(list, text, size, ',');
    json_object_put(row);
}

/* A sanitized line made of texts that are sanitized already. */
__attribute__((format(printf, 2, 3))) static void append_line(struct row_text *list, const char *format, ...)
{
    char *line = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&line, format, args);
    va_end(args);
    append(list, size < 0 ? NULL : line, size < 0 ? 0 : (size_t)size, '\n');
    if (size >= 0)
        free(line);
}

/* "1x2x3", or "scalar". */
static void shape_text(const struct row_tensor *row, char *out, size_t capacity)
{
    size_t used = 0;
    snprintf(out, capacity, "scalar");
    for (uint32_t i = 0; i < row->rank && i < 64; i++) {
        int wrote = snprintf(out + used, capacity - used, "%s%" PRIu64, i == 0 ? "" : "x", row->shape[i]);
        used += (size_t)wrote;
    }
}

static void json_tensor(struct row_text *list, const struct row_tensor *row)
{
    struct json_object *object = json_object_new_object(), *shape = json_object_new_array();
    json_put_bytes(object, "name", row->name);
    json_put_text(object, "dtype", row->dtype < TV_DTYPE_COUNT ? tv_dtype_name(row->dtype) : NULL);
    json_put_bytes(object, "source_dtype", row->source_dtype);
    for (uint32_t i = 0; i < row->rank && i < 64; i++)
        json_object_array_add(shape, json_object_new_uint64(row->shape[i]));
    json_object_object_add(object, "shape", shape);
    if (row->offset != TV_NO_OFFSET)
        json_put_number(object, "offset", row->offset);
    json_put_number(object, "bytes", row->bytes);
    append_json(list, object);
}

static void on_tensor(void *context, const struct row_tensor *row)
{
    struct rows *rows = context;
    struct row_text *list = &rows->lists[ROWS_TENSORS];
    if (rows->json) {
        json_tensor(list, row);
        return;
    }
    char shape[64 * 21 + 1];
    shape_text(row, shape, sizeof shape);
    struct text name = text_cut(row->name, row->name.size),
                source = text_cut(row->source_dtype, row->source_dtype.size);
    bool same = row->dtype < TV_DTYPE_COUNT;
    const char *dtype = same ? tv_dtype_name(row->dtype) : source.bytes;
    if (name.bytes != NULL && source.bytes != NULL) {
        append_line(list, "%-7s %-16s %12" PRIu64 "  %s", dtype, shape, row->bytes, name.bytes);
        tree_add(&rows->tree, name.bytes, dtype, shape, row->bytes);
    }
    text_free(&name);
    text_free(&source);
}

/* A row of two texts: as JSON under those keys, as text in that format. */
struct pair_form {
    enum row_list list;
    const char *first, *second, *join, *end;
};

static void on_pair(struct rows *rows, const struct pair_form *form, tv_span first, tv_span second)
{
    struct row_text *list = &rows->lists[form->list];
    if (rows->json) {
        struct json_object *object = json_object_new_object();
        json_put_bytes(object, form->first, first);
        json_put_bytes(object, form->second, second);
        append_json(list, object);
        return;
    }
    struct text one = text_cut(first, first.size), two = text_cut(second, second.size);
    if (one.bytes != NULL && two.bytes != NULL)
        append_line(list, "%s%s%s%s", one.bytes, form->join, two.bytes, form->end);
    text_free(&one);
    text_free(&two);
}

static void on_metadata(void *context, tv_span key, tv_span value)
{
    static const struct pair_form form = {ROWS_METADATA, "key", "value", " = ", ""};
    on_pair(context, &form, key, value);
}

static void on_dropped_shared(void *context, tv_span name, tv_span kept, enum frame_tie_rule rule)
{
    static const char *const rules[TIE_RULES] = {"smallest-name", "discard", "config-hint"};
    static const struct pair_form form = {ROWS_SHARED, "name", "kept", " is ", ""};
    struct rows *rows = context;
    rows->rules[rule]++;
    if (!rows->json) {
        on_pair(rows, &form, name, kept);
        return;
    }
    struct json_object *object = json_object_new_object();
    json_put_bytes(object, "name", name);
    json_put_bytes(object, "kept", kept);
    json_put_text(object, "rule", rules[rule]);
    append_json(&rows->lists[ROWS_SHARED], object);
}

/* The argument of --key, for the shell. It is the worker's word, and is put into a command to be copied: only what is
 * plain inside single quotes stays. */
static bool is_quotable(tv_span key)
{
    for (size_t i = 0; i < key.size; i++) {
        int byte = tv_span_byte(key, i);
        if (byte < ' ' || byte > '~' || byte == '\'')
            return false;
    }
    return key.size > 0 && tv_span_byte(key, 0) != '-';
}

static void on_group(void *context, const struct row_group *row)
{
    struct rows *rows = context;
    char size[32];
    if (rows->json) {
        struct json_object *object = json_object_new_object();
        json_put_bytes(object, "key", row->key);
        json_put_number(object, "tensors", row->tensors);
        json_put_number(object, "bytes", row->bytes);
        append_json(&rows->lists[ROWS_GROUPS], object);
        return;
    }
    struct text key = text_cut(row->key, row->key.size);
    const char *many = row->tensors == 1 ? "" : "s";
    bool bare = strcspn(key.bytes == NULL ? "" : key.bytes, "[]\"' $") == key.size;
    if (key.bytes != NULL && key.exact && is_quotable(row->key))
        append_line(&rows->lists[ROWS_GROUPS], "--key %s%s%s  # %" PRIu64 " tensor%s, %s", bare ? "" : "'", key.bytes,
                    bare ? "" : "'", row->tensors, many, size_text(row->bytes, size));
    text_free(&key);
}

static void on_value(void *context, const struct row_value *row)
{
    struct rows *rows = context;
    if (rows->json || rows->keep_values)
        values_add(&rows->values, row);
    if (rows->json || (rows->depth != 0 && row->depth >= rows->depth))
        return;
    struct text key = text_cut(row->key, row->key.size);
    char *line = value_line(row);
    if (key.bytes != NULL && line != NULL)
        append_line(&rows->lists[ROWS_VALUES], "%*s%s%s%s", (int)(2 * row->depth), "", key.bytes,
                    key.size == 0 ? "" : " = ", line);
    free(line);
    text_free(&key);
}

static void on_account(void *context, const struct row_account *row)
{
    struct rows *rows = context;
    rows->account = *row;
    rows->has_account = true;
}

static void on_dropped_object(void *context, tv_span path, tv_span type)
{
    static const struct pair_form form = {ROWS_OBJECTS, "path", "type", " (", ")"};
    on_pair(context, &form, path, type);
}

static void on_decision(void *context, tv_span name, tv_span what)
{
    static const struct pair_form form = {ROWS_DECISIONS, "name", "what", ": ", ""};
    on_pair(context, &form, name, what);
}

/* DESIGN section 4: the four classes of globals have shorter names than the classes of files. */
static const char *global_class(tv_class class_)
{
    if (class_ == TV_CLASS_DATA_ONLY)
        return "known";
    return class_ == TV_CLASS_INERT_UNKNOWN ? "unknown" : tv_class_name(class_);
}

static void json_global(struct row_text *list, const struct row_global *row)
{
    struct json_object *object = json_object_new_object();
    json_put_bytes(object, "module", row->module);
    json_put_bytes(object, "name", row->name);
    json_put_text(object, "class", global_class(row->class_));
    json_object_object_add(object, "called", json_object_new_boolean(row->called));
    if (row->offset != TV_NO_OFFSET)
        json_put_number(object, "offset", row->offset);
    append_json(list, object);
}

static void on_global(void *context, const struct row_global *row)
{
    struct rows *rows = context;
    if (rows->json) {
        json_global(&rows->lists[ROWS_GLOBALS], row);
        return;
    }
    struct text module = text_cut(row->module, row->module.size), name = text_cut(row->name, row->name.size);
    if (module.bytes != NULL && name.bytes != NULL) {
        append_line(&rows->lists[ROWS_GLOBALS], "%-9s %s.%s%s", global_class(row->class_), module.bytes, name.bytes,
                    row->called ? " (called)" : "");
        if (row->class_ == TV_CLASS_DANGEROUS)
            append_line(&rows->lists[ROWS_DANGEROUS], "%s.%s", module.bytes, name.bytes);
        else if (row->class_ != TV_CLASS_DATA_ONLY)
            append_line(&rows->lists[ROWS_UNKNOWN], "%s.%s", module.bytes, name.bytes);
    }
    text_free(&module);
    text_free(&name);
}

/* A row of one text. */
static void on_single(struct rows *rows, enum row_list which, tv_span bytes)
{
    struct text text = rows->json ? text_of(bytes) : text_cut(bytes, bytes.size);
    if (rows->json)
        append_json(&rows->lists[which], text.bytes == NULL ? NULL : json_object_new_string(text.bytes));
    else if (text.bytes != NULL)
        append_line(&rows->lists[which], "%s", text.bytes);
    text_free(&text);
}

static void on_contiguous(void *context, tv_span name)
{
    on_single(context, ROWS_CONTIGUOUS, name);
}

static void on_note(void *context, tv_span text)
{
    on_single(context, ROWS_NOTES, text);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    const struct rows *rows = context;
    if (rows->progress.heard != NULL)
        rows->progress.heard(rows->progress.context, done, total);
}

struct listener rows_listener(struct rows *rows)
{
    struct listener listener = {
        .context = rows,
        .tensor = on_tensor,
        .metadata = on_metadata,
        .global = on_global,
        .dropped_shared = on_dropped_shared,
        .made_contiguous = on_contiguous,
        .dropped_object = on_dropped_object,
        .decision = on_decision,
        .note = on_note,
        .group = on_group,
        .value = on_value,
        .account = on_account,
        .progress = on_progress,
    };
    return listener;
}
