/* Sharded models: an index (*.index.json) and the shards it names.
 *
 * Trusts: the folder's descriptor. Promises: index and shards are parsed in workers alone; a shard's name is a request,
 * opened only if it is one plain component, in the folder of the index, and under the rules of the folder's walk; index
 * and shards are compared both ways. */
#ifndef GATE_SHARDS_H
#define GATE_SHARDS_H

#include "session.h"

/* A row of the index. Bytes are untrusted; malloc'd as one block. */
struct shard_entry {
    char *tensor;
    size_t tensor_size;
    const char *shard;
    bool seen; /* the shard has that tensor */
};

struct shards {
    struct shard_entry *entries; /* sorted by shard, then by tensor */
    const struct shard_entry **by_tensor;
    size_t count, capacity, bytes;
    bool broken; /* a row found no room, or is none that our worker sends */
};

/* Reads the index `path` below `top`, open as `input`, and compares it with its shards. *outcome is the reading's, and
 * findings of the comparison are added. Free *shards in any case. */
void shards_examine(struct session *session, int top, const char *path, const struct input *input,
                    struct shards *shards, struct outcome *outcome);
void shards_free(struct shards *shards);

/* An index on its own: add rows, then sort them. shards_add marks what it cannot hold as broken; false: so it is, or
 * there is no memory. */
void shards_add(struct shards *shards, tv_span tensor, tv_span shard);
bool shards_sort(struct shards *shards);
/* Reads one in a worker, without a look at its shards. */
void shards_read(struct session *session, int fd, struct shards *shards, struct outcome *outcome);
tv_span shards_tensor(const struct shard_entry *entry);

/* One past the last entry of the shard that begins at entry `first`. */
size_t shards_next(const struct shards *shards, size_t first);

/* The path of that name in the folder of the index `path`; malloc'd. */
char *shards_path(const char *path, const char *name);

#endif
