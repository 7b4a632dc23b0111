/* The checkpoint: any container of pickled tensors, read into one tensor table.
 *
 * Flow: source -> identify -> container (archive/) -> pickle (pickle/) -> tensor table (checkpoint/).
 * Trusts: nothing in the source. Promises: nothing named in the file is ever imported or run; every storage and
 * tensor in the table lies inside the source and inside its storage. */
#ifndef CONVERTER_CHECKPOINT_H
#define CONVERTER_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/dtype.h>
#include <tensorvet/finding.h>
#include <tensorvet/kind.h>
#include <tensorvet/limits.h>

#include "memory.h"
#include "source.h"

/* A storage: a flat buffer that tensors are views of. */
struct storage {
    tv_span key;               /* its key in the checkpoint, for messages */
    const struct source *from; /* where its bytes are: NULL for the file as it is, or an unpacked part of it */
    uint64_t at;               /* offset of its bytes there */
    uint64_t size;             /* bytes */
    uint32_t crc;              /* CRC-32 of its bytes */
    bool has_crc;              /* false where the writer skipped it */
    bool is_legacy_untyped;    /* its elements are bytes (UntypedStorage) */
    bool is_again;             /* its bytes are a value that another storage was read from: they count once */
    uint8_t elem_size;         /* bytes of an element of its storage class; 1 for untyped */
};

/* torch's negative and conjugate bits. */
enum sign_change { SIGN_NEGATED = 1, SIGN_CONJUGATED = 2 };

/* A tensor of the table, a strided view of one storage. shape and stride have rank elements, in elements. */
struct ck_tensor {
    tv_span name; /* UTF-8, flattened with '.' */
    tv_dtype dtype;
    const char *source_dtype; /* as the source calls it ("float32"), static */
    uint32_t storage;         /* index into checkpoint.storages */
    uint16_t rank;
    const uint64_t *shape, *stride;
    uint64_t offset;   /* of the first element, in elements */
    uint64_t elements; /* product of shape */
    uint64_t bytes;    /* elements times the dtype */
    uint8_t swap;      /* its numbers are parts of so many bytes, written by a big-endian machine; 0: they are not */
    uint8_t signs;     /* enum sign_change, or'ed: what torch has put off until the numbers are needed */
    bool pairs; /* offset and strides count pairs of elements, one byte; the last dimension has shape / 2 of them */
};

/* A global that the pickle names. */
struct ck_global {
    tv_span module, name;
    tv_class class_; /* KNOWN is TV_CLASS_DATA_ONLY */
    bool called;
    const char *reason; /* why it is of that class, and the call that a dangerous one would be: static or in the pool */
    uint64_t offset;    /* in the source, of its first mention */
};

/* A leaf that is no tensor, and is dropped. */
struct ck_dropped {
    tv_span path;
    uint32_t handle;  /* while it is being read: the value in the pickle; UINT32_MAX: none */
    const char *type; /* "int", "str", "object of argparse.Namespace" …: static or in the pool */
};

/* A group of tensors that could be converted on its own, where there are several to choose from. */
struct ck_group {
    tv_span key; /* as --key takes it */
    uint64_t tensors, bytes;
};

/* Types of plain values; from TUPLE on they have children. frame.h has the same for the wire. */
enum ck_value_type {
    CK_VALUE_NONE,
    CK_VALUE_BOOL,
    CK_VALUE_INT,
    CK_VALUE_LONG, /* an int beyond 64 bits */
    CK_VALUE_FLOAT,
    CK_VALUE_STR,
    CK_VALUE_BYTES,
    CK_VALUE_TENSOR,
    CK_VALUE_NAME, /* a global that is not called */
    CK_VALUE_TUPLE,
    CK_VALUE_LIST,
    CK_VALUE_DICT,
    CK_VALUE_SET,
    CK_VALUE_OBJECT,
    CK_VALUE_TYPES
};
/* What the key of a child is; a STAND_IN shows one that is neither text nor a number. */
enum ck_key_type { CK_KEY_TEXT, CK_KEY_NUMBER, CK_KEY_INDEX, CK_KEY_STAND_IN, CK_KEY_TYPES };

