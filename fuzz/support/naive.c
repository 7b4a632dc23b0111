/* naive.h: a recursive-descent reader with the limits of the standard policy. Grammar first, then every rule of a
 * tensor, duplicates by comparing all with all, the layout by looking for each next tensor. */
#include "naive.h"

#include <stdlib.h>
#include <string.h>

#include <tensorvet/dtype.h>

enum { NAME_MOST = 1024, METADATA_MOST = 16777216, TENSORS_MOST = 2000000 };

struct text {
    const uint8_t *bytes;
    size_t size, at;
};

static int peek(const struct text *t)
{
    return t->at < t->size ? t->bytes[t->at] : -1;
}

static void space(struct text *t)
{
    while (peek(t) == ' ' || peek(t) == '\t' || peek(t) == '\n' || peek(t) == '\r')
        t->at++;
}

static bool take(struct text *t, int c)
{
    space(t);
    if (peek(t) != c)
        return false;
    t->at++;
    return true;
}

/* ---- strings ---- */

static void put_code(struct naive_text *out, uint32_t code)
{
    uint8_t b[4] = {(uint8_t)code};
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; size > 1 && i > 0; i--) {
        b[i] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    if (size > 1)
        b[0] = (uint8_t)((0xf00u >> size) | code);
    memcpy(out->bytes + out->size, b, size);
    out->size += size;
}

static bool take_hex(struct text *t, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        int c = peek(t);
        const char *digit = c <= 0 ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
        if (digit == NULL)
            return false;
        *code = *code * 16 + (uint32_t)(digit - digits);
        t->at++;
    }
    return true;
}

