/* The header reader, from whole files: prefix, JSON, layout.
 *
 * The data section is not in the input: a trailing 4 bytes say how long the file claims to be beyond its header, so
 * that every layout is reachable. Oracles: what is accepted tiles its data section exactly, json-c reads it to the
 * same number of names, it re-serialises to a header that parses to the same index, and a refusal has one error. */
#include <string.h>

#include <json-c/json.h>
#include <tensorvet/tensorvet.h>

#include "oracle.h"

enum { TENSORS_COMPARED = 256 };

struct parsed {
    tv_arena arena;
    tv_index index;
    tv_findings findings;
    tv_status status;
};

static void parse(struct parsed *p, tv_span bytes, uint64_t file_size, uint64_t seed)
{
    const tv_limits limits = tv_limits_default();
    uint64_t length = 0;
    memset(p, 0, sizeof *p);
    p->status = tv_header_length(bytes, file_size, &limits, &length, &p->findings);
    if (p->status != TV_OK)
        return;
    memset(&p->findings, 0, sizeof p->findings);
    uint64_t need = tv_index_memory(length);
    PROMISE(need <= 2 * length + 65536);
    p->arena = (tv_arena){aligned_alloc(16, (need + 15) & ~(uint64_t)15), need, 0};
    PROMISE(p->arena.base != NULL);
    p->status = tv_index_parse(bytes, file_size, &limits, seed, &p->arena, &p->index, &p->findings);
    PROMISE(p->status != TV_NO_MEMORY && p->status != TV_MISUSE && p->status != TV_IO);
}

static void check_refusal(const struct parsed *p, uint64_t file_size)
{
    unsigned errors = 0;
    for (uint32_t i = 0; i < p->findings.count; i++) {
        const tv_finding *f = &p->findings.items[i];
        errors += tv_finding_info_of(f->id)->severity == TV_ERROR;
        PROMISE(f->offset == TV_NO_OFFSET || f->offset <= file_size);
        char text[1024];
        PROMISE(tv_finding_message(f, text, sizeof text) > 0);
    }
    PROMISE(errors == (p->status == TV_REJECTED));
}

static void check_tiling(const tv_index *index)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < index->count; i++) {
        PROMISE(index->tensors[i].begin == end && index->tensors[i].end >= end);
        end = index->tensors[i].end;
    }
    PROMISE(end == index->data_size);
}

/* One way only: what we accept, json-c parses to as many names. (json-c accepts far more.) */
static void check_json_c(const tv_index *index)
{
    struct json_tokener *tokener = json_tokener_new_ex(64);
    PROMISE(tokener != NULL);
    json_object *root = json_tokener_parse_ex(tokener, (const char *)index->header.data, (int)index->header.size);
    PROMISE(root != NULL && json_object_is_type(root, json_type_object));
    uint64_t names = (uint64_t)json_object_object_length(root);
    PROMISE(names == index->count + (index->metadata_at != 0));
    json_object_put(root);
    json_tokener_free(tokener);
}

/* Writes an accepted header again and parses that: the same tensors must come back. */
static void check_round_trip(const tv_index *index)
{
    static char names[TENSORS_COMPARED][1024];
    static uint64_t shapes[TENSORS_COMPARED][64];
    static tv_entry entries[TENSORS_COMPARED];
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
    static tv_findings findings;
    memset(&findings, 0, sizeof findings);
    uint64_t size = 0, again = 0;
    PROMISE(tv_layout(entries, index->count, &findings) == TV_OK);
    tv_status asked = tv_header_write(entries, index->count, NULL, 0, false, &limits, NULL, 0, &size, &findings);
    PROMISE(asked == TV_NO_MEMORY);
    uint8_t *out = malloc(size);
    PROMISE(out != NULL);
    PROMISE(tv_header_write(entries, index->count, NULL, 0, false, &limits, out, size, &again, &findings) == TV_OK);
    PROMISE(again == size);
    static struct parsed p;
    parse(&p, tv_span_of(out, size), size + index->data_size, 1);
    PROMISE(p.status == TV_OK && p.index.count == index->count);
    for (uint64_t i = 0; i < index->count; i++) {
        char name[1024];
        size_t n = tv_tensor_name(&p.index, &p.index.tensors[i], name, sizeof name);
        PROMISE(tv_span_equal(tv_span_of(name, n), entries[i].name));
        PROMISE(p.index.tensors[i].begin == entries[i].begin && p.index.tensors[i].end == entries[i].end);
        PROMISE(p.index.tensors[i].dtype == (uint8_t)entries[i].dtype && p.index.tensors[i].rank == entries[i].rank);
    }
    free(p.arena.base);
    free(out);
}

static void run(tv_span bytes, uint64_t file_size)
{
    static struct parsed p;
    parse(&p, bytes, file_size, 0);
    if (p.status != TV_MORE)
        check_refusal(&p, file_size);
    if (p.status == TV_OK) {
        check_tiling(&p.index);
        check_json_c(&p.index);
        check_round_trip(&p.index);
    }
    free(p.arena.base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tv_span bytes = tv_span_of(data, size);
    uint32_t claimed = 0;
    run(bytes, size);
    if (size >= 4 && tv_span_u32(bytes, size - 4, &claimed)) {
        tv_span head = tv_span_of(data, size - 4);
        run(head, (uint64_t)head.size + claimed);
    }
    return 0;
}
