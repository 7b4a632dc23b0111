/* Deflated parts are read at any place, in any order, in bounded memory, and only streams that are exactly what the
 * archive says of them pass. */
#include <stdlib.h>
#include <string.h>

#include <inflate.h>
#include <libdeflate.h>
#include <zlib.h>

#include "check.h"

enum { SIZE = 24 << 20, PIECE = 70000 };

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Words of few letters: compressible, in many blocks. */
static uint8_t *some_bytes(void)
{
    uint8_t *bytes = malloc(SIZE);
    uint64_t state = 7;
    CHECK(bytes != NULL);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)("abcdefgh"[next_random(&state) % 8]);
    return bytes;
}

static uint8_t *pack(const uint8_t *bytes, size_t size, size_t *packed)
{
    z_stream z = {0};
    size_t room = size + 1000;
    uint8_t *out = malloc(room);
    CHECK(out != NULL && deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (uint8_t *)(uintptr_t)bytes;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)room;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    *packed = room - z.avail_out;
    (void)deflateEnd(&z);
    return out;
}

TEST(any_order, "reads forwards, backwards and anywhere give the unpacked bytes")
{
    static uint8_t piece[PIECE];
    size_t packed = 0;
    uint8_t *bytes = some_bytes(), *stream = pack(bytes, SIZE, &packed);
    const struct source file = source_of_memory(tv_span_of(stream, packed));
    struct deflated part = {inflater_new(&file), 0, packed};
    const struct source source = source_of_deflated(&part, SIZE);
    uint64_t state = 3;
    uint32_t crc = 0;
    const char *trouble = "";
    CHECK(part.inflater != NULL && inflate_check(&source, &crc, &trouble) == TV_OK && trouble == NULL);
    CHECK(crc == libdeflate_crc32(0, bytes, SIZE));
    for (int i = 0; i < 200; i++) {
        uint64_t at = i < 20 ? SIZE - (uint64_t)(i + 1) * PIECE : next_random(&state) % (SIZE - PIECE);
        CHECK(source_read(&source, at, piece, PIECE) == TV_OK && memcmp(piece, bytes + at, PIECE) == 0);
    }
    CHECK(source_read(&source, SIZE - 5, piece, 6) == TV_MISUSE);
    inflater_free(part.inflater);
    free(stream);
    free(bytes);
}

static int fresh_starts; /* of a stream, from its first byte */

int __real_inflateInit2_(z_streamp stream, int bits, const char *version, int size);
int __wrap_inflateInit2_(z_streamp stream, int bits, const char *version, int size);
int __wrap_inflateInit2_(z_streamp stream, int bits, const char *version, int size)
{
    fresh_starts++;
    return __real_inflateInit2_(stream, bits, version, size);
}

/* Writes bits, given as text in the order of the stream. */
static void put_bits(uint8_t *out, size_t *at, const char *bits)
{
    for (; *bits != '\0'; bits++, (*at)++)
        out[*at / 8] |= (uint8_t)((*bits - '0') << *at % 8);
}

TEST(one_block, "a stream of a single block is not unpacked from its start again for each step back")
{
    enum { MATCHES = 80000, UNPACKED = 1 + 258 * MATCHES };
    uint8_t *stream = calloc(1, (size_t)MATCHES * 2 + 100), last = 1;
    size_t bits = 0;
    CHECK(stream != NULL);
    put_bits(stream, &bits, "110");      /* the last block, of fixed codes */
    put_bits(stream, &bits, "00110000"); /* a zero */
    for (int i = 0; i < MATCHES; i++)
        put_bits(stream, &bits, "1100010100000"); /* 258 bytes from one byte back */
    put_bits(stream, &bits, "0000000");
    const struct source file = source_of_memory(tv_span_of(stream, (bits + 7) / 8));
    struct deflated part = {inflater_new(&file), 0, file.size};
    const struct source source = source_of_deflated(&part, UNPACKED);
    CHECK(part.inflater != NULL);
    fresh_starts = 0;
    for (int i = 0; i < 20; i++) {
        CHECK(source_read(&source, UNPACKED - 1, &last, 1) == TV_OK && last == 0);
        CHECK(source_read(&source, UNPACKED / 4, &last, 1) == TV_OK && last == 0);
    }
    CHECK(fresh_starts == 1);
    inflater_free(part.inflater);
    free(stream);
}

TEST(two_parts, "one inflater reads two parts in turn")
{
    size_t sizes[2] = {0};
    uint8_t *one = pack((const uint8_t *)"hello hello hello", 17, &sizes[0]);
    uint8_t *two = pack((const uint8_t *)"other bytes, other bytes", 24, &sizes[1]), both[100], piece[24];
    memcpy(both, one, sizes[0]);
    memcpy(both + sizes[0], two, sizes[1]);
    const struct source file = source_of_memory(tv_span_of(both, sizes[0] + sizes[1]));
    struct inflater *inflater = inflater_new(&file);
    const struct deflated a = {inflater, 0, sizes[0]}, b = {inflater, sizes[0], sizes[1]};
    const struct source first = source_of_deflated(&a, 17), second = source_of_deflated(&b, 24);
    for (int i = 0; i < 3; i++) {
        CHECK(source_read(&first, 6, piece, 11) == TV_OK && memcmp(piece, "hello hello", 11) == 0);
        CHECK(source_read(&second, 0, piece, 24) == TV_OK && memcmp(piece, "other bytes, other bytes", 24) == 0);
    }
    inflater_free(inflater);
    free(one);
    free(two);
}

/* Is the stream refused, with that word in the reason? */
static bool refused(const uint8_t *stream, size_t packed, uint64_t claimed, const char *word)
{
    const struct source file = source_of_memory(tv_span_of(stream, packed));
    struct deflated part = {inflater_new(&file), 0, packed};
    const struct source source = source_of_deflated(&part, claimed);
    const char *trouble = NULL;
    uint32_t crc = 0;
    tv_status status = inflate_check(&source, &crc, &trouble);
    inflater_free(part.inflater);
    return status == TV_REJECTED && trouble != NULL && strstr(trouble, word) != NULL;
}

TEST(strict, "a stream must fill its part exactly and unpack to exactly its size")
{
    uint8_t text[1000] = {0};
    size_t packed = 0;
    uint8_t *stream = pack(text, sizeof text, &packed);
    CHECK(refused(stream, packed, 999, "another size") && refused(stream, packed, 1001, "shorter"));
    CHECK(refused(stream, packed + 1, 1000, "before its last byte")); /* one byte hidden behind it */
    for (size_t cut = 0; cut < packed; cut++)
        CHECK(refused(stream, cut, 1000, "broken"));
    CHECK(refused((const uint8_t *)"\x07", 1, 0, "broken") && refused((const uint8_t *)"", 0, 0, "broken"));
    free(stream);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
