/* The sanitizer, over any bytes.
 *
 * Oracles: what comes out is plain text of one line by the naive judge; what is called exact is the very bytes; plain
 * bytes are called exact; base64 decodes to the bytes; a cut text is short and says how long it was. */
#include <string.h>

#include "oracle.h"
#include "plain.h"
#include "text.h"

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

static void check_base64(tv_span bytes)
{
    char *text = text_base64(bytes);
    PROMISE(text != NULL);
    size_t size = strlen(text), at = 0;
    PROMISE(size == (bytes.size + 2) / 3 * 4);
    for (size_t i = 0; i < size; i += 4) {
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++)
            group = group << 6 | (text[i + j] == '=' ? 0 : (uint32_t)digit(text[i + j]));
        for (size_t j = 0; j < 3 && at < bytes.size; j++)
            PROMISE(((group >> (16 - 8 * j)) & 255) == (uint32_t)tv_span_byte(bytes, at++));
    }
    PROMISE(at == bytes.size);
    free(text);
}

static void check_plain(const struct text *text)
{
    PROMISE(text->bytes != NULL && strlen(text->bytes) == text->size);
    PROMISE(plain_text(text->bytes, text->size) && memchr(text->bytes, '\n', text->size) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tv_span bytes = tv_span_of(data, size);
    struct text whole = text_of(bytes), cut = text_cut(bytes, size + (size > 3));
    oracle_ran(data, size);
    check_plain(&whole);
    check_plain(&cut);
    PROMISE(!whole.exact || (whole.size == size && (size == 0 || memcmp(whole.bytes, data, size) == 0)));
    PROMISE(whole.exact || whole.size > size);
    PROMISE(!cut.exact || size <= 3);
    PROMISE(cut.size <= 4 * TEXT_CUT + 48);
    struct text again = text_of(tv_span_of(whole.bytes, whole.size));
    PROMISE(again.exact); /* what was cleaned needs no cleaning */
    check_base64(bytes);
    if (whole.exact)
        oracle_accepted();
    text_free(&again);
    text_free(&cut);
    text_free(&whole);
    return 0;
}
