/* The list of what is no tensor (leaves.h). */
#include "leaves.h"

#include <stdio.h>

struct leaf {
    uint64_t at, size; /* of its path in the text */
    uint32_t handle;
    const char *type;
};

void leaves_start(struct leaves *leaves, struct budget *budget)
{
    *leaves = (struct leaves){{.each = sizeof(struct leaf), .budget = budget}, {.each = 1, .budget = budget}};
}

void leaves_free(struct leaves *leaves)
{
    vector_free(&leaves->rows);
    vector_free(&leaves->text);
}

uint64_t leaves_count(const struct leaves *leaves)
{
    return leaves->rows.count;
}

bool leaves_add(struct leaves *leaves, tv_span path, uint32_t handle, const char *type)
{
    uint64_t at = leaves->text.count;
    uint8_t *text = vector_extend(&leaves->text, path.size);
    struct leaf *leaf = text == NULL ? NULL : vector_push(&leaves->rows);
    if (leaf == NULL)
        return false;
    if (path.size != 0)
        memcpy(text, path.data, path.size);
    *leaf = (struct leaf){at, path.size, handle, type};
    return true;
}

void leaves_cut(struct leaves *leaves, uint64_t count)
{
    const struct leaf *first = vector_at(&leaves->rows, count);
    if (first == NULL)
        return;
    leaves->text.count = first->at;
    leaves->rows.count = count;
}

const char *leaf_type(const struct pickle *p, uint32_t handle, struct pool *pool)
{
    const struct record *record = pickle_record(p, handle);
    if (record == NULL)
        return value_type_name(pickle_value(p, handle)->type);
    bool named = record->how == HOW_GLOBAL;
    const struct mention *mention = pickle_mention(p, named ? handle : record->callable);
    if (mention == NULL)
        return "object";
    tv_span module = mention_module(p, mention), name = mention_name(p, mention);
    size_t size = module.size + name.size + sizeof "object of .";
    char *text = pool_take(pool, size, 1);
    if (text == NULL)
        return "object";
    (void)snprintf(text, size, "%s %.*s.%.*s", named ? "name" : "object of", (int)module.size,
                   (const char *)module.data, (int)name.size, (const char *)name.data);
    return text;
}

bool leaves_finish(const struct leaves *leaves, const struct pickle *pickle, struct checkpoint *out)
{
    tv_span all = tv_span_of(leaves->text.data, (size_t)leaves->text.count);
    for (uint64_t i = 0; i < leaves->rows.count; i++) {
        const struct leaf *leaf = vector_at(&leaves->rows, i);
        struct ck_dropped *row = vector_push(&out->dropped);
        tv_span path;
        if (row == NULL)
            return false;
        (void)tv_span_sub(all, leaf->at, leaf->size, &path);
        row->handle = leaf->handle;
        row->path = pool_copy(&out->pool, path);
        row->type = leaf->type != NULL ? leaf->type : leaf_type(pickle, leaf->handle, &out->pool);
        if (row->path.data == NULL)
            return false;
    }
    return true;
}
