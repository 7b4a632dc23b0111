/* Operations that make plain values: constants, numbers, text and bytes. */
#include "../text.h"
#include "escape.h"
#include "machine_inside.h"
#include "number.h"

tv_status do_none(struct machine *m)
{
    return stack_push(m, m->none);
}

tv_status do_true(struct machine *m)
{
    return stack_push(m, m->true_);
}

tv_status do_false(struct machine *m)
{
    return stack_push(m, m->false_);
}

static tv_status push_int(struct machine *m, int64_t number, uint32_t *handle)
{
    return push_new(m, (struct value){.type = V_INT, .flags = VALUE_HASHABLE, .as.integer = number}, handle);
}

/* Small integers are by far the most frequent values: each is made once. */
tv_status do_int_binary(struct machine *m)
{
    if (m->op->argument != UINT1)
        return push_int(m, (int64_t)m->number, NULL);
    uint32_t *slot = &m->small[m->number & 0xFF];
    if (*slot != 0)
        return stack_push(m, *slot - 1);
    uint32_t handle = NO_VALUE;
    tv_status status = push_int(m, (int64_t)m->number, &handle);
    *slot = handle + 1;
    return status;
}

/* A text value over the last `size` bytes of the texts. */
static struct value text_value(const struct machine *m, enum value_type type, uint64_t size)
{
    return (struct value){
        .type = (uint8_t)type, .flags = VALUE_HASHABLE, .size = (uint32_t)size, .as.at = m->pickle->texts.count - size};
}

static tv_status keep_span(struct machine *m, tv_span bytes)
{
    uint8_t *to = vector_extend(&m->pickle->texts, bytes.size);
    if (to == NULL)
        return refuse_memory(m->findings);
    if (bytes.size != 0)
        memcpy(to, bytes.data, bytes.size);
    return TV_OK;
}

static tv_status push_decimal(struct machine *m, tv_span digits)
{
    int64_t number = 0;
    if (decimal_to_int(digits, &number))
        return push_int(m, number, NULL);
    if (!is_decimal(digits))
        return op_bad_argument(m, "not a number");
    tv_status status = keep_span(m, digits);
    if (status != TV_OK)
        return status;
    struct value value = text_value(m, V_LONG, digits.size);
    value.flags |= VALUE_DECIMAL;
    return push_new(m, value, NULL);
}

/* INT spells the booleans 00 and 01. */
tv_status do_int_text(struct machine *m)
{
    if (tv_span_is(m->line, "00"))
        return do_false(m);
    return tv_span_is(m->line, "01") ? do_true(m) : push_decimal(m, m->line);
}

tv_status do_long_text(struct machine *m)
{
    tv_span digits = m->line;
    if (tv_span_ends(digits, tv_span_str("L")))
        digits.size--;
    return push_decimal(m, digits);
}

/* Two's complement, little-endian, of any length. */
tv_status do_long_binary(struct machine *m)
{
    uint64_t size = m->number, at = m->pickle->texts.count, number = 0;
    tv_status status = stream_copy(&m->stream, size, &m->pickle->texts);
    if (status != TV_OK)
        return op_stream_trouble(m, status, size);
    if (size > 8)
        return push_new(m, text_value(m, V_LONG, size), NULL);
    const uint8_t *bytes = vector_at(&m->pickle->texts, at);
    bool negative = size > 0 && (bytes[size - 1] & 0x80) != 0;
    for (uint64_t i = 0; i < 8; i++)
        number |= (uint64_t)(i < size ? bytes[i] : negative ? 0xFF : 0) << (8 * i);
    m->pickle->texts.count = at;
    return push_int(m, (int64_t)number, NULL);
}

static tv_status push_float(struct machine *m, double real)
{
    return push_new(m, (struct value){.type = V_FLOAT, .flags = VALUE_HASHABLE, .as.real = real}, NULL);
}

tv_status do_float_text(struct machine *m)
{
    double real = 0;
    return text_to_float(m->line, &real) ? push_float(m, real) : op_bad_argument(m, "not a number");
}

tv_status do_float_binary(struct machine *m)
{
    uint64_t bits = 0;
    double real = 0;
    for (unsigned i = 0; i < 8; i++)
        bits = bits << 8 | ((m->number >> (8 * i)) & 0xFF);
    memcpy(&real, &bits, sizeof real);
    return push_float(m, real);
}

