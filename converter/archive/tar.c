/* Tar archives (tar.h): header by header. */
#include "tar.h"

#include <stdbool.h>

#include "../refuse.h"

enum {
    BLOCK = 512,
    NAME_AT = 0,
    NAME_SIZE = 100,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    SUM_AT = 148,
    SUM_SIZE = 8,
    TYPE_AT = 156,
    LINK_AT = 157,
    LINK_SIZE = 100,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
    PAX_MOST = 8192 /* bytes of a header of times */
};

struct tar {
    const struct source *source;
    tv_findings *findings;
    struct tar_member *wanted;
    unsigned count;
    uint64_t at; /* of the next header */
};

static tv_status bad_tar(struct tar *t, const char *what)
{
    return refuse(t->findings, (struct refusal){TV_FIND_TAR_INVALID, t->at, {0}, what, 0, 0});
}

static tv_status bad_member(struct tar *t, tv_span name, const char *what)
{
    return refuse(t->findings, (struct refusal){TV_FIND_TAR_MEMBER, t->at, name, what, 0, 0});
}

/* The text of a field, up to its first NUL, behind which there are only NULs: false where that is not so. */
static bool text_field(tv_span header, uint64_t at, uint64_t size, tv_span *text)
{
    tv_span field;
    (void)tv_span_sub(header, at, size, &field);
    *text = field;
    for (text->size = 0; text->size < field.size && field.data[text->size] != 0; text->size++)
        continue;
    for (uint64_t i = text->size; i < field.size; i++)
        if (field.data[i] != 0)
            return false;
    return true;
}

/* Octal digits between blanks and NULs. */
static bool octal_field(tv_span header, uint64_t at, uint64_t size, uint64_t *number)
{
    uint64_t i = at, digits = 0, end = at + size;
    *number = 0;
    while (i < end && tv_span_byte(header, i) == ' ')
        i++;
    for (; i < end && tv_span_byte(header, i) >= '0' && tv_span_byte(header, i) <= '7'; i++, digits++)
        *number = *number * 8 + (uint64_t)(tv_span_byte(header, i) - '0'); /* at most twelve digits */
    for (; i < end; i++)
        if (tv_span_byte(header, i) != ' ' && tv_span_byte(header, i) != 0)
            return false;
    return digits > 0;
}

/* Sizes from 8 GiB on do not fit eleven digits: GNU writes them as a big-endian number behind a set bit. */
static bool size_field(tv_span header, uint64_t *number)
{
    if (tv_span_byte(header, SIZE_AT) != 0x80)
        return octal_field(header, SIZE_AT, SIZE_SIZE, number);
    *number = 0;
    for (uint64_t i = SIZE_AT + 1; i < SIZE_AT + SIZE_SIZE; i++) {
        if (*number > UINT64_MAX >> 8)
            return false;
        *number = *number << 8 | (uint64_t)tv_span_byte(header, i);
    }
    return true;
}

