/* The bytes that a value of a pickle is: a bytes object where it lies, or text that stands for bytes, as protocols up
 * to 2 write them: _codecs.encode(text, 'latin1'), each character one byte. */
#include "graph.h"
#include "reading.h"

/* Text of characters up to U+00FF into bytes; *size is their number. False where a character is beyond. */
static bool narrow(tv_span text, uint8_t *to, uint64_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int byte = tv_span_byte(text, i), next = tv_span_byte(text, i + 1);
        if (byte >= 0xC2 && byte <= 0xC3 && next >= 0x80) { /* two bytes of UTF-8 */
            byte = (byte & 3) << 6 | (next & 0x3F);
            i++;
        } else if (byte >= 0x80) {
            return false;
        }
        to[(*size)++] = (uint8_t)byte;
    }
    return true;
}

static tv_status keep_bytes(struct reading *r, uint8_t *bytes, uint64_t size, struct part *out)
{
    out->at = 0;
    out->size = size;
    out->from = keep_source(r, source_of_memory(tv_span_of(bytes, (size_t)size)));
    return out->from == NULL ? refuse_memory(r->findings) : TV_OK;
}

static tv_status decode(struct reading *r, tv_span text, struct part *out)
{
    uint64_t size = 0;
    uint8_t *bytes = pool_take(&r->out->pool, text.size == 0 ? 1 : text.size, 1);
    if (bytes == NULL)
        return refuse_memory(r->findings);
    if (!narrow(text, bytes, &size))
        return TV_OK;
    return keep_bytes(r, bytes, size, out);
}

/* Notes that a storage is read from that value; was there one before? A pickle may name one value any number of times,
 * and each time torch makes a storage of its own. */
static bool note_stored(struct pickle *p, uint32_t handle)
{
    struct value *value = vector_at(&p->values, handle);
    bool before = value != NULL && (value->flags & VALUE_STORED) != 0;
    if (value != NULL)
        value->flags |= VALUE_STORED;
    return before;
}

static tv_status bytes_in(struct reading *r, uint32_t handle, struct part *out)
{
    const struct value *value = pickle_value(&r->pickle, handle);
    if (value->type != V_BYTES && value->type != V_BYTEARRAY)
        return TV_OK;
    if ((value->flags & VALUE_IN_TEXTS) == 0) {
        *out = (struct part){r->stream, value->as.at, value->size, false};
        return TV_OK;
    }
    tv_span copy = pool_copy(&r->out->pool, pickle_text(&r->pickle, handle));
    if (copy.data == NULL)
        return refuse_memory(r->findings);
    out->size = copy.size;
    out->from = keep_source(r, source_of_memory(copy));
    return out->from == NULL ? refuse_memory(r->findings) : TV_OK;
}

tv_status bytes_of(struct reading *r, uint32_t handle, struct part *out)
{
    struct pickle *p = &r->pickle;
    const struct record *record = pickle_record(p, handle);
    *out = (struct part){0};
    if (called_role(p, record) == ROLE_BYTES && pickle_value(p, record->args)->size == 0)
        return decode(r, (tv_span){NULL, 0}, out);        /* how protocols up to 2 write none at all */
    bool is_text = called_role(p, record) == ROLE_ENCODE; /* the machine has looked at its arguments */
    uint32_t held = is_text ? tuple_item(p, record->args, 0) : handle;
    tv_status status = is_text ? decode(r, pickle_text(p, held), out) : bytes_in(r, held, out);
    out->is_again = note_stored(p, held);
    return status;
}
