/* The header reader, from whole files: prefix, JSON, layout.
 *
 * The data section need not be in the input: a trailing 4 bytes say how long the file claims to be beyond its header,
 * so that every layout is reachable. Oracles: the naive reader says the same, and reads the same; what is accepted
 * tiles its data section exactly, json-c reads it to the same names, numbers and metadata, it re-serialises to a header
 * that parses to the same index, and spelling it so that core's short way does not see it changes nothing. */
#include <string.h>

#ifndef FUZZ_WITHOUT_JSON_C
#include "json_c.h"
#endif
#include "naive.h"
#include "parse.h"

enum { TENSORS_COMPARED = 256, NAIVE_MOST = 1 << 16 };

#ifndef FUZZ_WITHOUT_JSON_C /* which the memory sanitizer would need to be instrumented */

/* One way only: what we accept, json-c parses, to the same values. (json-c accepts far more.) */
static uint64_t number_of(json_object *array, size_t at)
{
    json_object *number = json_object_array_get_idx(array, at);
    PROMISE(json_object_is_type(number, json_type_int));
    return json_object_get_uint64(number);
}

static json_object *member(json_object *object, const char *name, json_type type)
{
    json_object *value = NULL;
    PROMISE(json_object_object_get_ex(object, name, &value) && json_object_is_type(value, type));
    return value;
}

static void check_tensor(json_object *root, const tv_index *index, const tv_tensor *t)
{
    char name[1025];
    uint64_t shape[64];
    size_t size = tv_tensor_name(index, t, name, sizeof name - 1);
    PROMISE(size < sizeof name && t->rank <= 64);
    name[size] = '\0';
    json_object *entry = member(root, name, json_type_object);
    json_object *dims = member(entry, "shape", json_type_array);
    json_object *offsets = member(entry, "data_offsets", json_type_array);
    PROMISE(strcmp(json_object_get_string(member(entry, "dtype", json_type_string)),
                   tv_dtype_name((tv_dtype)t->dtype)) == 0);
    PROMISE(json_object_object_length(entry) == 3);
    PROMISE(json_object_array_length(dims) == t->rank && json_object_array_length(offsets) == 2);
    tv_tensor_shape(index, t, shape);
    for (size_t i = 0; i < t->rank; i++)
        PROMISE(number_of(dims, i) == shape[i]);
    PROMISE(number_of(offsets, 0) == t->begin && number_of(offsets, 1) == t->end);
}

static void check_metadata(json_object *root, const tv_index *index)
{
    json_object *metadata = index->metadata_at == 0 ? NULL : member(root, "__metadata__", json_type_object);
    uint32_t cursor = 0, pairs = 0;
    tv_span raw_key, raw_value;
    for (; tv_metadata_next(index, &cursor, &raw_key, &raw_value); pairs++) {
        char key[1025];
        size_t key_size = tv_json_unescape(raw_key, key, sizeof key - 1);
        size_t size = tv_json_unescape(raw_value, NULL, 0);
        char *value = malloc(size + 1);
        PROMISE(key_size < sizeof key && value != NULL && tv_json_unescape(raw_value, value, size) == size);
        key[key_size] = '\0';
        json_object *theirs = member(metadata, key, json_type_string);
        PROMISE((size_t)json_object_get_string_len(theirs) == size);
        PROMISE(memcmp(json_object_get_string(theirs), value, size) == 0);
        free(value);
    }
    PROMISE(pairs == index->metadata_count);
    PROMISE(metadata == NULL || pairs == (uint32_t)json_object_object_length(metadata));
}

static void check_json_c(const tv_index *index)
{
    if (json_c_misreads(index->header))
        return;
    json_object *root = json_c_read(index->header, 64, 0);
    PROMISE(root != NULL && json_object_is_type(root, json_type_object));
    uint64_t names = (uint64_t)json_object_object_length(root);
    PROMISE(names == index->count + (index->metadata_at != 0));
    for (uint64_t i = 0; i < index->count; i++)
        check_tensor(root, index, &index->tensors[i]);
    check_metadata(root, index);
    json_object_put(root);
}
#else
static void check_json_c(const tv_index *index)
{
    (void)index;
}
#endif

static void check_tiling(const tv_index *index)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < index->count; i++) {
        PROMISE(index->tensors[i].begin == end && index->tensors[i].end >= end);
        end = index->tensors[i].end;
    }
    PROMISE(end == index->data_size);
}

/* Both ways: the same answer as the naive reader's, and the same tensors. */
static void check_naive(const struct parsed *p, tv_span bytes, uint64_t file_size)
{
    uint64_t length = 0;
    tv_span header;
    struct naive naive;
    if (!tv_span_u64(bytes, 0, &length) || length > NAIVE_MOST || !tv_span_sub(bytes, 8, length, &header)) {
        PROMISE(p->status != TV_OK || length > NAIVE_MOST);
        return;
    }
    bool good = naive_read(header.data, header.size, file_size - 8 - length, &naive);
    PROMISE(good == (p->status == TV_OK));
    PROMISE(!good || (naive.count == p->index.count && naive.pair_count == p->index.metadata_count &&
                      naive.has_metadata == (p->index.metadata_at != 0)));
    for (size_t i = 0; good && i < naive.count; i++) {
        const struct naive_tensor *theirs = &naive.tensors[i];
        const tv_tensor *ours = &p->index.tensors[i];
        PROMISE(theirs->begin == ours->begin && theirs->end == ours->end);
        PROMISE(tv_index_find(&p->index, tv_span_of(theirs->name.bytes, theirs->name.size)) != NULL);
    }
    naive_free(&naive);
}

