/* Strict JSON: the scanner of strings, and the judge of a whole text's grammar. */
#include "json.h"

#include <tensorvet/index.h>

#include "utf8.h"

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The value of the four hex digits of the \uXXXX at `at`, or -1 where that is no such escape. */
static int32_t unit(tv_span text, uint64_t at)
{
    int32_t value = 0;
    if (tv_span_byte(text, at) != '\\' || tv_span_byte(text, at + 1) != 'u')
        return -1;
    for (uint64_t i = 2; i < 6; i++) {
        int digit = hex_digit(tv_span_byte(text, at + i));
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

enum { SURROGATE_HIGH = 0xd800, SURROGATE_LOW = 0xdc00, SURROGATE_END = 0xe000 };

/* Decodes the escape whose backslash is at `at`. Returns its length, 0 where it is none of RFC 8259's or where it is
 * half of a surrogate pair. */
static unsigned escape(tv_span text, uint64_t at, uint32_t *code)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    int letter = tv_span_byte(text, at + 1);
    for (unsigned i = 0; letter != 'u' && letters[i] != '\0'; i++) {
        if (letter == letters[i]) {
            *code = (uint32_t)values[i];
            return 2;
        }
    }
    int32_t first = unit(text, at);
    if (first < 0 || (first >= SURROGATE_LOW && first < SURROGATE_END))
        return 0;
    *code = (uint32_t)first;
    if (first < SURROGATE_HIGH || first >= SURROGATE_END)
        return 6;
    int32_t second = unit(text, at + 6);
    if (second < SURROGATE_LOW || second >= SURROGATE_END)
        return 0;
    *code = 0x10000u + ((uint32_t)(first - SURROGATE_HIGH) << 10) + (uint32_t)(second - SURROGATE_LOW);
    return 12;
}

bool json_scan_rest(tv_span text, uint64_t at, json_string *string)
{
    for (;;) {
        uint32_t code = 0;
        unsigned size = 1;
        int c = tv_span_byte(text, at);
        string->end = at;
        if (c == '"')
            return true;
        if (c < 0x20) /* the end of the text included */
            return false;
        if (c == '\\') {
            size = escape(text, at, &code);
            if (size == 0)
                return false;
            string->escaped = true;
            string->plain = false;
        } else if (c >= 0x7f) {
            string->plain = false;
        }
        at = json_plain_run(text, at + size, &string->plain);
    }
}

uint32_t json_next(tv_span raw, uint64_t *at)
{
    uint32_t code = 0;
    if (tv_span_byte(raw, *at) != '\\')
        return utf8_next(raw, at);
    unsigned size = escape(raw, *at, &code);
    *at += size == 0 ? 1 : size;
    return code;
}

int json_compare(tv_span a, tv_span b)
{
    uint64_t i = 0, j = 0;
    while (i < a.size && j < b.size) {
        uint32_t x = json_next(a, &i), y = json_next(b, &j);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (i < a.size) - (j < b.size);
}

size_t tv_json_unescape(tv_span raw, char *text, size_t capacity)
{
    size_t size = 0;
    for (uint64_t at = 0; at < raw.size;) {
        uint8_t bytes[4];
        unsigned count = utf8_put(json_next(raw, &at), bytes);
        for (unsigned i = 0; i < count; i++, size++)
            if (size < capacity)
                text[size] = (char)bytes[i];
    }
    return size;
}

/* Digits from `at` on; *at moves behind them. False where there is none. */
static bool digits(tv_span text, uint64_t *at)
{
    uint64_t start = *at;
    for (int c = tv_span_byte(text, *at); c >= '0' && c <= '9'; c = tv_span_byte(text, *at))
        *at += 1;
    return *at > start;
}

/* A number; *at moves behind it, or to the byte that is wrong. */
static bool number(tv_span text, uint64_t *at)
{
    if (tv_span_byte(text, *at) == '-')
        *at += 1;
    if (tv_span_byte(text, *at) == '0')
        *at += 1;
    else if (!digits(text, at))
        return false;
    if (tv_span_byte(text, *at) == '.') {
        *at += 1;
        if (!digits(text, at))
            return false;
    }
    if (tv_span_byte(text, *at) == 'e' || tv_span_byte(text, *at) == 'E') {
        *at += 1;
        if (tv_span_byte(text, *at) == '+' || tv_span_byte(text, *at) == '-')
            *at += 1;
        return digits(text, at);
    }
    return true;
}

static bool literal(tv_span text, uint64_t *at, const char *word)
{
    for (; *word != '\0'; word++, *at += 1)
        if (tv_span_byte(text, *at) != *word)
            return false;
    return true;
}

static bool string(tv_span text, uint64_t *at)
{
    json_string found;
    bool good = json_scan_string(text, *at, &found);
    *at = found.end + (good ? 1 : 0);
    return good;
}

/* A value without brackets; *at moves behind it, or to the byte that is wrong. */
static bool scalar(tv_span text, uint64_t *at)
{
    switch (tv_span_byte(text, *at)) {
    case '"': return string(text, at);
    case 't': return literal(text, at, "true");
    case 'f': return literal(text, at, "false");
    case 'n': return literal(text, at, "null");
    default: return number(text, at);
    }
}

/* The brackets that are open: the lowest bit is the innermost, 1 an object. */
typedef struct nesting {
    uint64_t objects;
    unsigned depth, deepest;
} nesting;

typedef enum expected { VALUE, ITEM_OR_CLOSE, KEY_OR_CLOSE, KEY, COMMA_OR_CLOSE } expected;

static expected opened(nesting *open, bool object)
{
    open->objects = open->objects << 1 | (object ? 1u : 0u);
    open->depth++;
    return object ? KEY_OR_CLOSE : ITEM_OR_CLOSE;
}

static bool closes(nesting *open, int c)
{
    if (open->depth == 0 || c != ((open->objects & 1) != 0 ? '}' : ']'))
        return false;
    open->objects >>= 1;
    open->depth--;
    return true;
}

/* One value, or the bracket that opens it. */
static json_verdict value(tv_span text, uint64_t *at, nesting *open, expected *next)
{
    int c = tv_span_byte(text, *at);
    if (c != '{' && c != '[') {
        *next = COMMA_OR_CLOSE;
        return scalar(text, at) ? JSON_GOOD : JSON_BAD;
    }
    if (open->depth >= open->deepest)
        return JSON_TOO_DEEP;
    *next = opened(open, c == '{');
    *at += 1;
    return JSON_GOOD;
}

/* A key and its colon. */
static bool key(tv_span text, uint64_t *at)
{
    if (tv_span_byte(text, *at) != '"' || !string(text, at))
        return false;
    *at = json_space(text, *at);
    if (tv_span_byte(text, *at) != ':')
        return false;
    *at += 1;
    return true;
}

/* What comes next, by what is expected; *at moves behind it, or stays at the byte that is wrong. */
static json_verdict step(tv_span text, uint64_t *at, nesting *open, expected *next)
{
    int c = tv_span_byte(text, *at);
    if ((*next == ITEM_OR_CLOSE || *next == KEY_OR_CLOSE || *next == COMMA_OR_CLOSE) && closes(open, c)) {
        *at += 1;
        *next = COMMA_OR_CLOSE;
        return JSON_GOOD;
    }
    if (*next == VALUE || *next == ITEM_OR_CLOSE)
        return value(text, at, open, next);
    if (*next == COMMA_OR_CLOSE) {
        if (c != ',')
            return JSON_BAD;
        *at += 1;
        *next = (open->objects & 1) != 0 ? KEY : VALUE;
        return JSON_GOOD;
    }
    *next = VALUE;
    return key(text, at) ? JSON_GOOD : JSON_BAD;
}

json_verdict json_check(tv_span text, unsigned deepest, uint64_t *at)
{
    nesting open = {0, 0, deepest < JSON_DEEPEST ? deepest : JSON_DEEPEST};
    expected next = VALUE;
    *at = 0;
    do {
        *at = json_space(text, *at);
        json_verdict verdict = step(text, at, &open, &next);
        if (verdict != JSON_GOOD)
            return verdict;
    } while (open.depth > 0 || next != COMMA_OR_CLOSE);
    while (tv_span_byte(text, *at) == ' ')
        *at += 1;
    return *at == text.size ? JSON_GOOD : JSON_TRAILING;
}
