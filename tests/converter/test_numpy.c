/* NumPy arrays: what NumPy writes is read, any other spelling of a header is refused. */
#include <stdlib.h>

#include "assemble.h"
#include "check.h"
#include "checkpoint.h"

static void put_array(struct bytes *b, const char *header, size_t data)
{
    put(b, "\x93NUMPY\1\0", 8);
    put_u16(b, (unsigned)strlen(header));
    put_text(b, header);
    for (size_t i = 0; i < data; i++)
        put_u8(b, (unsigned)i);
}

static tv_findings *read_table(struct checkpoint *table, tv_span bytes, tv_kind kind, bool whole)
{
    static tv_limits limits;
    limits = tv_limits_default();
    struct source source = source_of_memory(bytes);
    struct ck_options options = {.limits = &limits, .want_tensors = true, .whole = whole};
    tv_findings *findings = calloc(1, sizeof *findings);
    CHECK(findings != NULL);
    tv_status status = checkpoint_read(&source, kind, &options, table, findings);
    CHECK((status == TV_OK) == (tv_findings_first_error(findings) == NULL));
    return findings;
}

static const struct sample {
    const char *header;
    size_t data;
    const char *id;
} samples[] = {
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 24, ""},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", 24, ""},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n", 1, ""},
    {"{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }\n", 16, ""},
    {"{'descr': '<i8', 'fortran_order': False, 'shape': (0, 4), }\n", 0, ""},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 23, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 25, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,3), }\n", 24, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (6), }\n", 24, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,), }\n", 24, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (06,), }\n", 24, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), } x\n", 24, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24, "array-invalid"},
    {"{'descr': '<f4', 'shape': (6,), 'fortran_order': False, }\n", 24, "array-invalid"},
    {"{'descr': __import__('os'), 'fortran_order': False, 'shape': (6,), }\n", 24, "array-invalid"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }\n", 24, "tensor-unsupported"},
    {"{'descr': '<U2', 'fortran_order': False, 'shape': (3,), }\n", 24, "tensor-unsupported"},
    {"{'descr': '|S8', 'fortran_order': False, 'shape': (3,), }\n", 24, "tensor-unsupported"},
    {"{'descr': '<M8[25ns]', 'fortran_order': False, 'shape': (3,), }\n", 24, "tensor-unsupported"},
    {"{'descr': '<M8[ns', 'fortran_order': False, 'shape': (3,), }\n", 24, "array-invalid"},
    {"{'descr': '<X8', 'fortran_order': False, 'shape': (3,), }\n", 24, "array-invalid"},
    {"{'descr': '<U1073741824', 'fortran_order': False, 'shape': (1,), }\n", 24, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n", 0, "array-invalid"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,), }\n", 0, "array-invalid"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (6,), }\n", 24, "tensor-unsupported"},
    {"{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }\n", 16, "tensor-unsupported"},
};

TEST(headers_to_the_letter, "a header as NumPy writes it is read; any other is refused by name")
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct bytes b = {0};
        struct checkpoint table;
        put_array(&b, samples[i].header, samples[i].data);
        tv_findings *findings = read_table(&table, span_of(&b), TV_KIND_NUMPY, false);
        CHECK_MSG(strcmp(first_error(findings), samples[i].id) == 0, "header %zu: %s", i, first_error(findings));
        checkpoint_free(&table);
        free(findings);
        free_bytes(&b);
    }
}

TEST(orders_are_strides, "row-major and column-major arrays come out with the strides they have")
{
    for (unsigned i = 0; i < 2; i++) {
        struct bytes b = {0};
        struct checkpoint table;
        put_array(&b, samples[i].header, samples[i].data);
        tv_findings *findings = read_table(&table, span_of(&b), TV_KIND_NUMPY, false);
        const struct ck_tensor *t = vector_at(&table.tensors, 0);
        const struct storage *s = vector_at(&table.storages, 0);
        CHECK(t != NULL && tv_span_is(t->name, "tensor") && t->dtype == TV_F32 && t->rank == 2 && t->bytes == 24);
        CHECK(t->shape[0] == 2 && t->shape[1] == 3);
        CHECK(t->stride[0] == (i == 0 ? 3u : 1u) && t->stride[1] == (i == 0 ? 1u : 2u));
        CHECK(s->at == b.size - 24 && s->size == 24);
        checkpoint_free(&table);
        free(findings);
        free_bytes(&b);
    }
}

TEST(truncation_is_refused, "an array cut anywhere is refused")
{
    struct bytes b = {0};
    put_array(&b, samples[0].header, samples[0].data);
    for (size_t size = 0; size < b.size; size++) {
        struct checkpoint table;
        tv_findings *findings = read_table(&table, tv_span_of(b.data, size), TV_KIND_NUMPY, true);
        CHECK_MSG(tv_findings_first_error(findings) != NULL, "cut at %zu", size);
        checkpoint_free(&table);
        free(findings);
    }
    free_bytes(&b);
}

static void check_archive(const char *second, bool spoil, const char *id)
{
    struct archive a = {0};
    struct bytes b = {0};
    struct checkpoint table;
    put_array(&b, samples[0].header, samples[0].data);
    add_entry(&a, "w.npy", b.data, b.size);
    add_entry(&a, second, b.data, b.size);
    finish_archive(&a);
    if (spoil)
        a.bytes.data[a.entry[1].data_at + b.size - 1] ^= 1;
    tv_findings *findings = read_table(&table, span_of(&a.bytes), TV_KIND_NPZ, false);
    CHECK_MSG(strcmp(first_error(findings), id) == 0, "%s instead of %s", first_error(findings), id);
    CHECK(id[0] != 0 ||
          (table.tensors.count == 2 && tv_span_is(((struct ck_tensor *)vector_at(&table.tensors, 1))->name, "b")));
    checkpoint_free(&table);
    free(findings);
    free_bytes(&a.bytes);
    free_bytes(&b);
}

TEST(archives_of_arrays, "an archive gives each array under its name; a stray entry or a wrong checksum refuses it")
{
    check_archive("b.npy", false, "");
    check_archive("b.txt", false, "zip-extra-entry");
    check_archive("b.npy", true, "zip-crc-mismatch");
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
