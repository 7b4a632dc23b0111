/* What a file is, from the first bytes of it and its size. Trusts nothing in them; reads only through the span.
 *
 * A plausible header length before a brace is safetensors, whatever its low bytes spell: short magics are lengths too.
 * Only a tar header, which carries a checksum, is more certain than that. */
#include <tensorvet/kind.h>

#include "magic.h"

typedef struct magic_row {
    uint32_t at, size;
    const char *bytes;
    tv_kind kind;
} magic_row;

static const magic_row magics[] = {
#define TV_MAGIC(at, bytes, kind) {at, sizeof(bytes) - 1, bytes, TV_KIND_##kind},
#include "magic.def"
#undef TV_MAGIC
};

tv_kind magic_kind(tv_span head, unsigned least, bool cut)
{
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        tv_span wanted = tv_span_of(magics[i].bytes, magics[i].size), found;
        if (cut && wanted.size > head.size && head.size > 0)
            (void)tv_span_sub(wanted, 0, head.size, &wanted);
        if (wanted.size >= least && tv_span_sub(head, magics[i].at, wanted.size, &found) &&
            tv_span_equal(found, wanted))
            return magics[i].kind;
    }
    return TV_KIND_UNKNOWN;
}

enum { TAR_BLOCK = 512, TAR_SUM_AT = 148, TAR_SUM_BYTES = 8 };

static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

/* The checksum as the header states it, in every way that Python's tarfile reads one (tarfile.nti): seven bytes behind
 * 0x80 or 0xff, or text up to a NUL, stripped, as int(text, 8) takes it: with sign, prefix and underscores; no text is
 * 0. Other readers take fewer. False where there is no number. */
static bool tar_stated_sum(tv_span block, int64_t *sum)
{
    uint64_t at = TAR_SUM_AT, end = TAR_SUM_AT + TAR_SUM_BYTES;
    int first = tv_span_byte(block, at);
    bool negative = first == 0xff;
    *sum = 0;
    if (first == 0x80 || first == 0xff) {
        for (at++; at < end; at++)
            *sum = *sum * 256 + tv_span_byte(block, at);
        *sum -= negative ? (int64_t)1 << 56 : 0;
        return true;
    }
    while (at < end && is_blank(tv_span_byte(block, at)))
        at++;
    negative = tv_span_byte(block, at) == '-';
    at += negative || tv_span_byte(block, at) == '+' ? 1 : 0;
    if (tv_span_byte(block, at) == '0' && (tv_span_byte(block, at + 1) | 0x20) == 'o')
        at += 2;
    for (; at < end; at++) {
        int c = tv_span_byte(block, at);
        if (c >= '0' && c <= '7')
            *sum = *sum * 8 + (c - '0');
        else if (c != '_')
            break;
    }
    *sum = negative ? -*sum : *sum;
    while (at < end && is_blank(tv_span_byte(block, at)))
        at++;
    return at >= end || tv_span_byte(block, at) == 0;
}

/* Is the first block a tar header? POSIX ustar and V7 alike: the sum of its bytes, signed or not, the checksum's own
 * taken as blanks. torch.load looks for one before all else but a zip archive. A sum of 0, which blanks state too, says
 * little: it counts where nothing else is known (`any_sum`). */
static bool is_tar(tv_span head, bool any_sum)
{
    int64_t stated = 0, sum = 0, signed_sum = 0;
    if (head.size < TAR_BLOCK || !tar_stated_sum(head, &stated) || (stated == 0 && !any_sum))
        return false;
    for (uint64_t i = 0; i < TAR_BLOCK; i++) {
        bool in_sum = i >= TAR_SUM_AT && i < TAR_SUM_AT + TAR_SUM_BYTES;
        int byte = in_sum ? ' ' : tv_span_byte(head, i);
        sum += byte;
        signed_sum += byte < 0x80 ? byte : byte - 0x100;
    }
    return stated == sum || stated == signed_sum;
}

/* Does the tar's first member have one of the names that torch gave them (torch/serialization.py, legacy_load)? */
static bool is_torch_tar(tv_span head)
{
    static const char *const names[] = {"sys_info", "pickle", "tensors", "storages"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tv_span name = tv_span_of(names[i], strlen(names[i]) + 1), plain, dotted, dot;
        if ((tv_span_sub(head, 0, name.size, &plain) && tv_span_equal(plain, name)) ||
            (tv_span_sub(head, 0, 2, &dot) && tv_span_is(dot, "./") && tv_span_sub(head, 2, name.size, &dotted) &&
             tv_span_equal(dotted, name)))
            return true;
    }
    return false;
}

/* An ONNX ModelProto: field 1 a small ir_version, then field 2 a short producer name in letters. */
static bool is_onnx(tv_span head)
{
    int version = tv_span_byte(head, 1), size = tv_span_byte(head, 3);
    if (tv_span_byte(head, 0) != 0x08 || version < 1 || version > 32 || tv_span_byte(head, 2) != 0x12 || size < 1 ||
        size > 64)
        return false;
    for (uint64_t i = 4; i < 4 + (uint64_t)size; i++) {
        int c = tv_span_byte(head, i);
        if (c < 0x20 || c > 0x7e)
            return false;
    }
    return true;
}

/* A length the format allows, and after blanks (which the reference's reader lets pass) a brace. A loader would open
 * it as safetensors, so it is judged as that. */
static bool is_safetensors(tv_span head, uint64_t size)
{
    uint64_t length = 0, at = PREFIX_BYTES;
    if (!tv_span_u64(head, 0, &length) || length > HEADER_MOST)
        return false;
    if (tv_span_byte(head, at) == 0xef && tv_span_byte(head, at + 1) == 0xbb && tv_span_byte(head, at + 2) == 0xbf)
        at += 3;
    for (;; at++) {
        int c = tv_span_byte(head, at);
        if (c == '{')
            return true;
        if (c < 0) /* blanks to the end of the head */
            return at > PREFIX_BYTES && length <= size - PREFIX_BYTES;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return false;
    }
}

tv_kind tv_identify(tv_span head, uint64_t size)
{
    if (size == 0)
        return TV_KIND_EMPTY;
    tv_kind kind = is_safetensors(head, size) ? TV_KIND_SAFETENSORS : magic_kind(head, 0, false);
    if (is_tar(head, kind == TV_KIND_UNKNOWN || kind == TV_KIND_PICKLE))
        return is_torch_tar(head) ? TV_KIND_TORCH_TAR : TV_KIND_TAR;
    if (kind == TV_KIND_UNKNOWN && is_onnx(head))
        return TV_KIND_ONNX;
    return kind;
}
