/* Memory under a budget: it grows, says no at the limit, and gives everything back. */
#include "memory.h"

#include "check.h"

TEST(vector_grows, "elements keep their values and new ones are zero while a vector grows")
{
    struct budget budget = {1u << 20};
    struct vector v = {.each = sizeof(uint32_t), .budget = &budget};
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t *place = vector_push(&v);
        CHECK(place != NULL && *place == 0);
        *place = i;
    }
    for (uint32_t i = 0; i < 10000; i++)
        CHECK(*(uint32_t *)vector_at(&v, i) == i);
    CHECK(vector_at(&v, 10000) == NULL && vector_at(&v, UINT64_MAX) == NULL);
    vector_free(&v);
    CHECK(budget.bytes_left == 1u << 20);
}

TEST(budget_ends, "a vector that would exceed the budget says no and keeps what it has")
{
    struct budget budget = {1000};
    struct vector v = {.each = 8, .budget = &budget};
    uint64_t count = 0;
    while (vector_push(&v) != NULL)
        count++;
    CHECK(count > 0 && count == v.count && count * 8 <= 1000);
    vector_free(&v);
    CHECK(budget.bytes_left == 1000);
}

TEST(overflow_is_refused, "sizes that overflow are refused, not wrapped")
{
    struct budget budget = {UINT64_MAX};
    struct vector v = {.each = 16, .budget = &budget};
    CHECK(vector_push(&v) != NULL);
    CHECK(vector_extend(&v, UINT64_MAX) == NULL && vector_extend(&v, UINT64_MAX / 16) == NULL);
    CHECK(v.count == 1);
    vector_free(&v);
    struct pool pool = {.budget = &budget};
    CHECK(pool_take(&pool, UINT64_MAX, 2) == NULL && pool_take(&pool, UINT64_MAX, 1) == NULL);
    pool_free(&pool);
    CHECK(budget.bytes_left == UINT64_MAX);
}

TEST(extend_by_nothing, "adding no elements is no failure")
{
    struct budget budget = {4096};
    struct vector v = {.each = 4, .budget = &budget};
    CHECK(vector_extend(&v, 0) != NULL && v.count == 0);
    vector_free(&v);
}

TEST(pool_keeps_addresses, "what a pool gave stays where it is, zeroed and aligned, large pieces included")
{
    struct budget budget = {8u << 20};
    struct pool pool = {.budget = &budget};
    uint8_t *first = pool_take(&pool, 1, 100);
    CHECK(first != NULL && (uintptr_t)first % 16 == 0);
    first[99] = 7;
    for (int i = 0; i < 2000; i++) {
        uint8_t *more = pool_take(&pool, 3, 333);
        CHECK(more != NULL && more[0] == 0 && more[998] == 0 && (uintptr_t)more % 16 == 0);
        more[0] = more[998] = 1;
    }
    CHECK(pool_take(&pool, 1, 1u << 20) != NULL && first[99] == 7);
    CHECK(pool_take(&pool, 1, 8u << 20) == NULL);
    tv_span copy = pool_copy(&pool, tv_span_str("text"));
    CHECK(tv_span_is(copy, "text") && pool_copy(&pool, tv_span_of(NULL, 0)).data != NULL);
    pool_free(&pool);
    CHECK(budget.bytes_left == 8u << 20);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
