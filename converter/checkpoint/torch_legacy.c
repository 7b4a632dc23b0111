/* torch-legacy: what torch.save wrote before 1.6, and still does when asked (source: torch/serialization.py,
 * _legacy_save). Five pickles, then each storage in the order of the fifth: int64 number of elements, elements. Then
 * nothing.
 *
 * torch itself lets storages be missing (their memory is then whatever it was), tensors be larger than their storages,
 * and bytes follow. Nothing of that passes here.
 *
 * The same stream, of one storage, is what a storage pickles itself as: torch.storage._load_from_bytes(stream). */
#include <tensorvet/checked.h>

#include "../bytes.h"
#include "../sort.h"
#include "graph.h"
#include "reading.h"

enum { PROTOCOL_VERSION = 1001, NOT_REFERRED_TO = 0 };

/* A part of a storage, which torch keeps under a key of its own. */
struct view {
    tv_span key;
    uint32_t storage; /* index of its key */
    uint64_t first, part;
    uint64_t offset; /* of the reference */
};

/* What the stream holds behind its pickles. */
struct legacy {
    struct reading *r;
    struct pickle keys;    /* the fifth pickle */
    struct vector names;   /* tv_span: the keys in their order */
    struct vector by_name; /* u32: the same, sorted */
    struct vector sizes;   /* u8: bytes an element, or NOT_REFERRED_TO */
    struct vector places;  /* struct place */
    struct vector views;   /* struct view: parts of storages that references mean */
    uint64_t at, end;      /* what is read next, and where the stream ends */
};

static tv_status bad_stream(struct legacy *l, uint64_t at, const char *what)
{
    return refuse(l->r->findings, (struct refusal){TV_FIND_LEGACY_INVALID, at, {0}, what, 0, 0});
}

static tv_status run_next(struct legacy *l, struct pickle *p)
{
    struct reading *r = l->r;
    struct pickle_options options = {r->options->limits, &r->use, false};
    tv_status status = pickle_run(r->stream, l->at, l->end, &options, p, r->findings);
    tv_status reported = report_globals(r, p);
    l->at = p->end;
    return status != TV_OK ? status : reported;
}

/* 0x1950a86a20f9469cfc6c, however its protocol spells it. */
static bool is_magic(const struct pickle *p)
{
    static const uint8_t bytes[] = {0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19};
    tv_span text = pickle_text(p, p->root);
    return pickle_is(p, p->root, V_LONG) &&
           (tv_span_equal(text, tv_span_of(bytes, sizeof bytes)) || tv_span_is(text, "119547037146038801333356"));
}

static bool is_protocol(const struct pickle *p)
{
    uint64_t number = 0;
    return pickle_unsigned(p, p->root, &number) && number == PROTOCOL_VERSION;
}

/* What the writing machine was. torch ignores it; storages are little-endian whatever it says. */
static bool is_system(const struct pickle *p)
{
    uint64_t version = 0;
    return pickle_is(p, p->root, V_DICT) && pickle_unsigned(p, mapping_get(p, p->root, "protocol_version"), &version) &&
           version == PROTOCOL_VERSION && pickle_is(p, mapping_get(p, p->root, "little_endian"), V_BOOL) &&
           pickle_is(p, mapping_get(p, p->root, "type_sizes"), V_DICT);
}

