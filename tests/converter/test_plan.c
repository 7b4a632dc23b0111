/* What is written, under which names, in which order; what is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "table_support.h"

#define STRIDE(...)                                                                                                    \
    (uint64_t[])                                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static tv_status plan(struct made *made, struct plan_options options, struct plan *out)
{
    options.limits = &made->limits;
    return plan_make(&made->table, &options, out, &made->findings);
}

/* The header's JSON is exactly that, spaces at its end aside. */
static bool header_is(const struct plan *plan, const char *json)
{
    size_t size = strlen(json);
    if (plan->header_size < 8 + size || memcmp(plan->header + 8, json, size) != 0)
        return false;
    for (uint64_t i = 8 + size; i < plan->header_size; i++) {
        if (plan->header[i] != ' ')
            return false;
    }
    return plan->header_size % 8 == 0 && plan->header_size < 8 + size + 8;
}

static void check_tie(const struct made *made, const struct plan *plan, uint64_t i, const char *dropped,
                      const char *kept)
{
    const struct plan_tie *tie = vector_at(&plan->ties, i);
    CHECK(tie != NULL);
    const struct ck_tensor *one = vector_at(&made->table.tensors, tie->dropped);
    const struct ck_tensor *other = vector_at(&made->table.tensors, tie->kept);
    CHECK(tv_span_is(one->name, dropped) && tv_span_is(other->name, kept));
}

/* Three names of one view, one of another. */
static void make_tied(struct made *made)
{
    made_open(made);
    uint32_t storage = made_storage(made, 16);
    made_tensor(made, "c", TV_F32, storage, 0, SHAPE(2, 2), NULL);
    made_tensor(made, "a", TV_F32, storage, 0, SHAPE(2, 2), NULL);
    made_tensor(made, "b", TV_F32, storage, 0, SHAPE(2, 2), NULL);
    made_tensor(made, "half", TV_F32, storage, 0, SHAPE(1, 2), NULL);
}

TEST(order, "tensors come by alignment, then by the bytes of their names, back to back")
{
    struct made made;
    struct plan p;
    made_open(&made);
    uint32_t s = made_storage(&made, 64);
    made_tensor(&made, "b", TV_U8, s, 0, SHAPE(3), NULL);
    made_tensor(&made, "z", TV_F32, s, 1, SHAPE(2), NULL);
    made_tensor(&made, "B", TV_F32, s, 2, SHAPE(1), NULL);
    made_tensor(&made, "q", TV_I64, s, 0, 0, NULL, NULL);
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    CHECK(header_is(&p, "{\"__metadata__\":{\"format\":\"pt\"},"
                        "\"q\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                        "\"B\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                        "\"z\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]},"
                        "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[20,23]}}"));
    CHECK(p.data_size == 23 && p.items.count == 4);
    plan_free(&p);
    made_close(&made);
}

TEST(ties, "identical views are written once, under the smallest name; the others become aliases")
{
    struct made made;
    struct plan p;
    make_tied(&made);
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    CHECK(p.items.count == 2 && p.ties.count == 2);
    check_tie(&made, &p, 0, "b", "a");
    check_tie(&made, &p, 1, "c", "a");
    CHECK(header_is(&p, "{\"__metadata__\":{\"b\":\"a\",\"c\":\"a\",\"format\":\"pt\"},"
                        "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
                        "\"half\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[16,24]}}"));
    plan_free(&p);
    made_close(&made);
}

TEST(discard, "a discarded name is not kept while another of its group is there")
{
    struct made made;
    struct plan p;
    const char *const two[] = {"a", "b"}, *const all[] = {"a", "b", "c"};
    make_tied(&made);
    CHECK(plan(&made, (struct plan_options){.discard = two, .discards = 2}, &p) == TV_OK);
    check_tie(&made, &p, 0, "a", "c");
    check_tie(&made, &p, 1, "b", "c");
    plan_free(&p);
    CHECK(plan(&made, (struct plan_options){.discard = all, .discards = 3}, &p) == TV_OK);
    check_tie(&made, &p, 0, "b", "a");
    plan_free(&p);
    made_close(&made);
}

TEST(copied_ties, "with ties copied every name is written, and no alias recorded")
{
    struct made made;
    struct plan p;
    make_tied(&made);
    CHECK(plan(&made, (struct plan_options){.copy_ties = true}, &p) == TV_OK);
    CHECK(p.items.count == 4 && p.ties.count == 0 && p.data_size == 3 * 16 + 8);
    plan_free(&p);
    made_close(&made);
}

TEST(no_ties, "views that differ in anything, and empty ones, are each written")
{
    struct made made;
    struct plan p;
    made_open(&made);
    uint32_t s = made_storage(&made, 64), other = made_storage(&made, 64);
    made_tensor(&made, "a", TV_F32, s, 0, SHAPE(2, 2), NULL);
    made_tensor(&made, "b", TV_F32, other, 0, SHAPE(2, 2), NULL);
    made_tensor(&made, "c", TV_F32, s, 1, SHAPE(2, 2), NULL);
    made_tensor(&made, "d", TV_I32, s, 0, SHAPE(2, 2), NULL);
    made_tensor(&made, "e", TV_F32, s, 0, SHAPE(4), NULL);
    made_tensor(&made, "f", TV_F32, s, 0, SHAPE(2, 2), STRIDE(1, 2));
    made_tensor(&made, "g", TV_F32, s, 0, SHAPE(0, 2), NULL);
    made_tensor(&made, "h", TV_F32, s, 0, SHAPE(0, 2), NULL);
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    CHECK(p.items.count == 8 && p.ties.count == 0);
    plan_free(&p);
    made_close(&made);
}

