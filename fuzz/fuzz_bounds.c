/* Core under what its callers choose: tight limits, too little memory, a seed, a whole upload in one piece, calls out
 * of order. The last 8 bytes of an input choose; what is before them is a file. One choice says that spaces fill the
 * header to the length that its prefix claims, so that long headers need no long inputs.
 *
 * Oracles: what tight limits accept, wide ones accept alike; what they refuse beyond that, they refuse for a limit;
 * only where memory was short is anything refused for memory; an index that nobody parsed is read nowhere outside it.
 */
#include <string.h>

#include <tensorvet/incremental.h>

#include <utf8.h>

#include "parse.h"

enum { FILL = 0xA5, FILL_MOST = 26000000, CLAIMED_MOST = 1 << 16 };

/* The n-th allocation of core fails, or none. */
static int64_t until_failure = -1;
static bool struck;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool fails_now(void)
{
    if (until_failure < 0 || until_failure-- > 0)
        return false;
    struck = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return fails_now() ? NULL : __real_realloc(block, size);
}

struct choice {
    tv_limits limits;
    uint64_t seed;
    uint8_t memory; /* of 255: how much of the arena is there */
    uint8_t failing;
    bool filled;
};

static uint64_t tight(uint8_t byte, uint64_t unit, uint64_t standard)
{
    return byte == 255 ? standard : byte * unit;
}

static struct choice choose(struct tail *tail)
{
    struct choice c = {.limits = tv_limits_default()};
    c.limits.header_bytes = tight(tail_u8(tail), 16, c.limits.header_bytes);
    c.limits.rank = tight(tail_u8(tail), 1, c.limits.rank);
    c.limits.name_bytes = tight(tail_u8(tail), 1, c.limits.name_bytes);
    c.limits.metadata_bytes = tight(tail_u8(tail), 1, c.limits.metadata_bytes);
    c.limits.tensors = tight(tail_u8(tail), 1, c.limits.tensors);
    c.memory = tail_u8(tail);
    c.failing = tail_u8(tail);
    c.seed = tail_u8(tail);
    c.filled = c.seed == FILL;
    return c;
}

/* The file, in a block of its own: all of it, and the spaces that are asked for. */
static tv_span file_of(tv_span bytes, const struct choice *c)
{
    uint64_t length = 0, size = bytes.size;
    if (c->filled && tv_span_u64(bytes, 0, &length) && length <= FILL_MOST && length + 8 > size)
        size = length + 8;
    uint8_t *file = malloc((size_t)size + 1);
    PROMISE(file != NULL);
    memset(file, ' ', (size_t)size);
    if (bytes.size > 0)
        memcpy(file, bytes.data, bytes.size);
    return tv_span_of(file, (size_t)size);
}

static bool is_limit(tv_finding_id id)
{
    return id == TV_FIND_HEADER_TOO_LARGE || id == TV_FIND_RANK_TOO_LARGE || id == TV_FIND_NAME_TOO_LONG ||
           id == TV_FIND_METADATA_TOO_LARGE || id == TV_FIND_TOO_MANY_TENSORS;
}

/* The parse that is asked for, in the memory that is there, beside one with all of it. */
static void check_parse(tv_span file, const struct choice *c, struct parsed *wide)
{
    static tv_findings findings;
    tv_index index;
    uint64_t length = 0;
    parse(wide, file, file.size, 0);
    if (wide->status == TV_MORE || !tv_span_u64(file, 0, &length))
        length = 0;
    uint64_t need = tv_index_memory(length <= file.size ? length : 0);
    uint64_t given = c->memory == 255 ? need : need * c->memory / 255 / (c->memory % 2 == 0 ? 1 : 16);
    tv_arena arena = {aligned_alloc(16, (given + 31) & ~(uint64_t)15), given, 0};
    PROMISE(arena.base != NULL);
    findings_clear(&findings);
    tv_status status = tv_index_parse(file, file.size, &c->limits, c->seed, &arena, &index, &findings);
    PROMISE(status != TV_NO_MEMORY || given < need);
    PROMISE(status != TV_OK || (wide->status == TV_OK && index.count == wide->index.count));
    if (status == TV_REJECTED && wide->status == TV_OK)
        PROMISE(is_limit(tv_findings_first_error(&findings)->id));
    PROMISE(arena.used <= given && tv_arena_take(&arena, UINT64_MAX, 2) == NULL &&
            tv_arena_take(&arena, given + 1, 1) == NULL);
    free(arena.base);
}

