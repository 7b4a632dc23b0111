/* The index of a sharded checkpoint (*.index.json): which shard holds which tensor.
 *
 * {"metadata": {…}, "weight_map": {"tensor": "shard", …}}, as transformers and diffusers write it
 * (huggingface_hub, serialization/_base.py). Trusts: nothing. Promises: one reading or none: strict JSON, no key twice
 * at the levels that are read, each shard's name a single plain component of a path. Other members are skipped, as
 * loaders skip them. */
#ifndef CONVERTER_SHARD_INDEX_H
#define CONVERTER_SHARD_INDEX_H

#include <tensorvet/finding.h>
#include <tensorvet/limits.h>

#include "memory.h"

struct shard_row {
    tv_span tensor, shard; /* unescaped; in the pool */
};

struct shard_index {
    struct budget budget;
    struct pool pool;
    struct vector rows; /* struct shard_row, in the order of the file, tensors unique; never none */
};

/* Reads a whole index. TV_OK, or TV_REJECTED with a finding of stage "index". Free in any case. */
TV_MUST_CHECK tv_status shard_index_read(tv_span text, const tv_limits *limits, struct shard_index *out,
                                         tv_findings *findings);
void shard_index_free(struct shard_index *index);

#endif
