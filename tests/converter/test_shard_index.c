/* The reader of shard indexes: what it takes, and every lie by its id. */
#include <string.h>

#include <check.h>
#include <shard_index.h>

static tv_findings findings;
static struct shard_index parsed;

static tv_finding_id read_text(const char *text)
{
    tv_limits limits = tv_limits_default();
    findings.count = 0;
    tv_status status = shard_index_read(tv_span_str(text), &limits, &parsed, &findings);
    const tv_finding *error = tv_findings_first_error(&findings);
    CHECK((status == TV_OK) == (error == NULL));
    return error == NULL ? TV_FIND_NONE : error->id;
}

TEST(rows, "an index gives its rows, unescaped and in order, whatever stands beside them")
{
    CHECK(read_text(" {\"other\":[{\"a\":[1,\"]\"]}, 2], \"metadata\" : {\"total_size\":1e3, \"x\":{\"y\":[]}},\n"
                    "\"weight_map\":{\"b\\u002ec\":\"s-1.bin\" , \"a\":\"s \\u00e9.bin\"} , \"last\":-1.5e+3 }\n") ==
          TV_FIND_NONE);
    const struct shard_row *rows = parsed.rows.data;
    CHECK(parsed.rows.count == 2 && tv_span_is(rows[0].tensor, "b.c") && tv_span_is(rows[0].shard, "s-1.bin"));
    CHECK(tv_span_is(rows[1].tensor, "a") && tv_span_is(rows[1].shard, "s \xc3\xa9.bin"));
    shard_index_free(&parsed);
}

TEST(refused, "what has no reading, or two, is refused by name")
{
    static const struct {
        const char *text;
        tv_finding_id id;
    } rows[] = {
        {"", TV_FIND_INDEX_INVALID_JSON},
        {"{", TV_FIND_INDEX_INVALID_JSON},
        {"{\"weight_map\":{\"a\":\"b\"}} x", TV_FIND_INDEX_INVALID_JSON},
        {"{\"weight_map\":{\"a\":\"b\"},}", TV_FIND_INDEX_INVALID_JSON},
        {"{'weight_map':{}}", TV_FIND_INDEX_INVALID_JSON},
        {"{\"metadata\":{\"total_size\":NaN},\"weight_map\":{\"a\":\"b\"}}", TV_FIND_INDEX_INVALID_JSON},
        {"{\"weight_map\":{\"\xff\":\"b\"}}", TV_FIND_INDEX_INVALID_JSON},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", TV_FIND_INDEX_INVALID_JSON},
        {"[]", TV_FIND_INDEX_WRONG_TYPE},
        {"\"weight_map\"", TV_FIND_INDEX_WRONG_TYPE},
        {"{\"weight_map\":[]}", TV_FIND_INDEX_WRONG_TYPE},
        {"{\"weight_map\":null}", TV_FIND_INDEX_WRONG_TYPE},
        {"{\"weight_map\":{\"a\":1}}", TV_FIND_INDEX_WRONG_TYPE},
        {"{\"weight_map\":{\"a\":[\"b\"]}}", TV_FIND_INDEX_WRONG_TYPE},
        {"{\"metadata\":1,\"weight_map\":{\"a\":\"b\"}}", TV_FIND_INDEX_WRONG_TYPE},
        {"{}", TV_FIND_INDEX_MISSING_FIELD},
        {"{\"Weight_map\":{\"a\":\"b\"}}", TV_FIND_INDEX_MISSING_FIELD},
        {"{\"weight_map\":{}}", TV_FIND_INDEX_MISSING_FIELD},
        {"{\"weight_map\":{\"a\":\"b\",\"c\":\"b\",\"\\u0061\":\"d\"}}", TV_FIND_INDEX_DUPLICATE_KEY},
        {"{\"weight_map\":{\"a\":\"b\"},\"weight_map\":{\"a\":\"c\"}}", TV_FIND_INDEX_DUPLICATE_KEY},
        {"{\"metadata\":{\"t\":1,\"t\":2},\"weight_map\":{\"a\":\"b\"}}", TV_FIND_INDEX_DUPLICATE_KEY},
        {"{\"weight_map\":{\"a\":\"../b\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\"/b\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\"b/c\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\"b\\u002fc\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\"b\\\\c\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\"b\\u0000\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\"\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\"..\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
        {"{\"weight_map\":{\"a\":\".\"}}", TV_FIND_INDEX_SHARD_ESCAPES},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tv_finding_id id = read_text(rows[i].text);
        CHECK_MSG(id == rows[i].id, "%s: %s", rows[i].text, tv_finding_info_of(id)->id);
        shard_index_free(&parsed);
    }
}

TEST(cut, "an index cut anywhere is refused")
{
    static const char whole[] = "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"s.bin\",\"b\":\"t.bin\"}}";
    char text[sizeof(whole)];
    for (size_t size = 0; size < sizeof(whole) - 1; size++) {
        memcpy(text, whole, size);
        text[size] = '\0';
        CHECK_MSG(read_text(text) == TV_FIND_INDEX_INVALID_JSON, "%s", text);
        shard_index_free(&parsed);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
