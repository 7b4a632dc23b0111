/* Assembling inputs (assemble.h). */
#include "assemble.h"

#include <stdio.h>
#include <stdlib.h>

#include <libdeflate.h>

static void reserve(struct bytes *b, size_t more)
{
    if (b->capacity - b->size >= more)
        return;
    b->capacity = (b->size + more) * 2;
    b->data = realloc(b->data, b->capacity);
    if (b->data == NULL)
        abort();
}

void put(struct bytes *b, const void *data, size_t size)
{
    reserve(b, size + 1);
    if (size != 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void put_text(struct bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

static void put_number(struct bytes *b, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        put_u8(b, (unsigned)(value >> (8 * i)) & 0xFF);
}

void put_u8(struct bytes *b, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(b, &byte, 1);
}

void put_u16(struct bytes *b, unsigned value)
{
    put_number(b, value, 2);
}

void put_u32(struct bytes *b, uint64_t value)
{
    put_number(b, value, 4);
}

void put_u64(struct bytes *b, uint64_t value)
{
    put_number(b, value, 8);
}

static void set_number(struct bytes *b, size_t at, uint64_t value, unsigned size)
{
    if (at + size > b->size)
        abort();
    for (unsigned i = 0; i < size; i++)
        b->data[at + i] = (uint8_t)(value >> (8 * i));
}

void set_u16(struct bytes *b, size_t at, unsigned value)
{
    set_number(b, at, value, 2);
}

void set_u32(struct bytes *b, size_t at, uint64_t value)
{
    set_number(b, at, value, 4);
}

void set_u64(struct bytes *b, size_t at, uint64_t value)
{
    set_number(b, at, value, 8);
}

void insert(struct bytes *b, size_t at, const void *data, size_t size)
{
    reserve(b, size + 1);
    memmove(b->data + at + size, b->data + at, b->size - at);
    memcpy(b->data + at, data, size);
    b->size += size;
}

void free_bytes(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){NULL, 0, 0};
}

tv_span span_of(const struct bytes *b)
{
    return tv_span_of(b->data, b->size);
}

enum { DESCRIPTOR = 0x8, UTF8 = 0x800, LOCAL_SIZE = 30, ALIGNMENT = 64 };

/* torch's padding field, so that the data start at a multiple of 64. */
static void put_padding(struct bytes *b)
{
    size_t fill = (ALIGNMENT - (b->size + 4) % ALIGNMENT) % ALIGNMENT;
    put_text(b, "FB");
    put_u16(b, (unsigned)fill);
    for (size_t i = 0; i < fill; i++)
        put_text(b, "Z");
}

void add_entry(struct archive *a, const char *name, const void *data, size_t size)
{
    struct bytes *b = &a->bytes;
    unsigned i = a->entries++;
    (void)snprintf(a->entry[i].name, sizeof a->entry[i].name, "%s", name);
    a->entry[i].flags = size == 0 ? UTF8 : UTF8 | DESCRIPTOR;
    a->entry[i].crc = libdeflate_crc32(0, data, size);
    a->entry[i].size = size;
    a->entry[i].local_at = b->size;
    put_u32(b, 0x04034b50);
    put_u16(b, 0);
    put_u16(b, a->entry[i].flags);
    put_u16(b, 0);
    put_u32(b, 0);
    for (unsigned field = 0; field < 3; field++)
        put_u32(b, 0);
    put_u16(b, (unsigned)strlen(name));
    put_u16(b, 0);
    put_text(b, name);
    size_t extra_at = b->size;
    put_padding(b);
    set_u16(b, a->entry[i].local_at + 28, (unsigned)(b->size - extra_at));
    a->entry[i].data_at = b->size;
    put(b, data, size);
    a->entry[i].descriptor_at = b->size;
    if (size == 0)
        return;
    put_u32(b, 0x08074b50);
    put_u32(b, a->entry[i].crc);
    put_u32(b, size);
    put_u32(b, size);
}

static void put_row(struct archive *a, unsigned i)
{
    struct bytes *b = &a->bytes;
    a->entry[i].row_at = b->size;
    put_u32(b, 0x02014b50);
    put_u16(b, 0);
    put_u16(b, 0);
    put_u16(b, a->entry[i].flags);
    put_u16(b, a->entry[i].method);
    put_u32(b, 0);
    put_u32(b, a->entry[i].crc);
    put_u32(b, a->entry[i].size);
    put_u32(b, a->entry[i].size);
    put_u16(b, (unsigned)strlen(a->entry[i].name));
    put_u16(b, 0);
    put_u16(b, 0);
    put_u16(b, 0);
    put_u16(b, 0);
    put_u32(b, 0);
    put_u32(b, a->entry[i].local_at);
    put_text(b, a->entry[i].name);
}

void finish_archive(struct archive *a)
{
    struct bytes *b = &a->bytes;
    a->directory_at = b->size;
    for (unsigned i = 0; i < a->entries; i++)
        put_row(a, i);
    a->record_at = b->size;
    size_t directory_size = a->record_at - a->directory_at;
    put_u32(b, 0x06064b50);
    put_u64(b, 44);
    put_u16(b, 798);
    put_u16(b, 45);
    put_u64(b, 0);
    put_u64(b, a->entries);
    put_u64(b, a->entries);
    put_u64(b, directory_size);
    put_u64(b, a->directory_at);
    a->locator_at = b->size;
    put_u32(b, 0x07064b50);
    put_u32(b, 0);
    put_u64(b, a->record_at);
    put_u32(b, 1);
    a->end_at = b->size;
    put_u32(b, 0x06054b50);
    put_u32(b, 0);
    put_u16(b, a->entries);
    put_u16(b, a->entries);
    put_u32(b, directory_size);
    put_u32(b, a->directory_at);
    put_u16(b, 0);
}

void make_checkpoint(struct archive *a, tv_span pickle, const void *storage, size_t size)
{
    add_entry(a, "archive/data.pkl", pickle.data, pickle.size);
    add_entry(a, "archive/byteorder", "little", 6);
    add_entry(a, "archive/data/0", storage, size);
    add_entry(a, "archive/version", "3\n", 2);
    finish_archive(a);
}

const char *first_error(const tv_findings *findings)
{
    const tv_finding *error = tv_findings_first_error(findings);
    return error == NULL ? "" : tv_finding_info_of(error->id)->id;
}