/* What follows a backslash. */
static bool take_escape(struct text *t, struct naive_text *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(t);
    const char *plain = c <= 0 ? NULL : strchr(from, c);
    t->at++;
    if (plain != NULL) {
        put_code(out, (uint8_t)to[plain - from]);
        return true;
    }
    uint32_t code = 0, low = 0;
    if (c != 'u' || !take_hex(t, &code) || (code >= 0xdc00 && code <= 0xdfff))
        return false;
    if (code < 0xd800 || code > 0xdbff) {
        put_code(out, code);
        return true;
    }
    if (peek(t) != '\\' || t->at + 1 >= t->size || t->bytes[t->at + 1] != 'u')
        return false;
    t->at += 2;
    if (!take_hex(t, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    put_code(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
    return true;
}

/* A string; its unescaped bytes are never more than its escaped ones. */
static bool take_string(struct text *t, struct naive_text *out)
{
    out->bytes = NULL;
    out->size = 0;
    if (!take(t, '"'))
        return false;
    out->bytes = malloc(t->size);
    while (out->bytes != NULL && peek(t) >= 0x20) {
        int c = peek(t);
        t->at++;
        if (c == '"') {
            char *fitted = realloc(out->bytes, out->size + 1);
            out->bytes = fitted == NULL ? out->bytes : fitted;
            return true;
        }
        if (c == '\\' && !take_escape(t, out))
            return false;
        if (c != '\\')
            out->bytes[out->size++] = (char)c;
    }
    return false;
}

static bool text_is(const struct naive_text *text, const char *word)
{
    return text->size == strlen(word) && memcmp(text->bytes, word, text->size) == 0;
}

static bool same_text(const struct naive_text *a, const struct naive_text *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* ---- UTF-8, by decoding and encoding again: what does not come back the same is not the one way to write it ---- */

static bool utf8_at(const uint8_t *bytes, size_t size, size_t *length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = bytes[0] < 0x80 ? 1 : bytes[0] < 0xc0 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    if (n == 0 || n > size || bytes[0] > 0xf7)
        return false;
    uint32_t code = n == 1 ? bytes[0] : bytes[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return false;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    *length = n;
    return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool is_utf8(const uint8_t *bytes, size_t size)
{
    size_t at = 0, length = 0;
    for (; at < size; at += length)
        if (!utf8_at(bytes + at, size - at, &length))
            return false;
    return true;
}

/* A name or key: not too long, no character of category Cc. */
static bool is_name(const struct naive_text *name)
{
    if (name->size > NAME_MOST)
        return false;
    for (size_t i = 0; i < name->size; i++) {
        uint8_t c = (uint8_t)name->bytes[i], next = i + 1 < name->size ? (uint8_t)name->bytes[i + 1] : 0;
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next <= 0x9f))
            return false;
    }
    return true;
}

/* ---- tensors ---- */

/* An integer from 0 to 2^63-1. */
static bool take_integer(struct text *t, uint64_t *out)
{
    space(t);
    size_t start = t->at;
    *out = 0;
    for (; peek(t) >= '0' && peek(t) <= '9'; t->at++) {
        uint64_t digit = (uint64_t)(peek(t) - '0');
        if (*out > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return t->at > start && (t->bytes[start] != '0' || t->at == start + 1);
}

static bool take_integers(struct text *t, uint64_t *out, unsigned most, unsigned *count)
{
    *count = 0;
    if (!take(t, '['))
        return false;
    if (take(t, ']'))
        return true;
    do {
        if (*count == most || !take_integer(t, &out[(*count)++]))
            return false;
    } while (take(t, ','));
    return take(t, ']');
}

static bool take_dtype(struct text *t, unsigned *dtype)
{
    struct naive_text text;
    bool good = take_string(t, &text);
    *dtype = TV_DTYPE_COUNT;
    for (unsigned i = 0; good && i < TV_DTYPE_COUNT; i++)
        if (text_is(&text, tv_dtype_name((tv_dtype)i)))
            *dtype = i;
    free(text.bytes);
    return *dtype < TV_DTYPE_COUNT;
}

/* One field, once. */
static bool take_field(struct text *t, struct naive_tensor *tensor, bool seen[3])
{
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    struct naive_text key;
    uint64_t offsets[2] = {0};
    unsigned which = 3, count = 0;
    bool good = take_string(t, &key) && take(t, ':');
    for (unsigned i = 0; good && i < 3; i++)
        which = text_is(&key, names[i]) ? i : which;
    free(key.bytes);
    if (!good || which == 3 || seen[which])
        return false;
    seen[which] = true;
    if (which == 0)
        return take_dtype(t, &tensor->dtype);
    if (which == 1)
        return take_integers(t, tensor->shape, NAIVE_RANK, &tensor->rank);
    good = take_integers(t, offsets, 2, &count) && count == 2;
    tensor->begin = offsets[0];
    tensor->end = offsets[1];
    return good;
}

/* Does the shape make as many bytes as the offsets? In 128 bits, leaving as soon as 64 are exceeded. */
static bool fits(const struct naive_tensor *tensor)
{
    __uint128_t bits = tv_dtype_bits((tv_dtype)tensor->dtype), most = UINT64_MAX;
    bool empty = false;
    for (unsigned i = 0; i < tensor->rank; i++) {
        empty = empty || tensor->shape[i] == 0;
        bits *= tensor->shape[i] == 0 ? 1 : tensor->shape[i];
        if (bits > most)
            return false;
    }
    if (empty)
        bits = 0;
    return bits % 8 == 0 && tensor->begin <= tensor->end && tensor->end - tensor->begin == bits / 8;
}

static bool take_tensor(struct text *t, struct naive_tensor *tensor)
{
    bool seen[3] = {false};
    if (!take(t, '{') || take(t, '}'))
        return false;
    do {
        if (!take_field(t, tensor, seen))
            return false;
    } while (take(t, ','));
    return take(t, '}') && seen[0] && seen[1] && seen[2] && fits(tensor);
}

/* ---- the header ---- */

static void *grown(void *items, size_t count, size_t each)
{
    void *more = realloc(items, (count + 1) * each);
    if (more == NULL)
        abort();
    memset((char *)more + count * each, 0, each);
    return more;
}

static bool take_metadata(struct text *t, struct naive *out)
{
    uint64_t bytes = 0;
    if (out->has_metadata || !take(t, '{'))
        return false;
    out->has_metadata = true;
    if (take(t, '}'))
        return true;
    do {
        out->pairs = grown(out->pairs, out->pair_count, sizeof *out->pairs);
        struct naive_pair *pair = &out->pairs[out->pair_count++];
        if (!take_string(t, &pair->key) || !is_name(&pair->key) || !take(t, ':') || !take_string(t, &pair->value))
            return false;
        bytes += pair->value.size;
        for (size_t i = 0; i + 1 < out->pair_count; i++)
            if (same_text(&out->pairs[i].key, &pair->key))
                return false;
    } while (take(t, ','));
    return take(t, '}') && bytes <= METADATA_MOST;
}

static bool take_member(struct text *t, struct naive *out)
{
    struct naive_text name;
    bool good = take_string(t, &name) && take(t, ':');
    if (good && text_is(&name, "__metadata__")) {
        free(name.bytes);
        return take_metadata(t, out);
    }
    out->tensors = grown(out->tensors, out->count, sizeof *out->tensors);
    struct naive_tensor *tensor = &out->tensors[out->count++];
    tensor->name = name;
    for (size_t i = 0; good && i + 1 < out->count; i++)
        good = !same_text(&out->tensors[i].name, &name);
    return good && is_name(&name) && take_tensor(t, tensor);
}

/* Puts the tensors into offset order: the next one begins where the last ended, empty ones first. */
static bool lay_out(struct naive *out, uint64_t data_size)
{
    uint64_t end = 0;
    for (size_t i = 0; i < out->count; i++) {
        size_t next = i;
        while (next < out->count && out->tensors[next].begin != end)
            next++;
        for (size_t j = next; j < out->count; j++)
            if (out->tensors[j].begin == end && out->tensors[j].end < out->tensors[next].end)
                next = j;
        if (next == out->count)
            return false;
        struct naive_tensor found = out->tensors[next];
        memmove(&out->tensors[i + 1], &out->tensors[i], (next - i) * sizeof found);
        out->tensors[i] = found;
        end = found.end;
    }
    return end == data_size;
}

bool naive_read(const uint8_t *header, size_t size, uint64_t data_size, struct naive *out)
{
    struct text t = {header, size, 0};
    memset(out, 0, sizeof *out);
    if (size == 0 || header[0] != '{' || !is_utf8(header, size))
        return false;
    t.at = 1;
    if (!take(&t, '}')) {
        do {
            if (!take_member(&t, out))
                return false;
        } while (take(&t, ','));
        if (!take(&t, '}'))
            return false;
    }
    while (peek(&t) == ' ')
        t.at++;
    return t.at == size && out->count <= TENSORS_MOST && lay_out(out, data_size);
}

void naive_free(struct naive *naive)
{
    for (size_t i = 0; i < naive->count; i++)
        free(naive->tensors[i].name.bytes);
    for (size_t i = 0; i < naive->pair_count; i++) {
        free(naive->pairs[i].key.bytes);
        free(naive->pairs[i].value.bytes);
    }
    free(naive->tensors);
    free(naive->pairs);
}
