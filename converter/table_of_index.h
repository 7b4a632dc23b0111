/* A safetensors file as a tensor table, so that plan, write and compare treat it like any checkpoint: each tensor is
 * the whole of a storage of its own. */
#ifndef CONVERTER_TABLE_OF_INDEX_H
#define CONVERTER_TABLE_OF_INDEX_H

#include <tensorvet/index.h>
#include <tensorvet/writer.h>

#include "checkpoint.h"

/* Fills the table and the metadata pairs, sorted by their keys' bytes; names and texts are copied into the table's
 * pool. TV_OK, TV_NO_MEMORY or TV_MISUSE. Free with checkpoint_free in any case. */
TV_MUST_CHECK tv_status table_of_index(const tv_index *index, const tv_limits *limits, struct checkpoint *out,
                                       tv_pair **pairs, uint64_t *count);

#endif
