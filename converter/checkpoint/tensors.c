/* Records to tensors: what each call of a rebuild function would have made, checked to the last argument.
 *
 * Every such record is checked, whether the result is reached from the root or not, in the order in which they were
 * made, so that arguments are known before what uses them; no recursion.
 * Source of the forms: torch/_utils.py, torch/_tensor.py; of the bounds: torch's setStorage, without its leniency. */
#include <tensorvet/checked.h>

#include "../finish.h"
#include "arrays.h"
#include "graph.h"
#include "reading.h"
#include "states.h"

/* The arguments of one rebuild call. */
struct call {
    struct reading *r;
    enum global_role role;
    const char *name; /* of the function, for messages */
    uint32_t args;    /* a TUPLE */
    uint32_t count;   /* of them */
    uint32_t skipped; /* arguments before the first that counts */
    uint64_t offset;  /* of the record */
    const char *what; /* a function of what safetensors cannot hold says so */
};

static tv_status bad_call(const struct call *c, const char *what)
{
    return refuse(c->r->findings,
                  (struct refusal){TV_FIND_TENSOR_MALFORMED, c->offset, tv_span_str(c->name), what, 0, 0});
}

static uint32_t arg(const struct call *c, uint32_t index)
{
    return tuple_item(&c->r->pickle, c->args, c->skipped + index);
}

static const struct meaning *meaning_of(const struct reading *r, uint32_t handle)
{
    static const struct meaning nothing;
    if (!pickle_is(&r->pickle, handle, V_RECORD))
        return &nothing;
    const struct meaning *m = vector_at(&r->meanings, pickle_value(&r->pickle, handle)->as.record);
    return m == NULL ? &nothing : m;
}

/* A shape or stride: a tuple, or torch.Size of one. */
static uint32_t unwrap_size(const struct reading *r, uint32_t handle)
{
    const struct record *record = pickle_record(&r->pickle, handle);
    if (called_role(&r->pickle, record) != ROLE_SEQUENCE || pickle_value(&r->pickle, record->args)->size != 1)
        return handle;
    return tuple_item(&r->pickle, record->args, 0);
}

/* `rank` non-negative numbers into the pool. */
static tv_status read_dimensions(const struct call *c, uint32_t handle, uint32_t rank, const uint64_t **out)
{
    uint64_t *numbers = pool_take(&c->r->out->pool, rank == 0 ? 1 : rank, sizeof *numbers);
    if (numbers == NULL)
        return refuse_memory(c->r->findings);
    for (uint32_t i = 0; i < rank; i++)
        if (!pickle_unsigned(&c->r->pickle, tuple_item(&c->r->pickle, handle, i), &numbers[i]))
            return bad_call(c, "a dimension or stride that is no number from 0 on");
    *out = numbers;
    return TV_OK;
}

static tv_status too_large(const struct call *c, const struct storage *storage, const char *what)
{
    return refuse(c->r->findings, (struct refusal){TV_FIND_TENSOR_TOO_LARGE, c->offset, storage->key, what, 0, 0});
}

/* Elements and bytes of the view; and its last byte lies in the `size` bytes of the storage that are meant. */
static tv_status check_bounds(const struct call *c, struct ck_tensor *view, uint32_t element, uint64_t size)
{
    const struct storage *storage = vector_at(&c->r->out->storages, view->storage);
    uint64_t elements = 1, last = view->offset, step = 0, reach = 0;
    bool empty = false;
    for (uint32_t i = 0; i < view->rank; i++)
        empty = empty || view->shape[i] == 0;
    view->elements = view->bytes = 0;
    for (uint32_t i = 0; i < view->rank; i++)
        if (view->shape[i] != 0 && (!tv_mul(elements, view->shape[i], &elements) || elements > INT64_MAX))
            return too_large(c, storage, "product of its dimensions");
    if (empty)
        return TV_OK;
    for (uint32_t i = 0; i < view->rank; i++)
        if (!tv_mul(view->shape[i] - 1, view->stride[i], &step) || !tv_add(last, step, &last))
            return too_large(c, storage, "stride");
    if (!tv_mul(elements, element, &view->bytes))
        return too_large(c, storage, "number of bytes");
    if (!tv_add(last, 1, &last) || !tv_mul(last, element, &reach) || reach > size)
        return refuse(c->r->findings,
                      (struct refusal){TV_FIND_TENSOR_OUT_OF_BOUNDS, c->offset, storage->key, NULL, reach, size});
    view->elements = elements;
    return TV_OK;
}

