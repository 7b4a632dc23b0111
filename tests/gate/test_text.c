/* The sanitizer: what comes out is printable UTF-8, what went in can be had back. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "text.h"

/* Is `out` what text_of makes of `in`? */
static bool becomes(tv_span in, const char *out, bool exact)
{
    struct text text = text_of(in);
    bool same = text.bytes != NULL && strcmp(text.bytes, out) == 0 && text.size == strlen(out) && text.exact == exact;
    if (!same)
        printf("got %s, exact %d; wanted %s\n", text.bytes == NULL ? "nothing" : text.bytes, text.exact, out);
    text_free(&text);
    return same;
}

#define BECOMES(in, out)                                                                                               \
    becomes(tv_span_of(in, sizeof(in) - 1), out, strcmp(in, out) == 0 && strlen(out) == sizeof(in) - 1)

TEST(plain_text_stays, "text of any script is shown as it is, and said to be exact")
{
    CHECK(BECOMES("", ""));
    CHECK(BECOMES("model.layers.0.weight ~!\"\\", "model.layers.0.weight ~!\"\\"));
    CHECK(BECOMES("ä€𝄞模型", "ä€𝄞模型"));
    CHECK(BECOMES("می‌خواهم", "می‌خواهم")); /* U+200C is spelling */
}

TEST(controls_are_escaped, "no control character reaches a terminal")
{
    CHECK(BECOMES("a\0b\n\r\t\033[2J\x7f", "a\\x00b\\x0a\\x0d\\x09\\x1b[2J\\x7f"));
    CHECK(BECOMES("\xC2\x80\xC2\x9B\xC2\x9F", "\\u{80}\\u{9b}\\u{9f}"));
    CHECK(BECOMES("\xC2\xA0", "\xC2\xA0")); /* the first after C1 */
}

TEST(bidi_and_invisible_are_escaped, "what would reorder or hide text is visible")
{
    CHECK(BECOMES("\u202Egpj.exe\u202C", "\\u{202e}gpj.exe\\u{202c}"));
    CHECK(BECOMES("\u2066\u2069\u200E\u200F\u061C", "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}"));
    CHECK(BECOMES("a\u2028b\u2029", "a\\u{2028}b\\u{2029}"));
    CHECK(BECOMES("\uFEFF\u200B\u00AD\U000E0041", "\\u{feff}\\u{200b}\\u{ad}\\u{e0041}"));
}

TEST(noncharacters_are_escaped, "code points that are no characters are not passed on")
{
    CHECK(BECOMES("\xEF\xB7\x90\xEF\xBF\xBE\xEF\xBF\xBF", "\\u{fdd0}\\u{fffe}\\u{ffff}"));
    CHECK(BECOMES("\xF4\x8F\xBF\xBF", "\\u{10ffff}"));
}

TEST(bad_utf8_is_escaped, "bytes that are no UTF-8 appear one by one")
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"\xff", "\\xff"},
        {"a\x80", "a\\x80"},
        {"\xC0\x80", "\\xc0\\x80"},                   /* overlong NUL */
        {"\xC1\xBF", "\\xc1\\xbf"},                   /* overlong DEL */
        {"\xE0\x9F\xBF", "\\xe0\\x9f\\xbf"},          /* overlong U+07FF */
        {"\xED\xA0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
        {"\xF0\x8F\xBF\xBF", "\\xf0\\x8f\\xbf\\xbf"}, /* overlong U+FFFF */
        {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
        {"\xF8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
        {"\xE2\x82", "\\xe2\\x82"}, /* cut */
        {"\xE2\x82x", "\\xe2\\x82x"},
        {"\xF0\x9D\x84", "\\xf0\\x9d\\x84"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_MSG(becomes(tv_span_str(rows[i].in), rows[i].out, false), "row %zu", i);
}

/* Strict UTF-8 of plain code points, decided by counting, not by decoding: a second opinion. */
static bool printable(const struct text *text)
{
    for (size_t i = 0; i < text->size; i++) {
        unsigned char byte = (unsigned char)text->bytes[i];
        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return true;
}

TEST(any_two_bytes_come_out_printable, "whatever the bytes, the text is printable, and idempotent")
{
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            const uint8_t bytes[4] = {(uint8_t)first, (uint8_t)second, (uint8_t)(first ^ second), 'x'};
            struct text once = text_of(tv_span_of(bytes, sizeof bytes));
            CHECK(once.bytes != NULL && printable(&once));
            struct text twice = text_of(tv_span_of(once.bytes, once.size));
            CHECK(twice.exact && strcmp(once.bytes, twice.bytes) == 0);
            text_free(&once);
            text_free(&twice);
        }
}

TEST(long_text_is_cut, "a subject is cut at 256 bytes, where a character ends, and its length is told")
{
    char long_text[300];
    memset(long_text, 'a', sizeof long_text);
    struct text text = text_cut(tv_span_of(long_text, 256), 256);
    CHECK(text.exact && text.size == 256);
    text_free(&text);
    text = text_cut(tv_span_of(long_text, 300), 300);
    CHECK(!text.exact && strcmp(text.bytes + 256, "\u2026 (300 bytes)") == 0);
    text_free(&text);
    memcpy(long_text + 254, "\u20AC", 3); /* the cut falls inside it */
    text = text_cut(tv_span_of(long_text, 300), 300);
    CHECK(strcmp(text.bytes + 254, "\u2026 (300 bytes)") == 0);
    text_free(&text);
    text = text_cut(tv_span_of(long_text, 256), 70000); /* cut by whoever sent it */
    CHECK(strcmp(text.bytes + 254, "\u2026 (70000 bytes)") == 0);
    text_free(&text);
}

TEST(base64_is_rfc_4648, "the vectors of RFC 4648, section 10")
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *encoded = text_base64(tv_span_str(rows[i][0]));
        CHECK_MSG(encoded != NULL && strcmp(encoded, rows[i][1]) == 0, "%s", rows[i][0]);
        free(encoded);
    }
    char *bytes = text_base64(tv_span_of("\xff\xfe\x00", 3));
    CHECK(bytes != NULL && strcmp(bytes, "//4A") == 0);
    free(bytes);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
