/* Shows where the inert machine starts each operation of pickles, for pickle_walk.py to compare with pickletools.
 *
 * Input: a file of {u32 size, bytes} repeated. A line is the offset of each operation that the machine begins, then
 * ".end" behind STOP, or "!" for a refused pickle. Nothing in the machine tells that for the asking: it is run with a
 * limit of 0 operations, 1, 2, …, and each refusal says at which operation the limit struck. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pickle/machine.h"

static tv_findings findings;

/* The status of a run under that limit; *struck: the limit stopped it, at *at. */
static tv_status run(tv_span bytes, uint64_t operations, uint64_t *end, bool *struck, uint64_t *at)
{
    struct pickle pickle;
    tv_limits limits = tv_limits_default();
    struct budget budget = {limits.memory_bytes};
    struct pickle_use use = {0};
    struct pickle_options options = {&limits, &use, false};
    struct source source = source_of_memory(bytes);
    limits.pickle_ops = operations;
    findings.count = 0;
    pickle_start(&pickle, &budget);
    tv_status status = pickle_run(&source, 0, bytes.size, &options, &pickle, &findings);
    const tv_finding *error = tv_findings_first_error(&findings);
    *struck = error != NULL && error->id == TV_FIND_LIMIT_PICKLE && tv_span_is(tv_finding_detail(error), "operations");
    *at = error == NULL ? 0 : error->offset;
    *end = pickle.end;
    pickle_free(&pickle);
    return status;
}

static void walk(tv_span bytes)
{
    uint64_t operations = 0, end = 0, at = 0;
    bool struck = true;
    tv_status status = run(bytes, operations, &end, &struck, &at);
    while (struck) {
        printf("%" PRIu64 " ", at);
        status = run(bytes, ++operations, &end, &struck, &at);
    }
    if (status == TV_OK)
        printf(".%" PRIu64 "\n", end);
    else
        puts("!");
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    uint8_t head[4];
    if (file == NULL)
        return 2;
    while (fread(head, 1, sizeof head, file) == sizeof head) {
        uint32_t size = 0;
        (void)tv_span_u32(tv_span_of(head, sizeof head), 0, &size);
        uint8_t *bytes = malloc((size_t)size + 1);
        if (bytes == NULL || fread(bytes, 1, size, file) != size)
            return 2;
        walk(tv_span_of(bytes, size));
        free(bytes);
    }
    return fclose(file) == 0 ? 0 : 2;
}