/* float4_e2m1fn_x2: torch counts bytes of two values each, a safetensors header counts values (its last dimension is
 * twice torch's). The view is told in values where those of the last dimension lie together, else in pairs. False where
 * there is no dimension to double, or a number would be too large.
 */
static bool count_values(struct ck_tensor *view, uint64_t *shape, uint64_t *stride)
{
    uint32_t last = view->rank - 1u;
    if (view->rank == 0)
        return false;
    view->pairs = view->elements > 0 && view->shape[last] > 1 && view->stride[last] != 1;
    for (uint32_t i = 0; i < view->rank; i++) {
        shape[i] = view->shape[i];
        if (view->pairs)
            stride[i] = view->stride[i];
        else if (i == last || view->elements == 0 || shape[i] == 1)
            stride[i] = 1; /* of a dimension that is never stepped along, any will do */
        else if (!tv_mul(view->stride[i], 2, &stride[i]))
            return false;
    }
    view->shape = shape;
    view->stride = stride;
    return tv_mul(shape[last], 2, &shape[last]) && tv_mul(view->elements, 2, &view->elements) &&
           (view->pairs || tv_mul(view->offset, 2, &view->offset));
}

/* The same for a call's view; other types are left as they are. */
static tv_status unpack_pairs(const struct call *c, struct ck_tensor *view, bool *possible)
{
    *possible = true;
    if (view->dtype != TV_F4)
        return TV_OK;
    uint64_t *numbers = pool_take(&c->r->out->pool, view->rank == 0 ? 1 : 2u * view->rank, sizeof *numbers);
    if (numbers == NULL)
        return refuse_memory(c->r->findings);
    *possible = count_values(view, numbers, numbers + view->rank);
    return TV_OK;
}

/* What is swapped in the elements of that type, where a big-endian machine wrote them. */
static uint8_t number_size(const struct torch_dtype_info *info)
{
    uint8_t size = info->dtype == TV_C64 ? info->size / 2 : info->size;
    return size > 1 && size <= 8 ? size : 0;
}

/* Keeps a view, which is what a record means. */
static tv_status take_view(struct reading *r, const struct ck_tensor *view, struct meaning *out)
{
    struct ck_tensor *place = vector_push(&r->views);
    if (place == NULL)
        return refuse_memory(r->findings);
    *place = *view;
    *out = (struct meaning){.what = MEANS_TENSOR, .index = (uint32_t)(r->views.count - 1)};
    return TV_OK;
}

/* A view whose dimensions are read: checked, its type set, and kept. */
static tv_status keep_view(const struct call *c, const struct meaning *storage, unsigned dtype, struct ck_tensor *view,
                           struct meaning *out)
{
    bool possible = true;
    const struct torch_dtype_info *info = torch_dtype_info_of(dtype);
    view->dtype = info->dtype;
    view->source_dtype = info->name;
    view->storage = storage->index;
    view->swap = c->r->is_big_endian ? number_size(info) : 0;
    tv_status status = check_bounds(c, view, info->size, storage->count * torch_dtype_info_of(storage->dtype)->size);
    view->offset += storage->first;
    if (status == TV_OK)
        status = unpack_pairs(c, view, &possible);
    if (status == TV_OK && !possible) {
        *out = (struct meaning){.what = MEANS_UNSUPPORTED, .why = "packed pairs of values without a dimension"};
        return TV_OK;
    }
    return status == TV_OK ? take_view(c->r, view, out) : status;
}

tv_status add_view(struct reading *r, const char *what, uint64_t offset, const struct meaning *storage, unsigned dtype,
                   struct ck_tensor *view, struct meaning *out)
{
    const struct call c = {.r = r, .name = what, .offset = offset};
    return keep_view(&c, storage, dtype, view, out);
}

