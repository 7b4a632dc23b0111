/* The config.json of a model. Oracles: what names architectures is JSON to json-c too, where its last "architectures"
 * is a list that begins with these very names; each is a word. */
#include <string.h>

#include <config.h>

#include "json_c.h"
#include "oracle.h"

static bool is_word(tv_span name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    for (size_t i = 0; i < name.size; i++)
        if (memchr(letters, tv_span_byte(name, i), sizeof letters - 1) == NULL)
            return false;
    return name.size > 0 && name.size <= CONFIG_NAME_MOST;
}

static void compare(const struct vector *names, const uint8_t *data, size_t size)
{
    struct json_object *whole = json_c_read(tv_span_of(data, size), 64, 0), *list = NULL;
    PROMISE(whole != NULL && json_object_object_get_ex(whole, "architectures", &list));
    PROMISE(json_object_is_type(list, json_type_array) && json_object_array_length(list) >= names->count);
    for (uint64_t i = 0; i < names->count; i++) {
        tv_span name = *(const tv_span *)vector_at(names, i);
        struct json_object *theirs = json_object_array_get_idx(list, (size_t)i);
        PROMISE(is_word(name) && json_object_is_type(theirs, json_type_string));
        PROMISE(tv_span_equal(name,
                              tv_span_of(json_object_get_string(theirs), (size_t)json_object_get_string_len(theirs))));
    }
    json_object_put(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget = {.bytes_left = 1 << 20};
    struct vector names = {.each = sizeof(tv_span), .budget = &budget};
    oracle_ran(data, size);
    PROMISE(config_architectures(tv_span_of(data, size), &names));
    if (names.count > 0) {
        compare(&names, data, size);
        oracle_accepted();
    }
    vector_free(&names);
    PROMISE(budget.bytes_left == 1 << 20);
    return 0;
}
