/* Plain values as JSON (values.h): a tree that grows at its last open containers. */
#define _GNU_SOURCE
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "text.h"

enum { VALUES_BYTES_MOST = 64 << 20, ROW_OVERHEAD = 64 };

static const char *const type_names[VALUE_TYPES] = {
    [VALUE_NONE] = "none",   [VALUE_BOOL] = "bool",     [VALUE_INT] = "int",     [VALUE_LONG] = "int",
    [VALUE_FLOAT] = "float", [VALUE_STR] = "str",       [VALUE_BYTES] = "bytes", [VALUE_TENSOR] = "tensor",
    [VALUE_NAME] = "name",   [VALUE_TUPLE] = "tuple",   [VALUE_LIST] = "list",   [VALUE_DICT] = "dict",
    [VALUE_SET] = "set",     [VALUE_OBJECT] = "object",
};

const char *value_type_text(uint32_t type)
{
    return type < VALUE_TYPES ? type_names[type] : "?";
}

void values_free(struct values *values)
{
    json_object_put(values->list);
    memset(values, 0, sizeof *values);
}

static double real_of(const struct row_value *row)
{
    double real = 0;
    memcpy(&real, &row->number, sizeof real);
    return real;
}

static void real_text(double real, char text[32])
{
    for (int digits = 15; digits <= 17; digits++) { /* as few as give the same number again */
        snprintf(text, 32, "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    if (strcspn(text, ".en") == strlen(text)) /* a float stays one */
        (void)strncat(text, ".0", 31 - strlen(text));
}

/* {"$type": …, key: the bytes} */
static struct json_object *tagged(const struct row_value *row, const char *key, tv_span bytes)
{
    struct json_object *object = json_object_new_object();
    json_put_text(object, "$type", value_type_text(row->type));
    if (key != NULL)
        json_put_bytes(object, key, bytes);
    return object;
}

static struct json_object *text_value(const struct row_value *row)
{
    struct text text = text_of(row->text);
    bool whole = text.exact && row->number == row->text.size;
    struct json_object *made = whole ? json_object_new_string_len(text.bytes, (int)text.size) : NULL;
    text_free(&text);
    if (whole)
        return made;
    made = tagged(row, "value", row->text);
    json_put_number(made, "size", row->number);
    return made;
}

static struct json_object *real_value(const struct row_value *row)
{
    char text[32];
    real_text(real_of(row), text);
    return isfinite(real_of(row)) ? json_object_new_double_s(real_of(row), text)
                                  : tagged(row, "value", tv_span_str(text));
}

/* What has no children. */
static struct json_object *plain_value(const struct row_value *row)
{
    struct json_object *made = NULL;
    switch (row->type) {
    case VALUE_NONE: return NULL;
    case VALUE_BOOL: return json_object_new_boolean(row->number != 0);
    case VALUE_INT: return json_object_new_int64((int64_t)row->number);
    case VALUE_FLOAT: return real_value(row);
    case VALUE_STR: return text_value(row);
    case VALUE_LONG: return tagged(row, "value", row->text);
    case VALUE_NAME: return tagged(row, "name", row->text);
    case VALUE_BYTES:
        made = tagged(row, NULL, row->text);
        json_put_number(made, "size", row->number);
        return made;
    default: return tagged(row, NULL, row->text);
    }
}

/* A container, and where its children go. */
static struct json_object *container(const struct row_value *row, struct values_level *level)
{
    struct json_object *made = NULL, *items = NULL;
    *level = (struct values_level){NULL, NULL, false};
    if (row->type == VALUE_LIST && !row->is_cut) {
        made = level->numbered = json_object_new_array();
    } else if (row->type == VALUE_DICT && !row->is_cut) {
        made = level->named = json_object_new_object();
        level->pairs = true;
    } else {
        made = tagged(row, row->type == VALUE_OBJECT ? "class" : NULL, row->text);
        level->pairs = row->type == VALUE_OBJECT || row->type == VALUE_DICT;
        items = level->pairs ? json_object_new_object() : json_object_new_array();
        if (level->pairs)
            level->named = items;
        else
            level->numbered = items;
        if (row->is_cut)
            json_object_object_add(made, "cut", json_object_new_boolean(true));
        json_object_object_add(made, level->pairs ? "value" : "items", items);
    }
    return made;
}

/* Puts a child where it belongs in its container. */
static void put_child(struct values_level *level, const struct row_value *row, struct json_object *child)
{
    struct text key = text_of(row->key);
    if (level->named != NULL && row->key_type == KEY_TEXT && key.exact && key.size == row->key.size &&
        strlen(key.bytes) == key.size && key.bytes[0] != '$') {
        json_object_object_add(level->named, key.bytes, child); /* of equal keys the last wins, as in Python */
        text_free(&key);
        return;
    }
    if (level->numbered == NULL && level->named != NULL) {
        level->numbered = json_object_new_array();
        json_object_object_add(level->named, "$items", level->numbered);
    }
    if (level->numbered == NULL) { /* no memory: less, never wrong */
        json_object_put(child);
        text_free(&key);
        return;
    }
    if (level->pairs) {
        struct json_object *pair = json_object_new_array();
        bool number = row->key_type != KEY_TEXT && row->key_type != KEY_STAND_IN && key.bytes != NULL;
        json_object_array_add(pair, number ? json_object_new_int64(strtoll(key.bytes, NULL, 10))
                                           : json_object_new_string(key.bytes == NULL ? "" : key.bytes));
        json_object_array_add(pair, child);
        child = pair;
    }
    json_object_array_add(level->numbered, child);
    text_free(&key);
}

static void put_top(struct values *values, const struct row_value *row, struct json_object *child)
{
    struct json_object *object = json_object_new_object();
    json_put_bytes(object, "path", row->key);
    json_put_text(object, "type", value_type_text(row->type));
    json_object_object_add(object, "value", child);
    json_object_array_add(values->list, object);
}

void values_add(struct values *values, const struct row_value *row)
{
    uint64_t size = (uint64_t)row->key.size + row->text.size + ROW_OVERHEAD;
    if (values->list == NULL)
        values->list = json_object_new_array();
    if (values->list == NULL || row->depth > values->depth || size > VALUES_BYTES_MOST - values->bytes) {
        values->omitted++;
        return;
    }
    values->bytes += size;
    values->depth = row->depth;
    bool opens = row->type >= VALUE_TUPLE;
    struct values_level level;
    struct json_object *made = opens ? container(row, &level) : plain_value(row);
    if (row->depth == 0)
        put_top(values, row, made);
    else
        put_child(&values->levels[row->depth - 1], row, made);
    if (opens && row->depth <= FRAME_VALUE_DEPTH)
        values->levels[values->depth++] = level;
}

int values_write(const struct values *values, int fd)
{
    struct json_object *whole = json_object_new_object();
    json_put_number(whole, "schema", 1);
    if (values->omitted > 0)
        json_put_number(whole, "omitted", values->omitted);
    json_object_object_add(whole, "values",
                           values->list == NULL ? json_object_new_array() : json_object_get(values->list));
    const char *text = json_object_to_json_string_ext(whole, JSON_STYLE | JSON_C_TO_STRING_PRETTY);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = 0;
    FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
    if (out == NULL || text == NULL) {
        error = text == NULL ? ENOMEM : errno;
    } else {
        bool failed = fputs(text, out) < 0 || fputc('\n', out) == EOF || fflush(out) != 0;
        error = failed ? (errno != 0 ? errno : EIO) : 0;
    }
    if (out != NULL)
        error = fclose(out) != 0 && error == 0 ? errno : error;
    else if (copy >= 0)
        close(copy);
    json_object_put(whole);
    return error;
}

char *value_line(const struct row_value *row)
{
    char *line = NULL, real[32];
    struct text text = text_cut(row->text, row->text.size);
    const char *shown = text.bytes == NULL ? "?" : text.bytes;
    int size = 0;
    switch (row->type) {
    case VALUE_NONE: size = asprintf(&line, "None"); break;
    case VALUE_BOOL: size = asprintf(&line, "%s", row->number != 0 ? "True" : "False"); break;
    case VALUE_INT: size = asprintf(&line, "%" PRId64, (int64_t)row->number); break;
    case VALUE_FLOAT:
        real_text(real_of(row), real);
        size = asprintf(&line, "%s", real);
        break;
    case VALUE_STR: size = asprintf(&line, "'%s'", shown); break;
    case VALUE_LONG: size = asprintf(&line, "%s", shown); break;
    case VALUE_NAME:
    case VALUE_OBJECT: size = asprintf(&line, "%s %s", value_type_text(row->type), shown); break;
    case VALUE_TENSOR: size = asprintf(&line, "tensor"); break;
    case VALUE_BYTES: size = asprintf(&line, "%" PRIu64 " bytes", row->number); break;
    default: size = asprintf(&line, "%s%s", value_type_text(row->type), row->is_cut ? " (not shown)" : ""); break;
    }
    text_free(&text);
    return size < 0 ? NULL : line;
}
