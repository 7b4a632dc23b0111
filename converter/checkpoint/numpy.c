/* NumPy arrays: .npy files, and .npz archives of them (source: numpy/lib/format.py, versions 1.0 to 3.0).
 *
 * Trusts: nothing. The header is Python text that NumPy evaluates; here it must be what NumPy's writer writes, to the
 * letter. Object arrays hold a pickle and are refused; text, times and structures have no equivalent. */
#include <tensorvet/checked.h>

#include "../archive/zip.h"
#include "../bytes.h"
#include "arrays.h"

enum { PREFIX_SIZE = 12 };

static tv_status bad_array(struct reading *r, uint64_t at, const char *what)
{
    return refuse(r->findings, (struct refusal){TV_FIND_ARRAY_INVALID, at, {0}, what, 0, 0});
}

/* The header's text: magic, version, length, text. *data_at is where the elements start. */
static tv_status read_text(struct reading *r, const struct source *from, uint64_t at, uint64_t end, tv_span *text,
                           uint64_t *data_at)
{
    uint8_t raw[PREFIX_SIZE] = {0};
    uint64_t size = end - at < PREFIX_SIZE ? end - at : PREFIX_SIZE;
    tv_status status = source_read(from, at, raw, size);
    if (status != TV_OK)
        return status;
    tv_span prefix = tv_span_of(raw, (size_t)size);
    int major = tv_span_byte(prefix, 6);
    if (!tv_span_starts(prefix, tv_span_str("\x93NUMPY")) || major < 1 || major > 3 || tv_span_byte(prefix, 7) != 0)
        return bad_array(r, at, "no magic and version of NumPy");
    uint64_t text_at = at + (major == 1 ? 10u : 12u);
    uint64_t text_size = major == 1 ? u16_at(prefix, 8) : u32_at(prefix, 8);
    if (text_at > end || text_size > end - text_at || text_size > NUMPY_HEADER_MAX)
        return bad_array(r, at, "a header that reaches beyond the end, or is too long");
    uint8_t *bytes = pool_take(&r->out->pool, text_size == 0 ? 1 : text_size, 1);
    if (bytes == NULL)
        return refuse_memory(r->findings);
    *text = tv_span_of(bytes, (size_t)text_size);
    *data_at = text_at + text_size;
    return source_read(from, text_at, bytes, text_size);
}

tv_status numpy_lay_out(struct reading *r, const struct numpy_header *header, struct ck_tensor *view, bool *fits)
{
    uint32_t rank = header->rank;
    uint64_t elements = 1, *shape = pool_take(&r->out->pool, 2u * rank + 1u, sizeof *shape);
    if (shape == NULL)
        return refuse_memory(r->findings);
    uint64_t *stride = shape + rank;
    *fits = true;
    for (uint32_t i = 0; i < rank && *fits; i++) {
        uint32_t axis = header->is_fortran ? i : rank - 1 - i;
        shape[axis] = header->shape[axis];
        stride[axis] = elements;
        *fits = tv_mul(elements, shape[axis], &elements);
    }
    view->shape = shape;
    view->stride = stride;
    view->elements = elements;
    *fits = *fits && tv_mul(elements, header->item_size, &view->bytes);
    return TV_OK;
}

/* What safetensors cannot hold is refused, or left out and listed (--skip-unsupported). Objects are refused in any
 * case: they are a pickle, which nobody has judged. */
static tv_status judge_elements(struct reading *r, tv_span name, const struct numpy_header *header, uint64_t at,
                                bool *is_left_out)
{
    const char *why = header->is_object       ? "an array of Python objects, which is a pickle"
                      : header->is_structured ? "an array of structures"
                                              : header->type;
    bool converts = !r->options->whole && r->options->want_tensors;
    *is_left_out = converts && r->options->skip_unsupported && header->dtype == TV_DTYPE_COUNT && !header->is_object;
    if (*is_left_out) {
        struct ck_dropped *row = vector_push(&r->out->dropped);
        if (row == NULL)
            return refuse_memory(r->findings);
        *row = (struct ck_dropped){.path = name, .handle = NO_VALUE, .type = why};
        return TV_OK;
    }
    if (header->is_object || header->is_structured || (header->dtype == TV_DTYPE_COUNT && converts))
        return refuse(r->findings, (struct refusal){TV_FIND_TENSOR_UNSUPPORTED, at, name, why, 0, 0});
    return TV_OK;
}

