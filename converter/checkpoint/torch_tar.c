/* torch-tar: what torch.save wrote up to 0.1.9 (source: torch/serialization.py, legacy_load). A tar of four members:
 *
 *   sys_info  a pickle
 *   storages  a number; for each storage (key, location, class), int64 number of elements, elements; a list of views
 *             (key, root's key, first element, number of elements)
 *   tensors   a number; for each tensor (key, storage's key, class), int32 rank, 4 bytes, sizes, strides, int64 offset
 *   pickle    the object; its persistent ids are keys of tensors
 *
 * Keys are numbers (addresses of the writer). Trusts: nothing. Promises: every part is used up to its last byte. */
#include <tensorvet/checked.h>

#include "../archive/tar.h"
#include "../bytes.h"
#include "../pickle/number.h"
#include "../sort.h"
#include "graph.h"
#include "reading.h"

enum { MEMBER_SYS_INFO, MEMBER_STORAGES, MEMBER_TENSORS, MEMBER_PICKLE, MEMBERS };
enum { PROTOCOL_VERSION = 1000, ROOT_ITEMS = 3, VIEW_ITEMS = 4, FEW_ROWS = 1u << 26 };

/* What a key stands for. */
struct object {
    uint64_t key;
    struct meaning meaning;
};

struct tar_reading {
    struct reading *r;
    struct tar_member members[MEMBERS];
    struct vector objects;         /* struct object */
    struct vector order;           /* u32: sorted by key, as far as they are */
    uint64_t at, end;              /* of the part that is being read */
    const struct global_row *told; /* the class that was reported last */
};

static tv_status bad_part(struct tar_reading *t, const char *what)
{
    return refuse(t->r->findings, (struct refusal){TV_FIND_LEGACY_INVALID, t->at, {0}, what, 0, 0});
}

/* Runs the pickle at t->at, moves on behind it. Its globals are reported, but for one that was just told of. */
static tv_status run_next(struct tar_reading *t, struct pickle *p, bool ends_part)
{
    struct reading *r = t->r;
    struct pickle_options options = {r->options->limits, &r->use, ends_part};
    tv_status status = pickle_run(r->source, t->at, t->end, &options, p, r->findings), reported = TV_OK;
    const struct mention *only = p->mentions.count == 1 ? vector_at(&p->mentions, 0) : NULL;
    bool told = only != NULL && only->row != NULL && only->row == t->told && only->uses == 0;
    if (!told)
        reported = report_globals(r, p);
    t->told = only == NULL ? NULL : only->row;
    t->at = p->end;
    return status != TV_OK ? status : reported;
}

/* ---- keys ---- */

static bool by_key(const void *context, uint32_t a, uint32_t b)
{
    const struct object *objects = context;
    return objects[a].key != objects[b].key ? objects[a].key < objects[b].key : a < b;
}