/* The three small pickles at the start are plain values: nothing in them may name or call anything. */
static tv_status read_preamble(struct legacy *l)
{
    static const struct {
        bool (*is_right)(const struct pickle *p);
        const char *what;
    } parts[] = {{is_magic, "no magic number"},
                 {is_protocol, "another protocol version than 1001"},
                 {is_system, "no description of the writing machine"}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct pickle p;
        uint64_t at = l->at;
        pickle_start(&p, &l->r->out->budget);
        tv_status status = run_next(l, &p);
        if (status == TV_OK && (p.records.count != 0 || !parts[i].is_right(&p)))
            status = bad_stream(l, at, parts[i].what);
        pickle_free(&p);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

static bool by_name(const void *context, uint32_t a, uint32_t b)
{
    const tv_span *names = context;
    int order = tv_span_compare(names[a], names[b]);
    return order != 0 ? order < 0 : a < b;
}

/* The fifth pickle: a list of texts, each once. */
static tv_status read_keys(struct legacy *l)
{
    uint64_t at = l->at;
    uint32_t item = NO_VALUE;
    tv_status status = run_next(l, &l->keys);
    if (status != TV_OK)
        return status;
    if (l->keys.records.count != 0 || !pickle_is(&l->keys, l->keys.root, V_LIST))
        return bad_stream(l, at, "no list of storage keys");
    struct items it = items_of(&l->keys, l->keys.root);
    while (items_next(&it, &item)) {
        tv_span *name = vector_push(&l->names);
        uint32_t *index = vector_push(&l->by_name);
        if (name == NULL || index == NULL || vector_push(&l->sizes) == NULL || vector_push(&l->places) == NULL ||
            l->names.count > UINT32_MAX)
            return refuse_memory(l->r->findings);
        if (!pickle_is(&l->keys, item, V_STR))
            return bad_stream(l, at, "a storage key that is no text");
        *name = pickle_text(&l->keys, item);
        *index = (uint32_t)(l->names.count - 1);
    }
    uint32_t *order = l->by_name.data;
    const tv_span *names = l->names.data;
    sort_items(order, l->names.count, by_name, names);
    for (uint64_t i = 1; i < l->names.count; i++)
        if (tv_span_equal(names[order[i - 1]], names[order[i]]))
            return bad_stream(l, at, "a storage key that is listed twice");
    return TV_OK;
}

/* The index of a key in the list, or false. */
static bool find_key(const struct legacy *l, tv_span key, uint32_t *index)
{
    const uint32_t *order = l->by_name.data;
    uint64_t low = 0, high = l->by_name.count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const tv_span *name = vector_at(&l->names, order[middle]);
        int sign = tv_span_compare(*name, key);
        *index = order[middle];
        if (sign == 0)
            return true;
        if (sign < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static tv_status note_view(struct legacy *l, const struct storage_id *id, uint32_t index, uint64_t offset)
{
    struct view *view = id->view.data == NULL ? NULL : vector_push(&l->views);
    if (view == NULL)
        return id->view.data == NULL ? TV_OK : refuse_memory(l->r->findings);
    *view = (struct view){id->view, index, id->first, id->part, offset};
    return TV_OK;
}

static bool by_view(const void *context, uint32_t a, uint32_t b)
{
    const struct view *views = context;
    int order = tv_span_compare(views[a].key, views[b].key);
    return order != 0 ? order < 0 : a < b;
}

/* torch keeps views and storages under one set of keys, and takes what it first made under a key: so each key must mean
 * one thing. */
static tv_status check_views(struct legacy *l)
{
    uint32_t index = 0;
    const struct view *views = l->views.data, *last = NULL;
    struct vector order = {.each = sizeof(uint32_t), .budget = l->views.budget};
    uint32_t *items = vector_extend(&order, l->views.count);
    tv_status status = TV_OK;
    if (items == NULL)
        return refuse_memory(l->r->findings);
    for (uint64_t i = 0; i < l->views.count; i++)
        items[i] = (uint32_t)i;
    sort_items(items, l->views.count, by_view, views);
    for (uint64_t i = 0; status == TV_OK && i < l->views.count; i++) {
        const struct view *view = &views[items[i]];
        bool again = last != NULL && tv_span_equal(last->key, view->key);
        if ((again && (view->storage != last->storage || view->first != last->first || view->part != last->part)) ||
            find_key(l, view->key, &index))
            status = bad_stream(l, view->offset, "a view's key that stands for two things");
        last = view;
    }
    vector_free(&order);
    return status;
}

/* Elements are as large as the first reference to their storage says. Views are noted and checked. */
static tv_status learn_sizes(struct legacy *l)
{
    for (uint64_t i = 0; i < l->r->pickle.records.count; i++) {
        const struct record *record = vector_at(&l->r->pickle.records, i);
        struct storage_id id;
        bool is_storage = false;
        uint32_t index = 0;
        if (record->how != HOW_PERSISTENT)
            continue;
        tv_status status = read_storage_id(l->r, record, &id, &is_storage);
        if (status != TV_OK)
            return status;
        uint8_t *size = is_storage && find_key(l, id.key, &index) ? vector_at(&l->sizes, index) : NULL;
        if (size == NULL)
            continue;
        if (*size == NOT_REFERRED_TO)
            *size = torch_dtype_info_of(id.dtype)->size;
        status = note_view(l, &id, index, record->offset);
        if (status != TV_OK)
            return status;
    }
    return check_views(l);
}

/* One storage at l->at. */
static tv_status place_storage(struct legacy *l, uint32_t index)
{
    uint8_t raw[8];
    struct place *place = vector_at(&l->places, index);
    const uint8_t *element = vector_at(&l->sizes, index);
    uint64_t left = l->end - l->at, bytes = 0;
    if (*element == NOT_REFERRED_TO)
        return bad_stream(l, l->at, "a storage that nothing refers to");
    if (left < sizeof raw)
        return bad_stream(l, l->at, "the file ends before a storage's size (truncated?)");
    tv_status status = source_read(l->r->stream, l->at, raw, sizeof raw);
    if (status != TV_OK)
        return status;
    uint64_t count = u64_at(tv_span_of(raw, sizeof raw), 0);
    left -= sizeof raw;
    if (!tv_mul(count, *element, &bytes) || bytes > left)
        return bad_stream(l, l->at, "a storage reaches beyond the file's end (truncated?)");
    *place = (struct place){.from = l->r->stream == l->r->source ? NULL : l->r->stream,
                            .at = l->at + sizeof raw,
                            .size = bytes,
                            .slot = index};
    l->at += sizeof raw + bytes;
    return TV_OK;
}

static tv_status place_storages(struct legacy *l)
{
    for (uint64_t i = 0; i < l->names.count; i++) {
        tv_status status = place_storage(l, (uint32_t)i);
        if (status != TV_OK)
            return status;
    }
    if (l->at != l->end)
        return bad_stream(l, l->at, "bytes after the last storage");
    return TV_OK;
}

static tv_status find_placed(struct reading *r, tv_span key, struct place *place)
{
    const struct legacy *l = r->container;
    uint32_t index = 0;
    if (!find_key(l, key, &index))
        return refuse(r->findings, (struct refusal){TV_FIND_STORAGE_MISSING, TV_NO_OFFSET, key, NULL, 0, 0});
    *place = *(const struct place *)vector_at(&l->places, index);
    return TV_OK;
}

static tv_status read_parts(struct legacy *l)
{
    struct reading *r = l->r;
    tv_status status = read_preamble(l);
    if (status == TV_OK)
        status = run_next(l, &r->pickle);
    if (status == TV_OK)
        status = read_keys(l);
    if (status == TV_OK)
        status = learn_sizes(l);
    if (status == TV_OK)
        status = place_storages(l);
    if (status == TV_OK && vector_extend(&r->slots, l->names.count) == NULL)
        status = refuse_memory(r->findings);
    if (status == TV_OK)
        status = find_meanings(r);
    return status;
}

/* The stream at [at, end) of the source, up to the meaning of its records. */
static tv_status read_stream(struct reading *r, uint64_t at, uint64_t end)
{
    struct budget *budget = &r->out->budget;
    struct legacy l = {.r = r,
                       .names = {.each = sizeof(tv_span), .budget = budget},
                       .by_name = {.each = sizeof(uint32_t), .budget = budget},
                       .sizes = {.each = sizeof(uint8_t), .budget = budget},
                       .places = {.each = sizeof(struct place), .budget = budget},
                       .views = {.each = sizeof(struct view), .budget = budget},
                       .at = at,
                       .end = end};
    pickle_start(&l.keys, budget);
    r->container = &l;
    r->find = find_placed;
    r->is_legacy = true;
    tv_status status = read_parts(&l);
    r->container = NULL;
    pickle_free(&l.keys);
    vector_free(&l.names);
    vector_free(&l.by_name);
    vector_free(&l.sizes);
    vector_free(&l.places);
    vector_free(&l.views);
    return status;
}

tv_status read_torch_legacy(struct reading *r)
{
    tv_status status = read_stream(r, 0, r->source->size);
    return status == TV_OK && r->options->want_tensors ? walk_tensors(r) : status;
}

/* What the inner stream's root means: it must be one storage. */
static tv_status take_storage(struct reading *r, const struct reading *inner, uint64_t at, struct meaning *out)
{
    const struct value *root = pickle_value(&inner->pickle, inner->pickle.root);
    const struct meaning *meaning = root->type == V_RECORD ? vector_at(&inner->meanings, root->as.record) : NULL;
    if (meaning == NULL || meaning->what != MEANS_STORAGE)
        return refuse(r->findings,
                      (struct refusal){TV_FIND_LEGACY_INVALID, at, {0}, "a nested stream that is no storage", 0, 0});
    *out = *meaning;
    return TV_OK;
}

tv_status read_nested_storage(struct reading *r, const struct record *record, struct meaning *out)
{
    struct budget *budget = &r->out->budget;
    struct part bytes = {0};
    tv_status status = bytes_of(r, tuple_item(&r->pickle, record->args, 0), &bytes);
    if (status != TV_OK)
        return status;
    if (bytes.from == NULL || r->is_nested)
        return refuse(r->findings,
                      (struct refusal){TV_FIND_LEGACY_INVALID, record->offset, {0}, "a stream in no bytes", 0, 0});
    if (r->is_big_endian) /* such a stream is little-endian; views do not say which of their storages are */
        return refuse(
            r->findings,
            (struct refusal){TV_FIND_LEGACY_INVALID, record->offset, {0}, "a stream in a big-endian archive", 0, 0});
    struct reading inner = *r;
    inner.is_nested = true;
    inner.is_again = bytes.is_again;
    inner.read_id = NULL;
    inner.stream = bytes.from;
    inner.slots = (struct vector){.each = sizeof(uint32_t), .budget = budget};
    inner.meanings = (struct vector){.each = sizeof(struct meaning), .budget = budget};
    inner.views = (struct vector){.each = sizeof(struct ck_tensor), .budget = budget};
    pickle_start(&inner.pickle, budget);
    status = read_stream(&inner, bytes.at, bytes.at + bytes.size);
    if (status == TV_OK)
        status = take_storage(r, &inner, bytes.at, out);
    r->use = inner.use;
    r->classes = inner.classes;
    vector_free(&inner.slots);
    vector_free(&inner.meanings);
    vector_free(&inner.views);
    pickle_free(&inner.pickle);
    return status;
}