TEST(stride_of_one, "the stride of a dimension of 1 does not make a view another")
{
    struct made made;
    struct plan p;
    made_open(&made);
    uint32_t s = made_storage(&made, 64);
    made_tensor(&made, "a", TV_F32, s, 0, SHAPE(1, 4), STRIDE(4, 1));
    made_tensor(&made, "b", TV_F32, s, 0, SHAPE(1, 4), STRIDE(1, 1));
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    CHECK(p.items.count == 1 && p.ties.count == 1);
    const struct plan_item *item = vector_at(&p.items, 0);
    CHECK(item->contiguous);
    plan_free(&p);
    made_close(&made);
}

static void check_refused(const char *one, const char *other, bool tied, tv_finding_id id)
{
    struct made made;
    struct plan p;
    made_open(&made);
    uint32_t s = made_storage(&made, 64);
    made_tensor(&made, one, TV_F32, s, 0, SHAPE(2, 2), NULL);
    made_tensor(&made, other, TV_F32, s, tied ? 0 : 1, SHAPE(2, 2), NULL);
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_REJECTED);
    CHECK_MSG(found_first(&made, id), "%s, %s", one, other);
    plan_free(&p);
    made_close(&made);
}

TEST(reserved_names, "a tensor or alias that the metadata would swallow is refused, not lost")
{
    check_refused("__metadata__", "a", false, TV_FIND_TENSOR_NAME_INVALID);
    check_refused("__metadata__", "A", true, TV_FIND_TENSOR_NAME_INVALID);
    check_refused("format", "a", true, TV_FIND_TENSOR_NAME_INVALID);
    check_refused("a\tb", "b", false, TV_FIND_NAME_CONTROL_CHARACTER);
    check_refused("a", "a", false, TV_FIND_DUPLICATE_KEY);
}

TEST(tensor_named_format, "a tensor named format that is written is no alias, and fine")
{
    struct made made;
    struct plan p;
    made_open(&made);
    uint32_t s = made_storage(&made, 64);
    made_tensor(&made, "format", TV_F32, s, 0, SHAPE(2, 2), NULL);
    made_tensor(&made, "g", TV_F32, s, 0, SHAPE(2, 2), NULL);
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    check_tie(&made, &p, 0, "g", "format");
    plan_free(&p);
    made_close(&made);
}

TEST(expansion, "an output many times larger than what it comes from is refused, small ones are not")
{
    struct made made;
    struct plan p;
    made_open(&made);
    uint32_t s = made_storage(&made, 1 << 20);
    made_tensor(&made, "mask", TV_U8, s, 0, SHAPE(4096, 4096), STRIDE(0, 1));
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    plan_free(&p);
    made_tensor(&made, "more", TV_U8, s, 1, SHAPE(1), NULL);
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_REJECTED);
    CHECK(found_first(&made, TV_FIND_TENSOR_EXPANDED));
    plan_free(&p);
    made_forget(&made);
    made.limits.expansion = 17;
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    plan_free(&p);
    made_close(&made);
}

TEST(output_limit, "an output beyond output_bytes is refused before anything is written")
{
    struct made made;
    struct plan p;
    make_tied(&made);
    made.limits.output_bytes = 64;
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_REJECTED);
    CHECK(found_first(&made, TV_FIND_LIMIT_OUTPUT));
    plan_free(&p);
    made_close(&made);
}

TEST(kept_metadata, "the metadata of a safetensors source stays as it is, also where it is empty or absent")
{
    struct made made;
    struct plan p;
    const tv_pair pair = {tv_span_str("k"), tv_span_str("v")};
    make_tied(&made);
    made.table.tensors.count = 1;
    CHECK(plan(&made, (struct plan_options){.metadata = &pair, .pairs = 1}, &p) == TV_OK);
    CHECK(header_is(&p, "{\"__metadata__\":{\"k\":\"v\"},"
                        "\"c\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}"));
    plan_free(&p);
    CHECK(plan(&made, (struct plan_options){.metadata = &pair, .pairs = 0}, &p) == TV_OK);
    CHECK(header_is(&p, "{\"__metadata__\":{},\"c\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}"));
    plan_free(&p);
    CHECK(plan(&made, (struct plan_options){.no_metadata = true}, &p) == TV_OK);
    CHECK(header_is(&p, "{\"c\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}"));
    plan_free(&p);
    made_close(&made);
}

TEST(many_names, "a hundred thousand tensors are planned in n log n")
{
    struct made made;
    struct plan p;
    char name[32];
    made_open(&made);
    uint32_t s = made_storage(&made, 1 << 20);
    for (uint64_t i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "layer.%llu.weight", (unsigned long long)(i * 7919 % 100000));
        made_tensor(&made, name, TV_U8, s, i / 2, SHAPE(8), NULL);
    }
    CHECK(plan(&made, (struct plan_options){0}, &p) == TV_OK);
    CHECK(p.items.count == 50000 && p.ties.count == 50000);
    plan_free(&p);
    made_close(&made);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