/* The view that (storage, offset, size, stride) are, as elements of that type. */
static tv_status make_view(const struct call *c, unsigned dtype, struct meaning *out)
{
    struct reading *r = c->r;
    const struct meaning *storage = meaning_of(r, arg(c, 0));
    uint32_t size = unwrap_size(r, arg(c, 2)), stride = unwrap_size(r, arg(c, 3));
    struct ck_tensor view = {0};
    if (!pickle_unsigned(&r->pickle, arg(c, 1), &view.offset))
        return bad_call(c, "an offset that is no number from 0 on");
    if (!pickle_is(&r->pickle, size, V_TUPLE) || !pickle_is(&r->pickle, stride, V_TUPLE))
        return bad_call(c, "a size or stride that is no tuple");
    uint32_t rank = pickle_value(&r->pickle, size)->size;
    if (pickle_value(&r->pickle, stride)->size != rank)
        return bad_call(c, "size and stride of different lengths");
    if (rank > r->options->limits->rank)
        return too_large(c, vector_at(&r->out->storages, storage->index), "rank");
    view.rank = (uint16_t)rank;
    tv_status status = read_dimensions(c, size, rank, &view.shape);
    if (status == TV_OK)
        status = read_dimensions(c, stride, rank, &view.stride);
    return status == TV_OK ? keep_view(c, storage, dtype, &view, out) : status;
}

/* Backward hooks: an empty OrderedDict, or None in old files. */
static bool is_no_hooks(const struct reading *r, uint32_t handle)
{
    struct mapping it = mapping_of(&r->pickle, handle);
    uint32_t key = NO_VALUE, value = NO_VALUE;
    if (pickle_is(&r->pickle, handle, V_NONE))
        return true;
    return is_mapping(&r->pickle, handle) && !mapping_next(&it, &key, &value);
}

/* The metadata of torch 2: {"conj": True, "neg": True}, as enum sign_change: where one is there, the numbers in the
 * storage are not yet the tensor's. torch writes no False, and takes it for True. */
static tv_status read_metadata(const struct call *c, uint32_t handle, uint8_t *signs)
{
    const struct pickle *p = &c->r->pickle;
    struct mapping it = mapping_of(p, handle);
    uint32_t key = NO_VALUE, value = NO_VALUE;
    if (pickle_is(p, handle, V_NONE))
        return TV_OK;
    if (!is_mapping(p, handle) || mapping_cost(p, handle) > 8)
        return bad_call(c, "metadata that is no small dictionary");
    while (mapping_next(&it, &key, &value)) {
        tv_span name = pickle_text(p, key);
        if ((!tv_span_is(name, "conj") && !tv_span_is(name, "neg")) || !pickle_is(p, value, V_BOOL) ||
            pickle_value(p, value)->as.integer == 0)
            return bad_call(c, "metadata other than conj and neg, which are true");
        *signs |= tv_span_is(name, "conj") ? SIGN_CONJUGATED : SIGN_NEGATED;
    }
    return TV_OK;
}

/* What follows the first four arguments: requires_grad, hooks, and perhaps metadata at `metadata`. */
static tv_status check_tail(const struct call *c, uint32_t metadata, uint8_t *signs)
{
    if (!pickle_is(&c->r->pickle, arg(c, 4), V_BOOL))
        return bad_call(c, "requires_grad that is no bool");
    if (!is_no_hooks(c->r, arg(c, 5)))
        return bad_call(c, "backward hooks");
    return metadata < c->count ? read_metadata(c, arg(c, metadata), signs) : TV_OK;
}

/* The element type that _rebuild_tensor_v3 is given. */
static tv_status read_dtype(const struct call *c, uint32_t handle, unsigned *dtype)
{
    const struct mention *mention = pickle_mention(&c->r->pickle, handle);
    if (mention == NULL || mention->row == NULL || mention->row->role != ROLE_DTYPE ||
        mention_class(&c->r->pickle, mention) != TV_CLASS_DATA_ONLY)
        return bad_call(c, "a dtype that is none");
    *dtype = mention->row->dtype;
    return TV_OK;
}

