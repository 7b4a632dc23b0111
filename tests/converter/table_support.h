/* Tensor tables made by hand, over bytes in memory, and their naive reading: what every element must be, one at a time.
 */
#ifndef TESTS_CONVERTER_TABLE_SUPPORT_H
#define TESTS_CONVERTER_TABLE_SUPPORT_H

#include <checkpoint.h>
#include <plan.h>

/* A table, the source its storages lie in, and the limits it is treated with. */
struct made {
    struct checkpoint table;
    uint8_t *bytes;
    uint64_t size, capacity;
    struct source source;
    tv_limits limits;
    tv_findings findings;
};

void made_open(struct made *made);
void made_close(struct made *made);
/* Forgets the findings. */
void made_forget(struct made *made);
/* Appends a storage of pseudo-random bytes with its right CRC after a few bytes that belong to nobody. Returns its
 * index. */
uint32_t made_storage(struct made *made, uint64_t size);
/* Appends a view. stride NULL: contiguous. */
void made_tensor(struct made *made, const char *name, tv_dtype dtype, uint32_t storage, uint64_t offset, uint16_t rank,
                 const uint64_t *shape, const uint64_t *stride);
#define SHAPE(...)                                                                                                     \
    (sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)), (uint64_t[])                                               \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

struct ck_tensor *made_find(struct made *made, const char *name);
/* The tensor's elements in order, found one by one from the definition of strides. malloc'd. */
uint8_t *naive_bytes(const struct made *made, const struct ck_tensor *tensor);
/* Did a finding of that id come, and is it the first? */
bool found_first(const struct made *made, tv_finding_id id);

/* A temporary file without a name. */
int temporary_file(void);
/* All of a file, malloc'd; its size in *size. */
uint8_t *file_bytes(int fd, uint64_t *size);
/* xorshift64*: the same numbers in every run. */
uint64_t next_random(uint64_t *state);

#endif