/* Takes `m->number` bytes of text into the texts and says what they are. */
static tv_status keep_text(struct machine *m, enum text_kind *kind)
{
    uint64_t at = m->pickle->texts.count;
    tv_status status = stream_copy(&m->stream, m->number, &m->pickle->texts);
    if (status != TV_OK)
        return op_stream_trouble(m, status, m->number);
    if (m->number > UINT32_MAX)
        return op_bad_argument(m, "a text of over 4 GiB");
    *kind = text_classify(tv_span_of((const uint8_t *)m->pickle->texts.data + at, (size_t)m->number));
    return TV_OK;
}

tv_status do_unicode(struct machine *m)
{
    enum text_kind kind = TEXT_INVALID;
    tv_status status = keep_text(m, &kind);
    if (status != TV_OK)
        return status;
    if (kind == TEXT_INVALID)
        return op_bad_argument(m, "not UTF-8");
    struct value value = text_value(m, V_STR, m->number);
    if (kind == TEXT_SURROGATES)
        value.flags |= VALUE_SURROGATES;
    return push_new(m, value, NULL);
}

/* The last `size` bytes of the texts as what Python 2 called a string: text where it is UTF-8, else bytes. */
static tv_status push_old_string(struct machine *m, uint64_t size, enum text_kind kind)
{
    struct value value = text_value(m, kind == TEXT_VALID ? V_STR : V_BYTES, size);
    if (kind != TEXT_VALID)
        value.flags |= VALUE_IN_TEXTS;
    return push_new(m, value, NULL);
}

tv_status do_string(struct machine *m)
{
    enum text_kind kind = TEXT_INVALID;
    tv_status status = keep_text(m, &kind);
    return status != TV_OK ? status : push_old_string(m, m->number, kind);
}

/* Decodes m->line into the texts; size receives the bytes made. */
static tv_status keep_decoded(struct machine *m, bool (*decode)(tv_span, uint8_t *, size_t *), tv_span text,
                              uint64_t expansion, size_t *size)
{
    uint64_t at = m->pickle->texts.count;
    uint8_t *to = vector_extend(&m->pickle->texts, text.size * expansion);
    if (to == NULL)
        return refuse_memory(m->findings);
    if (!decode(text, to, size))
        return op_bad_argument(m, "a bad escape");
    m->pickle->texts.count = at + *size;
    return TV_OK;
}

static tv_span last_text(const struct machine *m, size_t size)
{
    tv_span last;
    tv_span all = tv_span_of(m->pickle->texts.data, (size_t)m->pickle->texts.count);
    (void)tv_span_sub(all, all.size - size, size, &last);
    return last;
}

tv_status do_string_quoted(struct machine *m)
{
    size_t size = 0;
    int quote = tv_span_byte(m->line, 0);
    tv_span inner;
    if (m->line.size < 2 || (quote != '\'' && quote != '"') || tv_span_byte(m->line, m->line.size - 1) != quote ||
        !tv_span_sub(m->line, 1, m->line.size - 2, &inner))
        return op_bad_argument(m, "not in quotes");
    tv_status status = keep_decoded(m, decode_string_escapes, inner, 1, &size);
    return status != TV_OK ? status : push_old_string(m, size, text_classify(last_text(m, size)));
}

tv_status do_unicode_escaped(struct machine *m)
{
    size_t size = 0;
    tv_status status = keep_decoded(m, decode_unicode_escapes, m->line, 3, &size);
    if (status != TV_OK)
        return status;
    struct value value = text_value(m, V_STR, size);
    if (text_classify(last_text(m, size)) == TEXT_SURROGATES)
        value.flags |= VALUE_SURROGATES;
    return push_new(m, value, NULL);
}

/* Bytes objects stay where they are: a value is where and how many. */
static tv_status push_bytes(struct machine *m, enum value_type type, uint8_t flags)
{
    struct value value = {.type = (uint8_t)type, .flags = flags, .as.at = stream_at(&m->stream)};
    tv_status status = stream_skip(&m->stream, m->number);
    if (status != TV_OK)
        return op_stream_trouble(m, status, m->number);
    value.size = m->number < UINT32_MAX ? (uint32_t)m->number : UINT32_MAX;
    return push_new(m, value, NULL);
}

tv_status do_bytes(struct machine *m)
{
    return push_bytes(m, V_BYTES, VALUE_HASHABLE);
}

tv_status do_bytearray(struct machine *m)
{
    return push_bytes(m, V_BYTEARRAY, 0);
}
