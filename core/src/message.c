/* Composes a finding's message from its template. The template is ours; subject and detail are untrusted: they go in
 * between quotes that they cannot close. */
#include <tensorvet/finding.h>

#include <inttypes.h>
#include <stdio.h>

/* A text that is being written, cut to its room. */
typedef struct text {
    char *data;
    size_t room, size;
} text;

static void put(text *out, char c)
{
    if (out->size < out->room)
        out->data[out->size++] = c;
}

static void put_number(text *out, uint64_t number)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    for (int i = 0; i < count; i++)
        put(out, digits[i]);
}

/* "abc", with a backslash before quotes and backslashes of its own, and a word on what was cut. */
static void put_quoted(text *out, tv_span bytes, uint32_t full_size)
{
    put(out, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] == '"' || bytes.data[i] == '\\')
            put(out, '\\');
        put(out, (char)bytes.data[i]);
    }
    put(out, '"');
    if (full_size > bytes.size) {
        for (const char *c = "... ("; *c != '\0'; c++)
            put(out, *c);
        put_number(out, full_size);
        for (const char *c = " bytes)"; *c != '\0'; c++)
            put(out, *c);
    }
}

static void put_value(text *out, const tv_finding *finding, char which)
{
    switch (which) {
    case 'a': put_number(out, finding->a); break;
    case 'b': put_number(out, finding->b); break;
    case 's': put_quoted(out, tv_finding_subject(finding), finding->subject_size); break;
    case 'd':
    default: /* no message has another letter: core_tables */
        put_quoted(out, tv_finding_detail(finding), finding->detail_size);
        break;
    }
}

size_t tv_finding_message(const tv_finding *finding, char *into, size_t capacity)
{
    if (capacity == 0)
        return 0;
    text out = {into, capacity - 1, 0};
    for (const char *c = tv_finding_info_of(finding->id)->message; *c != '\0'; c++) {
        if (*c == '%' && c[1] != '\0')
            put_value(&out, finding, *++c);
        else
            put(&out, *c);
    }
    into[out.size] = '\0';
    return out.size;
}
