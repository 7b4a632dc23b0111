/* What the tests of core share: files built in memory, and the check of one. */
#ifndef TESTS_CORE_VET_H
#define TESTS_CORE_VET_H

#include <tensorvet/tensorvet.h>

#include "check.h"

/* A header's bytes behind their length prefix, and the size that the file shall have. Free bytes. */
struct file {
    uint8_t *bytes;
    size_t size; /* of the bytes: prefix and header */
    uint64_t file_size;
};

/* `text` as a header, as it is, with that many data bytes said to follow. */
struct file file_of(const char *text, uint64_t data_bytes);
struct file file_of_bytes(const void *text, size_t size, uint64_t data_bytes);
void file_free(struct file *file);

/* The outcome of a check; free with vetted_free. */
struct vetted {
    tv_status status;
    tv_findings findings;
    const tv_finding *error; /* the first error, or NULL */
    tv_index index;
    uint8_t *memory;
};

struct vetted *vet(const struct file *file, const tv_limits *limits, uint64_t seed);
void vetted_free(struct vetted *vetted);

/* Checks text with default limits: is it accepted (id NULL), or is its first error this one, there, about that? */
void expect(const char *text, uint64_t data_bytes, const char *id, uint64_t offset, const char *subject);
void expect_limits(const char *text, uint64_t data_bytes, const tv_limits *limits, const char *id, uint64_t offset,
                   const char *subject);

/* The outcome in one text, for comparing: status, findings with offset and subject, tensors. Static storage. */
const char *outcome_text(tv_status status, const tv_findings *findings, const tv_index *index);

/* A growing text. Start from zeroes; free data. */
struct text {
    char *data;
    size_t size, room;
};
void add_text(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A deterministic stream of numbers. */
uint64_t next_random(uint64_t *state);

#endif
