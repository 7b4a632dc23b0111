/* Indexes of shards. Oracles: what is refused has a reason; what is accepted json-c reads as the same map, of shards
 * that stay in their folder. */
#include <string.h>

#include <shard_index.h>

#include "json_c.h"
#include "oracle.h"

static bool is_same(struct json_object *object, tv_span text)
{
    return json_object_is_type(object, json_type_string) &&
           tv_span_equal(text, tv_span_of(json_object_get_string(object), (size_t)json_object_get_string_len(object)));
}

/* Each row is in the other reader's map, and there are as many. A NUL ends names for json-c: then nothing is said. */
static void compare(const struct shard_index *index, const uint8_t *data, size_t size)
{
    struct json_object *whole = json_c_read(tv_span_of(data, size), 64, 0), *map = NULL;
    PROMISE(whole != NULL && json_object_object_get_ex(whole, "weight_map", &map));
    bool has_nul = false;
    for (uint64_t i = 0; i < index->rows.count; i++) {
        const struct shard_row *row = vector_at(&index->rows, i);
        char name[2048] = {0};
        struct json_object *shard = NULL;
        PROMISE(row->tensor.size < sizeof name && memchr(row->shard.data, '/', row->shard.size) == NULL);
        memcpy(name, row->tensor.data, row->tensor.size);
        has_nul = has_nul || strlen(name) != row->tensor.size;
        PROMISE(has_nul || (json_object_object_get_ex(map, name, &shard) && is_same(shard, row->shard)));
    }
    PROMISE(has_nul || (uint64_t)json_object_object_length(map) == index->rows.count);
    json_object_put(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tv_findings findings;
    struct shard_index index;
    tv_limits limits = tv_limits_default();
    oracle_ran(data, size);
    findings.count = 0;
    tv_status status = shard_index_read(tv_span_of(data, size), &limits, &index, &findings);
    PROMISE(status == TV_OK || status == TV_REJECTED);
    PROMISE((status == TV_OK) == (tv_findings_first_error(&findings) == NULL));
    if (status == TV_OK) {
        PROMISE(index.rows.count > 0);
        if (!json_c_misreads(tv_span_of(data, size)))
            compare(&index, data, size);
        oracle_accepted();
    }
    shard_index_free(&index);
    return 0;
}
