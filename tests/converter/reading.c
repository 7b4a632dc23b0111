/* Checkpoints written by hand, and read whole. */
#include "reading.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

void read_bytes(struct reading *r, tv_span bytes, tv_kind kind, const char *key, bool whole)
{
    struct source source = source_of_memory(bytes);
    r->limits = tv_limits_default();
    r->findings = calloc(1, sizeof *r->findings);
    CHECK(r->findings != NULL);
    struct ck_options options = {.limits = &r->limits, .key = key, .want_tensors = true, .whole = whole};
    r->status = checkpoint_read(&source, kind, &options, &r->table, r->findings);
}

void read_zip(struct reading *r, const struct bytes *pickle, const void *storage, size_t size, const char *key)
{
    make_checkpoint(&r->archive, span_of(pickle), storage, size);
    read_bytes(r, span_of(&r->archive.bytes), TV_KIND_TORCH_ZIP, key, false);
}

void end_reading(struct reading *r)
{
    checkpoint_free(&r->table);
    CHECK(r->table.budget.bytes_left == r->limits.memory_bytes);
    free(r->findings);
    free_bytes(&r->archive.bytes);
}

const struct ck_tensor *tensor_at(const struct reading *r, uint64_t index)
{
    return vector_at(&r->table.tensors, index);
}

const struct ck_tensor *find_tensor(const struct reading *r, const char *name)
{
    for (uint64_t i = 0; i < r->table.tensors.count; i++)
        if (tv_span_is(tensor_at(r, i)->name, name))
            return tensor_at(r, i);
    return NULL;
}

void put_str(struct bytes *b, const char *text)
{
    put_text(b, "X");
    put_u32(b, strlen(text));
    put_text(b, text);
}

void put_int(struct bytes *b, int64_t value)
{
    put(b, "\x8a\x08", 2);
    put_u64(b, (uint64_t)value);
}

void put_global(struct bytes *b, const char *module, const char *name)
{
    put_text(b, "c");
    put_text(b, module);
    put_text(b, "\n");
    put_text(b, name);
    put_text(b, "\n");
}

void put_ints(struct bytes *b, const int64_t *values, unsigned count)
{
    put_text(b, "(");
    for (unsigned i = 0; i < count; i++)
        put_int(b, values[i]);
    put_text(b, "t");
}

void put_storage(struct bytes *b, const char *class_, const char *key, int64_t count)
{
    put_text(b, "(");
    put_str(b, "storage");
    put_global(b, "torch", class_);
    put_str(b, key);
    put_str(b, "cuda:0");
    put_int(b, count);
    put_text(b, "tQ");
}

void put_hooks(struct bytes *b)
{
    put_text(b, "\x89");
    put_global(b, "collections", "OrderedDict");
    put_text(b, ")R");
}

void put_view(struct bytes *b, const struct view *v)
{
    put_global(b, "torch._utils", "_rebuild_tensor_v2");
    put_text(b, "(");
    put_storage(b, v->class_, "0", v->count);
    put_int(b, v->offset);
    put_ints(b, v->shape, v->rank);
    put_ints(b, v->stride, v->rank);
    put_hooks(b);
    put_text(b, "tR");
}

const struct view four_floats = {"FloatStorage", 4, 0, 1, {4}, {1}};

void put_around(struct bytes *b, const char *before, size_t before_size, const char *after, size_t after_size)
{
    put(b, before, before_size);
    put_view(b, &four_floats);
    put(b, after, after_size);
}

void refused(const struct bytes *b, const char *key, const char *id)
{
    struct reading r = {0};
    read_zip(&r, b, "0123456789abcdef", 16, key);
    CHECK_MSG(r.status == TV_REJECTED && strcmp(first_error(r.findings), id) == 0, "%s instead of %s",
              first_error(r.findings), id);
    end_reading(&r);
}
