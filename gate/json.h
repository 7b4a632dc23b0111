/* How values enter json-c: numbers as they are, bytes through the sanitizer, with base64 beside where text is not
 * exact. A value that memory does not suffice for becomes null: a report is never wrong, at worst less. */
#ifndef GATE_JSON_H
#define GATE_JSON_H

#include <stdint.h>

#include <json-c/json.h>

#include <tensorvet/span.h>

/* json-c 0.16 and later; slashes stay readable. */
#define JSON_STYLE (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* "key": trusted text of ours, or null. */
void json_put_text(struct json_object *object, const char *key, const char *text);
void json_put_number(struct json_object *object, const char *key, uint64_t value);
/* "key": the sanitized bytes; and "key_b64": all of them, where the text is not exactly the bytes. */
void json_put_bytes(struct json_object *object, const char *key, tv_span bytes);

#endif
