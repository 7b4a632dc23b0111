/* Two files, compared tensor by tensor: the last two bytes of an input say how many of those before them are the second
 * file's.
 *
 * Oracles: a file does not differ from itself; the other way round, the differences are the mirror's; two tensors that
 * lie in their files as they stand are the same where memcmp says so. */
#include <string.h>

#include <diff.h>
#include <view.h>

#include "table.h"

static tv_findings findings;

struct told {
    uint64_t counts[DIFF_KINDS], same;
    const struct table *a, *b;
    const struct source *from_a, *from_b;
};

/* The bytes of a tensor, where they are in memory as they stand. */
static bool bytes_of(const struct source *file, const struct checkpoint *table, const struct ck_tensor *t, tv_span *out)
{
    const struct storage *storage = vector_at(&table->storages, t->storage);
    const struct source *from = storage_source(file, storage);
    if (t->dtype >= TV_DTYPE_COUNT || t->swap != 0 || t->signs != 0 || !view_contiguous(t) || from->memory.data == NULL)
        return false;
    return tv_span_sub(from->memory, storage->at + t->offset * tv_dtype_bits(t->dtype) / 8, t->bytes, out);
}

static void on_difference(void *context, enum diff_what what, const struct ck_tensor *a, const struct ck_tensor *b)
{
    struct told *told = context;
    tv_span x, y;
    PROMISE(what < DIFF_KINDS && (a == NULL) == (what == DIFF_ONLY_IN_B) && (b == NULL) == (what == DIFF_ONLY_IN_A));
    told->counts[what]++;
    if (a == NULL || b == NULL)
        return;
    PROMISE(tv_span_equal(a->name, b->name) && (what == DIFF_DTYPE || a->dtype == b->dtype));
    if (what == DIFF_BITS && bytes_of(told->from_a, &told->a->checkpoint, a, &x) &&
        bytes_of(told->from_b, &told->b->checkpoint, b, &y))
        PROMISE(!tv_span_equal(x, y));
}

/* False where a tensor cannot be walked. */
static bool compare(struct told *told)
{
    const struct diff_side a = {told->from_a, &told->a->checkpoint, &findings},
                           b = {told->from_b, &told->b->checkpoint, &findings};
    const struct diff_listener listener = {told, on_difference, NULL};
    memset(told->counts, 0, sizeof told->counts);
    tv_status status = diff_tables(&a, &b, &listener, &told->same);
    PROMISE(status == TV_OK || (status == TV_REJECTED && tv_findings_first_error(&findings) != NULL));
    if (status != TV_OK)
        return false;
    PROMISE(told->same + told->counts[DIFF_DTYPE] + told->counts[DIFF_SHAPE] + told->counts[DIFF_BITS] +
                told->counts[DIFF_ONLY_IN_A] ==
            a.table->tensors.count);
    PROMISE(told->same + told->counts[DIFF_DTYPE] + told->counts[DIFF_SHAPE] + told->counts[DIFF_BITS] +
                told->counts[DIFF_ONLY_IN_B] ==
            b.table->tensors.count);
    return true;
}

static void check(const struct table *a, const struct source *from_a, const struct table *b,
                  const struct source *from_b)
{
    struct told there = {.a = a, .b = b, .from_a = from_a, .from_b = from_b};
    struct told back = {.a = b, .b = a, .from_a = from_b, .from_b = from_a};
    struct told own = {.a = a, .b = a, .from_a = from_a, .from_b = from_a};
    if (!compare(&there) || !compare(&back) || !compare(&own))
        return;
    PROMISE(own.same == a->checkpoint.tensors.count && there.same == back.same);
    for (unsigned what = DIFF_DTYPE; what < DIFF_KINDS; what++)
        PROMISE(there.counts[what] == back.counts[what]);
    PROMISE(there.counts[DIFF_ONLY_IN_A] == back.counts[DIFF_ONLY_IN_B]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table tables[2];
    const tv_limits limits = small_limits();
    const struct ck_options options = {.limits = &limits, .want_tensors = true, .skip_unsupported = true};
    tv_span files[2] = {tv_span_of(data, size), tv_span_of(data, size)};
    oracle_ran(data, size);
    if (size >= 2) {
        size_t other = (size_t)data[size - 2] | (size_t)data[size - 1] << 8, left = size - 2;
        other = other < left ? other : left;
        files[0] = tv_span_of(data, left - other);
        files[1] = tv_span_of(data + (left - other), other);
    }
    const struct source sources[2] = {source_of_memory(files[0]), source_of_memory(files[1])};
    bool good = true;
    for (int i = 0; i < 2; i++) {
        findings_clear(&findings);
        table_open(&tables[i], &sources[i], &options, &findings);
        good = good && tables[i].status == TV_OK;
    }
    if (good && tables[0].checkpoint.tensors.count > 0 && tables[1].checkpoint.tensors.count > 0) {
        check(&tables[0], &sources[0], &tables[1], &sources[1]);
        oracle_accepted();
    }
    table_close(&tables[0]);
    table_close(&tables[1]);
    return 0;
}
