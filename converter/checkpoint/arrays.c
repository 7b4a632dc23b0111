/* NumPy arrays inside pickles (source: numpy/_core/multiarray.py, numpy/_core/numeric.py, ndarray.__reduce_ex__):
 *
 *   _reconstruct(numpy.ndarray, (0,), b'b'), built with (version, shape, dtype, is Fortran, bytes)
 *   _frombuffer(bytes, dtype, shape, 'C' or 'F')                                  protocol 5
 *   _frombuffer(bytes, dtype, shape, 'K', axes)       the shape as it lies, then transposed    NumPy 2.4
 *   dtype(text, False, True), built with (version, order, None, None, None, -1, -1, 0 …)
 *
 * Trusts: nothing. An array that is otherwise is unsupported, and said so; its bytes must be exactly as many as shape
 * and type say. */
#include <tensorvet/checked.h>

#include "arrays.h"
#include "graph.h"

enum { STATE_ITEMS = 5, TYPE_STATE_LEAST = 8, TYPE_STATE_MOST = 9 };

static const char not_numpys[] = "an array that is not as NumPy pickles it";

static bool is_none(const struct pickle *p, uint32_t tuple, uint32_t index)
{
    return pickle_is(p, tuple_item(p, tuple, index), V_NONE);
}

/* The byte order that a dtype's state gives; 0 where the state is none of a plain number. */
static int order_of_state(const struct pickle *p, uint32_t state)
{
    uint64_t version = 0;
    uint32_t size = pickle_value(p, state)->size;
    tv_span order = pickle_text(p, tuple_item(p, state, 1));
    if (size < TYPE_STATE_LEAST || size > TYPE_STATE_MOST || !pickle_unsigned(p, tuple_item(p, state, 0), &version) ||
        !is_none(p, state, 2) || !is_none(p, state, 3) || !is_none(p, state, 4) || order.size != 1)
        return 0;
    return tv_span_byte(order, 0);
}

/* Reads dtype('f4', …), built with its order. NULL, or why it cannot be had. */
static const char *read_type(const struct pickle *p, uint32_t handle, struct numpy_header *header)
{
    const struct record *record = pickle_record(p, handle);
    if (called_role(p, record) != ROLE_NUMPY_DTYPE)
        return not_numpys;
    tv_span text = pickle_text(p, tuple_item(p, record->args, 0));
    uint32_t state = only_state(p, record);
    int order = state == NO_VALUE ? 0 : order_of_state(p, state);
    if (order == 0)
        return "an array of structures, or not as NumPy pickles it";
    return numpy_type_parse(text, order, header);
}

static const char *read_shape(const struct reading *r, uint32_t handle, struct numpy_header *header)
{
    const struct pickle *p = &r->pickle;
    uint64_t rank = pickle_value(p, handle)->size;
    if (!pickle_is(p, handle, V_TUPLE) || rank > NUMPY_RANK_MAX || rank > r->options->limits->rank)
        return not_numpys;
    header->rank = (uint16_t)rank;
    for (uint32_t i = 0; i < rank; i++)
        if (!pickle_unsigned(p, tuple_item(p, handle, i), &header->shape[i]))
            return not_numpys;
    return NULL;
}

/* Shape, type and order of the array, and the value that its bytes are. */
static const char *read_reconstructed(const struct reading *r, const struct record *record, struct numpy_header *header,
                                      uint32_t *bytes)
{
    const struct pickle *p = &r->pickle;
    const struct mention *class_ = pickle_mention(p, tuple_item(p, record->args, 0));
    uint32_t state = only_state(p, record);
    if (class_ == NULL || !tv_span_is(mention_module(p, class_), "numpy") ||
        !tv_span_is(mention_name(p, class_), "ndarray"))
        return "an array of a class of its own";
    if (state == NO_VALUE || pickle_value(p, state)->size != STATE_ITEMS ||
        !pickle_is(p, tuple_item(p, state, 3), V_BOOL))
        return not_numpys;
    const char *why = read_type(p, tuple_item(p, state, 2), header);
    header->is_fortran = pickle_value(p, tuple_item(p, state, 3))->as.integer != 0;
    *bytes = tuple_item(p, state, 4);
    return why != NULL ? why : read_shape(r, tuple_item(p, state, 1), header);
}

static const char *read_buffered(const struct reading *r, const struct record *record, struct numpy_header *header,
                                 uint32_t *bytes)
{
    const struct pickle *p = &r->pickle;
    tv_span order = pickle_text(p, tuple_item(p, record->args, 3));
    bool is_turned = pickle_value(p, record->args)->size == 5 && tv_span_is(order, "K");
    bool is_plain = pickle_value(p, record->args)->size == 4 && (tv_span_is(order, "C") || tv_span_is(order, "F"));
    if (!is_turned && !is_plain)
        return not_numpys;
    const char *why = read_type(p, tuple_item(p, record->args, 1), header);
    header->is_fortran = tv_span_is(order, "F");
    *bytes = tuple_item(p, record->args, 0);
    return why != NULL ? why : read_shape(r, tuple_item(p, record->args, 2), header);
}

