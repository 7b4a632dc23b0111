/* Persistent ids: how torch refers from the pickle to what lies outside it (source: torch/serialization.py).
 *
 *   ('storage', class, key, location, number of elements)          torch-zip
 *   the same and a view: None, or (its key, first element, number)  torch-legacy
 *   ('module', class, source file, source)                         torch-legacy: the class itself
 *
 * The location (cpu, cuda:0) is where it was; it means nothing here. */
#include <tensorvet/checked.h>

#include "reading.h"

enum { ID_ITEMS = 5, LEGACY_ID_ITEMS = 6, MODULE_ID_ITEMS = 4, VIEW_ITEMS = 3 };

static tv_status bad_id(struct reading *r, const struct record *record, const char *what)
{
    return refuse(r->findings, (struct refusal){TV_FIND_PERSISTENT_ID_INVALID, record->offset, {0}, what, 0, 0});
}

/* The class in a persistent id, and how many elements there are. */
static tv_status read_class(struct reading *r, const struct record *record, struct storage_id *id)
{
    const struct pickle *p = &r->pickle;
    const struct mention *mention = pickle_mention(p, tuple_item(p, record->args, 1));
    const struct global_row *row = mention == NULL ? NULL : mention->row;
    uint64_t bytes = 0;
    if (row == NULL || (row->role != ROLE_STORAGE && row->role != ROLE_UNTYPED_STORAGE) ||
        mention_class(p, mention) != TV_CLASS_DATA_ONLY)
        return bad_id(r, record, "its class is no storage class of torch");
    id->is_untyped = row->role == ROLE_UNTYPED_STORAGE;
    id->dtype = id->is_untyped ? TORCH_UINT8 : row->dtype;
    if (!pickle_unsigned(p, tuple_item(p, record->args, 4), &id->count) ||
        !tv_mul(id->count, torch_dtype_info_of(id->dtype)->size, &bytes))
        return bad_id(r, record, "its number of elements is none");
    return TV_OK;
}

/* The sixth item of a legacy id: the part of the storage that is meant. */
static tv_status read_view(struct reading *r, const struct record *record, struct storage_id *id)
{
    const struct pickle *p = &r->pickle;
    uint64_t end = 0;
    uint32_t view = tuple_item(p, record->args, LEGACY_ID_ITEMS - 1);
    if (!r->is_legacy || pickle_is(p, view, V_NONE))
        return TV_OK;
    if (!pickle_is(p, view, V_TUPLE) || pickle_value(p, view)->size != VIEW_ITEMS ||
        !pickle_is(p, tuple_item(p, view, 0), V_STR) || !pickle_unsigned(p, tuple_item(p, view, 1), &id->first) ||
        !pickle_unsigned(p, tuple_item(p, view, 2), &id->part))
        return bad_id(r, record, "its view is not (key, first element, number of elements)");
    id->view = pickle_text(p, tuple_item(p, view, 0));
    if (!tv_add(id->first, id->part, &end) || end > id->count)
        return bad_id(r, record, "its view reaches beyond the storage");
    return TV_OK;
}

/* ('module', class, source file, source): stands for the class. The source is text that nothing reads. */
static bool is_module_id(const struct reading *r, const struct record *record)
{
    const struct pickle *p = &r->pickle;
    return r->is_legacy && pickle_value(p, record->args)->size == MODULE_ID_ITEMS &&
           tv_span_is(pickle_text(p, tuple_item(p, record->args, 0)), "module") &&
           pickle_mention(p, tuple_item(p, record->args, 1)) != NULL;
}

tv_status read_storage_id(struct reading *r, const struct record *record, struct storage_id *id, bool *is_storage)
{
    const struct pickle *p = &r->pickle;
    *id = (struct storage_id){.dtype = TORCH_NONE};
    *is_storage = false;
    if (!pickle_is(p, record->args, V_TUPLE))
        return bad_id(r, record, "it is no tuple");
    if (is_module_id(r, record))
        return TV_OK;
    if (pickle_value(p, record->args)->size != (r->is_legacy ? LEGACY_ID_ITEMS : ID_ITEMS))
        return bad_id(r, record, "it has another number of items");
    if (!tv_span_is(pickle_text(p, tuple_item(p, record->args, 0)), "storage"))
        return bad_id(r, record, "it does not begin with 'storage'");
    uint32_t key = tuple_item(p, record->args, 2);
    if (!pickle_is(p, key, V_STR) || !pickle_is(p, tuple_item(p, record->args, 3), V_STR))
        return bad_id(r, record, "its key or location is no text");
    id->key = pickle_text(p, key);
    *is_storage = true;
    tv_status status = read_class(r, record, id);
    id->part = id->count;
    return status != TV_OK ? status : read_view(r, record, id);
}
