/* How users name tensors: patterns (--include) and paths (--key). An input is a pattern or path, a NUL, and a name.
 *
 * Oracles: a pattern matches what a second matcher says, one that fills a table of all prefixes of both; the argument
 * that the reader proposes for a name is a path that leads to that name alone; an array of names is JSON to the core.
 */
#include <string.h>

#include <checkpoint/key.h>
#include <glob.h>

#include "oracle.h"

enum { PATTERN_MOST = 64, NAME_MOST = 64 };

/* One step of a pattern: its bytes, and what it takes. */
struct step {
    size_t size;
    bool many, any, is_set;
};

static struct step step_at(const char *pattern)
{
    struct step step = {.size = 1, .many = *pattern == '*', .any = *pattern == '?'};
    size_t first = *pattern == '[' ? (pattern[1] == '!' ? 2 : 1) : 0, size = strlen(pattern);
    for (size_t end = first + 1; first > 0 && end < size && !step.is_set; end++)
        if (pattern[end] == ']')
            step = (struct step){.size = end + 1, .is_set = true};
    return step;
}

static bool set_takes(const char *pattern, size_t size, uint8_t byte)
{
    bool negated = pattern[1] == '!', listed[256] = {false};
    for (size_t at = negated ? 2 : 1; at < size - 1;) {
        bool range = at + 2 < size - 1 && pattern[at + 1] == '-';
        for (unsigned c = (uint8_t)pattern[at]; c <= (uint8_t)pattern[range ? at + 2 : at]; c++)
            listed[c] = true;
        at += range ? 3 : 1;
    }
    return listed[byte] != negated;
}

/* Does the pattern match name[0, j) for each j, given that its part before this step matched the prefixes in `before`?
 */
static void take_step(const char *pattern, struct step step, tv_span name, const bool *before, bool *after)
{
    memset(after, 0, NAME_MOST + 1);
    for (size_t j = 0; j <= name.size; j++) {
        if (step.many && (before[j] || (j > 0 && after[j - 1])))
            after[j] = true;
        if (step.many || !before[j] || j == name.size)
            continue;
        size_t next = j + 1;
        while ((step.any || step.is_set) && next < name.size && (name.data[next] & 0xc0) == 0x80)
            next++;
        if (step.any || (step.is_set ? set_takes(pattern, step.size, name.data[j]) : (uint8_t)*pattern == name.data[j]))
            after[next] = true;
    }
}

/* A star takes whole characters. */
static bool splits_character(tv_span name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] >= 0x80)
            return true;
    return false;
}

static bool matches(const char *pattern, tv_span name)
{
    static bool reached[2][NAME_MOST + 1];
    unsigned now = 0;
    memset(reached[0], 0, sizeof reached[0]);
    reached[0][0] = true;
    while (*pattern != '\0') {
        struct step step = step_at(pattern);
        take_step(pattern, step, name, reached[now], reached[1 - now]);
        pattern += step.size;
        now = 1 - now;
    }
    return reached[now][name.size];
}

/* The path that is proposed for a name. */
static void check_argument(tv_span name, struct pool *pool)
{
    struct key key;
    char text[8 * NAME_MOST];
    tv_span argument = key_argument(pool, name);
    PROMISE(argument.data != NULL && argument.size < sizeof text && memchr(argument.data, 0, argument.size) == NULL);
    memcpy(text, argument.data, argument.size);
    text[argument.size] = '\0';
    bool parsed = key_parse(&key, tv_span_str(text), pool);
    if (parsed) {
        PROMISE(!key_is_all(&key) && !key_is_done(&key));
        key.at += key_match(&key, name);
        PROMISE(key_is_done(&key));
        oracle_accepted();
    }
    key_free(&key);
}

static void follow(tv_span text, tv_span name, struct pool *pool)
{
    struct key key;
    bool parsed = key_parse(&key, text, pool);
    PROMISE(parsed || key.is_array);
    while (parsed && !key_is_all(&key) && !key_is_done(&key)) {
        uint64_t taken = key_match(&key, name);
        PROMISE(taken <= (key.is_array ? 1 : text.size - key.at));
        if (taken == 0)
            break;
        key.at += taken;
    }
    key_free(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget = {.bytes_left = 1 << 20};
    struct pool pool = {.budget = &budget};
    char pattern[PATTERN_MOST + 1] = "";
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    oracle_ran(data, size);
    size_t length = end == NULL ? size : (size_t)(end - data), rest = end == NULL ? size : length + 1;
    if (length > PATTERN_MOST || size - rest > NAME_MOST)
        return 0;
    if (length > 0)
        memcpy(pattern, data, length);
    tv_span name = tv_span_of(data + rest, size - rest);
    bool matched = glob_match(pattern, name);
    PROMISE(splits_character(name) || matched == matches(pattern, name));
    check_argument(name, &pool);
    follow(tv_span_str(pattern), name, &pool);
    pool_free(&pool);
    PROMISE(budget.bytes_left == 1 << 20);
    return 0;
}
