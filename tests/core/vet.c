/* What the tests of core share. */
#include "vet.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

struct file file_of_bytes(const void *text, size_t size, uint64_t data_bytes)
{
    struct file file = {malloc(8 + size), 8 + size, 8 + size + data_bytes};
    if (file.bytes == NULL)
        abort();
    for (unsigned i = 0; i < 8; i++)
        file.bytes[i] = (uint8_t)((uint64_t)size >> (8 * i));
    if (size > 0)
        memcpy(file.bytes + 8, text, size);
    return file;
}

struct file file_of(const char *text, uint64_t data_bytes)
{
    return file_of_bytes(text, strlen(text), data_bytes);
}

void file_free(struct file *file)
{
    free(file->bytes);
    file->bytes = NULL;
}

struct vetted *vet(const struct file *file, const tv_limits *limits, uint64_t seed)
{
    struct vetted *v = calloc(1, sizeof *v);
    size_t room = (size_t)tv_index_memory(file->size);
    if (v == NULL || (v->memory = malloc(room)) == NULL)
        abort();
    tv_arena arena = {v->memory, room, 0};
    v->status = tv_index_parse(tv_span_of(file->bytes, file->size), file->file_size, limits, seed, &arena, &v->index,
                               &v->findings);
    v->error = tv_findings_first_error(&v->findings);
    return v;
}

void vetted_free(struct vetted *v)
{
    free(v->memory);
    free(v);
}

void expect_limits(const char *text, uint64_t data_bytes, const tv_limits *limits, const char *id, uint64_t offset,
                   const char *subject)
{
    struct file file = file_of(text, data_bytes);
    struct vetted *v = vet(&file, limits, 0);
    const char *found = v->error == NULL ? "accepted" : tv_finding_info_of(v->error->id)->id;
    if (id == NULL) {
        CHECK_MSG(v->status == TV_OK && v->error == NULL, "%s: %s", text, found);
    } else {
        CHECK_MSG(v->status == TV_REJECTED && v->error != NULL && strcmp(found, id) == 0, "%s: %s, not %s", text, found,
                  id);
        CHECK_MSG(v->error->offset == offset, "%s: %s at %" PRIu64 ", not %" PRIu64, text, id, v->error->offset,
                  offset);
        CHECK_MSG(tv_span_is(tv_finding_subject(v->error), subject), "%s: %s of %.*s", text, id,
                  (int)v->error->subject_size, v->error->subject);
    }
    vetted_free(v);
    file_free(&file);
}

void expect(const char *text, uint64_t data_bytes, const char *id, uint64_t offset, const char *subject)
{
    tv_limits limits = tv_limits_default();
    expect_limits(text, data_bytes, &limits, id, offset, subject);
}

void add_text(struct text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t size = (size_t)vsnprintf(NULL, 0, format, args);
    if (text->size + size + 1 > text->room) {
        text->room = 2 * (text->size + size + 1);
        text->data = realloc(text->data, text->room);
        if (text->data == NULL)
            abort();
    }
    (void)vsnprintf(text->data + text->size, size + 1, format, again);
    text->size += size;
    va_end(again);
    va_end(args);
}

const char *outcome_text(tv_status status, const tv_findings *findings, const tv_index *index)
{
    static struct text out;
    out.size = 0;
    add_text(&out, "status %d\n", (int)status);
    for (uint32_t i = 0; i < findings->count; i++) {
        char message[1024];
        (void)tv_finding_message(&findings->items[i], message, sizeof message);
        add_text(&out, "%s %" PRIu64 " %s\n", tv_finding_info_of(findings->items[i].id)->id, findings->items[i].offset,
                 message);
    }
    for (uint64_t i = 0; status == TV_OK && i < index->count; i++) {
        const tv_tensor *t = &index->tensors[i];
        uint64_t shape[64];
        char name[64];
        size_t size = tv_tensor_name(index, t, name, sizeof name);
        tv_tensor_shape(index, t, shape);
        add_text(&out, "%zu %.*s %u %" PRIu64 " %" PRIu64, size, (int)(size < sizeof name ? size : sizeof name), name,
                 t->dtype, t->begin, t->end);
        for (unsigned d = 0; d < t->rank; d++)
            add_text(&out, " %" PRIu64, shape[d]);
        add_text(&out, "\n");
    }
    return out.data;
}

uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