/* One array at [at, end) of the file or of an unpacked entry: a storage of its own, and a tensor over all of it. */
static tv_status read_array(struct reading *r, tv_span name, const struct source *from, uint64_t at, uint64_t end)
{
    struct numpy_header header;
    struct ck_tensor view = {.name = pool_copy(&r->out->pool, name)};
    tv_span text = {NULL, 0};
    uint64_t data_at = 0;
    bool fits = false, is_left_out = false;
    if (view.name.data == NULL)
        return refuse_memory(r->findings);
    tv_status status = read_text(r, from, at, end, &text, &data_at);
    if (status != TV_OK)
        return status;
    const char *trouble = numpy_header_parse(text, r->options->limits->rank, &header);
    if (trouble != NULL)
        return bad_array(r, at, trouble);
    status = judge_elements(r, view.name, &header, at, &is_left_out);
    if (status != TV_OK || is_left_out)
        return status;
    status = numpy_lay_out(r, &header, &view, &fits);
    if (status == TV_OK && !fits)
        status = bad_array(r, at, "a shape that overflows");
    if (status == TV_OK && view.bytes != end - data_at)
        status = bad_array(r, data_at, "data of another size than the shape says");
    struct storage *storage = status == TV_OK ? vector_push(&r->out->storages) : NULL;
    struct ck_tensor *tensor = storage != NULL ? vector_push(&r->out->tensors) : NULL;
    if (tensor == NULL)
        return status != TV_OK ? status : refuse_memory(r->findings);
    view.dtype = header.dtype;
    view.source_dtype = header.type;
    view.rank = header.rank;
    view.swap = numpy_swapped_size(&header);
    if (header.is_big_endian)
        remark(r->findings, (struct refusal){.id = TV_FIND_BIG_ENDIAN, .offset = at});
    view.storage = (uint32_t)(r->out->storages.count - 1);
    *tensor = view;
    *storage = (struct storage){.key = view.name,
                                .from = from == r->source ? NULL : from,
                                .at = data_at,
                                .size = view.bytes,
                                .elem_size = (uint8_t)(header.item_size <= 16 ? header.item_size : 1)};
    return TV_OK;
}

tv_status read_numpy(struct reading *r)
{
    return read_array(r, tv_span_str("tensor"), r->source, 0, r->source->size);
}

static tv_status read_entry(struct reading *r, const struct zip *zip, const struct zip_entry *e, tv_span name)
{
    if (e->method == ZIP_STORED)
        return read_array(r, name, r->source, e->data_at, e->data_at + e->size);
    const struct source *from = keep_deflated(r, zip_deflated(zip, e), e->size);
    return from == NULL ? refuse_memory(r->findings) : read_array(r, name, from, 0, e->size);
}

static tv_status read_entries(struct reading *r, const struct zip *zip)
{
    tv_span suffix = tv_span_str(".npy");
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        const struct zip_entry *e = vector_at(&zip->entries, i);
        tv_span name = e->name;
        if (!tv_span_ends(name, suffix) || name.size == suffix.size)
            return refuse(r->findings, (struct refusal){TV_FIND_ZIP_EXTRA_ENTRY, e->row_at, name, NULL, 0, 0});
        if (r->out->tensors.count >= r->options->limits->tensors)
            return refuse(r->findings, (struct refusal){.id = TV_FIND_TOO_MANY_TENSORS,
                                                        .offset = TV_NO_OFFSET,
                                                        .a = zip->entries.count,
                                                        .b = r->options->limits->tensors});
        name.size -= suffix.size;
        if (tv_span_ends(name, suffix)) /* NumPy finds an entry of that name before the array that is called so */
            return refuse(r->findings, (struct refusal){TV_FIND_ZIP_NAME_INVALID, e->row_at, e->name,
                                                        "an array whose name ends in .npy", 0, 0});
        tv_status status = zip_verify(r->source, zip, e, r->findings);
        if (status == TV_OK)
            status = read_entry(r, zip, e, name);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

tv_status read_npz(struct reading *r)
{
    struct zip zip;
    tv_status status = zip_open(r->source, r->options->limits, &r->out->budget, &zip, r->findings);
    if (status == TV_OK)
        status = open_deflated(r, &zip, NULL);
    if (status == TV_OK)
        status = read_entries(r, &zip);
    zip_close(&zip);
    return status;
}
