/* The reader of safetensors: bytes so far, total size and limits in; an index or the first broken rule out.
 *
 * Trusts: nothing in the bytes. Promises: no read outside the span; no recursion; time n log n whatever the names;
 * memory from the caller's arena only, at most TV_INDEX_MEMORY(header length). Pure, so safe in any thread.
 * Rules and ids: docs/findings.md. Order of the stages: foreign, prefix, text of the whole header, names and tensors in
 * the order of the header, layout in offset order; the first error ends the check. Warnings and notes are only given
 * for a file that is accepted. */
#ifndef TENSORVET_INDEX_H
#define TENSORVET_INDEX_H

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

/* One tensor. Names and shapes stay where they are, in the header, and are decoded on demand. */
typedef struct tv_tensor {
    uint64_t begin, end; /* bytes in the data section */
    uint32_t name_at;    /* offset in the header of the name's first byte, after the quote */
    uint32_t name_size;  /* bytes between the quotes, escapes not decoded */
    uint32_t shape_at;   /* offset in the header of the shape's opening bracket */
    uint16_t rank;
    uint8_t dtype;        /* tv_dtype */
    uint8_t name_escaped; /* 1 where the name holds a backslash */
} tv_tensor;

/* The parsed header. Borrowed: valid while the bytes and the arena it was made from are. */
typedef struct tv_index {
    tv_span header;           /* the JSON text, padding included; file offset 8 */
    uint64_t data_start;      /* offset in the file of the data section: 8 + header length */
    uint64_t data_size;       /* bytes of the data section */
    const tv_tensor *tensors; /* in offset order: by (begin, end), then as in the header */
    uint64_t count;
    uint32_t metadata_at;    /* offset in the header of the metadata's opening brace, or 0 where there is none */
    uint32_t metadata_count; /* pairs */
} tv_index;

/* For a file whose size is not known yet: the data section is taken to be as long as the tensors say. */
#define TV_SIZE_UNKNOWN UINT64_MAX

/* The most arena bytes that tv_index_parse takes for a header of that length: twice the header and a page.
 * With the header itself in memory, the whole stays below three times its length (plus 64 KiB). */
TV_API uint64_t tv_index_memory(uint64_t header_bytes);

/* Stages foreign and prefix: reads the first 8 bytes of a file of file_size bytes.
 * TV_OK and the header's length; TV_MORE while fewer than 8 bytes are there (and the file has them);
 * TV_REJECTED with a finding as soon as it can be known. */
TV_API TV_MUST_CHECK tv_status tv_header_length(tv_span bytes, uint64_t file_size, const tv_limits *limits,
                                                uint64_t *length, tv_findings *findings);

/* The whole check of a header. `bytes` starts at file offset 0; only 8 + header length of it is looked at.
 * seed keys the name table's hash: a caller that fears chosen names gives a random one; 0 is fine otherwise,
 * and time stays n log n in either case.
 * TV_OK: *index is filled and no error finding was added (there may be warnings). TV_MORE: the header is not all there.
 * TV_REJECTED: exactly one error finding is added. TV_NO_MEMORY: the arena is smaller than tv_index_memory asks. */
TV_API TV_MUST_CHECK tv_status tv_index_parse(tv_span bytes, uint64_t file_size, const tv_limits *limits, uint64_t seed,
                                              tv_arena *arena, tv_index *index, tv_findings *findings);

/* The name's unescaped UTF-8 in text, cut to capacity; returns its full length. Not terminated. */
TV_API size_t tv_tensor_name(const tv_index *index, const tv_tensor *tensor, char *text, size_t capacity);
/* The name where it stands, if it needs no unescaping: true and a view into the header. */
TV_API bool tv_tensor_name_span(const tv_index *index, const tv_tensor *tensor, tv_span *name);
/* The dimensions, outermost first; room for tensor->rank is the caller's. */
TV_API void tv_tensor_shape(const tv_index *index, const tv_tensor *tensor, uint64_t *shape);
/* The tensor of that unescaped name, or NULL. Linear. */
TV_API const tv_tensor *tv_index_find(const tv_index *index, tv_span name);

/* Walks the metadata pairs: start with *cursor = 0; false at the end. The spans are the raw JSON text between the
 * quotes; tv_json_unescape decodes them. */
TV_API bool tv_metadata_next(const tv_index *index, uint32_t *cursor, tv_span *raw_key, tv_span *raw_value);
/* Decodes the text between the quotes of a JSON string that a parse has accepted: UTF-8 in text, cut to capacity;
 * returns the full length. */
TV_API size_t tv_json_unescape(tv_span raw, char *text, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
