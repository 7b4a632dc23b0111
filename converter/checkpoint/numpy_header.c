/* The header text of a NumPy array (numpy_header.h): a scanner that knows one sentence. */
#include "numpy_header.h"

#include <tensorvet/checked.h>

/* NumPy's element types: what they are in safetensors, their kind and size. Source: numpy/_core/_dtype.py. */
static const struct element {
    const char *name;
    tv_dtype dtype;
    char kind;
    uint8_t size;
} elements[] = {
    {"bool", TV_BOOL, 'b', 1},
    {"int8", TV_I8, 'i', 1},
    {"int16", TV_I16, 'i', 2},
    {"int32", TV_I32, 'i', 4},
    {"int64", TV_I64, 'i', 8},
    {"uint8", TV_U8, 'u', 1},
    {"uint16", TV_U16, 'u', 2},
    {"uint32", TV_U32, 'u', 4},
    {"uint64", TV_U64, 'u', 8},
    {"float16", TV_F16, 'f', 2},
    {"float32", TV_F32, 'f', 4},
    {"float64", TV_F64, 'f', 8},
    {"complex64", TV_C64, 'c', 8},
    {"complex128", TV_DTYPE_COUNT, 'c', 16},
    {"longdouble", TV_DTYPE_COUNT, 'f', 16},
};

/* Types of any size: NumPy counts them in units of so many bytes, and safetensors has none of them. */
static const struct text_element {
    const char *name;
    char kind;
    uint8_t unit;
} text_elements[] = {
    {"text", 'U', 4}, {"bytes", 'S', 1}, {"void", 'V', 1}, {"datetime64", 'M', 1}, {"timedelta64", 'm', 1},
};

struct scan {
    tv_span text;
    uint64_t at;
};

/* Takes that text if it is what comes next. */
static bool take(struct scan *s, const char *expected)
{
    tv_span part, want = tv_span_str(expected);
    if (!tv_span_sub(s->text, s->at, want.size, &part) || !tv_span_equal(part, want))
        return false;
    s->at += want.size;
    return true;
}

/* A decimal number without sign or leading zeros. */
static bool take_number(struct scan *s, uint64_t *number)
{
    uint64_t start = s->at;
    int byte = tv_span_byte(s->text, s->at);
    *number = 0;
    for (; byte >= '0' && byte <= '9'; byte = tv_span_byte(s->text, ++s->at))
        if (!tv_mul(*number, 10, number) || !tv_add(*number, (uint64_t)(byte - '0'), number))
            return false;
    return s->at > start && (s->at == start + 1 || tv_span_byte(s->text, start) != '0');
}

static const char *set_text_element(int kind, uint64_t size, struct numpy_header *header)
{
    for (size_t i = 0; i < sizeof text_elements / sizeof text_elements[0]; i++)
        if (text_elements[i].kind == kind && size <= UINT32_MAX / text_elements[i].unit) {
            header->dtype = TV_DTYPE_COUNT;
            header->type = text_elements[i].name;
            header->item_size = (uint32_t)size * text_elements[i].unit;
            return NULL;
        }
    return "an element type that NumPy does not write";
}

static const char *set_element(int order, int kind, uint64_t size, struct numpy_header *header)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (elements[i].kind == kind && elements[i].size == size) {
            header->dtype = elements[i].dtype;
            header->type = elements[i].name;
            header->item_size = elements[i].size;
            header->is_big_endian = order == '>' && size > 1;
            return NULL;
        }
    return set_text_element(kind, size, header);
}

/* What follows the type of a time: its unit, as in [ns] or [25s]. */
static void take_unit(struct scan *s)
{
    struct scan at = *s;
    if (!take(&at, "["))
        return;
    for (int byte = tv_span_byte(at.text, at.at);
         (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
         byte = tv_span_byte(at.text, ++at.at))
        continue;
    if (take(&at, "]"))
        *s = at;
}

static const char *take_element(struct scan *s, struct numpy_header *header)
{
    uint64_t size = 0;
    if (take(s, "'|O'")) {
        header->is_object = true;
        return NULL;
    }
    header->is_structured = take(s, "[(");
    if (header->is_structured)
        return NULL;
    if (!take(s, "'"))
        return "an element type that NumPy does not write";
    int order = tv_span_byte(s->text, s->at), kind = tv_span_byte(s->text, s->at + 1);
    s->at += 2;
    if ((order != '<' && order != '>' && order != '|') || !take_number(s, &size))
        return "an element type that NumPy does not write";
    if (kind == 'M' || kind == 'm')
        take_unit(s);
    if (!take(s, "'"))
        return "an element type that NumPy does not write";
    return set_element(order, kind, size, header);
}

const char *numpy_type_parse(tv_span text, int order, struct numpy_header *header)
{
    struct scan s = {text, 0};
    uint64_t size = 0;
    if (take(&s, "<") || take(&s, ">") || take(&s, "|"))
        s.at = 1; /* the order that is set by state is the one that counts, and '=' is the machine's: little-endian */
    int kind = tv_span_byte(text, s.at++);
    if (kind == 'O')
        return "an array of Python objects";
    if ((order != '<' && order != '>' && order != '|' && order != '=') || !take_number(&s, &size) || s.at != text.size)
        return "an array of no plain numbers";
    return set_element(order, kind, size, header) == NULL ? NULL : "an array of no plain numbers";
}

uint8_t numpy_swapped_size(const struct numpy_header *header)
{
    uint32_t size = header->dtype == TV_C64 ? header->item_size / 2 : header->item_size;
    return header->is_big_endian && size > 1 && size <= 8 ? (uint8_t)size : 0;
}

/* (), (3,) or (3, 4). */
static const char *take_shape(struct scan *s, uint64_t rank_limit, struct numpy_header *header)
{
    if (!take(s, "("))
        return "no shape";
    while (!take(s, ")")) {
        if (header->rank >= NUMPY_RANK_MAX || header->rank >= rank_limit)
            return "too many dimensions";
        if (header->rank > 0 && !take(s, ", "))
            return "no shape";
        if (!take_number(s, &header->shape[header->rank++]))
            return "no shape";
        if (header->rank == 1 && take(s, ",)"))
            return NULL;
    }
    return header->rank == 1 ? "no shape" : NULL;
}

const char *numpy_header_parse(tv_span text, uint64_t rank_limit, struct numpy_header *header)
{
    struct scan s = {text, 0};
    *header = (struct numpy_header){.dtype = TV_DTYPE_COUNT, .type = "object", .item_size = 1};
    if (!take(&s, "{'descr': "))
        return "no header that NumPy writes";
    const char *trouble = take_element(&s, header);
    if (trouble != NULL || header->is_structured)
        return trouble;
    if (!take(&s, ", 'fortran_order': "))
        return "no header that NumPy writes";
    header->is_fortran = take(&s, "True");
    if (!header->is_fortran && !take(&s, "False"))
        return "no header that NumPy writes";
    if (!take(&s, ", 'shape': "))
        return "no header that NumPy writes";
    trouble = take_shape(&s, rank_limit, header);
    if (trouble != NULL)
        return trouble;
    if (!take(&s, ", }"))
        return "no header that NumPy writes";
    while (take(&s, " "))
        continue;
    return take(&s, "\n") && s.at == text.size ? NULL : "no header that NumPy writes";
}
