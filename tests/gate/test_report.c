/* Reports of what a lying worker may send: still one well-formed object a line, still printable, still bounded. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "check.h"
#include "report.h"

/* Everything that an attacker would like to see printed: ESC, C1, bidi, line breaks, quotes, half characters, NUL. */
static const char evil_bytes[] = "\x1b[2J\xC2\x9B"
                                 "2J\u202E\u2028\"\\,}\n\r\xff\xC3\0end";
static const tv_span evil = {(const uint8_t *)evil_bytes, sizeof evil_bytes - 1};

static tv_findings findings;
static struct rows rows;
static struct policy policy;

static void fill_rows(bool json)
{
    rows_init(&rows, json, (struct progress_to){NULL, NULL});
    struct listener listener = rows_listener(&rows);
    struct row_tensor tensor = {.name = evil, .dtype = TV_DTYPE_COUNT, .source_dtype = evil, .offset = 7, .rank = 64};
    for (int i = 0; i < 64; i++)
        tensor.shape[i] = UINT64_MAX;
    const struct row_global global = {evil, evil, TV_CLASS_DANGEROUS, true, TV_NO_OFFSET};
    listener.tensor(listener.context, &tensor);
    listener.metadata(listener.context, evil, evil);
    listener.global(listener.context, &global);
    listener.dropped_shared(listener.context, evil, evil, TIE_CONFIG_HINT);
    listener.made_contiguous(listener.context, evil);
    listener.dropped_object(listener.context, evil, evil);
    listener.note(listener.context, evil);
    const struct row_group group = {evil, 1, UINT64_MAX};
    listener.group(listener.context, &group);
    for (uint32_t type = 0; type < VALUE_TYPES; type++)
        for (uint32_t key = 0; key < KEY_TYPES; key++) {
            const struct row_value value = {type % 3, key, type, evil, type % 2 == 0, UINT64_MAX, evil};
            listener.value(listener.context, &value);
        }
    const struct row_account account = {1, 2, 3, 4, 5, 6, 7, 8};
    listener.account(listener.context, &account);
    listener.progress(listener.context, 1, 2); /* nobody hears of it */
}

/* The report of everything at once, as that form; malloc'd. */
static char *reported(enum report_of of, bool json, enum verdict verdict)
{
    char *text = NULL;
    size_t size = 0;
    memset(&findings, 0, sizeof findings);
    policy = policy_hub();
    for (int i = 0; i < 70; i++)
        (void)tv_findings_add(&findings, TV_FIND_DANGEROUS_GLOBAL, (uint64_t)i, evil, evil);
    fill_rows(json);
    struct reporter reporter = {.out = open_memstream(&text, &size), .json = json, .verbose = true, .policy = &policy};
    CHECK(policy_digest(&policy, reporter.policy_sha256));
    struct report report = {.of = of,
                            .path = "\x1b[31m\xff\n\u202E.pt",
                            .target = "\x1b\n\xff",
                            .kind = TV_KIND_TORCH_ZIP,
                            .judgement = {.verdict = verdict},
                            .findings = &findings,
                            .has_size = true,
                            .complete = true,
                            .has_digest = true,
                            .rows = of == REPORT_FOLDER ? NULL : &rows,
                            .verified = true,
                            .output = "\xff\x1b",
                            .output_size = UINT64_MAX,
                            .tensors = UINT64_MAX,
                            .data_bytes = UINT64_MAX};
    bool made = report_print(&reporter, &report);
    (void)fclose(reporter.out);
    rows_free(&rows);
    if (made)
        return text;
    free(text);
    return NULL;
}

/* No control character but the ends of lines, no C1, no bidi. */
static bool printable(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (((unsigned char)*at < 0x20 && *at != '\n') || *at == 0x7f)
            return false;
    return strstr(text, "\xC2\x9B") == NULL && strstr(text, "\u202E") == NULL && strstr(text, "\u2028") == NULL;
}

static const enum report_of all[] = {REPORT_CHECK, REPORT_INSPECT, REPORT_CONVERT, REPORT_FOLDER};
static const enum verdict verdicts[] = {VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_UNDECIDED, VERDICT_UNJUDGED};