/* A view whose signs torch has put off: conjugates of real numbers are these numbers. */
static void put_signs(struct reading *r, uint8_t signs, struct meaning *out)
{
    if (signs == 0 || out->what != MEANS_TENSOR)
        return;
    struct ck_tensor *view = vector_at(&r->views, out->index);
    if (view->dtype != TV_C64)
        signs &= (uint8_t)~SIGN_CONJUGATED;
    if (view->dtype == TV_DTYPE_COUNT || signs == 0)
        return;
    if (finish_has_signs(view->dtype))
        view->signs = signs;
    else
        *out = (struct meaning){.what = MEANS_UNSUPPORTED, .why = "a negated view of numbers without signs"};
}

/* _rebuild_tensor, _v2 and _v3. */
static tv_status rebuild_tensor(const struct call *c, struct meaning *out)
{
    uint8_t signs = 0;
    bool v3 = c->role == ROLE_REBUILD_TENSOR_V3, plain = c->role == ROLE_REBUILD_TENSOR;
    uint32_t least = plain ? 4 : v3 ? 7 : 6;
    tv_status status = TV_OK;
    if (c->count < least || c->count > (plain ? least : least + 1))
        return bad_call(c, "another number of arguments");
    if (meaning_of(c->r, arg(c, 0))->what != MEANS_STORAGE)
        return bad_call(c, "a storage that is none");
    unsigned dtype = meaning_of(c->r, arg(c, 0))->dtype;
    if (v3 && !meaning_of(c->r, arg(c, 0))->is_untyped)
        return bad_call(c, "a typed storage");
    if (v3)
        status = read_dtype(c, arg(c, 6), &dtype);
    if (status == TV_OK && !plain)
        status = check_tail(c, least, &signs);
    if (status == TV_OK)
        status = make_view(c, dtype, out);
    if (status == TV_OK)
        put_signs(c->r, signs, out);
    return status;
}

/* A state that a rebuilt tensor is given. */
static tv_status check_state(const struct call *c, uint32_t state)
{
    bool keeps = false;
    tv_status status = state_keeps_numbers(c->r, state, &keeps);
    return status == TV_OK && !keeps ? bad_call(c, "a state that could change the tensor") : status;
}

/* _rebuild_parameter and _with_state: (tensor, requires_grad, hooks[, state]). */
static tv_status rebuild_parameter(const struct call *c, struct meaning *out)
{
    const struct meaning *data = meaning_of(c->r, arg(c, 0));
    if (c->count != (c->role == ROLE_REBUILD_PARAMETER ? 3u : 4u))
        return bad_call(c, "another number of arguments");
    if (data->what != MEANS_TENSOR && data->what != MEANS_UNSUPPORTED)
        return bad_call(c, "data that is no tensor");
    if (!pickle_is(&c->r->pickle, arg(c, 1), V_BOOL))
        return bad_call(c, "requires_grad that is no bool");
    if (!is_no_hooks(c->r, arg(c, 2)))
        return bad_call(c, "backward hooks");
    *out = *data;
    return c->role == ROLE_REBUILD_PARAMETER ? TV_OK : check_state(c, arg(c, 3));
}

static bool is_rebuild(enum global_role role)
{
    return role >= ROLE_REBUILD_TENSOR && role <= ROLE_REBUILD_UNSUPPORTED;
}

/* _rebuild_from_type_v2: (function, type, arguments, state): the tensor that function(*arguments) is. */
static tv_status unwrap_type(struct call *c)
{
    const struct pickle *p = &c->r->pickle;
    const struct mention *function = pickle_mention(p, arg(c, 0));
    uint32_t inner = arg(c, 2);
    if (c->count != 4 || !pickle_is(p, inner, V_TUPLE) || pickle_mention(p, arg(c, 1)) == NULL)
        return bad_call(c, "other arguments than (function, type, arguments, state)");
    if (function == NULL || function->row == NULL || !is_rebuild((enum global_role)function->row->role) ||
        function->row->role == ROLE_REBUILD_FROM_TYPE)
        return bad_call(c, "a function that rebuilds no tensor");
    tv_status status = check_state(c, arg(c, 3));
    c->role = (enum global_role)function->row->role;
    c->name = function->row->name;
    c->what = function->row->reason;
    c->args = inner;
    c->count = pickle_value(p, inner)->size;
    return status;
}