/* The same file as an upload in one piece, while an allocation fails. */
static void check_upload(tv_span file, const struct choice *c)
{
    static tv_findings findings[2];
    tv_status statuses[2];
    for (int round = 0; round < 2; round++) {
        tv_feed feed;
        findings_clear(&findings[round]);
        struck = false;
        until_failure = round == 0 ? -1 : c->failing % 8;
        tv_feed_open(&feed, c->failing % 2 == 0 ? file.size : TV_SIZE_UNKNOWN, &c->limits, c->seed);
        statuses[round] = tv_feed_bytes(&feed, file, &findings[round]);
        if (statuses[round] == TV_MORE)
            statuses[round] = tv_feed_end(&feed, &findings[round]);
        until_failure = -1;
        PROMISE((tv_feed_index(&feed) != NULL) == (statuses[round] == TV_OK) || statuses[round] == TV_REJECTED);
        tv_feed_close(&feed);
    }
    PROMISE(statuses[0] != TV_NO_MEMORY);
    PROMISE(statuses[1] == (struck ? TV_NO_MEMORY : statuses[0]));
}

/* Names that are there, that are not, and room that is too small; metadata to its end and from nowhere. */
static void check_lookups(const tv_index *index)
{
    char name[1025];
    tv_span key, value;
    uint32_t cursor = 0, pairs = 0;
    for (uint64_t i = 0; i < index->count && i < 64; i++) {
        size_t size = tv_tensor_name(index, &index->tensors[i], name, sizeof name);
        PROMISE(size <= sizeof name && tv_tensor_name(index, &index->tensors[i], name, size / 2) == size);
        (void)tv_tensor_name(index, &index->tensors[i], name, sizeof name);
        PROMISE(tv_index_find(index, tv_span_of(name, size)) == &index->tensors[i]);
    }
    memset(name, 'n', sizeof name);
    PROMISE(tv_index_find(index, tv_span_of(name, sizeof name)) == NULL);
    while (tv_metadata_next(index, &cursor, &key, &value))
        PROMISE(++pairs <= index->metadata_count);
    PROMISE(pairs == index->metadata_count);
}

/* Any bytes in the place of a header that was parsed. */
static void check_unparsed(tv_span bytes, const struct choice *c)
{
    tv_index index = {.header = bytes, .metadata_at = c->memory, .metadata_count = 1};
    tv_span key, value;
    uint32_t cursor = 0;
    for (unsigned i = 0; i < 8 && tv_metadata_next(&index, &cursor, &key, &value); i++)
        PROMISE(key.size < bytes.size && value.size < bytes.size);
    uint64_t at = bytes.size;
    PROMISE(utf8_next(bytes, &at) == 0 && at == bytes.size);
}

/* More bytes than any file can have. */
static void check_sizes(void)
{
    enum { PARTS = 8 };
    static tv_findings findings;
    const uint64_t huge = (uint64_t)1 << 60;
    tv_entry parts[PARTS];
    for (unsigned i = 0; i < PARTS; i++)
        parts[i] = (tv_entry){tv_span_str("a"), &huge, 1, TV_U8, 0, 0};
    findings_clear(&findings);
    PROMISE(tv_layout(parts, PARTS, &findings) == TV_REJECTED);
    PROMISE(tv_findings_first_error(&findings)->id == TV_FIND_INTEGER_OUT_OF_RANGE);
}

