/* The incremental form: the same result as the one-shot form for every split, as early as it can be known. */
#include <stdlib.h>

#include "vet.h"

static const char *const headers[] = {
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"__metadata__\":{\"k\":\"v\"}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"a\":1}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,3]}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
    "{\"a\":",
    " {}",
    "\xff",
    "",
};
enum { HEADERS = sizeof headers / sizeof headers[0], DATA = 3 };

/* The whole file in memory, data section included. */
static struct file whole_file(const char *text)
{
    struct file head = file_of(text, DATA);
    uint8_t *bytes = calloc(1, head.size + DATA);
    CHECK(bytes != NULL);
    memcpy(bytes, head.bytes, head.size);
    file_free(&head);
    struct file whole = {bytes, head.size + DATA, head.size + DATA};
    return whole;
}

static char *copy_of(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    CHECK(copy != NULL);
    return strcpy(copy, text);
}

static char *one_shot(const struct file *file, const tv_limits *limits)
{
    struct vetted *v = vet(file, limits, 5);
    char *text = copy_of(outcome_text(v->status, &v->findings, &v->index));
    vetted_free(v);
    return text;
}

/* Feeds the file in pieces [0, cut), [cut, second), [second, end). */
static char *fed(const struct file *file, uint64_t announced, const tv_limits *limits, size_t cut, size_t second)
{
    static tv_findings findings;
    tv_feed feed;
    memset(&findings, 0, sizeof findings);
    tv_feed_open(&feed, announced, limits, 5);
    tv_status status = tv_feed_bytes(&feed, tv_span_of(file->bytes, cut), &findings);
    if (status == TV_MORE)
        status = tv_feed_bytes(&feed, tv_span_of(file->bytes + cut, second - cut), &findings);
    if (status == TV_MORE)
        status = tv_feed_bytes(&feed, tv_span_of(file->bytes + second, file->size - second), &findings);
    if (status == TV_MORE)
        status = tv_feed_end(&feed, &findings);
    char *text = copy_of(outcome_text(status, &findings, &feed.index));
    tv_feed_close(&feed);
    return text;
}

/* Where the first finding's id and offset end in an outcome. */
static size_t offset_end(const char *outcome)
{
    size_t at = strcspn(outcome, "\n");
    for (unsigned i = 0; i < 2 && outcome[at] != '\0'; i++)
        at += 1 + strcspn(outcome + at + 1, " ");
    return outcome[at] == '\0' ? strlen(outcome) : at;
}

TEST(every_split, "every split in three gives the one-shot result, with the size announced or not")
{
    tv_limits limits = tv_limits_default();
    for (unsigned h = 0; h < HEADERS; h++) {
        struct file file = whole_file(headers[h]);
        char *wanted = one_shot(&file, &limits);
        for (size_t cut = 0; cut <= file.size; cut++) {
            for (size_t second = cut; second <= file.size; second++) {
                char *known = fed(&file, file.file_size, &limits, cut, second);
                char *unknown = fed(&file, TV_SIZE_UNKNOWN, &limits, cut, second);
                CHECK_MSG(strcmp(wanted, known) == 0, "%s\n%s", wanted, known);
                /* with no size announced trailing data is refused at its first byte: its count may be smaller */
                CHECK_MSG(strcmp(wanted, unknown) == 0 || strstr(wanted, "trailing-data") != NULL, "%s\n%s", wanted,
                          unknown);
                CHECK(strncmp(wanted, unknown, offset_end(wanted)) == 0);
                free(known);
                free(unknown);
            }
        }
        free(wanted);
        file_free(&file);
    }
}

TEST(early_end, "an upload that ends early is judged as the file that it then is")
{
    tv_limits limits = tv_limits_default();
    struct file file = whole_file(headers[0]);
    for (size_t size = 0; size < file.size; size++) {
        struct file cut = {file.bytes, size, size};
        char *wanted = one_shot(&cut, &limits);
        char *known = fed(&cut, file.file_size, &limits, size / 2, size);
        char *unknown = fed(&cut, TV_SIZE_UNKNOWN, &limits, size / 2, size);
        CHECK(strncmp(wanted, "status 1", 8) == 0);
        CHECK_MSG(strcmp(wanted, known) == 0 && strcmp(wanted, unknown) == 0, "%s%s%s", wanted, known, unknown);
        free(wanted);
        free(known);
        free(unknown);
    }
    file_free(&file);
}

