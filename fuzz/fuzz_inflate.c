/* The inflater: any bytes as a deflate stream, read in any order.
 *
 * Oracles: what passes inflate_check is unpacked by libdeflate too, to the same bytes, from the same number of bytes;
 * reads at any place and in any order give what one pass gives; a stream that another size is claimed of does not pass.
 */
#include <stdlib.h>
#include <string.h>

#include <inflate.h>
#include <libdeflate.h>

#include "oracle.h"

enum { MOST = 1 << 23, READS = 24, PIECE = 5000 };

/* What libdeflate makes of the stream; NULL where it refuses. */
static uint8_t *unpack_otherwise(const uint8_t *data, size_t size, size_t claimed, size_t *used, size_t *got)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    uint8_t *out = malloc(claimed + 1);
    PROMISE(d != NULL && out != NULL);
    enum libdeflate_result result = libdeflate_deflate_decompress_ex(d, data, size, out, claimed, used, got);
    libdeflate_free_decompressor(d);
    if (result == LIBDEFLATE_SUCCESS)
        return out;
    free(out);
    return NULL;
}

static void read_about(const struct source *source, const uint8_t *expected, uint64_t hash)
{
    static uint8_t piece[PIECE];
    for (int i = 0; i < READS && source->size > 0; i++) {
        hash = hash * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t at = (hash >> 20) % source->size, left = source->size - at;
        uint64_t size = left < PIECE ? left : PIECE;
        PROMISE(source_read(source, at, piece, size) == TV_OK);
        PROMISE(memcmp(piece, expected + at, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    const struct source file = source_of_memory(tv_span_of(data + 4, size - 4));
    uint32_t claimed = 0, crc = 0;
    const char *trouble = NULL;
    memcpy(&claimed, data, sizeof claimed);
    claimed %= MOST;
    struct deflated part = {inflater_new(&file), 0, file.size};
    PROMISE(part.inflater != NULL);
    const struct source source = source_of_deflated(&part, claimed);
    oracle_ran(data, size);
    tv_status status = inflate_check(&source, &crc, &trouble);
    PROMISE(status == TV_OK ? trouble == NULL : status == TV_REJECTED && trouble != NULL);
    if (status == TV_OK) {
        size_t used = 0, got = 0;
        uint8_t *expected = unpack_otherwise(data + 4, size - 4, claimed, &used, &got);
        PROMISE(expected != NULL && used == file.size && got == claimed);
        PROMISE(libdeflate_crc32(0, expected, got) == crc);
        read_about(&source, expected, oracle_hash(data, size));
        const struct source longer = source_of_deflated(&part, (uint64_t)claimed + 1);
        PROMISE(inflate_check(&longer, &crc, &trouble) == TV_REJECTED);
        free(expected);
        oracle_accepted();
    }
    inflater_free(part.inflater);
    return 0;
}