/* Writes an accepted header again and parses that: the same tensors must come back. */
static void check_round_trip(const tv_index *index)
{
    static char names[TENSORS_COMPARED][1024];
    static uint64_t shapes[TENSORS_COMPARED][64];
    static tv_entry entries[TENSORS_COMPARED];
    static tv_findings findings;
    static struct parsed p;
    if (index->count > TENSORS_COMPARED)
        return;
    for (uint64_t i = 0; i < index->count; i++) {
        const tv_tensor *t = &index->tensors[i];
        size_t size = tv_tensor_name(index, t, names[i], sizeof names[i]);
        PROMISE(size <= sizeof names[i]);
        tv_tensor_shape(index, t, shapes[i]);
        entries[i] = (tv_entry){tv_span_of(names[i], size), shapes[i], t->rank, (tv_dtype)t->dtype, 0, 0};
    }
    const tv_limits limits = tv_limits_default();
    uint64_t size = 0, again = 0;
    findings_clear(&findings);
    PROMISE(tv_layout(entries, index->count, &findings) == TV_OK);
    tv_status asked = tv_header_write(entries, index->count, NULL, 0, false, &limits, NULL, 0, &size, &findings);
    PROMISE(asked == TV_NO_MEMORY);
    uint8_t *out = malloc(size);
    PROMISE(out != NULL);
    PROMISE(tv_header_write(entries, index->count, NULL, 0, false, &limits, out, size, &again, &findings) == TV_OK);
    PROMISE(again == size);
    parse(&p, tv_span_of(out, size), size + index->data_size, 1);
    PROMISE(p.status == TV_OK && p.index.count == index->count);
    for (uint64_t i = 0; i < index->count; i++) {
        const tv_tensor *t = tv_index_find(&p.index, entries[i].name);
        PROMISE(t != NULL && t->begin == entries[i].begin && t->end == entries[i].end);
        PROMISE(t->dtype == (uint8_t)entries[i].dtype && t->rank == entries[i].rank);
    }
    parsed_free(&p);
    free(out);
}

/* A copy of the file with a space behind each brace that opens a tensor as the reference writes it: no rule minds, but
 * core then reads it the long way. Inside a string a quote never stands bare, so no name is touched. */
static uint8_t *spell_long(tv_span bytes, uint64_t length, uint64_t *spaces)
{
    static const char opening[] = "{\"dtype\"";
    uint8_t *copy = malloc(2 * bytes.size + 1);
    size_t size = 8;
    PROMISE(copy != NULL);
    *spaces = 0;
    for (uint64_t at = 8; at < bytes.size; at++) {
        copy[size++] = bytes.data[at];
        if (bytes.data[at] == '{' && at < 8 + length && tv_span_holds(bytes, at, opening, sizeof opening - 1)) {
            copy[size++] = ' ';
            ++*spaces;
        }
    }
    length += *spaces;
    memcpy(copy, &length, sizeof length);
    return copy;
}

static tv_finding_id error_of(const struct parsed *p)
{
    const tv_finding *error = tv_findings_first_error(&p->findings);
    return error == NULL ? TV_FIND_NONE : error->id;
}

static void check_spelling(const struct parsed *p, tv_span bytes, uint64_t file_size)
{
    static struct parsed other;
    uint64_t length = 0, spaces = 0;
    if (!tv_span_u64(bytes, 0, &length) || length > NAIVE_MOST || length > bytes.size - 8)
        return;
    uint8_t *copy = spell_long(bytes, length, &spaces);
    if (spaces == 0) { /* the same file */
        free(copy);
        return;
    }
    parse(&other, tv_span_of(copy, bytes.size + spaces), file_size + spaces, 0);
    PROMISE(other.status == p->status && error_of(&other) == error_of(p));
    for (uint64_t i = 0; p->status == TV_OK && i < p->index.count; i++) {
        const tv_tensor *a = &p->index.tensors[i], *b = &other.index.tensors[i];
        uint64_t shapes[2][64];
        PROMISE(other.index.count == p->index.count && a->rank <= 64);
        PROMISE(a->begin == b->begin && a->end == b->end && a->dtype == b->dtype && a->rank == b->rank);
        tv_tensor_shape(&p->index, a, shapes[0]);
        tv_tensor_shape(&other.index, b, shapes[1]);
        PROMISE(memcmp(shapes[0], shapes[1], a->rank * sizeof shapes[0][0]) == 0);
    }
    parsed_free(&other);
    free(copy);
}

static bool run(tv_span bytes, uint64_t file_size)
{
    static struct parsed p;
    parse(&p, bytes, file_size, 0);
    check_naive(&p, bytes, file_size);
    check_spelling(&p, bytes, file_size);
    if (p.status == TV_OK) {
        check_tiling(&p.index);
        check_json_c(&p.index);
        check_round_trip(&p.index);
    }
    parsed_free(&p);
    return p.status == TV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tv_span bytes = tv_span_of(data, size);
    uint32_t claimed = 0;
    oracle_ran(data, size);
    bool good = run(bytes, size);
    if (size >= 4 && tv_span_u32(bytes, size - 4, &claimed)) {
        tv_span head = tv_span_of(data, size - 4);
        good = run(head, (uint64_t)head.size + claimed) || good;
    }
    if (good)
        oracle_accepted();
    return 0;
}
