/* Steps through JSON that has been checked (json_walk.h). */
#include "json_walk.h"

#include "json.h"

static bool is_space(int byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

tv_span json_walk_trim(tv_span text, uint64_t *start)
{
    tv_span inner;
    uint64_t end = text.size;
    *start = json_space(text, 0);
    while (end > *start && is_space(tv_span_byte(text, end - 1)))
        end--;
    (void)tv_span_sub(text, *start, end - *start, &inner);
    return inner;
}

tv_span json_walk_string(tv_span text, uint64_t *at)
{
    json_string string;
    (void)json_scan_string(text, *at, &string); /* json_check has seen it */
    *at = string.end + 1;
    return json_raw(text, &string);
}

uint64_t json_walk_value(tv_span text, uint64_t at)
{
    uint64_t depth = 0;
    do {
        int byte = tv_span_byte(text, at);
        if (byte == '"') {
            (void)json_walk_string(text, &at);
            continue;
        }
        bool over = byte == ',' || byte == '}' || byte == ']';
        if (byte < 0 || (over && depth == 0))
            return at;
        depth += byte == '{' || byte == '[' ? 1 : 0;
        depth -= byte == '}' || byte == ']' ? 1 : 0;
        at++;
    } while (depth > 0 || tv_span_byte(text, at) > ' ');
    return at;
}
