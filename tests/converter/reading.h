/* What the tests of the tensor table share: pieces of pickles written by hand, and the checkpoint read of them. */
#ifndef TESTS_CONVERTER_READING_H
#define TESTS_CONVERTER_READING_H

#include "assemble.h"
#include "checkpoint.h"

/* A checkpoint read whole. */
struct reading {
    struct archive archive;
    struct checkpoint table;
    tv_limits limits;
    tv_findings *findings;
    tv_status status;
};

void read_bytes(struct reading *r, tv_span bytes, tv_kind kind, const char *key, bool whole);
/* A torch-zip archive of that pickle, and of that storage "0". */
void read_zip(struct reading *r, const struct bytes *pickle, const void *storage, size_t size, const char *key);
/* Frees all, and checks that the budget came back. */
void end_reading(struct reading *r);

const struct ck_tensor *tensor_at(const struct reading *r, uint64_t index);
const struct ck_tensor *find_tensor(const struct reading *r, const char *name); /* NULL: none */

/* The pickle with a storage of 16 bytes is refused, with this id first. */
void refused(const struct bytes *b, const char *key, const char *id);

/* ---- pieces of pickles ---- */

void put_str(struct bytes *b, const char *text);
void put_int(struct bytes *b, int64_t value);
void put_global(struct bytes *b, const char *module, const char *name);
void put_ints(struct bytes *b, const int64_t *values, unsigned count); /* a tuple */
void put_storage(struct bytes *b, const char *class_, const char *key, int64_t count);
void put_hooks(struct bytes *b); /* False, and an empty OrderedDict: the last two arguments of a rebuilder */

/* A call of _rebuild_tensor_v2 on storage "0". */
struct view {
    const char *class_;
    int64_t count, offset;
    unsigned rank;
    int64_t shape[4], stride[4];
};

extern const struct view four_floats;
void put_view(struct bytes *b, const struct view *v);

/* A pickle written by hand around a call that makes four floats. */
void put_around(struct bytes *b, const char *before, size_t before_size, const char *after, size_t after_size);
#define AROUND(b, before, after) put_around(b, before, sizeof(before) - 1, after, sizeof(after) - 1)

#endif
