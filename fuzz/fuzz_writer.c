/* The header writer: entries and metadata from a recipe.
 *
 * Oracles: what is written parses to exactly what was given; what is refused, the reader refuses too, in a header that
 * a naive writer (support/naive_writer.c) makes of the same recipe; and the other way round. */
#include <string.h>

#include "front.h"
#include "naive_writer.h"
#include "parse.h"

/* A text: some bytes as they are, one of a few words, or one byte many times. */
static tv_span take_text(struct front *f)
{
    static const char *const words[] = {"",     "a", "b", "__metadata__", "format", "\xc3\xa9", "\xe2\x80\xae",
                                        "\xff", "\n"};
    static char many[1200];
    uint8_t how = front_u8(f);
    if (how < sizeof words / sizeof *words)
        return tv_span_str(words[how]);
    if (how == 255) {
        memset(many, 'x', sizeof many);
        return tv_span_of(many, 1020u + front_u8(f) % 10u);
    }
    return front_bytes(f, how % 24u);
}

static uint64_t take_dimension(struct front *f)
{
    uint8_t how = front_u8(f);
    if (how < 200)
        return how % 5;
    if (how < 240)
        return (uint64_t)1 << how % 64;
    return front_u64(f);
}

static void take_entry(struct front *f, tv_entry *entry, uint64_t *shape)
{
    uint8_t rank = front_u8(f), dtype = front_u8(f);
    *entry = (tv_entry){.name = take_text(f), .shape = shape};
    entry->rank = rank < 240 ? rank % 5 : (uint16_t)(rank - 240 + 56);
    entry->dtype = (tv_dtype)(dtype == 255 ? TV_DTYPE_COUNT : dtype % TV_DTYPE_COUNT);
    for (uint16_t i = 0; i < entry->rank; i++)
        shape[i] = take_dimension(f);
}

static void take_recipe(struct front *f, struct recipe *r)
{
    uint8_t counts = front_u8(f);
    r->count = counts % (RECIPE_ENTRIES + 1);
    r->pair_count = front_u8(f) % (RECIPE_PAIRS + 1);
    r->has_metadata = r->pair_count > 0 || counts >= 128;
    for (uint64_t i = 0; i < r->count; i++)
        take_entry(f, &r->entries[i], r->shapes[i]);
    for (uint64_t i = 0; i < r->pair_count; i++) {
        r->pairs[i].key = take_text(f);
        r->pairs[i].value = take_text(f);
    }
}

static tv_status write_ours(struct recipe *r, uint8_t **out, uint64_t *size)
{
    static tv_findings findings;
    const tv_limits limits = tv_limits_default();
    findings_clear(&findings);
    *out = NULL;
    tv_status status = tv_layout(r->entries, r->count, &findings);
    if (status == TV_OK)
        status = tv_header_write(r->entries, r->count, r->pairs, r->pair_count, r->has_metadata, &limits, NULL, 0, size,
                                 &findings);
    PROMISE(status == TV_REJECTED || status == TV_NO_MEMORY);
    check_refusal(status, &findings, UINT64_MAX);
    if (status == TV_REJECTED)
        return status;
    uint64_t again = 0;
    *out = malloc(*size);
    PROMISE(*out != NULL);
    PROMISE(tv_header_write(r->entries, r->count, r->pairs, r->pair_count, r->has_metadata, &limits, *out, *size,
                            &again, &findings) == TV_OK);
    PROMISE(again == *size && findings.count == 0);
    return TV_OK;
}

static void check_same(const struct recipe *r, const tv_index *index)
{
    PROMISE(index->count == r->count && index->metadata_count == r->pair_count);
    PROMISE((index->metadata_at != 0) == r->has_metadata);
    for (uint64_t i = 0; i < r->count; i++) {
        const tv_entry *e = &r->entries[i];
        const tv_tensor *t = tv_index_find(index, e->name);
        uint64_t shape[64];
        PROMISE(t != NULL && t->dtype == e->dtype && t->rank == e->rank && t->begin == e->begin && t->end == e->end);
        tv_tensor_shape(index, t, shape);
        PROMISE(e->rank == 0 || memcmp(shape, e->shape, e->rank * sizeof *shape) == 0);
    }
    uint32_t cursor = 0;
    tv_span key, value;
    for (uint64_t i = 0; tv_metadata_next(index, &cursor, &key, &value); i++) {
        char text[4096];
        PROMISE(tv_span_equal(r->pairs[i].key, tv_span_of(text, tv_json_unescape(key, text, sizeof text))));
        PROMISE(tv_span_equal(r->pairs[i].value, tv_span_of(text, tv_json_unescape(value, text, sizeof text))));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct recipe recipe;
    static struct written text;
    static struct parsed p;
    struct front front = front_of(data, size);
    uint64_t file_size = 0, ours_size = 0;
    uint8_t *ours = NULL;
    oracle_ran(data, size);
    take_recipe(&front, &recipe);
    file_size = naive_write(&recipe, &text);
    parse(&p, tv_span_of(text.bytes, text.size), file_size, 0);
    tv_status naive = p.status;
    parsed_free(&p);
    tv_status status = write_ours(&recipe, &ours, &ours_size);
    PROMISE(status == naive);
    if (status == TV_OK) {
        uint64_t data_size = recipe.count == 0 ? 0 : recipe.entries[recipe.count - 1].end;
        PROMISE(ours_size % 8 == 0);
        parse(&p, tv_span_of(ours, ours_size), ours_size + data_size, 0);
        PROMISE(p.status == TV_OK);
        check_same(&recipe, &p.index);
        parsed_free(&p);
        oracle_accepted();
    }
    free(ours);
    return 0;
}