static bool sum_is_right(tv_span header)
{
    uint64_t stated = 0, sum = 0;
    for (uint64_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_SIZE ? ' ' : (uint64_t)tv_span_byte(header, i);
    return octal_field(header, SUM_AT, SUM_SIZE, &stated) && stated == sum;
}

/* POSIX, GNU, or the older header without any magic. */
static bool magic_is_known(tv_span header)
{
    static const char posix[] = "ustar\0"
                                "00",
                      gnu[] = "ustar  ", none[8] = {0};
    tv_span magic;
    (void)tv_span_sub(header, MAGIC_AT, 8, &magic);
    return tv_span_equal(magic, tv_span_of(posix, 8)) || tv_span_equal(magic, tv_span_of(gnu, 8)) ||
           tv_span_equal(magic, tv_span_of(none, 8));
}

/* Are all bytes of [from, to) zero? */
static tv_status all_zero(struct tar *t, uint64_t from, uint64_t to, bool *zero)
{
    uint8_t block[4096];
    *zero = true;
    while (from < to && *zero) {
        uint64_t size = to - from < sizeof block ? to - from : sizeof block;
        tv_status status = source_read(t->source, from, block, size);
        if (status != TV_OK)
            return status;
        for (uint64_t i = 0; i < size; i++)
            *zero = *zero && block[i] == 0;
        from += size;
    }
    return TV_OK;
}

/* Is it one record of a time: "30 mtime=1489000000.123\n"? *next is behind it. */
static bool is_time_record(tv_span text, uint64_t at, uint64_t *next)
{
    static const char *const keys[] = {" mtime=", " atime=", " ctime="};
    uint64_t length = 0, i = at;
    tv_span record, key;
    for (; tv_span_byte(text, i) >= '0' && tv_span_byte(text, i) <= '9' && length < PAX_MOST; i++)
        length = length * 10 + (uint64_t)(tv_span_byte(text, i) - '0');
    if (i == at || length <= i - at || !tv_span_sub(text, at, length, &record) ||
        tv_span_byte(record, record.size - 1) != '\n' || !tv_span_sub(record, i - at, 7, &key))
        return false;
    for (uint64_t j = i - at + 7; j + 1 < record.size; j++) {
        int byte = tv_span_byte(record, j);
        if ((byte < '0' || byte > '9') && byte != '.' && byte != '-')
            return false;
    }
    *next = at + length;
    return tv_span_is(key, keys[0]) || tv_span_is(key, keys[1]) || tv_span_is(key, keys[2]);
}

/* A header of pax records for the next member: times alone may be there. */
static tv_status check_times(struct tar *t, uint64_t at, uint64_t size)
{
    uint8_t bytes[PAX_MOST];
    uint64_t next = 0;
    if (size > sizeof bytes)
        return bad_tar(t, "a header of over 8 KiB");
    tv_status status = source_read(t->source, at, bytes, size);
    for (uint64_t i = 0; status == TV_OK && i < size; i = next)
        if (!is_time_record(tv_span_of(bytes, (size_t)size), i, &next))
            status = bad_tar(t, "a header that changes more than times");
    return status;
}

static tv_status take_member(struct tar *t, tv_span name, uint64_t at, uint64_t size)
{
    if (tv_span_starts(name, tv_span_str("./")))
        (void)tv_span_sub(name, 2, name.size - 2, &name);
    for (unsigned i = 0; i < t->count; i++) {
        if (!tv_span_is(name, t->wanted[i].name))
            continue;
        if (t->wanted[i].found)
            return bad_member(t, name, "there twice");
        t->wanted[i].at = at;
        t->wanted[i].size = size;
        t->wanted[i].found = true;
        return TV_OK;
    }
    return bad_member(t, name, "no part of a checkpoint");
}

/* The member whose header is there: its fields, its data, the rest of its last block. */
static tv_status read_member(struct tar *t, tv_span header)
{
    tv_span name, link, prefix;
    uint64_t size = 0, at = t->at + BLOCK, left = t->source->size - at;
    bool zero = false;
    int type = tv_span_byte(header, TYPE_AT);
    if (!sum_is_right(header) || !magic_is_known(header) || !size_field(header, &size))
        return bad_tar(t, "a header that is none, or whose checksum is wrong");
    if (!text_field(header, NAME_AT, NAME_SIZE, &name) || !text_field(header, LINK_AT, LINK_SIZE, &link) ||
        !text_field(header, PREFIX_AT, PREFIX_SIZE, &prefix) || link.size != 0 || prefix.size != 0)
        return bad_member(t, name, "a link, or named in more than one field");
    if (type != '0' && type != 0 && type != 'x')
        return bad_member(t, name, "no plain file");
    if (size > left || (BLOCK - size % BLOCK) % BLOCK > left - size)
        return bad_tar(t, "a member that reaches beyond the end (truncated?)");
    uint64_t end = at + size + (BLOCK - size % BLOCK) % BLOCK;
    tv_status status = all_zero(t, at + size, end, &zero);
    if (status == TV_OK && !zero)
        status = bad_tar(t, "bytes behind a member's end");
    if (status == TV_OK)
        status = type == 'x' ? check_times(t, at, size) : take_member(t, name, at, size);
    t->at = end;
    return status;
}

tv_status tar_open(const struct source *source, struct tar_member *wanted, unsigned count, tv_findings *findings)
{
    struct tar t = {source, findings, wanted, count, 0};
    uint8_t block[BLOCK];
    bool zero = false;
    while (source->size - t.at >= BLOCK) {
        tv_status status = source_read(source, t.at, block, BLOCK);
        if (status == TV_OK && block[0] == 0)
            break;
        if (status == TV_OK)
            status = read_member(&t, tv_span_of(block, BLOCK));
        if (status != TV_OK)
            return status;
    }
    tv_status status = all_zero(&t, t.at, source->size, &zero);
    if (status != TV_OK)
        return status;
    if (!zero || source->size - t.at < 2 * (uint64_t)BLOCK || source->size % BLOCK != 0)
        return bad_tar(&t, "no end of two blocks of zeros, and nothing behind it (truncated?)");
    for (unsigned i = 0; i < count; i++)
        if (!wanted[i].found)
            return bad_member(&t, tv_span_str(wanted[i].name), "missing");
    return TV_OK;
}
