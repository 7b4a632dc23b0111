/* Tensors handed to a framework without a copy and without knowing it: DLPack capsules over a private map of a file, or
 * over memory of our own.
 *
 * Trusts its callers for bounds. Promises: the map lives as long as the last tensor over it, whichever thread drops it.
 * The layout of the two structs is DLPack's own, as every framework compiles it in (dlpack.h, version 0.6 and on). */
#include "common.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

typedef struct dl_device {
    int32_t type; /* 1: CPU */
    int32_t id;
} dl_device;

typedef struct dl_type {
    uint8_t code, bits;
    uint16_t lanes;
} dl_type;

typedef struct dl_tensor {
    void *data;
    dl_device device;
    int32_t rank;
    dl_type type;
    int64_t *shape, *strides; /* strides in elements; some readers do not take NULL */
    uint64_t offset;
} dl_tensor;

typedef struct dl_managed {
    dl_tensor tensor;
    void *context;
    void (*deleter)(struct dl_managed *self);
} dl_managed;

enum { DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_COMPLEX = 5, DL_CPU = 1 };

struct shared_map {
    atomic_size_t uses;
    void *base;
    uint64_t size;
};

shared_map *shared_map_new(void *base, uint64_t size)
{
    shared_map *map = malloc(sizeof *map);
    if (map == NULL) {
        platform_unmap(base, size);
        PyErr_NoMemory();
        return NULL;
    }
    atomic_init(&map->uses, 1);
    map->base = base;
    map->size = size;
    return map;
}

const uint8_t *shared_map_base(const shared_map *map)
{
    return map->base;
}

void shared_map_drop(shared_map *map)
{
    if (atomic_fetch_sub(&map->uses, 1) == 1) {
        platform_unmap(map->base, map->size);
        free(map);
    }
}

/* The dtypes that every version of every framework takes; all others travel as their bytes, in one dimension, and are
 * viewed on the Python side. */
static bool dl_type_of(tv_dtype dtype, dl_type *type)
{
    int code = -1;
    switch ((int)dtype) {
    case TV_U8: code = DL_UINT; break;
    case TV_I8:
    case TV_I16:
    case TV_I32:
    case TV_I64: code = DL_INT; break;
    case TV_F16:
    case TV_F32:
    case TV_F64: code = DL_FLOAT; break;
    case TV_BF16: code = DL_BFLOAT; break;
    case TV_C64: code = DL_COMPLEX; break;
    default: break;
    }
    bool direct = code >= 0;
    type->code = (uint8_t)(direct ? code : DL_UINT);
    type->bits = (uint8_t)(direct ? tv_dtype_bits(dtype) : 8);
    type->lanes = 1;
    return direct;
}

static void drop_map(dl_managed *self)
{
    shared_map_drop(self->context);
    free(self);
}

static void drop_memory(dl_managed *self)
{
    free(self->context);
    free(self);
}

/* A capsule that nobody took is ours to clean up; one that was taken bears another name. */
static void drop_capsule(PyObject *capsule)
{
    if (PyCapsule_IsValid(capsule, "dltensor")) {
        dl_managed *managed = PyCapsule_GetPointer(capsule, "dltensor");
        managed->deleter(managed);
    }
}

/* The struct, shape and strides behind it in the same block. NULL where memory or a signed dimension is not enough. */
static dl_managed *describe(void *data, tv_dtype dtype, const uint64_t *shape, uint16_t rank, uint64_t bytes)
{
    dl_managed *managed = calloc(1, sizeof *managed + 2 * ((size_t)rank + 1) * sizeof(int64_t));
    if (managed == NULL)
        return NULL;
    dl_tensor *tensor = &managed->tensor;
    bool direct = dl_type_of(dtype, &tensor->type);
    tensor->data = data;
    tensor->device.type = DL_CPU;
    tensor->rank = direct ? rank : 1;
    tensor->shape = (int64_t *)(managed + 1);
    tensor->strides = tensor->shape + tensor->rank;
    if (!direct)
        tensor->shape[0] = (int64_t)bytes;
    for (uint16_t i = 0; direct && i < rank; i++)
        tensor->shape[i] = (int64_t)shape[i];
    uint64_t stride = 1;
    for (int32_t i = tensor->rank; i-- > 0;) {
        tensor->strides[i] = (int64_t)stride;
        stride *=
            tensor->shape[i] == 0 ? 1 : (uint64_t)tensor->shape[i]; /* cannot wrap: tv_index_parse saw the shape */
    }
    return managed;
}

static PyObject *capsule_of(dl_managed *managed)
{
    PyObject *capsule = PyCapsule_New(managed, "dltensor", drop_capsule);
    if (capsule == NULL)
        managed->deleter(managed);
    return capsule;
}

PyObject *dlpack_of_map(shared_map *map, uint64_t at, tv_dtype dtype, const uint64_t *shape, uint16_t rank,
                        uint64_t bytes)
{
    dl_managed *managed = describe((uint8_t *)map->base + at, dtype, shape, rank, bytes);
    if (managed == NULL)
        return PyErr_NoMemory();
    atomic_fetch_add(&map->uses, 1);
    managed->context = map;
    managed->deleter = drop_map;
    return capsule_of(managed);
}

PyObject *dlpack_of_memory(void *data, tv_dtype dtype, const uint64_t *shape, uint16_t rank, uint64_t bytes)
{
    dl_managed *managed = describe(data, dtype, shape, rank, bytes);
    if (managed == NULL) {
        free(data);
        return PyErr_NoMemory();
    }
    managed->context = data;
    managed->deleter = drop_memory;
    return capsule_of(managed);
}
