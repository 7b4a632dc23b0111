/* Every allocation of the incremental form fails once, and from then on: TV_NO_MEMORY, nothing lost, nothing freed
 * twice. malloc, calloc and realloc are replaced at link time (--wrap). */
#include <stdlib.h>

#include "vet.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static long until_failure = -1; /* allocations that still succeed; below 0: all do */
static bool only_once;

static bool fails_now(void)
{
    if (until_failure < 0)
        return false;
    if (until_failure > 0) {
        until_failure--;
        return false;
    }
    if (only_once)
        until_failure = -1;
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

/* Feeds a file of several buffers' length in pieces; the status at its end. */
static tv_status feed_all(const struct file *file, tv_findings *findings)
{
    tv_limits limits = tv_limits_default();
    tv_feed feed;
    tv_status status = TV_MORE;
    tv_feed_open(&feed, TV_SIZE_UNKNOWN, &limits, 0);
    for (size_t at = 0; at < file->size && status == TV_MORE; at += 1000)
        status = tv_feed_bytes(&feed, tv_span_of(file->bytes + at, file->size - at < 1000 ? file->size - at : 1000),
                               findings);
    if (status == TV_MORE)
        status = tv_feed_end(&feed, findings);
    tv_feed_close(&feed);
    return status;
}

static void fail_each(bool once)
{
    static tv_findings findings;
    struct text text = {0};
    add_text(&text, "{");
    for (unsigned i = 0; i < 300; i++)
        add_text(&text, "%s\"tensor.%u\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i > 0 ? "," : "", i);
    add_text(&text, "}");
    struct file file = file_of(text.data, 0);
    tv_status status = TV_NO_MEMORY;
    unsigned failed = 0;
    for (long n = 0; status != TV_OK; n++) {
        memset(&findings, 0, sizeof findings);
        until_failure = n;
        only_once = once;
        status = feed_all(&file, &findings);
        until_failure = -1;
        CHECK(status == TV_NO_MEMORY || status == TV_OK);
        CHECK(status == TV_OK || findings.count == 0);
        failed += status == TV_NO_MEMORY;
    }
    CHECK(failed >= 4); /* a growing buffer, the notes, the index */
    file_free(&file);
    free(text.data);
}

TEST(fail_once, "each allocation fails once")
{
    fail_each(true);
}

TEST(fail_forever, "each allocation fails, and all after it")
{
    fail_each(false);
}

TEST(small_arena, "an arena of any size gives the index or TV_NO_MEMORY, and never a finding")
{
    struct file file = file_of(
        "{\"__metadata__\":{\"a\":\"\",\"b\":\"\"},\"y\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
        "\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
        2);
    const tv_limits limits = tv_limits_default();
    static tv_findings findings;
    size_t most = (size_t)tv_index_memory(file.size - 8);
    bool fits = false;
    for (size_t size = 0; size <= most; size++) {
        uint8_t *memory = malloc(size + 1);
        CHECK(memory != NULL);
        tv_arena arena = {memory, size, 0};
        tv_index index;
        findings.count = 0;
        tv_status status =
            tv_index_parse(tv_span_of(file.bytes, file.size), file.file_size, &limits, 0, &arena, &index, &findings);
        CHECK(status == (fits ? TV_OK : TV_NO_MEMORY) || (!fits && status == TV_OK));
        CHECK(findings.count == 0 || status == TV_OK);
        fits = status == TV_OK;
        free(memory);
    }
    CHECK(fits);
    file_free(&file);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