/* After how many bytes the verdict is there, fed one by one. */
static size_t decided_after(const struct file *file, uint64_t announced, tv_findings *findings)
{
    tv_limits limits = tv_limits_default();
    tv_feed feed;
    size_t at = 0;
    memset(findings, 0, sizeof *findings);
    tv_feed_open(&feed, announced, &limits, 0);
    while (at < file->size && tv_feed_bytes(&feed, tv_span_of(file->bytes + at, 1), findings) == TV_MORE &&
           tv_feed_index(&feed) == NULL)
        at++;
    CHECK(tv_feed_index(&feed) == NULL || findings->count == 0 || tv_findings_first_error(findings) == NULL);
    tv_feed_close(&feed);
    return at + 1;
}

TEST(earliest_byte, "a bad length is refused at byte 8, a bad header at its last byte, before any tensor byte")
{
    static tv_findings findings;
    struct file file = whole_file(headers[0]);
    CHECK(decided_after(&file, file.file_size, &findings) == file.size - DATA && findings.count == 0);
    CHECK(decided_after(&file, file.size - DATA - 1, &findings) == 8);
    CHECK(findings.items[0].id == TV_FIND_HEADER_LENGTH_BEYOND_FILE);
    CHECK(decided_after(&file, file.file_size + 1, &findings) == file.size - DATA);
    CHECK(findings.items[0].id == TV_FIND_TRAILING_DATA);
    memcpy(file.bytes, "version ", 8);
    CHECK(decided_after(&file, TV_SIZE_UNKNOWN, &findings) == 8 && findings.items[0].id == TV_FIND_GIT_LFS_POINTER);
    file_free(&file);
    file = whole_file(headers[1]);
    CHECK(decided_after(&file, TV_SIZE_UNKNOWN, &findings) == file.size - DATA);
    CHECK(findings.items[0].id == TV_FIND_DUPLICATE_KEY);
    file_free(&file);
}

TEST(buffer_follows_arrival, "the buffer grows with what has arrived, not with what is claimed, and data is not kept")
{
    tv_limits limits = tv_limits_default();
    static tv_findings findings;
    static uint8_t bytes[100000];
    tv_feed feed;
    uint64_t length = 90000000;
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, &length, 8);
    tv_feed_open(&feed, TV_SIZE_UNKNOWN, &limits, 0);
    for (size_t at = 0; at < sizeof bytes; at += 1000) {
        CHECK(tv_feed_bytes(&feed, tv_span_of(bytes + at, 1000), &findings) == TV_MORE);
        CHECK(feed.capacity <= 4096 || feed.capacity <= 2 * (at + 1000));
    }
    tv_feed_close(&feed);
    tv_feed_open(&feed, TV_SIZE_UNKNOWN, &limits, 0);
    CHECK(tv_feed_bytes(&feed, tv_span_of(bytes, sizeof bytes), &findings) == TV_MORE);
    CHECK(feed.capacity == sizeof bytes); /* one large piece */
    tv_feed_close(&feed);
    struct file file = file_of("{\"a\":{\"dtype\":\"U8\",\"shape\":[1000000],\"data_offsets\":[0,1000000]}}", 0);
    tv_feed_open(&feed, TV_SIZE_UNKNOWN, &limits, 0);
    CHECK(tv_feed_bytes(&feed, tv_span_of(file.bytes, file.size), &findings) == TV_MORE);
    for (unsigned i = 0; i < 10; i++)
        CHECK(tv_feed_bytes(&feed, tv_span_of(bytes, 100000), &findings) == TV_MORE);
    CHECK(feed.capacity <= 4096 && tv_feed_end(&feed, &findings) == TV_OK);
    tv_feed_close(&feed);
    file_free(&file);
}

TEST(an_end_is_an_end, "after a verdict nothing changes it; more bytes than announced are misuse")
{
    tv_limits limits = tv_limits_default();
    static tv_findings findings;
    tv_feed feed;
    memset(&findings, 0, sizeof findings);
    tv_feed_open(&feed, TV_SIZE_UNKNOWN, &limits, 0);
    CHECK(tv_feed_bytes(&feed, tv_span_str("<html>  "), &findings) == TV_REJECTED);
    CHECK(tv_feed_bytes(&feed, tv_span_str("more"), &findings) == TV_REJECTED);
    CHECK(tv_feed_end(&feed, &findings) == TV_REJECTED && findings.count == 1);
    tv_feed_close(&feed);
    tv_feed_open(&feed, 4, &limits, 0);
    CHECK(tv_feed_bytes(&feed, tv_span_str("12345"), &findings) == TV_MISUSE);
    tv_feed_close(&feed);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
