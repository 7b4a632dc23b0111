/* Assembling inputs for the readers byte by byte: buffers, and archives like torch's with room to lie. */
#ifndef TESTS_CONVERTER_ASSEMBLE_H
#define TESTS_CONVERTER_ASSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/finding.h>
#include <tensorvet/span.h>

/* A growing buffer; aborts without memory, as only a test may. */
struct bytes {
    uint8_t *data;
    size_t size, capacity;
};
void put(struct bytes *b, const void *data, size_t size);
void put_text(struct bytes *b, const char *text);
void put_u8(struct bytes *b, unsigned value);
void put_u16(struct bytes *b, unsigned value);
void put_u32(struct bytes *b, uint64_t value);
void put_u64(struct bytes *b, uint64_t value);
void set_u16(struct bytes *b, size_t at, unsigned value);
void set_u32(struct bytes *b, size_t at, uint64_t value);
void set_u64(struct bytes *b, size_t at, uint64_t value);
void insert(struct bytes *b, size_t at, const void *data, size_t size);
void free_bytes(struct bytes *b);
tv_span span_of(const struct bytes *b);

/* An archive as torch writes it: stored, padded to 64, with data descriptors, zip64 record and locator. */
#define ENTRIES_MAX 16
struct archive {
    struct bytes bytes;
    unsigned entries;
    struct {
        char name[64];
        size_t local_at, data_at, size, descriptor_at, row_at;
        uint32_t crc;
        unsigned flags, method;
    } entry[ENTRIES_MAX];
    size_t directory_at, record_at, locator_at, end_at;
};
void add_entry(struct archive *a, const char *name, const void *data, size_t size);
void finish_archive(struct archive *a);
/* A whole checkpoint with that data.pkl and one storage "0". */
void make_checkpoint(struct archive *a, tv_span pickle, const void *storage, size_t size);

/* The first error's id as text, or "". */
const char *first_error(const tv_findings *findings);

#endif
