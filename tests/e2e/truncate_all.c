/* Every checkpoint given on the command line, cut at every byte, read in this process: never a crash, never an accept.
 * Each cut lies in a block of exactly its size, so that a sanitizer build sees any read beyond it. Files of more than
 * EVERY bytes are cut at every byte near both ends, where the structures are, and at steps in between.
 *
 *   truncate_all STEP FILE...    STEP 1: every byte; more: every STEP-th, from another one in each file */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tensorvet/finding.h>
#include <tensorvet/limits.h>

#include "checkpoint.h"

#define EVERY 4096
#define FAR   61

/* The kinds that are read as checkpoints: a cut that is called any other kind is refused by its kind alone. */
static bool is_checkpoint(tv_kind kind)
{
    return kind == TV_KIND_TORCH_ZIP || kind == TV_KIND_TORCH_LEGACY || kind == TV_KIND_TORCH_TAR ||
           kind == TV_KIND_TORCHSCRIPT || kind == TV_KIND_PICKLE || kind == TV_KIND_NUMPY || kind == TV_KIND_NPZ;
}

/* Is it a checkpoint that reads well? want_tensors: as convert reads it, else as check does. */
static bool accepted(tv_span bytes, bool want_tensors)
{
    static tv_findings findings;
    memset(&findings, 0, sizeof findings);
    tv_limits limits = tv_limits_default();
    struct source source = source_of_memory(bytes);
    tv_kind kind = TV_KIND_UNKNOWN;
    if (source_identify(&source, &limits, &kind) != TV_OK || !is_checkpoint(kind))
        return false;
    struct ck_options options = {.limits = &limits, .want_tensors = want_tensors, .whole = true};
    struct checkpoint checkpoint;
    tv_status status = checkpoint_read(&source, kind, &options, &checkpoint, &findings);
    checkpoint_free(&checkpoint);
    if (status != TV_OK && status != TV_REJECTED) {
        fprintf(stderr, "status %d is neither an accept nor a rejection\n", (int)status);
        exit(1);
    }
    return status == TV_OK;
}

/* Both readings of the first size bytes, in a block of their own. */
static bool cut_accepted(const uint8_t *data, size_t size, bool *by_check)
{
    uint8_t *block = malloc(size ? size : 1);
    if (!block)
        exit(1);
    memcpy(block, data, size);
    tv_span bytes = {.data = block, .size = size};
    *by_check = accepted(bytes, false);
    bool by_convert = accepted(bytes, true);
    free(block);
    return *by_check || by_convert;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    static uint8_t buffer[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    *size = fread(buffer, 1, sizeof buffer, file);
    bool whole = feof(file) && !ferror(file);
    (void)fclose(file);
    return whole ? buffer : NULL;
}

/* The number of cuts, or 0 after saying what went wrong. */
static size_t cut_file(const char *path, size_t first, size_t step)
{
    size_t size, cuts = 0;
    const uint8_t *data = read_file(path, &size);
    bool by_check = false;
    if (!data || size == 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 0;
    }
    if (!cut_accepted(data, size, &by_check) || !by_check) {
        fprintf(stderr, "%s: the whole file is refused, so its cuts prove nothing\n", path);
        return 0;
    }
    for (size_t at = first; at < size; at += step) {
        if (at > EVERY && at + EVERY < size && at % FAR != 0)
            continue;
        if (cut_accepted(data, at, &by_check)) {
            fprintf(stderr, "%s: accepted when cut to %zu of %zu bytes\n", path, at, size);
            return 0;
        }
        cuts++;
    }
    return cuts;
}

int main(int argc, char **argv)
{
    size_t cuts = 0, step = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    bool failed = step == 0;
    for (int i = 2; i < argc && step > 0; i++) {
        size_t more = cut_file(argv[i], (size_t)i % step, step);
        failed = failed || more == 0;
        cuts += more;
    }
    printf("%zu cuts of %d files\n", cuts, argc - 2);
    return failed ? 1 : 0;
}
