/* What the worker target takes (support/asked.h): the source as a checkpoint, or the arguments of the job, one more,
 * one less, or another; two files where the job is about two. */
#include "mutate.h"

enum { TAIL = 8, ARGUMENTS_MOST = 1024, OTHER_MOST = 65535 };

static const char *const kinds[] = {"check", "inspect", "write", "write", "compare",
                                    "index", "config",  "diff",  "judge"};
static const char *const arguments[] = {"want-rows=1",
                                        "want-values=1",
                                        "disarm=1",
                                        "ties=1",
                                        "plan-only=1",
                                        "batch=1",
                                        "skip-unsupported=1",
                                        "container-only=1",
                                        "only-models=1",
                                        "allow-crc=1",
                                        "allow-extra=1",
                                        "called-safetensors=1",
                                        "parts=2",
                                        "parts=3",
                                        "feed=1",
                                        "feed-kind=3",
                                        "key=.",
                                        "key=model",
                                        "key=a",
                                        "key=state_dict.a",
                                        "key=%5B%22model%22%5D",
                                        "key=%5B%22a%22%2C%22b%22%5D",
                                        "key=%5B%5D",
                                        "key=%5B1",
                                        "strip-prefix=module.",
                                        "strip-prefix=a",
                                        "include=%2A",
                                        "include=%5Ba-c%5D%2A",
                                        "include=%2Aweight",
                                        "exclude=%2Abias",
                                        "exclude=%3F",
                                        "exclude=%5B%21w%5D%2A",
                                        "discard=a",
                                        "discard=b",
                                        "hint=a",
                                        "hint=w",
                                        "limit.tensors=1",
                                        "limit.rank=1",
                                        "limit.name_bytes=3",
                                        "limit.pickle_depth=3",
                                        "limit.expansion=0",
                                        "limit.expansion=1",
                                        "limit.output_bytes=100",
                                        "limit.pickle_ops=30",
                                        "limit.zip_entries=3",
                                        "limit.metadata_bytes=4",
                                        "limit.memory_bytes=40000",
                                        "limit.header_bytes=64",
                                        "limit.pickle_bytes=20",
                                        "limit.pickle_memo=2",
                                        "limit.pickle_objects=9",
                                        "limit.zip_inflation=1"};

/* An input, taken apart. */
struct asked {
    uint8_t source[65536], other[OTHER_MOST], text[ARGUMENTS_MOST];
    size_t source_size, other_size, text_size;
};

static bool take_apart(struct asked *a, const uint8_t *data, size_t size)
{
    size_t tail = size >= TAIL && memcmp(data + size - 4, "JOB!", 4) == 0 ? TAIL : 0;
    a->text_size = tail == 0 ? 0 : (size_t)get_le(data, size, size - TAIL, 2);
    a->other_size = tail == 0 ? 0 : (size_t)get_le(data, size, size - TAIL + 2, 2);
    if (a->text_size > ARGUMENTS_MOST || a->text_size + a->other_size > size - tail)
        return false;
    a->source_size = size - tail - a->text_size - a->other_size;
    if (a->source_size > sizeof a->source)
        return false;
    memcpy(a->source, data, a->source_size);
    memcpy(a->other, data + a->source_size, a->other_size);
    memcpy(a->text, data + a->source_size + a->other_size, a->text_size);
    return true;
}

static void add_word(struct asked *a, const char *word)
{
    size_t size = strlen(word) + 1;
    if (size > ARGUMENTS_MOST - a->text_size)
        return;
    memcpy(a->text + a->text_size, word, size);
    a->text_size += size;
}

/* Another job, of up to four arguments. */
static void ask_anew(struct asked *a, struct rng *rng)
{
    a->text_size = 0;
    add_word(a, "w");
    add_word(a, kinds[rng_below(rng, sizeof kinds / sizeof *kinds)]);
    for (size_t left = rng_below(rng, 5); left > 0; left--)
        add_word(a, arguments[rng_below(rng, sizeof arguments / sizeof *arguments)]);
}

static void edit_arguments(struct asked *a, struct rng *rng)
{
    if (a->text_size == 0 || rng_one_in(rng, 3))
        ask_anew(a, rng);
    else if (rng_one_in(rng, 2))
        add_word(a, arguments[rng_below(rng, sizeof arguments / sizeof *arguments)]);
    else
        a->text_size = LLVMFuzzerMutate(a->text, a->text_size, ARGUMENTS_MOST);
}

/* The second file: the first as it is, or as it may have become. */
static void edit_other(struct asked *a, size_t most, struct rng *rng)
{
    if (a->source_size == 0 || a->source_size > most / 2)
        return;
    memcpy(a->other, a->source, a->source_size);
    a->other_size = a->source_size;
    if (!rng_one_in(rng, 3))
        a->other_size = mutate_archive(a->other, a->other_size, most / 2, rng);
}

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    static struct asked a;
    if (!take_apart(&a, data, size))
        return LLVMFuzzerMutate(data, size, max_size);
    size_t most = max_size < sizeof a.source ? max_size : sizeof a.source;
    switch (rng_below(rng, 6)) {
    case 0:
    case 1: edit_arguments(&a, rng); break;
    case 2: edit_other(&a, most, rng); break;
    default: a.source_size = mutate_archive(a.source, a.source_size, most, rng); break;
    }
    struct buffer out = {data, 0, max_size, false};
    put(&out, a.source, a.source_size);
    if (a.text_size > 0) {
        put(&out, a.other, a.other_size);
        put(&out, a.text, a.text_size);
        put_le(&out, a.text_size, 2);
        put_le(&out, a.other_size, 2);
        put_text(&out, "JOB!");
    }
    return out.size;
}
