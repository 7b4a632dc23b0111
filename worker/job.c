/* A job as an argv, there and back, from one table of fields. Texts are percent-encoded, so that no byte of a name can
 * be taken for syntax. Trusts nothing it reads: a field that job_to_argv would not write is refused. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

enum field_type { FIELD_U64, FIELD_BOOL, FIELD_TIES, FIELD_TEXT, FIELD_LIST };

/* Fields are left out where they hold the default: false, 0, TIES_DROP, NULL, empty, the standard limit. */
static const struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    size_t count; /* FIELD_LIST: where the number of its texts is */
} fields[] = {
    {"key", FIELD_TEXT, offsetof(struct job, key), 0},
    {"ties", FIELD_TIES, offsetof(struct job, ties), 0},
    {"disarm", FIELD_BOOL, offsetof(struct job, disarm), 0},
    {"called-safetensors", FIELD_BOOL, offsetof(struct job, called_safetensors), 0},
    {"want-rows", FIELD_BOOL, offsetof(struct job, want_rows), 0},
    {"plan-only", FIELD_BOOL, offsetof(struct job, plan_only), 0},
    {"diagnose", FIELD_BOOL, offsetof(struct job, diagnose), 0},
    {"batch", FIELD_BOOL, offsetof(struct job, batch), 0},
    {"seed", FIELD_U64, offsetof(struct job, seed), 0},
    {"skip-unsupported", FIELD_BOOL, offsetof(struct job, skip_unsupported), 0},
    {"container-only", FIELD_BOOL, offsetof(struct job, container_only), 0},
    {"feed", FIELD_BOOL, offsetof(struct job, feed), 0},
    {"feed-kind", FIELD_U64, offsetof(struct job, feed_kind), 0},
    {"want-values", FIELD_BOOL, offsetof(struct job, want_values), 0},
    {"only-models", FIELD_BOOL, offsetof(struct job, only_models), 0},
    {"allow-crc", FIELD_BOOL, offsetof(struct job, allow_crc), 0},
    {"allow-extra", FIELD_BOOL, offsetof(struct job, allow_extra), 0},
    {"part", FIELD_U64, offsetof(struct job, part), 0},
    {"parts", FIELD_U64, offsetof(struct job, parts), 0},
    {"strip-prefix", FIELD_TEXT, offsetof(struct job, strip), 0},
    {"discard", FIELD_LIST, offsetof(struct job, discard), offsetof(struct job, discards)},
    {"include", FIELD_LIST, offsetof(struct job, include), offsetof(struct job, includes)},
    {"exclude", FIELD_LIST, offsetof(struct job, exclude), offsetof(struct job, excludes)},
    {"hint", FIELD_LIST, offsetof(struct job, hint), offsetof(struct job, hints)},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static const char *const job_names[] = {
#define JOB(NAME, name, what) name,
    JOB_TABLE(JOB)
#undef JOB
};

static const char limit_prefix[] = "limit.";
static const char hex[] = "0123456789ABCDEF";

const char *job_name(enum job_kind kind)
{
    return (size_t)kind < JOB_COUNT ? job_names[kind] : "?";
}

/* One block: first the pointers, then the strings. Written twice: once to measure (block NULL), once for good. */
struct writer {
    char *block;
    size_t used, count; /* bytes of strings, and strings */
    size_t pointers;    /* bytes before the strings */
};

static void put(struct writer *w, char c)
{
    if (w->block != NULL)
        w->block[w->pointers + w->used] = c;
    w->used++;
}

static void begin(struct writer *w)
{
    if (w->block != NULL) {
        char *at = w->block + w->pointers + w->used;
        memcpy(w->block + w->count * sizeof(char *), &at, sizeof(char *));
    }
    w->count++;
}

static void put_text(struct writer *w, const char *text)
{
    for (; *text != '\0'; text++)
        put(w, *text);
}

static bool plain(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '/' || c == '-';
}

static void put_encoded(struct writer *w, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (plain(c)) {
            put(w, (char)c);
        } else {
            put(w, '%');
            put(w, hex[c >> 4]);
            put(w, hex[c & 15]);
        }
    }
}

static void put_number(struct writer *w, uint64_t value)
{
    char digits[20];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0)
        put(w, digits[--count]);
}

static void put_text_field(struct writer *w, const char *name, const char *value)
{
    begin(w);
    put_text(w, name);
    put(w, '=');
    put_encoded(w, value);
    put(w, '\0');
}

static void put_number_field(struct writer *w, const char *prefix, const char *name, uint64_t value)
{
    begin(w);
    put_text(w, prefix);
    put_text(w, name);
    put(w, '=');
    put_number(w, value);
    put(w, '\0');
}

static uint64_t number_of(const struct job *job, const struct field *field)
{
    const char *at = (const char *)job + field->offset;
    uint64_t value = 0;
    bool flag = false;
    enum job_ties ties = TIES_DROP;
    switch (field->type) {
    case FIELD_U64: memcpy(&value, at, sizeof(value)); return value;
    case FIELD_BOOL: memcpy(&flag, at, sizeof(flag)); return flag ? 1 : 0;
    case FIELD_TIES: memcpy(&ties, at, sizeof(ties)); return ties == TIES_COPY ? 1 : 0;
    case FIELD_TEXT:
    case FIELD_LIST: break;
    }
    return 0;
}

