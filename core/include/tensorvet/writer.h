/* The writer of safetensors headers, byte-identical to the reference's (metadata keys sorted by their bytes).
 *
 * Trusts: the caller's pointers. Promises: whatever the reader refuses under the same limits is refused here, with the
 * same id; nothing is written on failure. Rules: the reference's recipe (dtype order descending, then name bytes;
 * compact JSON; padding with spaces to a multiple of 8). */
#ifndef TENSORVET_WRITER_H
#define TENSORVET_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/dtype.h>
#include <tensorvet/finding.h>
#include <tensorvet/limits.h>
#include <tensorvet/span.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One tensor to be written. The caller owns all of it. */
typedef struct tv_entry {
    tv_span name;          /* UTF-8, not escaped */
    const uint64_t *shape; /* rank dimensions, outermost first */
    uint16_t rank;
    tv_dtype dtype;
    uint64_t begin, end; /* filled by tv_layout: bytes in the data section */
} tv_entry;

typedef struct tv_pair {
    tv_span key, value; /* UTF-8, not escaped */
} tv_pair;

/* Sorts entries into the reference's order and assigns back-to-back offsets.
 * Refuses bad dtypes, sub-byte misalignment and overflow. n log n, in place, no memory. */
TV_API TV_MUST_CHECK tv_status tv_layout(tv_entry *entries, uint64_t count, tv_findings *findings);

/* The bytes of the file up to its data section: length prefix, JSON, padding. `entries` as tv_layout left them;
 * `metadata` is sorted in place; has_metadata with zero pairs writes an empty object, as the reference does.
 * *size receives the number of bytes needed; they are written only if capacity is enough (else TV_NO_MEMORY, nothing
 * written), so a first call with capacity 0 asks. Refuses, with the reader's ids, every name, pair or count that the
 * reader would refuse (duplicates included). */
TV_API TV_MUST_CHECK tv_status tv_header_write(const tv_entry *entries, uint64_t count, tv_pair *metadata,
                                               uint64_t pairs, bool has_metadata, const tv_limits *limits, uint8_t *out,
                                               uint64_t capacity, uint64_t *size, tv_findings *findings);

#ifdef __cplusplus
}
#endif
#endif
