/* Paths of --key (key.h). Arrays are read through core's scanner. */
#include "key.h"

#include <stdio.h>

#include <tensorvet/index.h>

#include "json.h"
#include "utf8.h"

static bool take_name(struct key *key, struct pool *pool, const json_string *string)
{
    tv_span raw = json_raw(key->text, string);
    char *text = pool_take(pool, (uint64_t)raw.size + 1, 1);
    tv_span *place = text == NULL ? NULL : vector_push(&key->names);
    if (place == NULL)
        return false;
    *place = tv_span_of(text, tv_json_unescape(raw, text, raw.size));
    return true;
}

/* The grammar has been checked: what is left to see is that each item is a string. */
static bool parse_array(struct key *key, struct pool *pool)
{
    json_string string;
    uint64_t wrong = 0, at = json_space(key->text, 1);
    if (utf8_check(key->text) != key->text.size || json_check(key->text, 1, &wrong) != JSON_GOOD)
        return false;
    while (tv_span_byte(key->text, at) == '"') {
        if (!json_scan_string(key->text, at, &string) || !take_name(key, pool, &string))
            return false;
        at = json_space(key->text, string.end + 1);
        if (tv_span_byte(key->text, at) == ',')
            at = json_space(key->text, at + 1);
    }
    return tv_span_byte(key->text, at) == ']';
}

bool key_parse(struct key *key, tv_span text, struct pool *pool)
{
    *key = (struct key){.text = text, .names = {.each = sizeof(tv_span), .budget = pool->budget}};
    key->is_array = tv_span_byte(text, 0) == '[';
    return !key->is_array || parse_array(key, pool);
}

void key_free(struct key *key)
{
    vector_free(&key->names);
}

bool key_is_all(const struct key *key)
{
    return key->is_array ? key->names.count == 0 : tv_span_is(key->text, ".");
}

bool key_is_done(const struct key *key)
{
    return key->at >= (key->is_array ? key->names.count : key->text.size);
}

uint64_t key_match(const struct key *key, tv_span name)
{
    tv_span rest;
    if (key->is_array)
        return tv_span_equal(*(const tv_span *)vector_at(&key->names, key->at), name) ? 1 : 0;
    if (!tv_span_sub(key->text, key->at, key->text.size - key->at, &rest) || name.size == 0 ||
        !tv_span_starts(rest, name))
        return 0;
    if (rest.size == name.size)
        return name.size;
    return tv_span_byte(rest, name.size) == '.' ? (uint64_t)name.size + 1 : 0;
}

/* May the name stand as it is, and does it then lead to that child alone? */
static bool is_plain(tv_span name)
{
    if (name.size == 0 || tv_span_byte(name, 0) == '-' || tv_span_byte(name, 0) == '[')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        int c = tv_span_byte(name, i);
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return true;
}

tv_span key_argument(struct pool *pool, tv_span name)
{
    size_t used = 0, room = 6 * name.size + sizeof "[\"\"]";
    if (is_plain(name))
        return pool_copy(pool, name);
    char *text = pool_take(pool, room, 1);
    if (text == NULL)
        return tv_span_of(NULL, 0);
    used += (size_t)snprintf(text, room, "[\"");
    for (size_t i = 0; i < name.size; i++) {
        int c = tv_span_byte(name, i);
        if (c < ' ' || c == 0x7f)
            used += (size_t)snprintf(text + used, room - used, "\\u%04x", (unsigned)c);
        else
            used += (size_t)snprintf(text + used, room - used, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    used += (size_t)snprintf(text + used, room - used, "\"]");
    return tv_span_of(text, used);
}