static void put_list_field(struct writer *w, const struct job *job, const struct field *field)
{
    uint32_t count = 0;
    memcpy(&count, (const char *)job + field->count, sizeof(count));
    for (uint32_t i = 0; i < count && i < JOB_LIST_MAX; i++) {
        const char *text = NULL;
        memcpy(&text, (const char *)job + field->offset + i * sizeof(text), sizeof(text));
        put_text_field(w, field->name, text);
    }
}

static void put_field(struct writer *w, const struct job *job, const struct field *field)
{
    if (field->type == FIELD_TEXT) {
        const char *text = NULL;
        memcpy(&text, (const char *)job + field->offset, sizeof(text));
        if (text != NULL)
            put_text_field(w, field->name, text);
    } else if (field->type == FIELD_LIST) {
        put_list_field(w, job, field);
    } else if (number_of(job, field) != 0) {
        put_number_field(w, "", field->name, number_of(job, field));
    }
}

static void put_limits(struct writer *w, const tv_limits *limits)
{
    size_t count = 0;
    const tv_limit_info *rows = tv_limit_table(&count);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = tv_limit_get(limits, &rows[i]);
        if (value != rows[i].standard)
            put_number_field(w, limit_prefix, rows[i].name, value);
    }
}

static void put_job(struct writer *w, const struct job *job)
{
    begin(w);
    put_text(w, "tensorvet-worker");
    put(w, '\0');
    begin(w);
    put_text(w, job_name(job->kind));
    put(w, '\0');
    for (size_t i = 0; i < FIELDS; i++)
        put_field(w, job, &fields[i]);
    put_limits(w, &job->limits);
}

char **job_to_argv(const struct job *job)
{
    struct writer measure = {0};
    put_job(&measure, job);
    size_t pointers = (measure.count + 1) * sizeof(char *);
    char *block = calloc(1, pointers + measure.used);
    if (block == NULL)
        return NULL;
    struct writer w = {.block = block, .pointers = pointers};
    put_job(&w, job); /* the last pointer stays NULL: calloc */
    return (char **)(void *)block;
}

static bool read_number(const char *text, uint64_t *value)
{
    *value = 0;
    if (*text == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (*text < '0' || *text > '9' || *value > (UINT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return true;
}

/* The value of a hex digit as put_encoded writes it, or -1. */
static int hex_value(char c)
{
    const char *at = c == '\0' ? NULL : strchr(hex, c);
    return at == NULL ? -1 : (int)(at - hex);
}

/* In place: the result is never longer. */
static bool decode(char *text)
{
    char *out = text;
    while (*text != '\0') {
        if (plain((unsigned char)*text)) {
            *out++ = *text++;
            continue;
        }
        int high = *text == '%' ? hex_value(text[1]) : -1;
        int low = high < 0 ? -1 : hex_value(text[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *out++ = (char)(unsigned char)(high * 16 + low);
        text += 3;
    }
    *out = '\0';
    return true;
}

static bool set_number(struct job *job, const struct field *field, const char *text)
{
    char *at = (char *)job + field->offset;
    uint64_t value = 0;
    if (!read_number(text, &value) || (field->type != FIELD_U64 && value > 1))
        return false;
    const bool flag = value == 1;
    const enum job_ties ties = value == 1 ? TIES_COPY : TIES_DROP;
    if (field->type == FIELD_U64)
        memcpy(at, &value, sizeof(value));
    else if (field->type == FIELD_BOOL)
        memcpy(at, &flag, sizeof(flag));
    else
        memcpy(at, &ties, sizeof(ties));
    return true;
}

static bool add_to_list(struct job *job, const struct field *field, char *text)
{
    uint32_t count = 0;
    memcpy(&count, (const char *)job + field->count, sizeof(count));
    if (count >= JOB_LIST_MAX)
        return false;
    memcpy((char *)job + field->offset + count * sizeof(text), &text, sizeof(text));
    count++;
    memcpy((char *)job + field->count, &count, sizeof(count));
    return decode(text);
}

static bool set_field(struct job *job, const struct field *field, char *text)
{
    if (field->type == FIELD_TEXT) {
        memcpy((char *)job + field->offset, &text, sizeof(text));
        return decode(text);
    }
    if (field->type == FIELD_LIST)
        return add_to_list(job, field, text);
    return set_number(job, field, text);
}

/* "name=value" into the job. */
static bool read_argument(struct job *job, char *argument)
{
    char *equals = strchr(argument, '=');
    if (equals == NULL)
        return false;
    *equals = '\0';
    char *text = equals + 1;
    const size_t prefix = sizeof(limit_prefix) - 1;
    if (strncmp(argument, limit_prefix, prefix) == 0) {
        uint64_t value = 0;
        return read_number(text, &value) && tv_limit_set(&job->limits, argument + prefix, value);
    }
    for (size_t i = 0; i < FIELDS; i++) {
        if (strcmp(argument, fields[i].name) == 0)
            return set_field(job, &fields[i], text);
    }
    return false;
}

bool job_from_argv(int argc, char **argv, struct job *job)
{
    *job = (struct job){.limits = tv_limits_default()};
    if (argc < 2)
        return false;
    size_t kind = 0;
    while (kind < JOB_COUNT && strcmp(argv[1], job_names[kind]) != 0)
        kind++;
    if (kind == JOB_COUNT)
        return false;
    job->kind = (enum job_kind)kind;
    for (int i = 2; i < argc; i++) {
        if (!read_argument(job, argv[i]))
            return false;
    }
    return true;
}