/* An array that a record is: a view, or why it is none. */
static tv_status take_array(struct reading *r, const struct record *record, unsigned dtype, struct meaning *out)
{
    struct ck_tensor view;
    const char *why = NULL;
    tv_status status = read_array_record(r, record, &view, &why);
    if (status == TV_OK && why == NULL && dtype == TORCH_BFLOAT16 && view.dtype == TV_F32)
        status = narrow_to_bfloat16(r, &view, &why);
    if (status != TV_OK)
        return status;
    if (why == NULL && dtype != TORCH_NONE && view.dtype != torch_dtype_info_of(dtype)->dtype)
        why = "an array of another type than the tensor's";
    if (why == NULL)
        return take_view(r, &view, out);
    *out = (struct meaning){.what = MEANS_UNSUPPORTED, .why = why};
    return TV_OK;
}

/* _rebuild_device_tensor_from_numpy and _from_cpu_tensor: (data, dtype, device, requires_grad). */
static tv_status rebuild_device_tensor(const struct call *c, struct meaning *out)
{
    unsigned dtype = TORCH_NONE;
    const struct pickle *p = &c->r->pickle;
    if (c->count != 4 || !pickle_is(p, arg(c, 2), V_STR) || !pickle_is(p, arg(c, 3), V_BOOL))
        return bad_call(c, "other arguments than (data, dtype, device, requires_grad)");
    tv_status status = read_dtype(c, arg(c, 1), &dtype);
    if (status != TV_OK)
        return status;
    if (c->role == ROLE_REBUILD_ARRAY)
        return pickle_record(p, arg(c, 0)) == NULL ? bad_call(c, "data that is no array")
                                                   : take_array(c->r, pickle_record(p, arg(c, 0)), dtype, out);
    *out = *meaning_of(c->r, arg(c, 0));
    if (out->what != MEANS_TENSOR && out->what != MEANS_UNSUPPORTED)
        return bad_call(c, "data that is no tensor");
    if (out->what == MEANS_TENSOR && ((const struct ck_tensor *)vector_at(&c->r->views, out->index))->source_dtype !=
                                         torch_dtype_info_of(dtype)->name)
        *out = (struct meaning){.what = MEANS_UNSUPPORTED, .why = "stored as another type than its own"};
    return TV_OK;
}

static tv_status rebuild(const struct call *c, struct meaning *out)
{
    if (c->role == ROLE_REBUILD_UNSUPPORTED) {
        *out = (struct meaning){.what = MEANS_UNSUPPORTED, .why = c->what};
        return TV_OK;
    }
    if (c->role == ROLE_REBUILD_ARRAY || c->role == ROLE_REBUILD_FROM_CPU)
        return rebuild_device_tensor(c, out);
    if (c->role == ROLE_REBUILD_PARAMETER || c->role == ROLE_REBUILD_PARAMETER_STATE)
        return rebuild_parameter(c, out);
    return rebuild_tensor(c, out);
}

/* fastai's (class, the arguments of _rebuild_tensor_v2). */
static void skip_class(struct call *c)
{
    if (c->role != ROLE_REBUILD_FASTAI || c->count == 0)
        return;
    c->role = ROLE_REBUILD_TENSOR_V2;
    c->skipped = 1;
    c->count--;
}

static tv_status rebuild_record(struct reading *r, const struct record *record, enum global_role role,
                                struct meaning *out)
{
    const struct mention *mention = pickle_mention(&r->pickle, record->callable);
    struct call c = {.r = r,
                     .role = role,
                     .name = mention->row->name,
                     .args = record->args,
                     .count = pickle_value(&r->pickle, record->args)->size,
                     .offset = record->offset,
                     .what = mention->row->reason};
    tv_status status = role == ROLE_REBUILD_FROM_TYPE ? unwrap_type(&c) : TV_OK;
    skip_class(&c);
    return status != TV_OK ? status : rebuild(&c, out);
}

/* One key is one buffer: another reference to it must mean the same bytes and the same elements (torch would take the
 * type of the first, others that of each). Empty ones may differ, as torch writes them. */