/* numpy.transpose: dimension i of the view is what was dimension axes[i]. *why is set where they are no permutation. */
static tv_status transpose(struct reading *r, uint32_t axes, struct ck_tensor *view, const char **why)
{
    const struct pickle *p = &r->pickle;
    uint64_t seen = 0, axis = 0, rank = view->rank, *shape = pool_take(&r->out->pool, 2u * rank + 1u, sizeof *shape);
    if (shape == NULL)
        return refuse_memory(r->findings);
    uint64_t *stride = shape + rank;
    *why = pickle_is(p, axes, V_TUPLE) && pickle_value(p, axes)->size == rank ? NULL : not_numpys;
    for (uint32_t i = 0; i < rank && *why == NULL; i++) {
        if (!pickle_unsigned(p, tuple_item(p, axes, i), &axis) || axis >= rank || (seen >> axis & 1) != 0) {
            *why = not_numpys;
            break;
        }
        seen |= 1ull << axis; /* the rank is at most 64: read_shape */
        shape[i] = view->shape[axis];
        stride[i] = view->stride[axis];
    }
    view->shape = shape;
    view->stride = stride;
    return TV_OK;
}

/* A storage for the bytes, and a view over all of it. */
static tv_status add_array_view(struct reading *r, const struct numpy_header *header, const struct part *part,
                                struct ck_tensor *view)
{
    struct storage *storage = vector_push(&r->out->storages);
    uint8_t *class_ = vector_push(&r->classes);
    if (storage == NULL || class_ == NULL || r->out->storages.count > UINT32_MAX)
        return refuse_memory(r->findings);
    *class_ = TORCH_NONE;
    *storage = (struct storage){.from = part->from == r->source ? NULL : part->from,
                                .at = part->at,
                                .size = part->size,
                                .is_again = part->is_again,
                                .elem_size = (uint8_t)(header->item_size <= 16 ? header->item_size : 1)};
    view->dtype = header->dtype;
    view->source_dtype = header->type;
    view->storage = (uint32_t)(r->out->storages.count - 1);
    view->swap = numpy_swapped_size(header);
    return TV_OK;
}

tv_status read_array_record(struct reading *r, const struct record *record, struct ck_tensor *view, const char **why)
{
    struct numpy_header header = {.dtype = TV_DTYPE_COUNT};
    struct part part = {0};
    uint32_t bytes = NO_VALUE;
    enum global_role role = called_role(&r->pickle, record);
    *view = (struct ck_tensor){0};
    *why = role == ROLE_NUMPY_ARRAY    ? read_reconstructed(r, record, &header, &bytes)
           : role == ROLE_NUMPY_BUFFER ? read_buffered(r, record, &header, &bytes)
                                       : not_numpys;
    if (*why != NULL)
        return TV_OK;
    tv_status status = bytes_of(r, bytes, &part);
    if (status != TV_OK)
        return status;
    bool fits = false;
    status = numpy_lay_out(r, &header, view, &fits);
    if (status != TV_OK)
        return status;
    if (part.from == NULL || !fits || view->bytes != part.size) {
        *why = not_numpys;
        return TV_OK;
    }
    view->rank = header.rank;
    if (role == ROLE_NUMPY_BUFFER && pickle_value(&r->pickle, record->args)->size == 5)
        status = transpose(r, tuple_item(&r->pickle, record->args, 4), view, why);
    if (status != TV_OK || *why != NULL)
        return status;
    return add_array_view(r, &header, &part, view);
}

/* Are the low halves of all floats of that storage zero, so that bfloat16 holds them exactly? */
static tv_status is_bfloat16(struct reading *r, const struct storage *storage, bool *is)
{
    enum { PIECE = 16384 };
    const struct source *from = storage_source(r->source, storage);
    uint8_t piece[PIECE];
    *is = true;
    for (uint64_t done = 0; done < storage->size && *is; done += PIECE) {
        uint64_t size = storage->size - done < PIECE ? storage->size - done : PIECE;
        tv_status status = source_read(from, storage->at + done, piece, size);
        if (status != TV_OK)
            return status;
        for (uint64_t i = 0; i < size; i += 4)
            *is = *is && piece[i] == 0 && piece[i + 1] == 0;
    }
    return TV_OK;
}

tv_status narrow_to_bfloat16(struct reading *r, struct ck_tensor *view, const char **why)
{
    bool is = false;
    const struct storage *storage = vector_at(&r->out->storages, view->storage);
    tv_status status = is_bfloat16(r, storage, &is);
    uint64_t *stride = status == TV_OK ? pool_take(&r->out->pool, view->rank + 1u, sizeof *stride) : NULL;
    if (stride == NULL)
        return status != TV_OK ? status : refuse_memory(r->findings);
    if (!is || view->swap != 0) {
        *why = "float32 numbers that are said to be bfloat16, and are not";
        return TV_OK;
    }
    for (uint16_t d = 0; d < view->rank; d++)
        stride[d] = view->stride[d] * 2; /* at most the bytes of its storage */
    view->stride = stride;
    view->offset = 1; /* the upper half of the first number */
    view->dtype = TV_BF16;
    view->source_dtype = "bfloat16";
    view->bytes /= 2;
    return TV_OK;
}
