/* Inflating: random access to a deflated part of a source, in bounded memory, without a place to unpack it to.
 *
 * zlib's streaming inflate goes forward; for the way back, its state is copied now and then as it passes (32 KiB of
 * history and some tables), at even distances whatever the stream's blocks are: one block can be the whole part, and
 * must not make every step back a start from its first byte. A scratch file would make every access cheap, but each
 * worker would need a writable descriptor and as much room again as the tensors have; this needs neither, so writer and
 * comparer stay as they are. Its price: a view that jumps about (a transpose) inflates what lies between, again for
 * each box of the gather, up to a 192nd of the part each time; the worker's CPU limit bounds that.
 * Trusts: nothing of the bytes. Promises: fixed memory (INFLATE_MEMORY), whatever the stream says. */
#ifndef CONVERTER_INFLATE_H
#define CONVERTER_INFLATE_H

#include "source.h"

/* Where a deflated part lies, and the one inflater that all parts of a file share. */
struct deflated {
    struct inflater *inflater;
    uint64_t at, packed; /* bytes of the file */
};

#define INFLATE_MEMORY (16u << 20)

/* Reads parts of that file, whose struct it copies. NULL where memory ends. */
struct inflater *inflater_new(const struct source *file);
void inflater_free(struct inflater *f);

/* A source of the `size` bytes that the part unpacks to; the part must outlive it. */
struct source source_of_deflated(const struct deflated *part, uint64_t size);

/* Unpacks the whole of such a source. TV_OK: it is one deflate stream, which fills the part exactly and unpacks to
 * exactly its size; *crc is the CRC-32 of that. TV_REJECTED: it is not, *trouble says how (static). TV_IO,
 * TV_NO_MEMORY. A source that was checked so can be read like any other; reading one that was not may fail with TV_IO.
 */
TV_MUST_CHECK tv_status inflate_check(const struct source *source, uint32_t *crc, const char **trouble);

/* For source_read. The range is inside the source. */
TV_MUST_CHECK tv_status inflate_read(const struct source *source, uint64_t at, void *out, uint64_t size);

#endif