/* An error finds room in a list that is full of notes, and what finds none is counted. */
static void check_full_list(void)
{
    static tv_findings findings;
    const tv_span none = tv_span_of(NULL, 0);
    findings_clear(&findings);
    for (unsigned i = 0; i < TV_FINDINGS_MAX + 2; i++)
        (void)tv_findings_add(&findings, TV_FIND_NAME_EMPTY, 0, none, none);
    (void)tv_findings_add(&findings, TV_FIND_DUPLICATE_KEY, 0, none, none);
    PROMISE(findings.count == TV_FINDINGS_MAX && findings.omitted == 3);
    PROMISE(tv_findings_first_error(&findings)->id == TV_FIND_DUPLICATE_KEY);
}

/* What does not depend on a file: names, messages, and sizes beyond any file. */
static void check_fixed(const struct choice *c)
{
    tv_finding_id id = (tv_finding_id)(c->seed % TV_FIND_COUNT);
    static tv_finding finding;
    char text[64];
    finding.id = id;
    PROMISE(id == TV_FIND_NONE || tv_finding_by_name(tv_finding_info_of(id)->id) == id);
    PROMISE(tv_finding_by_name("no such finding") == TV_FIND_NONE);
    PROMISE(tv_finding_message(&finding, text, 0) == 0 && tv_finding_message(&finding, text, c->memory % 64) < 64);
    uint64_t shape[TV_SLICE_RANK] = {0};
    tv_slice slice;
    check_sizes();
    check_full_list();
    PROMISE(tv_slice_make(TV_U8, shape, TV_SLICE_RANK + 1, NULL, 0, &slice) == TV_SLICE_RANK_TOO_LARGE);
}

/* The writer, of what was read: under these limits, with one thing wrong. */
static void check_writer(const tv_index *index, const struct choice *c)
{
    enum { MOST = 32 };
    static tv_entry entries[MOST];
    static char names[MOST][1025];
    static uint64_t shapes[MOST][64];
    static tv_findings findings;
    static uint8_t out[1 << 16];
    tv_pair pair = {tv_span_str("key"), tv_span_str("value")};
    uint64_t size = 0, count = index->count < MOST ? index->count : MOST;
    for (uint64_t i = 0; i < count; i++) {
        const tv_tensor *t = &index->tensors[i];
        tv_tensor_shape(index, t, shapes[i]);
        entries[i] = (tv_entry){tv_span_of(names[i], tv_tensor_name(index, t, names[i], sizeof names[i])),
                                shapes[i],
                                t->rank,
                                (tv_dtype)t->dtype,
                                0,
                                0};
    }
    findings_clear(&findings);
    if (tv_layout(entries, count, &findings) != TV_OK)
        return;
    bool has_metadata = c->failing % 4 != 0;
    if (c->failing % 16 == 1 && count > 0)
        entries[count - 1].begin++;
    if (c->failing % 16 == 2 && count > 1) {
        tv_entry first = entries[0];
        entries[0] = entries[1];
        entries[1] = first;
        entries[0].begin = 0;
        entries[0].end = entries[1].begin = entries[0].end - first.end;
        entries[1].end = entries[1].begin + first.end;
    }
    tv_status status = tv_header_write(entries, count, &pair, 1, has_metadata, &c->limits, out,
                                       c->memory == 255 ? sizeof out : c->memory, &size, &findings);
    PROMISE(has_metadata || status == TV_MISUSE);
    PROMISE(status != TV_OK || size <= sizeof out);
    PROMISE((status == TV_REJECTED) == (tv_findings_first_error(&findings) != NULL));
    if (status == TV_REJECTED)
        PROMISE(is_limit(tv_findings_first_error(&findings)->id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsed wide;
    struct tail tail = {tv_span_of(data, size)};
    const struct choice c = choose(&tail);
    oracle_ran(data, size);
    const tv_span file = file_of(tail.rest, &c);
    check_parse(file, &c, &wide);
    check_upload(file, &c);
    check_unparsed(tail.rest, &c);
    check_fixed(&c);
    if (wide.status == TV_OK) {
        check_lookups(&wide.index);
        check_writer(&wide.index, &c);
        oracle_accepted();
    }
    parsed_free(&wide);
    free((void *)(uintptr_t)file.data);
    return 0;
}
