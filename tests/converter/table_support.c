/* Tensor tables made by hand (table_support.h). */
#define _POSIX_C_SOURCE 200809L
#include "table_support.h"

#include <check.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

void made_open(struct made *made)
{
    *made = (struct made){.limits = tv_limits_default()};
    made->table.kind = TV_KIND_TORCH_ZIP;
    made->table.budget.bytes_left = made->limits.memory_bytes;
    made->table.pool.budget = &made->table.budget;
    made->table.storages = (struct vector){.each = sizeof(struct storage), .budget = &made->table.budget};
    made->table.tensors = (struct vector){.each = sizeof(struct ck_tensor), .budget = &made->table.budget};
}

void made_close(struct made *made)
{
    vector_free(&made->table.storages);
    vector_free(&made->table.tensors);
    pool_free(&made->table.pool);
    free(made->bytes);
}

void made_forget(struct made *made)
{
    made->findings.count = 0;
    made->findings.omitted = 0;
}

static void append_random(struct made *made, uint64_t size, uint64_t *state)
{
    if (made->size + size > made->capacity) {
        made->capacity = (made->size + size) * 2;
        made->bytes = realloc(made->bytes, made->capacity);
        CHECK(made->bytes != NULL);
    }
    for (uint64_t i = 0; i < size; i += 8) {
        uint64_t value = next_random(state);
        memcpy(made->bytes + made->size + i, &value, size - i < 8 ? size - i : 8);
    }
    made->size += size;
    made->source = source_of_memory(tv_span_of(made->bytes, made->size));
}

uint32_t made_storage(struct made *made, uint64_t size)
{
    uint64_t state = 0x9e3779b97f4a7c15u + made->table.storages.count;
    struct storage *storage = vector_push(&made->table.storages);
    CHECK(storage != NULL);
    append_random(made, 5, &state);
    storage->key = tv_span_str("key");
    storage->at = made->size;
    storage->size = size;
    storage->elem_size = 1;
    storage->has_crc = true;
    append_random(made, size, &state);
    storage->crc = libdeflate_crc32(0, made->bytes + storage->at, size);
    append_random(made, 3, &state);
    return (uint32_t)(made->table.storages.count - 1);
}

void made_tensor(struct made *made, const char *name, tv_dtype dtype, uint32_t storage, uint64_t offset, uint16_t rank,
                 const uint64_t *shape, const uint64_t *stride)
{
    struct ck_tensor *tensor = vector_push(&made->table.tensors);
    uint64_t *own = pool_take(&made->table.pool, 2 * (uint64_t)rank + 1, sizeof *own);
    CHECK(tensor != NULL && own != NULL);
    *tensor = (struct ck_tensor){.dtype = dtype, .storage = storage, .offset = offset, .rank = rank};
    tensor->name = pool_copy(&made->table.pool, tv_span_str(name));
    tensor->elements = 1;
    for (uint16_t d = rank; d > 0; d--) {
        own[d - 1] = shape[d - 1];
        own[rank + d - 1] = stride == NULL ? tensor->elements : stride[d - 1];
        tensor->elements *= shape[d - 1];
    }
    tensor->shape = own;
    tensor->stride = own + rank;
    tensor->bytes = tensor->elements * tv_dtype_bits(dtype) / 8;
}

struct ck_tensor *made_find(struct made *made, const char *name)
{
    for (uint64_t i = 0; i < made->table.tensors.count; i++) {
        struct ck_tensor *tensor = vector_at(&made->table.tensors, i);
        if (tv_span_is(tensor->name, name))
            return tensor;
    }
    return NULL;
}

uint8_t *naive_bytes(const struct made *made, const struct ck_tensor *tensor)
{
    uint64_t each = tv_dtype_bits(tensor->dtype) / 8;
    const struct storage *storage = vector_at(&made->table.storages, tensor->storage);
    uint8_t *out = malloc(tensor->bytes + 1);
    CHECK(out != NULL && storage != NULL);
    for (uint64_t i = 0; i < tensor->elements; i++) {
        uint64_t rest = i, at = tensor->offset;
        for (uint32_t d = tensor->rank; d > 0; d--) {
            at += rest % tensor->shape[d - 1] * tensor->stride[d - 1];
            rest /= tensor->shape[d - 1];
        }
        CHECK((at + 1) * each <= storage->size);
        memcpy(out + i * each, made->bytes + storage->at + at * each, each);
    }
    return out;
}

bool found_first(const struct made *made, tv_finding_id id)
{
    const tv_finding *first = tv_findings_first_error(&made->findings);
    return first != NULL && first->id == id;
}

int temporary_file(void)
{
    char name[] = "/tmp/tensorvet-test-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0);
    unlink(name);
    return fd;
}

uint8_t *file_bytes(int fd, uint64_t *size)
{
    struct stat about;
    CHECK(fstat(fd, &about) == 0);
    *size = (uint64_t)about.st_size;
    uint8_t *bytes = malloc(*size + 1);
    CHECK(bytes != NULL);
    struct source source = {.fd = fd, .size = *size};
    CHECK(source_read(&source, 0, bytes, *size) == TV_OK);
    return bytes;
}