static tv_status check_again(struct reading *r, const struct record *record, const struct meaning *again,
                             uint64_t bytes)
{
    const struct storage *storage = vector_at(&r->out->storages, again->index);
    const uint8_t *before = vector_at(&r->classes, again->index);
    if (bytes == storage->size && (again->dtype == *before || bytes == 0))
        return TV_OK;
    return refuse(r->findings, (struct refusal){TV_FIND_STORAGE_INCONSISTENT, record->offset, storage->key,
                                                torch_dtype_info_of(again->dtype)->name, bytes, 0});
}

tv_status add_storage(struct reading *r, const struct place *place, tv_span key, struct meaning *out)
{
    struct storage *storage = vector_push(&r->out->storages);
    uint8_t *class_ = vector_push(&r->classes);
    if (storage == NULL || class_ == NULL || r->out->storages.count > UINT32_MAX)
        return refuse_memory(r->findings);
    *class_ = out->dtype;
    *storage = (struct storage){.key = pool_copy(&r->out->pool, key),
                                .from = place->from,
                                .at = place->at,
                                .size = place->size,
                                .crc = place->crc,
                                .has_crc = place->has_crc,
                                .is_legacy_untyped = out->is_untyped,
                                .is_again = r->is_again,
                                .elem_size = torch_dtype_info_of(out->dtype)->size};
    out->index = (uint32_t)(r->out->storages.count - 1);
    return storage->key.data == NULL ? refuse_memory(r->findings) : TV_OK;
}

/* A persistent id: finds its storage, which must be exactly as large as the id says. */
static tv_status read_persistent(struct reading *r, const struct record *record, struct meaning *out)
{
    struct storage_id id;
    struct place place;
    uint64_t bytes = 0;
    bool is_storage = false;
    tv_status status = read_storage_id(r, record, &id, &is_storage);
    if (status != TV_OK || !is_storage)
        return status;
    status = reading_charge(r, id.key.size / 16); /* keys of kilobytes take long to find */
    if (status == TV_OK)
        status = r->find(r, id.key, &place);
    if (status != TV_OK)
        return status;
    if (!tv_mul(id.count, torch_dtype_info_of(id.dtype)->size, &bytes) || place.size != bytes)
        return refuse(r->findings,
                      (struct refusal){TV_FIND_STORAGE_SIZE_MISMATCH, record->offset, id.key, NULL, place.size, bytes});
    uint32_t *slot = vector_at(&r->slots, place.slot);
    if (slot == NULL)
        return TV_MISUSE;
    *out = (struct meaning){.what = MEANS_STORAGE,
                            .dtype = id.dtype,
                            .is_untyped = id.is_untyped,
                            .index = *slot - 1,
                            .first = id.first,
                            .count = id.part};
    if (*slot != 0)
        return check_again(r, record, out, bytes);
    status = add_storage(r, &place, id.key, out);
    *slot = out->index + 1;
    return status;
}

/* What views add to their storages, all together, stays within what a conversion may add (plan.c counts exactly). */
static tv_status check_expansion(struct reading *r)
{
    const uint64_t free_bytes = 1u << 24; /* small expansions are harmless, whatever their ratio */
    uint64_t added = 0, stored = 0, allowed = 0;
    for (uint64_t i = 0; i < r->out->storages.count; i++)
        stored += storage_stored(vector_at(&r->out->storages, i));
    for (uint64_t i = 0; i < r->views.count; i++) {
        const struct ck_tensor *view = vector_at(&r->views, i);
        uint64_t size = storage_stored(vector_at(&r->out->storages, view->storage));
        if (view->bytes > size && !tv_add(added, view->bytes - size, &added))
            added = UINT64_MAX;
    }
    if (!tv_mul(stored, r->options->limits->expansion, &allowed))
        allowed = UINT64_MAX;
    if (allowed < free_bytes)
        allowed = free_bytes;
    if (added <= allowed)
        return TV_OK;
    return refuse(r->findings,
                  (struct refusal){.id = TV_FIND_TENSOR_EXPANDED, .offset = TV_NO_OFFSET, .a = added, .b = allowed});
}

