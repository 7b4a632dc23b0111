/* How values enter json-c (json.h). */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>

#include "text.h"

void json_put_text(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text == NULL ? NULL : json_object_new_string(text));
}

void json_put_number(struct json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

void json_put_bytes(struct json_object *object, const char *key, tv_span bytes)
{
    struct text text = text_of(bytes);
    json_put_text(object, key, text.bytes);
    if (!text.exact) {
        char beside[64];
        snprintf(beside, sizeof beside, "%s_b64", key);
        char *encoded = text_base64(bytes);
        json_put_text(object, beside, encoded);
        free(encoded);
    }
    text_free(&text);
}
