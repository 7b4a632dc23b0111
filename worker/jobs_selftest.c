/* The self-test: a jail in which an honest worker cannot judge these two files is no jail to judge others by. */
#include "jobs_internal.h"

/* {"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}} and two bytes; the second file claims a byte more. */
#define GOOD_JSON     "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}   "
#define BAD_JSON      "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,3]}}   "
#define FILE_OF(json) "\x38\0\0\0\0\0\0\0" json "\x01\x02"

static const char good[] = FILE_OF(GOOD_JSON), bad[] = FILE_OF(BAD_JSON);
_Static_assert(sizeof GOOD_JSON == 0x38 + 1, "the length prefix is the header's");

tv_status job_selftest(struct run *run)
{
    run->source = source_of_memory(tv_span_of(bad, sizeof bad - 1));
    if (check_safetensors(run) != TV_REJECTED)
        return TV_MISUSE;
    run->findings.count = 0;
    run->findings.omitted = 0;
    run->source = source_of_memory(tv_span_of(good, sizeof good - 1));
    return check_safetensors(run);
}
