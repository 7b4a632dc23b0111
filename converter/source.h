/* A source: random access to the bytes of one file, by pread on a descriptor, never by mapping it; or to a deflated
 * part of one (inflate.h), or to bytes in memory. */
#ifndef CONVERTER_SOURCE_H
#define CONVERTER_SOURCE_H

#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/span.h>

struct deflated;

struct source {
    int fd; /* -1: the bytes are in memory (tests, fuzzing, nested streams), or deflated */
    tv_span memory;
    uint64_t size;                   /* bytes, as fstat said when it was opened */
    const struct deflated *deflated; /* or NULL */
};

/* A source over bytes in memory. */
struct source source_of_memory(tv_span bytes);
/* [at, at + size) where it lies, of a source that is in memory; false of any other, and where the range is not inside.
 */
bool source_view(const struct source *source, uint64_t at, uint64_t size, tv_span *bytes);
/* Reads exactly [at, at + size) into out. TV_OK; TV_IO where the system fails or the file ends early (it shrank: the
 * range is inside `size`; errno is ENODATA then); TV_MISUSE where the range is not. Retries EINTR and short reads. */
TV_MUST_CHECK tv_status source_read(const struct source *source, uint64_t at, void *out, uint64_t size);
/* The CRC-32 (as in zip) of [at, at + size), read through once in pieces; *crc starts at 0, or at that of what came
 * before. Errors as source_read, and TV_NO_MEMORY. */
TV_MUST_CHECK tv_status source_crc(const struct source *source, uint64_t at, uint64_t size, uint32_t *crc);

#endif
