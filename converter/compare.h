/* The comparer: is this output, bit for bit, the tensors of that source? Shares the readers with the writer, but no
 * plan, gather or copy code: it walks each tensor with a plain odometer of its own. */
#ifndef CONVERTER_COMPARE_H
#define CONVERTER_COMPARE_H

#include <tensorvet/index.h>

#include "checkpoint.h"
#include "plan.h"

/* The output, when all but the bits is known to be the source's: for each of its tensors, the source's. */
struct compared {
    const struct source *output;
    const tv_index *index;
    const uint32_t *matches;
};
/* Compares the bits of sources that have no offsets (harness/receive.h). */
typedef tv_status (*compare_data)(void *context, const struct compared *output, tv_findings *findings);

struct compare_options {
    bool copy_ties;
    const tv_limits *limits;
    uint64_t seed;
    const tv_pair *metadata; /* of a safetensors source: what the output's must be; NULL: {"format":"pt"} and aliases */
    uint64_t pairs;
    bool no_metadata;  /* of a safetensors source that has none */
    compare_data data; /* NULL: the bits are in the source, at the storages' places */
    void *data_context;
    uint32_t part, parts; /* whose bits are compared; all else is compared by each part; parts 0: all */
};

/* TV_OK where the output is well formed, each of its tensors is one of the source's with the same name, dtype, shape
 * and bits (NaN payloads count), each of the source's tensors is there or is an alias, recorded in the metadata, of an
 * identical view that is there, the metadata holds nothing else but "format", and the file ends where it should.
 * Else TV_REJECTED and `verify-failed` naming the tensor and the difference, or core's own finding. */
TV_MUST_CHECK tv_status compare_output(const struct source *source, const struct checkpoint *checkpoint,
                                       const struct source *output, const struct compare_options *options,
                                       progress_fn progress, void *context, tv_findings *findings);

#endif
