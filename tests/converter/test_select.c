/* The selection from a tensor table: what is left, under which names, and what is listed as left out. */
#include <string.h>

#include <check.h>
#include <select.h>

#include "table_support.h"

/* An empty table that can list what is dropped. */
static void open_table(struct made *made)
{
    made_open(made);
    made->table.dropped = (struct vector){.each = sizeof(struct ck_dropped), .budget = &made->table.budget};
}

static void close_table(struct made *made)
{
    vector_free(&made->table.dropped);
    made_close(made);
}

/* m.a, m.b, n.a over one storage. */
static void make_three(struct made *made)
{
    open_table(made);
    uint32_t storage = made_storage(made, 64);
    made_tensor(made, "m.a", TV_F32, storage, 0, SHAPE(2), NULL);
    made_tensor(made, "m.b", TV_F32, storage, 2, SHAPE(2), NULL);
    made_tensor(made, "n.a", TV_F32, storage, 4, SHAPE(2), NULL);
}

static bool dropped_is(const struct made *made, uint64_t row, const char *path)
{
    const struct ck_dropped *dropped = vector_at(&made->table.dropped, row);
    return dropped != NULL && tv_span_is(dropped->path, path);
}

TEST(nothing_asked, "without options all stay")
{
    struct made made;
    make_three(&made);
    const struct selection all = {0};
    CHECK(select_tensors(&made.table, &all, &made.findings) == TV_OK);
    CHECK(made.table.tensors.count == 3 && made.table.dropped.count == 0);
    close_table(&made);
}

TEST(include_exclude, "included and not excluded stay, in order; the others are listed")
{
    static const char *const include[] = {"x", "m.*"}, *const exclude[] = {"*.b"};
    struct made made;
    make_three(&made);
    const struct selection some = {.include = include, .includes = 2, .exclude = exclude, .excludes = 1};
    CHECK(select_tensors(&made.table, &some, &made.findings) == TV_OK);
    CHECK(made.table.tensors.count == 1 && made_find(&made, "m.a") != NULL);
    CHECK(made.table.dropped.count == 2 && dropped_is(&made, 0, "m.b") && dropped_is(&made, 1, "n.a"));
    close_table(&made);
}

TEST(nothing_left, "a selection of nothing is refused")
{
    static const char *const exclude[] = {"*"};
    struct made made;
    make_three(&made);
    const struct selection none = {.exclude = exclude, .excludes = 1};
    CHECK(select_tensors(&made.table, &none, &made.findings) == TV_REJECTED);
    CHECK(found_first(&made, TV_FIND_NOTHING_SELECTED));
    close_table(&made);
}

TEST(strip, "a prefix goes where it is; names that clash or vanish are refused")
{
    static const struct {
        const char *strip;
        tv_finding_id finding;
    } rows[] = {{"m.", TV_FIND_NONE},
                {"m", TV_FIND_NONE},
                {"longer than any of the names", TV_FIND_NONE},
                {"m.a", TV_FIND_TENSOR_NAME_INVALID}};
    static const char *const both[] = {"m.a", "a"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made made;
        make_three(&made);
        const struct selection selection = {.strip = rows[i].strip};
        tv_status expected = rows[i].finding == TV_FIND_NONE ? TV_OK : TV_REJECTED;
        CHECK(select_tensors(&made.table, &selection, &made.findings) == expected);
        CHECK(expected == TV_OK || found_first(&made, rows[i].finding));
        CHECK(i != 0 || (made_find(&made, "a") != NULL && made_find(&made, "b") != NULL));
        CHECK(made_find(&made, "n.a") != NULL);
        close_table(&made);
    }
    for (int clash = 0; clash < 2; clash++) {
        struct made made;
        open_table(&made);
        for (int i = 0; i < 2; i++)
            made_tensor(&made, both[i], TV_U8, made_storage(&made, 1), 0, SHAPE(1), NULL);
        const struct selection selection = {.strip = "m.", .exclude = &both[1], .excludes = clash == 0 ? 1 : 0};
        CHECK(select_tensors(&made.table, &selection, &made.findings) == (clash == 0 ? TV_OK : TV_REJECTED));
        CHECK(clash == 0 || found_first(&made, TV_FIND_TENSOR_NAME_CLASH));
        close_table(&made);
    }
}

TEST(reserved, "no tensor comes to be called __metadata__")
{
    struct made made;
    open_table(&made);
    made_tensor(&made, "m.__metadata__", TV_U8, made_storage(&made, 1), 0, SHAPE(1), NULL);
    const struct selection selection = {.strip = "m."};
    CHECK(select_tensors(&made.table, &selection, &made.findings) == TV_REJECTED);
    CHECK(found_first(&made, TV_FIND_TENSOR_NAME_INVALID));
    close_table(&made);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
