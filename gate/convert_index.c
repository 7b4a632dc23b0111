/* The index of a sharded model (convert.h): the old one is checked against its shards, the new one is made of what
 * workers read in the outputs, and read again by a worker before it gets its name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert.h"
#include "folder.h"
#include "shards.h"

struct making {
    struct session *session;
    const struct convert_options *options;
    const struct conversion *index;
    const struct conversion **items; /* sorted by `inside` */
    size_t count;
    struct examination *examination;
    struct input input;
    struct shards old, made;
    uint64_t total; /* bytes of the made one's tensors */
    uint64_t size;  /* of the made one's text */
    double start;   /* seconds of the monotonic clock */
    struct out_folder folder;
    struct publish publish;
    struct publish_identity before;
    bool published, existing; /* existing: it was there already, byte for byte */
};

static tv_findings *findings_of(struct making *making)
{
    return &making->examination->outcome.findings;
}

static bool is_clean(struct making *making)
{
    const struct outcome *outcome = &making->examination->outcome;
    return outcome->complete && outcome->said == OUTCOME_DONE && tv_findings_first_error(&outcome->findings) == NULL &&
           !session_stopped(making->session);
}

static void add_output_failure(struct making *making, int error)
{
    add_finding(findings_of(making), error == EEXIST ? TV_FIND_OUTPUT_EXISTS : TV_FIND_OUTPUT_UNWRITABLE,
                making->index->out_path, error == EEXIST ? "" : strerrordesc_np(error));
}

static int by_inside(const void *a, const void *b)
{
    const struct conversion *const *one = a, *const *two = b;
    return strcmp((*one)->inside, (*two)->inside);
}

/* The shards' conversions, to be found by name. */
static bool sort_items(struct making *making, const struct conversion *items, size_t count)
{
    making->items = calloc(count, sizeof(struct conversion *));
    if (making->items == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!items[i].is_index && items[i].inside != NULL)
            making->items[making->count++] = &items[i];
    if (making->count > 0)
        qsort(making->items, making->count, sizeof(struct conversion *), by_inside);
    return true;
}

static const struct conversion *find_item(const struct making *making, const char *shard)
{
    struct conversion key = {.inside = shards_path(making->index->inside, shard)};
    const struct conversion *wanted = &key, *const *found = NULL;
    if (key.inside != NULL && making->count > 0)
        found = bsearch(&wanted, making->items, making->count, sizeof(struct conversion *), by_inside);
    free(key.inside);
    return found == NULL ? NULL : *found;
}

/* An output that is being read. */
struct output {
    struct shards *made;
    const char *name;
};

static void on_tensor(void *context, const struct row_tensor *row)
{
    const struct output *output = context;
    shards_add(output->made, row->name, tv_span_str(output->name));
}

