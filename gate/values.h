/* Plain values of a checkpoint, as a worker lists them, made into JSON: for `inspect --format json` and for the file of
 * --save-extras.
 *
 * None, booleans, numbers, text, lists and dictionaries are JSON's own; all else is an object with "$type". In a
 * dictionary, keys that are no text, or begin with "$", are pairs under "$items". Trusts: the shape of rows as the
 * broker decoded them. Promises: bounded memory whatever a worker sends; what does not fit is counted. */
#ifndef GATE_VALUES_H
#define GATE_VALUES_H

#include <json-c/json.h>

#include "broker.h"

struct values_level {
    struct json_object *named, *numbered; /* where children with a text for a key go, and all others; borrowed */
    bool pairs;                           /* numbered ones go as [key, value] */
};

struct values {
    struct json_object *list; /* of {"path", "type", "value"}; NULL until the first */
    struct values_level levels[FRAME_VALUE_DEPTH + 1];
    uint32_t depth; /* levels that are open */
    uint64_t bytes, omitted;
};

void values_add(struct values *values, const struct row_value *row);
void values_free(struct values *values);
/* Writes {"schema":1,"values":[...]} to fd. 0, or an errno. */
int values_write(const struct values *values, int fd);

/* "int" */
const char *value_type_text(uint32_t type);
/* "3", "'text'", "dict of 2": one line, sanitized, malloc'd; NULL without memory. */
char *value_line(const struct row_value *row);

#endif
