/* One bad writer, linked in: what it writes is a fine safetensors file, and the comparer refuses it. */
#include <check.h>
#include <compare.h>
#include <stdlib.h>
#include <unistd.h>

#include "table_support.h"

/* Two square matrices and a vector, each a storage of its own. */
static void make(struct made *made)
{
    made_open(made);
    made_tensor(made, "a", TV_F32, made_storage(made, 64), 0, SHAPE(4, 4), NULL);
    made_tensor(made, "b", TV_F32, made_storage(made, 64), 0, SHAPE(4, 4), NULL);
    made_tensor(made, "c", TV_F32, made_storage(made, 16), 0, SHAPE(4), NULL);
}

TEST(refused, "the comparer refuses what this writer makes of honest tensors")
{
    static struct made made, honest;
    struct plan plan;
    const struct plan_writing way = {0};
    uint64_t size = 0;
    int fd = temporary_file();
    make(&made);
    make(&honest); /* the comparer reads the source itself, and gets the table the writer did not touch */
    struct plan_options options = {.limits = &made.limits};
    CHECK(plan_make(&made.table, &options, &plan, &made.findings) == TV_OK);
    CHECK(plan_write(&made.source, &made.table, &plan, fd, &way, &made.findings) == TV_OK);
    plan_free(&plan);
    uint8_t *file = file_bytes(fd, &size);
    struct source output = source_of_memory(tv_span_of(file, size));
    struct compare_options how = {.limits = &honest.limits};
    CHECK(compare_output(&honest.source, &honest.table, &output, &how, NULL, NULL, &honest.findings) == TV_REJECTED);
    CHECK(found_first(&honest, TV_FIND_VERIFY_FAILED));
    free(file);
    close(fd);
    made_close(&made);
    made_close(&honest);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