TEST(json_is_one_object_a_line, "whatever the bytes, JSON is one parsable line of printable text")
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t v = 0; v < sizeof verdicts / sizeof *verdicts; v++) {
            enum json_tokener_error error = json_tokener_success;
            char *line = reported(all[i], true, verdicts[v]);
            CHECK(line != NULL && printable(line) && strchr(line, '\n') == line + strlen(line) - 1);
            struct json_tokener *tokener = json_tokener_new();
            json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
            struct json_object *object = json_tokener_parse_ex(tokener, line, (int)strlen(line));
            error = json_tokener_get_error(tokener);
            CHECK(error == json_tokener_success && json_object_is_type(object, json_type_object));
            struct json_object *list = json_object_object_get(object, "findings");
            CHECK(json_object_array_length(list) == TV_FINDINGS_MAX);
            CHECK(json_object_get_int(json_object_object_get(object, "findings_omitted")) == 6);
            json_object_put(object);
            json_tokener_free(tokener);
            free(line);
        }
}

TEST(bytes_can_be_had_back, "beside text that is not exact stand the bytes, in base64")
{
    char *line = reported(REPORT_INSPECT, true, VERDICT_ACCEPT);
    struct json_object *object = json_tokener_parse(line);
    struct json_object *global = json_object_array_get_idx(json_object_object_get(object, "globals"), 0);
    const char *name = json_object_get_string(json_object_object_get(global, "name"));
    const char *bytes = json_object_get_string(json_object_object_get(global, "name_b64"));
    CHECK(strcmp(name, "\\x1b[2J\\u{9b}2J\\u{202e}\\u{2028}\"\\,}\\x0a\\x0d\\xff\\xc3\\x00end") == 0);
    CHECK(strcmp(bytes, "G1sySsKbMkrigK7igKgiXCx9Cg3/wwBlbmQ=") == 0);
    CHECK(json_object_object_get(global, "class_b64") == NULL);
    json_object_put(object);
    free(line);
}

TEST(text_is_printable, "whatever the bytes, the text for people is printable")
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t v = 0; v < sizeof verdicts / sizeof *verdicts; v++) {
            char *text = reported(all[i], false, verdicts[v]);
            CHECK(text != NULL && printable(text) && strlen(text) > 0);
            free(text);
        }
}

TEST(lists_are_bounded, "a worker that never stops listing is not given memory without end")
{
    static char name[65536];
    memset(name, 'n', sizeof name);
    rows_init(&rows, true, (struct progress_to){NULL, NULL});
    struct listener listener = rows_listener(&rows);
    uint64_t sent = ROWS_BYTES_MAX / sizeof name + 10;
    for (uint64_t i = 0; i < sent; i++)
        listener.made_contiguous(listener.context, tv_span_of(name, sizeof name));
    const struct row_text *list = &rows.lists[ROWS_CONTIGUOUS];
    CHECK(list->size <= ROWS_BYTES_MAX && list->omitted > 0 && list->count + list->omitted == sent);
    rows_free(&rows);
}

TEST(a_failed_write_is_told, "a report that could not be written is not taken for one that was")
{
    memset(&findings, 0, sizeof findings);
    policy = policy_hub();
    struct reporter reporter = {.out = fopen("/dev/full", "we"), .json = true, .policy = &policy};
    struct report report = {.of = REPORT_CHECK, .path = "x", .findings = &findings};
    CHECK(reporter.out != NULL && !report_print(&reporter, &report));
    (void)fclose(reporter.out);
}

TEST(sizes_are_readable, "sizes as people read them")
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } table[] = {{0, "0 bytes"},
                 {1, "1 byte"},
                 {1023, "1023 bytes"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {(1 << 20) - 1, "1.0 MiB"},
                 {UINT64_C(1) << 31, "2.0 GiB"},
                 {UINT64_MAX, "16.0 EiB"}};
    char text[SIZE_TEXT];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        CHECK_MSG(strcmp(size_text(table[i].bytes, text), table[i].text) == 0, "%s", text);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
