/* Sharded models (shards.h): the index as rows, sorted, and a look into each shard for the names of its tensors. */
#define _GNU_SOURCE
#include "shards.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

/* The worker has refused other names already; it may be in an attacker's hands. */
static bool is_component(tv_span name)
{
    if (name.size == 0 || name.size > NAME_MAX || tv_span_is(name, ".") || tv_span_is(name, ".."))
        return false;
    return memchr(name.data, '/', name.size) == NULL && memchr(name.data, '\0', name.size) == NULL;
}

/* Makes room for one more entry with that many bytes of text. */
static bool reserve(struct shards *shards, size_t bytes)
{
    bytes += sizeof *shards->entries;
    if (bytes > ROWS_BYTES_MAX - shards->bytes)
        return false;
    if (shards->count == shards->capacity) {
        size_t more = shards->capacity == 0 ? 256 : shards->capacity * 2;
        struct shard_entry *entries = realloc(shards->entries, more * sizeof *entries);
        if (entries == NULL)
            return false;
        shards->entries = entries;
        shards->capacity = more;
    }
    shards->bytes += bytes;
    return true;
}

void shards_add(struct shards *shards, tv_span tensor, tv_span shard)
{
    char *block = NULL;
    if (is_component(shard) && reserve(shards, tensor.size + shard.size + 1))
        block = malloc(tensor.size + shard.size + 1);
    if (block == NULL) {
        shards->broken = true;
        return;
    }
    if (tensor.size > 0)
        memcpy(block, tensor.data, tensor.size);
    memcpy(block + tensor.size, shard.data, shard.size);
    block[tensor.size + shard.size] = '\0';
    shards->entries[shards->count++] =
        (struct shard_entry){.tensor = block, .tensor_size = tensor.size, .shard = block + tensor.size};
}

tv_span shards_tensor(const struct shard_entry *entry)
{
    return tv_span_of(entry->tensor, entry->tensor_size);
}

static int by_shard(const void *a, const void *b)
{
    const struct shard_entry *one = a, *two = b;
    int order = strcmp(one->shard, two->shard);
    return order != 0 ? order : tv_span_compare(shards_tensor(one), shards_tensor(two));
}

static int by_tensor(const void *a, const void *b)
{
    return tv_span_compare(shards_tensor(*(const struct shard_entry *const *)a),
                           shards_tensor(*(const struct shard_entry *const *)b));
}

bool shards_sort(struct shards *shards)
{
    if (shards->broken || shards->count == 0)
        return !shards->broken;
    qsort(shards->entries, shards->count, sizeof *shards->entries, by_shard);
    shards->by_tensor = calloc(shards->count, sizeof(struct shard_entry *));
    if (shards->by_tensor == NULL)
        return false;
    for (size_t i = 0; i < shards->count; i++)
        shards->by_tensor[i] = &shards->entries[i];
    qsort(shards->by_tensor, shards->count, sizeof(struct shard_entry *), by_tensor);
    return true;
}

/* A row of the index. */
static void on_row(void *context, tv_span tensor, tv_span shard)
{
    shards_add(context, tensor, shard);
}

void shards_read(struct session *session, int fd, struct shards *shards, struct outcome *outcome)
{
    struct job job = session_job(session, JOB_INDEX);
    const struct listener listener = {.context = shards, .metadata = on_row};
    memset(shards, 0, sizeof *shards);
    broker_run(&session->broker, &job, fd, -1, &listener, outcome);
    if (outcome->complete && outcome->said == OUTCOME_DONE && !shards_sort(shards)) {
        add_finding(&outcome->findings, TV_FIND_LIMIT_MEMORY, "", "");
        outcome->complete = false;
    }
}

/* A shard that is being looked into: entries [first, end) are its own. */
struct looking {
    struct shards *shards;
    size_t first, end;
    tv_findings *findings;
};

static void add_about(tv_findings *findings, tv_finding_id id, tv_span tensor, const char *shard)
{
    (void)tv_findings_add(findings, id, TV_NO_OFFSET, tensor, tv_span_str(shard));
}

