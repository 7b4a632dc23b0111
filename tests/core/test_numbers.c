/* Numbers of the header at the edges of 31, 32, 53, 63 and 64 bits: each is what it says, or refused. */
#include <inttypes.h>

#include "vet.h"

/* 2^64 and its neighbours do not fit an integer of C: texts. */
static const struct {
    const char *text;
    uint64_t value; /* 0: above 2^63-1, to be refused */
} numbers[] = {
    {"2147483647", 2147483647u},
    {"2147483648", 2147483648u},
    {"2147483649", 2147483649u},
    {"4294967295", 4294967295u},
    {"4294967296", 4294967296u},
    {"4294967297", 4294967297u},
    {"9007199254740991", 9007199254740991u},
    {"9007199254740992", 9007199254740992u},
    {"9007199254740993", 9007199254740993u},
    {"999999999999999999", 999999999999999999u},
    {"1000000000000000000", 1000000000000000000u},
    {"9223372036854775806", 9223372036854775806u},
    {"9223372036854775807", 9223372036854775807u},
    {"9223372036854775808", 0},
    {"9223372036854775809", 0},
    {"18446744073709551615", 0},
    {"18446744073709551616", 0},
    {"18446744073709551617", 0},
    {"99999999999999999999999999999999999999999", 0},
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static void expect_text(struct text *text, uint64_t data_bytes, const char *id, uint64_t offset)
{
    expect(text->data, data_bytes, id, offset, id == NULL ? "" : "t");
    text->size = 0;
}

TEST(dimensions, "a dimension at each edge is taken as it is: its size must agree with the offsets, exactly")
{
    static struct text text;
    for (unsigned i = 0; i < NUMBERS; i++) {
        const char *n = numbers[i].text;
        bool fits = numbers[i].value != 0 && numbers[i].value <= UINT64_MAX / 8;
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[%s],\"data_offsets\":[0,%s]}}", n, n);
        if (numbers[i].value == 0)
            expect_text(&text, 0, "integer-out-of-range", 36);
        else if (!fits)
            expect_text(&text, numbers[i].value, "shape-overflow", 35);
        else
            expect_text(&text, numbers[i].value, NULL, 0);
        if (!fits)
            continue;
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[%s],\"data_offsets\":[0,%" PRIu64 "]}}", n,
                 numbers[i].value - 1);
        expect_text(&text, 0, "size-mismatch", 8 + 45 + strlen(n));
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[0,%s],\"data_offsets\":[0,0]}}", n);
        expect_text(&text, 0, NULL, 0);
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[%s],\"data_offsets\":[0,%s]}}", n, n);
        expect_text(&text, numbers[i].value - 1, "offsets-out-of-range", 9);
    }
}

TEST(offsets, "an offset at each edge, as begin and as end")
{
    static struct text text;
    for (unsigned i = 0; i < NUMBERS; i++) {
        const char *n = numbers[i].text;
        const char *id = numbers[i].value == 0 ? "integer-out-of-range" : NULL;
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[%s,%s]}}", n, n);
        expect_text(&text, 0, id != NULL ? id : "offsets-gap", id != NULL ? 55 : 9);
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[%s,0]}}", n);
        expect_text(&text, 0, id != NULL ? id : "offsets-reversed", id != NULL ? 55 : 54);
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,%s]}}", n);
        expect_text(&text, 0, id != NULL ? id : "size-mismatch", id != NULL ? 57 : 54);
    }
}

TEST(spellings, "only digits without a leading zero are an integer")
{
    static const char *const bad[] = {"-1", "-0", "1.0", "1e0", "0.0", "1E2", "0e0", "-9223372036854775808"};
    static struct text text;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[1,%s],\"data_offsets\":[0,1]}}", bad[i]);
        expect_text(&text, 1, "integer-out-of-range", 38);
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,%s]}}", bad[i]);
        expect_text(&text, 1, "integer-out-of-range", 57);
    }
    static const char *const counts[] = {"", "0", "0,1,1"};
    for (unsigned i = 0; i < 3; i++) {
        add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%s]}}", counts[i]);
        expect_text(&text, 1, "integer-out-of-range", 54);
    }
}

TEST(products, "the product of the dimensions that are not zero, times the bits, fits 64 bits or is refused")
{
    static struct text text;
    add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[4294967296,536870911,0],\"data_offsets\":[0,0]}}");
    expect_text(&text, 0, NULL, 0);
    add_text(&text, "{\"t\":{\"dtype\":\"U8\",\"shape\":[4294967296,536870912,0],\"data_offsets\":[0,0]}}");
    expect_text(&text, 0, "shape-overflow", 35);
    add_text(&text, "{\"t\":{\"dtype\":\"F4\",\"shape\":[0,4611686018427387903],\"data_offsets\":[0,0]}}");
    expect_text(&text, 0, NULL, 0);
    add_text(&text, "{\"t\":{\"dtype\":\"F4\",\"shape\":[0,4611686018427387904],\"data_offsets\":[0,0]}}");
    expect_text(&text, 0, "shape-overflow", 35);
    add_text(&text, "{\"t\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}");
    expect_text(&text, 1, "sub-byte-misaligned", 35);
    add_text(&text, "{\"t\":{\"dtype\":\"F6_E3M2\",\"shape\":[2],\"data_offsets\":[0,1]}}");
    expect_text(&text, 1, "sub-byte-misaligned", 40);
    add_text(&text, "{\"t\":{\"dtype\":\"F6_E3M2\",\"shape\":[4],\"data_offsets\":[0,3]}}");
    expect_text(&text, 3, NULL, 0);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