/* A plain value, or the head of a container whose children follow, one level deeper. */
struct ck_value {
    uint32_t depth;
    uint8_t type, key_type; /* enum ck_value_type, ck_key_type */
    bool is_cut;            /* a container whose children are not listed: too deep, or inside itself */
    tv_span key;            /* its name in its container; of depth 0: its path */
    uint64_t number;        /* BOOL, INT; FLOAT: its bits; else how many bytes or items it has */
    tv_span text;           /* STR, LONG; OBJECT, NAME: its class; may be cut */
};

struct checkpoint {
    tv_kind kind;
    struct budget budget;
    struct pool pool;          /* owns every span below */
    struct vector storages;    /* struct storage */
    struct vector tensors;     /* struct ck_tensor, in the order of the source, names unique */
    struct vector globals;     /* struct ck_global, in order of first mention */
    struct vector dropped;     /* struct ck_dropped */
    bool is_fed;               /* storages have numbers instead of places (checkpoint/structure.h) */
    tv_span chosen;            /* the path that was converted: "state_dict", or empty for the root */
    struct inflater *inflater; /* of all parts that are unpacked, or NULL */
    struct vector groups;      /* struct ck_group: of what is refused as ambiguous-root; else none */
    struct vector values;      /* struct ck_value: of what was dropped, where options ask for them */
    uint64_t values_omitted;
};

/* What the source holds for that storage alone, in bytes: output may be so many times as much. */
static inline uint64_t storage_stored(const struct storage *storage)
{
    return storage->is_again ? 0 : storage->size;
}

/* The source that a storage's offset is in. */
static inline const struct source *storage_source(const struct source *file, const struct storage *storage)
{
    return storage->from == NULL ? file : storage->from;
}

/* An empty table, within the limits' memory. */
void checkpoint_begin(struct checkpoint *out, tv_kind kind, const tv_limits *limits);

struct ck_options {
    const tv_limits *limits;
    const char *key;       /* --key or NULL */
    bool want_tensors;     /* false: only judge the pickle (check), true: build the tensor table */
    bool skip_unsupported; /* tensors without an equivalent in safetensors are dropped and listed, not refused */
    bool whole;            /* with want_tensors: the whole root, nothing chosen (inspect, check) */
    bool want_values;      /* fill checkpoint.values */
    bool only_models;      /* refuse what is the state of an optimizer, a scheduler or generators */
    bool allow_crc;        /* a storage whose CRC is wrong is let through, with a warning */
    bool allow_extra;      /* so are entries that are none of torch's */
};

/* Reads the source, whose kind is one of the checkpoint kinds. TV_OK: the table is filled, and findings hold no error
 * but those of globals (class inert-unknown or dangerous), which do not stop the reading. TV_REJECTED: an error finding
 * was added; what was learnt of globals by then is in the table all the same. Free with checkpoint_free in any case. */
TV_MUST_CHECK tv_status checkpoint_read(const struct source *source, tv_kind kind, const struct ck_options *options,
                                        struct checkpoint *out, tv_findings *findings);
void checkpoint_free(struct checkpoint *checkpoint);

/* Called now and then with bytes done and in all; may be NULL. */
typedef void (*checkpoint_progress)(void *context, uint64_t done, uint64_t total);
/* Reads every storage once and checks its CRC where it has one. TV_REJECTED: `zip-crc-mismatch`. (Converting checks
 * them while copying; `check` calls this.) */
TV_MUST_CHECK tv_status checkpoint_verify_storages(const struct source *source, const struct checkpoint *checkpoint,
                                                   checkpoint_progress progress, void *context, tv_findings *findings);

/* The kind of a source, by its bytes alone: tv_identify, then zip directories and pickles are looked into.
 * A source that cannot be told is TV_KIND_UNKNOWN. TV_IO where the system fails. */
TV_MUST_CHECK tv_status source_identify(const struct source *source, const tv_limits *limits, tv_kind *kind);

/* Is a safetensors file also a zip, or a pickle that reaches a global? Adds `polyglot` if so (TV_REJECTED). */
TV_MUST_CHECK tv_status source_polyglot(const struct source *source, const tv_limits *limits, tv_findings *findings);

#endif
