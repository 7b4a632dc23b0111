/* config.json (config.h): one member of the outermost object is looked for. */
#include "config.h"

#include "json.h"
#include "json_walk.h"
#include "utf8.h"

enum { CONFIG_LEVELS = 32 };

static bool is_checked(tv_span text)
{
    uint64_t wrong = 0, start = 0;
    return utf8_check(text) == text.size &&
           json_check(json_walk_trim(text, &start), CONFIG_LEVELS, &wrong) == JSON_GOOD &&
           tv_span_byte(text, json_space(text, 0)) == '{';
}

/* The place of the value of "architectures"; 0 where there is none, or more than one. */
static uint64_t find_architectures(tv_span text)
{
    uint64_t found = 0, at = json_space(text, json_space(text, 0) + 1);
    while (tv_span_byte(text, at) == '"') {
        tv_span key = json_walk_string(text, &at);
        uint64_t value = json_space(text, json_space(text, at) + 1); /* behind the colon */
        if (json_compare(key, tv_span_str("architectures")) == 0) {
            if (found != 0)
                return 0;
            found = value;
        }
        at = json_space(text, json_walk_value(text, value));
        if (tv_span_byte(text, at) == ',')
            at = json_space(text, at + 1);
    }
    return found;
}

/* The name of a class, as Python writes it. */
static bool is_identifier(tv_span name)
{
    for (size_t i = 0; i < name.size; i++) {
        int c = tv_span_byte(name, i);
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return name.size > 0 && name.size <= CONFIG_NAME_MOST;
}

bool config_architectures(tv_span text, struct vector *names)
{
    uint64_t at = is_checked(text) ? find_architectures(text) : 0;
    if (at == 0 || tv_span_byte(text, at) != '[')
        return true;
    at = json_space(text, at + 1);
    while (tv_span_byte(text, at) == '"') {
        tv_span name = json_walk_string(text, &at);
        tv_span *place = is_identifier(name) ? vector_push(names) : NULL;
        if (place == NULL)
            return !is_identifier(name);
        *place = name;
        at = json_space(text, at);
        if (tv_span_byte(text, at) == ',')
            at = json_space(text, at + 1);
    }
    return true;
}