/* The names in a shard's output, as a worker reads them. False after a finding. */
static bool read_output(struct making *making, const char *shard, const struct conversion *item)
{
    struct session *session = making->session;
    struct output output = {&making->made, item->out_name};
    const struct listener listener = {.context = &output, .tensor = on_tensor};
    struct job job = session_job(session, JOB_CHECK);
    struct examination *look = examination_new(session);
    int fd = openat(making->folder.fd, item->out_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool good = false;
    if (look != NULL && fd >= 0) {
        job.want_rows = true;
        broker_run(&session->broker, &job, fd, -1, &listener, &look->outcome);
        good =
            look->outcome.kind == TV_KIND_SAFETENSORS &&
            policy_judge(&session->policy, &look->outcome.findings, look->outcome.complete).verdict == VERDICT_ACCEPT;
        making->total += look->outcome.data_bytes;
    }
    if (!good)
        add_finding(findings_of(making), TV_FIND_INDEX_SHARD_UNCONVERTED, shard, "");
    if (fd >= 0)
        close(fd);
    examination_free(look);
    return good;
}

/* One shard of the old index: its output into the new one. One without a selected tensor has none. */
static bool take_shard(struct making *making, const char *shard)
{
    const struct conversion *item = find_item(making, shard);
    if (item != NULL && item->told && item->verdict == VERDICT_UNJUDGED)
        return true;
    if (item == NULL || !item->told || item->verdict != VERDICT_ACCEPT) {
        add_finding(findings_of(making), TV_FIND_INDEX_SHARD_UNCONVERTED, shard, "");
        return false;
    }
    return making->options->dry_run || read_output(making, shard, item);
}

/* No tensor may come to be in two of the outputs (--strip-prefix can do that). */
static bool is_unique(struct making *making)
{
    const struct shards *made = &making->made;
    for (size_t i = 1; i < made->count; i++) {
        tv_span name = shards_tensor(made->by_tensor[i]);
        if (!tv_span_equal(shards_tensor(made->by_tensor[i - 1]), name))
            continue;
        (void)tv_findings_add(findings_of(making), TV_FIND_TENSOR_NAME_CLASH, TV_NO_OFFSET, name, tv_span_str(""));
        return false;
    }
    return true;
}

static bool collect(struct making *making)
{
    const struct shards *old = &making->old;
    bool good = true;
    for (size_t first = 0; first < old->count; first = shards_next(old, first))
        good = take_shard(making, old->entries[first].shard) && good;
    if (!good || making->options->dry_run)
        return good;
    if (!shards_sort(&making->made)) {
        add_finding(findings_of(making), TV_FIND_LIMIT_MEMORY, "", "");
        return false;
    }
    if (making->made.count == 0) {
        add_finding(findings_of(making), TV_FIND_NOTHING_SELECTED, "", "");
        return false;
    }
    return is_unique(making);
}

/* RFC 8259: what must be escaped is. */
static void put_string(FILE *out, tv_span text)
{
    (void)fputc('"', out);
    for (size_t i = 0; i < text.size; i++) {
        int byte = tv_span_byte(text, i);
        if (byte < ' ' || byte == 0x7f)
            fprintf(out, "\\u%04x", (unsigned)byte);
        else if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else
            (void)fputc(byte, out);
    }
    (void)fputc('"', out);
}

/* As transformers writes it: json.dumps(index, indent=2, sort_keys=True) and a newline. 0, or an errno. */
static int write_index(struct making *making, int fd)
{
    const struct shards *made = &making->made;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
    if (out == NULL) {
        int error = errno;
        if (copy >= 0)
            close(copy);
        return error;
    }
    fprintf(out, "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64 "\n  },\n  \"weight_map\": {", making->total);
    for (size_t i = 0; i < made->count; i++) {
        (void)fputs(i == 0 ? "\n    " : ",\n    ", out);
        put_string(out, shards_tensor(made->by_tensor[i]));
        (void)fputs(": ", out);
        put_string(out, tv_span_str(made->by_tensor[i]->shard));
    }
    (void)fputs("\n  }\n}\n", out);
    bool failed = fflush(out) != 0 || ferror(out) != 0;
    off_t size = ftello(out);
    making->size = size > 0 ? (uint64_t)size : 0;
    int error = fclose(out) != 0 ? errno : failed ? EIO : 0;
    return error;
}

static bool is_same(const struct shards *a, const struct shards *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = tv_span_equal(shards_tensor(&a->entries[i]), shards_tensor(&b->entries[i])) &&
               strcmp(a->entries[i].shard, b->entries[i].shard) == 0;
    return same;
}

/* Does a worker read the index in that file, and, where there is one to compare with, as the same? */
static bool reads_as(struct making *making, int fd, const struct shards *expected)
{
    struct shards read;
    struct examination *look = examination_new(making->session);
    if (look == NULL)
        return false;
    shards_read(making->session, fd, &read, &look->outcome);
    bool good = look->outcome.complete && look->outcome.said == OUTCOME_DONE &&
                tv_findings_first_error(&look->outcome.findings) == NULL;
    good = good && (expected == NULL || is_same(&read, expected));
    shards_free(&read);
    examination_free(look);
    return good;
}

/* An index that is there is kept if it is what would be written, as other outputs are. */
static bool is_kept_if_same(const struct making *making)
{
    return !making->options->overwrite && making->before.what == PUBLISH_FILE;
}

