/* One reading of one checkpoint: what its steps share. For checkpoint/ alone. */
#ifndef CONVERTER_CHECKPOINT_READING_H
#define CONVERTER_CHECKPOINT_READING_H

#include "../checkpoint.h"
#include "../pickle/machine.h"
#include "../refuse.h"
#include "dtypes.h"

/* Where a container keeps a storage. */
struct place {
    const struct source *from; /* as in struct storage */
    uint64_t at, size;
    uint32_t crc;
    bool has_crc;
    uint32_t slot; /* below `slots`: one for each storage that the container holds */
};

struct reading;
/* Finds the storage of that key; refuses with a finding where there is none. */
typedef tv_status (*find_storage)(struct reading *r, tv_span key, struct place *place);

/* What the record of that index turned out to be. */
struct meaning {
    uint8_t what;          /* enum meaning_kind */
    uint8_t dtype;         /* STORAGE: enum torch_dtype as this reference says; TORCH_UINT8 for untyped */
    bool is_untyped;       /* STORAGE */
    uint32_t index;        /* STORAGE: in checkpoint.storages; TENSOR: in views */
    uint64_t first, count; /* STORAGE: the part of it that is meant, in elements */
    const char *why;       /* UNSUPPORTED: what it is, static */
};
enum meaning_kind { MEANS_NOTHING, MEANS_STORAGE, MEANS_TENSOR, MEANS_UNSUPPORTED };

struct reading {
    const struct source *source; /* the file; of a nested stream, the bytes that it lies in */
    const struct source *stream; /* what the pickle lies in: its bytes objects are parts of it */
    const struct ck_options *options;
    struct checkpoint *out;
    tv_findings *findings;
    struct pickle_use use;
    struct pickle pickle;
    void *container; /* of the storage finder */
    find_storage find;
    /* Reads persistent ids of another form than torch's storages; or NULL. */
    tv_status (*read_id)(struct reading *r, const struct record *record, struct meaning *out);
    bool is_nested;         /* a stream inside a pickle: holds no further ones */
    bool is_again;          /* and one that was read before: its storages are (struct storage) */
    bool is_big_endian;     /* the storages */
    bool is_legacy;         /* persistent ids have a sixth item, and may stand for classes */
    struct vector slots;    /* u32: index + 1 in checkpoint.storages, by place.slot */
    struct vector classes;  /* u8: enum torch_dtype of each storage, as first referred to */
    struct vector meanings; /* struct meaning, by record */
    struct vector views;    /* struct ck_tensor without names */
};

/* Charges steps to the operations that one file may take. */
TV_MUST_CHECK tv_status reading_charge(struct reading *r, uint64_t steps);
/* The inflater of the file, made when it is first needed. NULL where memory ends. */
struct inflater *reading_inflater(struct reading *r);
/* A source like that one, for as long as the checkpoint lives; NULL where memory ends. */
const struct source *keep_source(struct reading *r, struct source source);
/* The unpacked bytes of an entry that zip_verify has passed. */
const struct source *keep_deflated(struct reading *r, struct deflated part, uint64_t size);
/* The archive's compressed entries that are looked into: notes them, checks what they unpack to together, and gets the
 * archive its inflater. */
struct zip;
TV_MUST_CHECK tv_status open_deflated(struct reading *r, struct zip *zip, bool (*is_read)(tv_span record));

/* Adds what a pickle named to the table, once each, with its findings. Also after a pickle proved broken. */
TV_MUST_CHECK tv_status report_globals(struct reading *r, const struct pickle *p);
/* The storage that a persistent id speaks of. */
struct storage_id {
    tv_span key;
    uint8_t dtype; /* enum torch_dtype */
    bool is_untyped;
    uint64_t count;       /* of its elements */
    uint64_t first, part; /* the part of it that is meant, in elements */
    tv_span view;         /* the key of that part as a storage of its own; empty data: the whole */
};
/* Reads a persistent id, which must be exactly as torch writes it. *is_storage is false for a class. */
TV_MUST_CHECK tv_status read_storage_id(struct reading *r, const struct record *record, struct storage_id *id,
                                        bool *is_storage);
/* A new storage, whose first reference is that meaning: sets its index. */
TV_MUST_CHECK tv_status add_storage(struct reading *r, const struct place *place, tv_span key, struct meaning *out);
/* A view of a storage, with shape, strides and offset set: checked, completed, and what *out means. For messages: what
 * it is, and where the source says so. */
TV_MUST_CHECK tv_status add_view(struct reading *r, const char *what, uint64_t offset, const struct meaning *storage,
                                 unsigned dtype, struct ck_tensor *view, struct meaning *out);
/* Interprets every record: storages and tensors, each checked. */
TV_MUST_CHECK tv_status find_meanings(struct reading *r);
/* Walks from the root to the tensors, names them, and fills the table. */
TV_MUST_CHECK tv_status walk_tensors(struct reading *r);

/* Bytes of a source. */
struct part {
    const struct source *from;
    uint64_t at, size;
    bool is_again; /* a storage was read from that value before */
};
/* The bytes that a value is, to read a storage from; part.from is NULL where it is none. */
TV_MUST_CHECK tv_status bytes_of(struct reading *r, uint32_t handle, struct part *out);

/* torch.storage._load_from_bytes: the storage that its bytes are a legacy stream of. */
TV_MUST_CHECK tv_status read_nested_storage(struct reading *r, const struct record *record, struct meaning *out);

/* The containers. Each fills r->out and adds findings. */
TV_MUST_CHECK tv_status read_torch_tar(struct reading *r);
TV_MUST_CHECK tv_status read_torch_legacy(struct reading *r);
TV_MUST_CHECK tv_status read_torch_zip(struct reading *r);
TV_MUST_CHECK tv_status read_plain_pickle(struct reading *r);
TV_MUST_CHECK tv_status read_numpy(struct reading *r);
TV_MUST_CHECK tv_status read_npz(struct reading *r);
struct structure;
TV_MUST_CHECK tv_status read_structure(struct reading *r, const struct structure *structure);

#endif
