/* The table of globals: what a name in a pickle would do, by exact bytes of module and name.
 *
 * Four classes: known (implemented here in C, with checked arguments), reviewed (harmless in a stated form of use),
 * dangerous (would execute, import, resolve names, read, write or connect), and unknown: everything else. */
#ifndef CONVERTER_PICKLE_GLOBALS_H
#define CONVERTER_PICKLE_GLOBALS_H

#include <stdbool.h>

#include <tensorvet/finding.h>
#include <tensorvet/span.h>

/* What a pickle does with a global. Naming it alone is no use. */
enum global_use {
    USE_REDUCE = 1,    /* called with arguments */
    USE_NEW = 2,       /* made an object by NEWOBJ, NEWOBJ_EX, INST or OBJ */
    USE_BUILD = 4,     /* its object, or itself, is given a state */
    USE_ITEMS = 8,     /* its object, or itself, is given items */
    USE_PASSED = 16,   /* handed to another call as an argument */
    USE_MISTAKEN = 32, /* called with other arguments than it takes */
    USE_MEMBER = 64    /* one of its members is named (an Enum's); a permission only, never noted */
};

/* What a known global means to the readers of checkpoints. */
enum global_role {
    ROLE_NONE,
    ROLE_REBUILD_TENSOR,
    ROLE_REBUILD_TENSOR_V2,
    ROLE_REBUILD_TENSOR_V3,
    ROLE_REBUILD_PARAMETER,
    ROLE_REBUILD_PARAMETER_STATE,
    ROLE_REBUILD_FROM_TYPE,
    ROLE_REBUILD_FASTAI,      /* _rebuild_tensor_v2 behind a class */
    ROLE_REBUILD_ARRAY,       /* from a NumPy array */
    ROLE_REBUILD_FROM_CPU,    /* from another tensor */
    ROLE_REBUILD_UNSUPPORTED, /* tensors that safetensors cannot hold: quantized, sparse, meta */
    ROLE_LOAD_BYTES,          /* a storage as a legacy stream of its own */
    ROLE_PARAMETER,           /* the class */
    ROLE_TENSOR_CLASS,        /* torch.FloatTensor: row->dtype says which */
    ROLE_NUMPY_ARRAY,         /* _reconstruct */
    ROLE_NUMPY_BUFFER,        /* _frombuffer */
    ROLE_NUMPY_DTYPE,
    ROLE_STORAGE, /* a storage class: row->dtype says which */
    ROLE_UNTYPED_STORAGE,
    ROLE_DTYPE,    /* row->dtype says which */
    ROLE_MAPPING,  /* makes a dictionary from a list of pairs, or an empty one */
    ROLE_SEQUENCE, /* makes a sequence from a sequence */
    ROLE_ENCODE,   /* _codecs.encode: bytes written as text */
    ROLE_BYTES,    /* bytes() and bytearray(bytes) */
    ROLE_GETATTR,  /* how Python 3.11 writes every Enum: see globals.c */
    ROLE_VALUE     /* anything else that is only a value */
};

struct global_row {
    const char *module, *name; /* name "*": the module and all below it */
    uint16_t module_size, name_size;
    uint8_t class_; /* tv_class: DATA_ONLY (known), REVIEWED or DANGEROUS */
    uint8_t role;
    uint8_t uses;       /* permitted */
    uint8_t dtype;      /* enum torch_dtype */
    const char *reason; /* of danger: completes "it names X, which …" */
};

/* The row that decides, or NULL for unknown names. Of a dotted name, the first part is looked up. */
const struct global_row *global_lookup(tv_span module, tv_span name);

/* One identifier, not starting with two underscores: what getattr and dotted names may ask a global for. */
bool is_plain_attribute(tv_span name);

struct pickle;
struct mention;
/* The class of a mention after all its uses are known. */
tv_class mention_class(const struct pickle *p, const struct mention *mention);
/* Was it called, in whatever way? */
bool mention_called(const struct mention *mention);
/* Why: completes the message of its finding. Static. */
const char *mention_reason(const struct pickle *p, const struct mention *mention);

#endif