/* May the new index get its name? Of what is there, only an index is replaced. */
static bool target_is_free(struct making *making)
{
    const char *name = making->index->out_name, *path = making->index->out_path;
    int error = publish_look(making->folder.fd, name, &making->before);
    if (error != 0)
        add_output_failure(making, error);
    if (error != 0 || making->before.what == PUBLISH_FREE || is_kept_if_same(making))
        return error == 0;
    bool takes = making->options->overwrite && making->before.what == PUBLISH_FILE;
    int fd = takes ? openat(making->folder.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    bool replaceable = fd >= 0 && reads_as(making, fd, NULL);
    if (fd >= 0)
        close(fd);
    if (!replaceable)
        add_finding(findings_of(making),
                    making->options->overwrite ? TV_FIND_OUTPUT_NOT_SAFETENSORS : TV_FIND_OUTPUT_EXISTS, path, "");
    return replaceable;
}

/* Do the two hold the same bytes? Neither is parsed. */
static bool same_bytes(int a, int b)
{
    char one[4096], two[4096];
    for (off_t at = 0;;) {
        ssize_t got = pread(a, one, sizeof one, at), other = pread(b, two, sizeof two, at);
        if (got < 0 || got != other || memcmp(one, two, (size_t)got) != 0)
            return false;
        if (got == 0)
            return true;
        at += got;
    }
}

/* What has the name is kept, or is a finding. */
static void keep_existing(struct making *making)
{
    int fd =
        openat(making->folder.fd, making->index->out_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    making->existing = fd >= 0 && same_bytes(fd, making->publish.fd);
    if (!making->existing)
        add_finding(findings_of(making), TV_FIND_OUTPUT_DIFFERS, making->index->out_path, "");
    if (fd >= 0)
        close(fd);
}

static void publish_new(struct making *making)
{
    int error = publish_begin(&making->publish, making->folder.fd, making->index->out_name);
    if (error == 0)
        error = write_index(making, making->publish.fd);
    if (error == 0 && !reads_as(making, making->publish.fd, &making->made)) {
        add_finding(findings_of(making), TV_FIND_VERIFY_FAILED, making->index->out_path, "the new index");
        return;
    }
    if (error == 0 && is_kept_if_same(making)) {
        keep_existing(making);
        return;
    }
    if (error == 0)
        error = publish_commit(&making->publish, making->before.what == PUBLISH_FILE ? &making->before : NULL);
    making->published = error == 0;
    if (error != 0)
        add_output_failure(making, error);
}

/* From an old index that agrees with its shards to a new one of their outputs. */
static void make(struct making *making)
{
    const struct conversion *index = making->index;
    if (index->clash) {
        add_finding(findings_of(making), TV_FIND_OUTPUT_CLASH, index->out_path, "");
        return;
    }
    if (!making->options->dry_run) {
        int error = out_folder_open(&making->folder, index->out_top, index->out_folder,
                                    index->out_top == AT_FDCWD ? OUT_FOLLOW : 0);
        if (error != 0) { /* no shard has made it */
            add_finding(findings_of(making), TV_FIND_INDEX_SHARD_UNCONVERTED, making->old.entries[0].shard, "");
            return;
        }
    }
    if (collect(making) && !making->options->dry_run && target_is_free(making))
        publish_new(making);
}

static struct judgement tell(struct making *making, enum verdict source)
{
    struct session *session = making->session;
    struct report report =
        examination_report(making->examination, &session->policy, REPORT_CONVERT, &making->input, making->index->path);
    report.source_verdict = source;
    report.seconds = clock_seconds() - making->start;
    report.planned = making->options->dry_run;
    report.existing = making->existing;
    report.verified = making->published || making->existing;
    if (report.verified) {
        report.tensors = making->made.count;
        report.data_bytes = making->total;
        report.output_size = making->size;
    }
    if (report.verified || (report.planned && report.judgement.verdict == VERDICT_ACCEPT))
        report.output = making->index->out_path;
    session_report(session, &report);
    return report.judgement;
}

static void open_index(struct making *making)
{
    const char *why = NULL;
    int fd = folder_open(making->index->in_top, making->index->inside, &why);
    if (fd >= 0) {
        input_of(&making->input, fd);
        return;
    }
    making->input = (struct input){.state = INPUT_FAILED, .fd = -1, .error = errno};
    add_finding(findings_of(making), TV_FIND_UNREADABLE, "", why != NULL ? why : strerrordesc_np(errno));
}

bool convert_index(struct session *session, const struct convert_options *options, const struct conversion *index,
                   const struct conversion *items, size_t count, struct judgement *judgement)
{
    struct making making = {.session = session, .options = options, .index = index};
    making.folder.fd = making.publish.fd = making.input.fd = -1;
    making.start = clock_seconds();
    making.examination = examination_new(session);
    if (making.examination == NULL)
        return false;
    struct outcome *outcome = &making.examination->outcome;
    open_index(&making);
    if (making.input.fd >= 0 && sort_items(&making, items, count))
        shards_examine(session, index->in_top, index->inside, &making.input, &making.old, outcome);
    enum verdict source = policy_source_verdict(&session->policy, outcome->kind, &outcome->findings, outcome->complete);
    if (is_clean(&making))
        make(&making);
    bool told = !session_stopped(session) || making.published;
    if (told)
        *judgement = tell(&making, source);
    publish_abort(&making.publish);
    out_folder_close(&making.folder);
    input_close(&making.input);
    shards_free(&making.old);
    shards_free(&making.made);
    free(making.items);
    examination_free(making.examination);
    return told;
}