static struct shard_entry *find_in_shard(const struct looking *looking, tv_span name)
{
    size_t low = looking->first, high = looking->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct shard_entry *entry = &looking->shards->entries[middle];
        int order = tv_span_compare(shards_tensor(entry), name);
        if (order == 0)
            return entry;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_elsewhere(const struct shards *shards, tv_span name)
{
    struct shard_entry key = {.tensor_size = name.size};
    char *copy = malloc(name.size + 1);
    if (copy == NULL)
        return false;
    if (name.size > 0)
        memcpy(copy, name.data, name.size);
    key.tensor = copy;
    const struct shard_entry *wanted = &key;
    bool found = bsearch(&wanted, shards->by_tensor, shards->count, sizeof(struct shard_entry *), by_tensor) != NULL;
    free(copy);
    return found;
}

static void on_tensor(void *context, const struct row_tensor *row)
{
    const struct looking *looking = context;
    const char *shard = looking->shards->entries[looking->first].shard;
    struct shard_entry *entry = find_in_shard(looking, row->name);
    if (entry != NULL)
        entry->seen = true;
    else
        add_about(looking->findings,
                  is_elsewhere(looking->shards, row->name) ? TV_FIND_INDEX_WRONG_SHARD : TV_FIND_INDEX_TENSOR_EXTRA,
                  row->name, shard);
}

/* A tensor that safetensors cannot hold is there all the same. */
static void on_dropped(void *context, tv_span path, tv_span type)
{
    struct shard_entry *entry = find_in_shard(context, path);
    (void)type;
    if (entry != NULL)
        entry->seen = true;
}

/* The shard's file: a plain one in the folder of the index. Links are followed only in the Hub's own cache. -1 after a
 * finding. */
static int open_shard(int top, const char *path, const char *shard, tv_findings *findings)
{
    struct stat seen;
    struct hub_cache cache = {.blobs = -1};
    const char *why = NULL;
    bool known = fstatat(top, path, &seen, AT_SYMLINK_NOFOLLOW) == 0;
    if (known && S_ISLNK(seen.st_mode)) {
        hub_cache_find(&cache, top);
        bool is_cached = cache.blobs >= 0;
        hub_cache_close(&cache);
        if (!is_cached) {
            add_finding(findings, TV_FIND_INDEX_SHARD_ESCAPES, shard, "a symbolic link");
            return -1;
        }
    }
    int fd = folder_open(top, path, &why);
    if (fd < 0 && !known && errno == ENOENT)
        add_finding(findings, TV_FIND_INDEX_SHARD_MISSING, shard, "");
    else if (fd < 0)
        add_finding(findings, TV_FIND_INDEX_SHARD_ESCAPES, shard, why != NULL ? why : strerrordesc_np(errno));
    return fd;
}

/* The names of its tensors, as a conversion of the whole would have them: nothing of their bytes is read for it. */
static void look_into(struct session *session, int fd, struct looking *looking)
{
    const char *shard = looking->shards->entries[looking->first].shard;
    struct job job = session_job(session, JOB_WRITE);
    const struct listener listener = {.context = looking, .tensor = on_tensor, .dropped_object = on_dropped};
    struct examination *look = examination_new(session);
    if (look == NULL)
        return;
    job.key = ".";
    job.plan_only = job.want_rows = job.disarm = job.skip_unsupported = true;
    broker_run(&session->broker, &job, fd, -1, &listener, &look->outcome);
    const tv_finding *error = tv_findings_first_error(&look->outcome.findings);
    if (!look->outcome.complete || look->outcome.said != OUTCOME_DONE) {
        add_finding(looking->findings, TV_FIND_INDEX_SHARD_UNREAD, shard,
                    error == NULL ? "interrupted" : tv_finding_info_of(error->id)->id);
    } else {
        for (size_t i = looking->first; i < looking->end; i++)
            if (!looking->shards->entries[i].seen)
                add_about(looking->findings, TV_FIND_INDEX_TENSOR_MISSING, shards_tensor(&looking->shards->entries[i]),
                          shard);
    }
    examination_free(look);
}

static void compare_shard(struct session *session, int top, const char *path, struct looking *looking)
{
    const char *shard = looking->shards->entries[looking->first].shard;
    char *inside = shards_path(path, shard);
    int fd = inside == NULL ? -1 : open_shard(top, inside, shard, looking->findings);
    if (inside == NULL)
        session->undecided = true;
    if (fd >= 0) {
        look_into(session, fd, looking);
        close(fd);
    }
    free(inside);
}

void shards_examine(struct session *session, int top, const char *path, const struct input *input,
                    struct shards *shards, struct outcome *outcome)
{
    shards_read(session, input->fd, shards, outcome);
    if (!outcome->complete || outcome->said != OUTCOME_DONE)
        return;
    for (size_t first = 0; first < shards->count && !session_stopped(session);) {
        struct looking looking = {shards, first, shards_next(shards, first), &outcome->findings};
        compare_shard(session, top, path, &looking);
        first = looking.end;
    }
    if (!input_unchanged(input))
        add_finding(&outcome->findings, TV_FIND_SOURCE_CHANGED, "", "");
    outcome->interrupted = outcome->interrupted || session_stopped(session);
}

void shards_free(struct shards *shards)
{
    for (size_t i = 0; i < shards->count; i++)
        free(shards->entries[i].tensor);
    free(shards->entries);
    free(shards->by_tensor);
    memset(shards, 0, sizeof *shards);
}

size_t shards_next(const struct shards *shards, size_t first)
{
    size_t end = first;
    while (end < shards->count && strcmp(shards->entries[end].shard, shards->entries[first].shard) == 0)
        end++;
    return end;
}

char *shards_path(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *joined = NULL;
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    return asprintf(&joined, "%.*s%s", folder, path, name) < 0 ? NULL : joined;
}
