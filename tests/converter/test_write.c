/* What plan_write puts into the file, and that it checks every checksum once. Linked with --wrap=libdeflate_crc32. */
#define _GNU_SOURCE /* memmem */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table_support.h"

#define STRIDE(...)                                                                                                    \
    (uint64_t[])                                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

uint32_t __real_libdeflate_crc32(uint32_t crc, const void *buffer, size_t size);
uint32_t __wrap_libdeflate_crc32(uint32_t crc, const void *buffer, size_t size);

static uint64_t summed; /* bytes that went through a checksum */

uint32_t __wrap_libdeflate_crc32(uint32_t crc, const void *buffer, size_t size)
{
    summed += size;
    return __real_libdeflate_crc32(crc, buffer, size);
}

static uint64_t reported, reported_total;

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    CHECK(done >= reported && done <= total);
    reported = done;
    reported_total = total;
}

static tv_status write_to(struct made *made, int fd)
{
    struct plan plan;
    struct plan_options options = {.limits = &made->limits};
    tv_status status = plan_make(&made->table, &options, &plan, &made->findings);
    CHECK(status == TV_OK);
    const struct plan_writing how = {.progress = on_progress};
    summed = 0;
    reported = 0;
    status = plan_write(&made->source, &made->table, &plan, fd, &how, &made->findings);
    plan_free(&plan);
    return status;
}

/* Every tensor in the file, found by a plain search for its entry, has the bytes of its naive reading. */
static void check_file(struct made *made, int fd)
{
    uint64_t size = 0;
    uint8_t *file = file_bytes(fd, &size);
    uint64_t length = 0;
    CHECK(tv_span_u64(tv_span_of(file, size), 0, &length));
    for (uint64_t i = 0; i < made->table.tensors.count; i++) {
        const struct ck_tensor *tensor = vector_at(&made->table.tensors, i);
        char entry[64];
        unsigned long long begin = 0, end = 0;
        snprintf(entry, sizeof entry, "\"%.*s\":{", (int)tensor->name.size, (const char *)tensor->name.data);
        const char *at = memmem(file + 8, length, entry, strlen(entry));
        CHECK_MSG(at != NULL, "%s", entry);
        at = memmem(at, 200, "data_offsets\":[", 15);
        CHECK(at != NULL && sscanf(at + 15, "%llu,%llu", &begin, &end) == 2);
        CHECK(end - begin == tensor->bytes && 8 + length + end <= size);
        uint8_t *expected = naive_bytes(made, tensor);
        CHECK_MSG(memcmp(file + 8 + length + begin, expected, tensor->bytes) == 0, "%s", entry);
        free(expected);
    }
    free(file);
}

/* Whole storages, parts, views of views, one that nobody uses, and one with several whole names. */
static void make_mixture(struct made *made)
{
    made_open(made);
    uint32_t a = made_storage(made, 3000000), b = made_storage(made, 600), c = made_storage(made, 480);
    (void)made_storage(made, 77);
    made_tensor(made, "whole", TV_F32, a, 0, SHAPE(750, 1000), NULL);
    made_tensor(made, "whole too", TV_F32, a, 0, SHAPE(1000, 750), NULL);
    made_tensor(made, "turned", TV_F32, a, 0, SHAPE(1000, 750), STRIDE(1, 1000));
    made_tensor(made, "left", TV_F16, b, 0, SHAPE(150), NULL);
    made_tensor(made, "right", TV_F16, b, 150, SHAPE(150), NULL);
    made_tensor(made, "slice", TV_F64, c, 1, SHAPE(5, 3), STRIDE(12, 2));
    made_tensor(made, "none", TV_I64, c, 7, SHAPE(3, 0), NULL);
    made_tensor(made, "scalar", TV_U8, c, 9, 0, NULL, NULL);
}

TEST(mixture, "every tensor arrives, contiguous or not, and what the file held before is gone")
{
    struct made made;
    uint64_t size = 0;
    char *before = calloc(1, 20000000);
    int fd = temporary_file();
    CHECK(before != NULL && pwrite(fd, before, 20000000, 0) == 20000000);
    free(before);
    make_mixture(&made);
    CHECK(write_to(&made, fd) == TV_OK);
    check_file(&made, fd);
    free(file_bytes(fd, &size));
    CHECK(size < 10000000 && size > 9000000);
    CHECK(reported == reported_total);
    close(fd);
    made_close(&made);
}

TEST(checksums_once, "each byte of each storage goes through a checksum exactly once")
{
    struct made made;
    int fd = temporary_file();
    make_mixture(&made);
    CHECK(write_to(&made, fd) == TV_OK);
    CHECK_MSG(summed == 3000000 + 600 + 480 + 77, "%llu bytes", (unsigned long long)summed);
    close(fd);
    made_close(&made);
}

TEST(wrong_checksum, "a storage whose bytes are not those of its checksum is refused, however it is used")
{
    for (uint64_t i = 0; i < 4; i++) {
        struct made made;
        int fd = temporary_file();
        make_mixture(&made);
        struct storage *storage = vector_at(&made.table.storages, i);
        made.bytes[storage->at + storage->size / 2] ^= 4;
        CHECK_MSG(write_to(&made, fd) == TV_REJECTED, "storage %llu", (unsigned long long)i);
        CHECK(found_first(&made, TV_FIND_ZIP_CRC_MISMATCH));
        storage->has_crc = false;
        made_forget(&made);
        CHECK(write_to(&made, fd) == TV_OK);
        close(fd);
        made_close(&made);
    }
}

TEST(full_disk, "a full disk is a finding of the machine")
{
    struct made made;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0)
        skip_test("no /dev/full");
    make_mixture(&made);
    CHECK(write_to(&made, fd) == TV_IO);
    CHECK(found_first(&made, TV_FIND_NO_SPACE));
    close(fd);
    made_close(&made);
}

TEST(unwritable, "an output that cannot be written is a finding of the machine")
{
    struct made made;
    int fd = open("/dev/null", O_RDONLY);
    make_mixture(&made);
    CHECK(write_to(&made, fd) == TV_IO);
    CHECK(found_first(&made, TV_FIND_OUTPUT_UNWRITABLE));
    close(fd);
    made_close(&made);
}

TEST(cut_off, "a source that ends before its size is told from one that the system does not read")
{
    uint8_t byte = 0;
    int fd = temporary_file();
    const struct source source = {.fd = fd, .size = 1};
    errno = EACCES;
    CHECK(source_read(&source, 0, &byte, 1) == TV_IO && errno == ENODATA);
    close(fd);
}

TEST(outside, "a contiguous tensor that leaves its storage is never copied, whatever the table says")
{
    struct made made;
    int fd = temporary_file();
    made_open(&made);
    uint32_t s = made_storage(&made, 64);
    (void)made_storage(&made, 64);
    made_tensor(&made, "t", TV_F32, s, 13, SHAPE(4), NULL);
    CHECK(write_to(&made, fd) == TV_MISUSE);
    close(fd);
    made_close(&made);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