/* What an array in a plain pickle means; in torch's containers arrays are values among others. */
static tv_status read_plain_array(struct reading *r, const struct record *record, struct meaning *out)
{
    return r->out->kind == TV_KIND_PICKLE ? take_array(r, record, TORCH_NONE, out) : TV_OK;
}

/* A tensor as torch 0.1 wrote it: torch.FloatTensor(), built with (storage, offset, size, stride). */
static tv_status read_class_tensor(struct reading *r, const struct record *record, struct meaning *out)
{
    const struct mention *mention = pickle_mention(&r->pickle, record->callable);
    uint32_t state = only_state(&r->pickle, record);
    struct call c = {.r = r, .name = mention->row->name, .args = state, .offset = record->offset};
    *out = (struct meaning){.what = MEANS_UNSUPPORTED, .why = "a tensor that its class makes, without a storage"};
    if (state == NO_VALUE)
        return TV_OK;
    const struct meaning *storage = meaning_of(r, arg(&c, 0));
    if (pickle_value(&r->pickle, state)->size != 4 || storage->what != MEANS_STORAGE ||
        storage->dtype != mention->row->dtype)
        return bad_call(&c, "a state other than (storage of its type, offset, size, stride)");
    return make_view(&c, mention->row->dtype, out);
}

/* A parameter as its class makes it: Parameter(data …), or built with (data, …). */
static tv_status read_class_parameter(struct reading *r, const struct record *record, struct meaning *out)
{
    const struct meaning *data = meaning_of(r, parameter_data(&r->pickle, record));
    *out = *data;
    if (data->what != MEANS_TENSOR && data->what != MEANS_UNSUPPORTED)
        *out = (struct meaning){.what = MEANS_UNSUPPORTED,
                                .why = "a parameter without data, or built with more than its flags"};
    return TV_OK;
}

/* Records need the meanings of others, which were made before or after them: old tensors of their storages, which
 * stand in the state that they are built with later. So there are rounds, and each needs only those before it. */
enum round { ROUND_STORAGES, ROUND_CLASSES, ROUND_CALLS, ROUND_PARAMETERS, ROUND_COUNT };

static enum round round_of(const struct record *record, enum global_role role)
{
    if (record->how == HOW_PERSISTENT || role == ROLE_LOAD_BYTES)
        return ROUND_STORAGES;
    if (role == ROLE_TENSOR_CLASS || role == ROLE_NUMPY_ARRAY || role == ROLE_NUMPY_BUFFER)
        return ROUND_CLASSES;
    if (role == ROLE_PARAMETER)
        return ROUND_PARAMETERS;
    return is_rebuild(role) ? ROUND_CALLS : ROUND_COUNT;
}

static tv_status find_meaning(struct reading *r, const struct record *record, enum global_role role,
                              struct meaning *out)
{
    if (record->how == HOW_PERSISTENT)
        return r->read_id != NULL ? r->read_id(r, record, out) : read_persistent(r, record, out);
    if (role == ROLE_LOAD_BYTES)
        return read_nested_storage(r, record, out);
    if (role == ROLE_NUMPY_ARRAY || role == ROLE_NUMPY_BUFFER)
        return read_plain_array(r, record, out);
    if (role == ROLE_TENSOR_CLASS)
        return read_class_tensor(r, record, out);
    if (role == ROLE_PARAMETER)
        return read_class_parameter(r, record, out);
    return rebuild_record(r, record, role, out);
}

tv_status find_meanings(struct reading *r)
{
    tv_status status = TV_OK;
    if (vector_extend(&r->meanings, r->pickle.records.count) == NULL)
        return refuse_memory(r->findings);
    for (enum round round = ROUND_STORAGES; round < ROUND_COUNT; round++)
        for (uint64_t i = 0; i < r->pickle.records.count && status == TV_OK; i++) {
            const struct record *record = vector_at(&r->pickle.records, i);
            enum global_role role = made_role(&r->pickle, record);
            struct meaning found = {.what = MEANS_NOTHING};
            if (round_of(record, role) != round)
                continue;
            status = find_meaning(r, record, role, &found);
            *(struct meaning *)vector_at(&r->meanings, i) = found;
        }
    return status == TV_OK ? check_expansion(r) : status;
}