/* Sorts all objects that are there; each key stands for one. */
static tv_status sort_objects(struct tar_reading *t)
{
    uint64_t count = t->objects.count;
    t->order.count = 0;
    uint32_t *order = vector_extend(&t->order, count);
    const struct object *objects = t->objects.data;
    if (order == NULL || count > UINT32_MAX)
        return refuse_memory(t->r->findings);
    for (uint64_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    sort_items(order, count, by_key, objects);
    for (uint64_t i = 1; i < count; i++)
        if (objects[order[i - 1]].key == objects[order[i]].key)
            return bad_part(t, "a key that stands for two things");
    return TV_OK;
}

static const struct meaning *find_object(const struct tar_reading *t, uint64_t key)
{
    uint64_t low = 0, high = t->order.count;
    const uint32_t *order = t->order.data;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct object *o = vector_at(&t->objects, order[middle]);
        if (o->key == key)
            return &o->meaning;
        if (o->key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static tv_status add_object(struct tar_reading *t, uint64_t key, struct meaning meaning)
{
    struct object *o = vector_push(&t->objects);
    if (o == NULL)
        return refuse_memory(t->r->findings);
    *o = (struct object){key, meaning};
    return TV_OK;
}

/* ---- the parts ---- */

static tv_status read_system(struct tar_reading *t)
{
    struct pickle p;
    uint64_t version = 0;
    pickle_start(&p, &t->r->out->budget);
    tv_status status = run_next(t, &p, true);
    if (status == TV_OK &&
        (p.records.count != 0 || !pickle_is(&p, p.root, V_DICT) ||
         !pickle_unsigned(&p, mapping_get(&p, p.root, "protocol_version"), &version) || version != PROTOCOL_VERSION))
        status = bad_part(t, "the system");
    pickle_free(&p);
    return status;
}

/* The number of rows that follow. */
static tv_status read_count(struct tar_reading *t, uint64_t *count)
{
    struct pickle p;
    pickle_start(&p, &t->r->out->budget);
    tv_status status = run_next(t, &p, false);
    if (status == TV_OK && (p.records.count != 0 || !pickle_unsigned(&p, p.root, count) || *count > FEW_ROWS))
        status = bad_part(t, "a number of rows");
    pickle_free(&p);
    return status;
}

/* A tuple of three: numbers at 0 and (where `two`) 1, and a class of that role. */
static tv_status read_row(struct tar_reading *t, enum global_role role, bool two, uint64_t numbers[2], unsigned *dtype)
{
    struct pickle p;
    pickle_start(&p, &t->r->out->budget);
    tv_status status = run_next(t, &p, false);
    const struct mention *class_ = pickle_mention(&p, tuple_item(&p, p.root, 2));
    bool fits = status == TV_OK && pickle_is(&p, p.root, V_TUPLE) && pickle_value(&p, p.root)->size == ROOT_ITEMS &&
                pickle_unsigned(&p, tuple_item(&p, p.root, 0), &numbers[0]) && class_ != NULL && class_->row != NULL &&
                class_->row->role == role && mention_class(&p, class_) == TV_CLASS_DATA_ONLY;
    fits = fits && (two ? pickle_unsigned(&p, tuple_item(&p, p.root, 1), &numbers[1])
                        : pickle_is(&p, tuple_item(&p, p.root, 1), V_STR));
    *dtype = fits ? class_->row->dtype : TORCH_NONE;
    pickle_free(&p);
    return status == TV_OK && !fits ? bad_part(t, "a row that is not (key, …, class)") : status;
}

/* `count` numbers of 8 bytes at t->at. */
static tv_status read_numbers(struct tar_reading *t, uint64_t *numbers, uint64_t count)
{
    uint8_t raw[8];
    for (uint64_t i = 0; i < count; i++) {
        if (t->end - t->at < sizeof raw)
            return bad_part(t, "a part that ends too early (truncated?)");
        tv_status status = source_read(t->r->source, t->at, raw, sizeof raw);
        if (status != TV_OK)
            return status;
        numbers[i] = u64_at(tv_span_of(raw, sizeof raw), 0);
        t->at += sizeof raw;
    }
    return TV_OK;
}

static tv_status read_storage(struct tar_reading *t)
{
    uint64_t key[2] = {0}, count = 0, bytes = 0;
    unsigned dtype = TORCH_NONE;
    struct meaning meaning = {.what = MEANS_STORAGE};
    tv_status status = read_row(t, ROLE_STORAGE, false, key, &dtype);
    if (status == TV_OK)
        status = read_numbers(t, &count, 1);
    if (status != TV_OK)
        return status;
    if (!tv_mul(count, torch_dtype_info_of(dtype)->size, &bytes) || bytes > t->end - t->at)
        return bad_part(t, "a storage that reaches beyond its part's end (truncated?)");
    meaning.dtype = (uint8_t)dtype;
    meaning.count = count;
    const struct place place = {.at = t->at, .size = bytes};
    t->at += bytes;
    status = add_storage(t->r, &place, tv_span_str("in storages"), &meaning);
    return status == TV_OK ? add_object(t, key[0], meaning) : status;
}

/* One view: (key, root's key, first element, number of elements). */
static tv_status add_storage_view(struct tar_reading *t, const struct pickle *p, uint32_t row)
{
    uint64_t numbers[VIEW_ITEMS] = {0}, end = 0;
    for (uint32_t i = 0; i < VIEW_ITEMS; i++)
        if (!pickle_is(p, row, V_TUPLE) || pickle_value(p, row)->size != VIEW_ITEMS ||
            !pickle_unsigned(p, tuple_item(p, row, i), &numbers[i]))
            return bad_part(t, "a view that is not (key, root, first element, number of elements)");
    const struct meaning *root = find_object(t, numbers[1]);
    if (root == NULL || !tv_add(numbers[2], numbers[3], &end) || end > root->count)
        return bad_part(t, "a view of no storage, or beyond its end");
    struct meaning view = *root;
    view.first = numbers[2];
    view.count = numbers[3];
    return add_object(t, numbers[0], view);
}

static tv_status read_storage_views(struct tar_reading *t)
{
    struct pickle p;
    uint32_t row = NO_VALUE;
    pickle_start(&p, &t->r->out->budget);
    tv_status status = run_next(t, &p, true);
    if (status == TV_OK && (p.records.count != 0 || !pickle_is(&p, p.root, V_LIST)))
        status = bad_part(t, "the list of views");
    struct items it = items_of(&p, p.root);
    while (status == TV_OK && items_next(&it, &row))
        status = add_storage_view(t, &p, row);
    pickle_free(&p);
    return status == TV_OK ? sort_objects(t) : status;
}

static tv_status read_storages(struct tar_reading *t)
{
    uint64_t count = 0;
    tv_status status = read_count(t, &count);
    for (uint64_t i = 0; i < count && status == TV_OK; i++)
        status = read_storage(t);
    if (status == TV_OK)
        status = sort_objects(t);
    return status == TV_OK ? read_storage_views(t) : status;
}

/* Rank, sizes, strides, offset. */
static tv_status read_dimensions(struct tar_reading *t, struct ck_tensor *view)
{
    uint64_t first = 0;
    tv_status status = read_numbers(t, &first, 1); /* the rank, and four bytes that mean nothing */
    uint64_t rank = first & UINT32_MAX;
    if (status == TV_OK && rank > t->r->options->limits->rank)
        status = bad_part(t, "a tensor of too many dimensions");
    uint64_t *numbers = status == TV_OK ? pool_take(&t->r->out->pool, 2 * rank + 1, sizeof *numbers) : NULL;
    if (numbers == NULL)
        return status != TV_OK ? status : refuse_memory(t->r->findings);
    status = read_numbers(t, numbers, 2 * rank + 1);
    for (uint64_t i = 0; i < 2 * rank + 1 && status == TV_OK; i++)
        if (numbers[i] > INT64_MAX)
            status = bad_part(t, "a negative number");
    view->rank = (uint16_t)rank;
    view->shape = numbers;
    view->stride = numbers + rank;
    view->offset = numbers[2 * rank];
    return status;
}

static tv_status read_tensor(struct tar_reading *t)
{
    uint64_t keys[2] = {0}, at = t->at;
    unsigned dtype = TORCH_NONE;
    struct ck_tensor view = {0};
    struct meaning meaning = {.what = MEANS_NOTHING};
    tv_status status = read_row(t, ROLE_TENSOR_CLASS, true, keys, &dtype);
    if (status == TV_OK)
        status = read_dimensions(t, &view);
    if (status != TV_OK)
        return status;
    const struct meaning *storage = find_object(t, keys[1]);
    if (storage == NULL || storage->what != MEANS_STORAGE || storage->dtype != dtype)
        return bad_part(t, "a tensor of no storage, or of another type");
    status = add_view(t->r, "a tensor", at, storage, dtype, &view, &meaning);
    return status == TV_OK ? add_object(t, keys[0], meaning) : status;
}

static tv_status read_tensors(struct tar_reading *t)
{
    uint64_t count = 0;
    tv_status status = read_count(t, &count);
    for (uint64_t i = 0; i < count && status == TV_OK; i++)
        status = read_tensor(t);
    if (status == TV_OK && t->at != t->end)
        status = bad_part(t, "bytes behind the last tensor");
    return status == TV_OK ? sort_objects(t) : status;
}

/* A key as a number or as its digits; or the class of a container, with its source, which nothing reads. */
static tv_status find_persistent(struct reading *r, const struct record *record, struct meaning *out)
{
    struct tar_reading *t = r->container;
    const struct pickle *p = &r->pickle;
    tv_span digits = pickle_text(p, record->args);
    int64_t number = 0;
    uint64_t key = 0;
    if (pickle_is(p, record->args, V_TUPLE) && pickle_mention(p, tuple_item(p, record->args, 0)) != NULL)
        return TV_OK;
    bool is_key = pickle_unsigned(p, record->args, &key);
    if (!is_key && pickle_is(p, record->args, V_STR) && decimal_to_int(digits, &number) && number >= 0) {
        key = (uint64_t)number;
        is_key = true;
    }
    const struct meaning *meaning = is_key ? find_object(t, key) : NULL;
    if (meaning == NULL)
        return refuse(
            r->findings,
            (struct refusal){
                TV_FIND_PERSISTENT_ID_INVALID, record->offset, {0}, "no key of a tensor of this archive", 0, 0});
    *out = *meaning;
    return TV_OK;
}

static tv_status read_object(struct tar_reading *t)
{
    struct reading *r = t->r;
    t->told = NULL;
    tv_status status = run_next(t, &r->pickle, true);
    r->container = t;
    r->read_id = find_persistent;
    if (status == TV_OK)
        status = find_meanings(r);
    return status == TV_OK && r->options->want_tensors ? walk_tensors(r) : status;
}

tv_status read_torch_tar(struct reading *r)
{
    static tv_status (*const parts[MEMBERS])(struct tar_reading * t) = {read_system, read_storages, read_tensors,
                                                                        read_object};
    struct budget *budget = &r->out->budget;
    struct tar_reading t = {
        .r = r,
        .members = {{.name = "sys_info"}, {.name = "storages"}, {.name = "tensors"}, {.name = "pickle"}},
        .objects = {.each = sizeof(struct object), .budget = budget},
        .order = {.each = sizeof(uint32_t), .budget = budget}};
    tv_status status = tar_open(r->source, t.members, MEMBERS, r->findings);
    for (unsigned i = 0; i < MEMBERS && status == TV_OK; i++) {
        t.at = t.members[i].at;
        t.end = t.at + t.members[i].size;
        status = parts[i](&t);
    }
    vector_free(&t.objects);
    vector_free(&t.order);
    return status;
}
