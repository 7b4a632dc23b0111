/* Mutates frames of a worker: inserts, drops, swaps and edits whole frames, whose sizes then fit again. The last two
 * bytes of an input are choices of the target's and stay what they are. */
#include <string.h>

#include "mutate.h"

enum { FRAMES_MOST = 512, PAYLOAD_MOST = 4096, TYPES = 21, CHOICES = 2 };

/* What is in a payload, by type (worker/frame.h): t text, 8 a number, P two numbers of which the first is not
 * more, k kind, d dtype, c class, b flag, o outcome, R a rank and its dimensions, D a digest, F a finding, Y READY. */
static const char *const forms[TYPES] = {"",    "Y", "k",  "F",   "tdt88R",  "tt",       "ttcb8",
                                         "tto", "t", "tt", "t",   "8",       "P",        "o88bD",
                                         "c",   "8", "tt", "t88", "cctcb8t", "88888888", "tctt"};

struct frame {
    const uint8_t *payload;
    size_t size;
    uint32_t type;
};

struct frames {
    struct frame items[FRAMES_MOST];
    size_t count;
};

static void split(struct frames *f, const uint8_t *data, size_t size)
{
    f->count = 0;
    for (size_t at = 0; size - at >= 8 && f->count < FRAMES_MOST;) {
        size_t left = size - at - 8, wanted = (size_t)get_le(data, size, at + 4, 4);
        struct frame *frame = &f->items[f->count++];
        frame->type = (uint32_t)get_le(data, size, at, 4);
        frame->payload = data + at + 8;
        frame->size = wanted < left ? wanted : left;
        at += 8 + frame->size;
    }
}

static const char *const texts[] = {
    "",         "a",  "layer.0.weight", "float32", "fuzz",          "\x1b[31m", "\xe2\x80\xae",
    "\xff\xfe", "os", "system",         "a\nb",    "\"},{\"x\":\"", "\xc2\x9b", "../../x"};
enum { TEXTS = sizeof texts / sizeof *texts };

static void put_string(struct buffer *b, struct rng *rng)
{
    const char *text = texts[rng_below(rng, TEXTS)];
    size_t size = strlen(text), times = rng_one_in(rng, 20) ? rng_below(rng, 60) : 1;
    put_le(b, rng_one_in(rng, 40) ? rng_number(rng) : size * times, 4);
    for (size_t i = 0; i < times; i++)
        put(b, text, size);
}

/* A small number mostly, because most are enumerations, counts or flags. */
static uint64_t number(struct rng *rng)
{
    return rng_one_in(rng, 8) ? rng_number(rng) : rng_below(rng, rng_one_in(rng, 2) ? 2 : 90);
}

/* The pieces of a FINDING that must fit each other: sizes that match the texts. */
static void put_finding(struct buffer *b, struct rng *rng)
{
    put_le(b, 1 + rng_below(rng, 90), 4);
    for (int i = 0; i < 3; i++)
        put_le(b, number(rng), 8);
    for (int i = 0; i < 2; i++) {
        const char *text = texts[rng_below(rng, TEXTS)];
        put_le(b, strlen(text), 4);
        put_le(b, strlen(text), 4);
        put_text(b, text);
    }
}

static void put_ready(struct buffer *b, struct rng *rng)
{
    put_le(b, 4, 4);
    put_text(b, "fuzz");
    put_le(b, rng_one_in(rng, 16) ? rng_number(rng) : 7, 4);
    put_le(b, 3, 4);
    put_le(b, 0, 4);
    put_le(b, rng_one_in(rng, 16) ? rng_number(rng) : 0, 8);
}

static void put_many(struct buffer *b, size_t count, struct rng *rng)
{
    for (size_t i = 0; i < count; i++)
        put_le(b, number(rng), 8);
}

/* A number of 4 bytes below that bound, mostly. */
static void put_below(struct buffer *b, size_t bound, struct rng *rng)
{
    put_le(b, rng_one_in(rng, 40) ? number(rng) : rng_below(rng, bound), 4);
}

static void put_field(struct buffer *b, char field, struct rng *rng)
{
    size_t rank = rng_below(rng, 5);
    switch (field) {
    case 't': put_string(b, rng); break;
    case '8': put_many(b, 1, rng); break;
    case 'k': put_below(b, 30, rng); break;
    case 'd': put_below(b, 23, rng); break;
    case 'c': put_below(b, 4, rng); break;
    case 'b': put_below(b, 2, rng); break;
    case 'o': put_below(b, 3, rng); break;
    case 'F': put_finding(b, rng); break;
    case 'Y': put_ready(b, rng); break;
    case 'D': put_many(b, 4, rng); break;
    case 'R':
        put_le(b, rank, 4);
        put_many(b, rank, rng);
        break;
    default: /* P */
        put_le(b, rng_below(rng, 10), 8);
        put_le(b, rng_one_in(rng, 8) ? number(rng) : 10, 8);
        break;
    }
}

/* A payload of that type, made afresh. */
static void put_payload(struct buffer *b, uint32_t type, struct rng *rng)
{
    for (const char *form = forms[type]; *form != '\0'; form++)
        put_field(b, *form, rng);
}

static uint8_t made[1 << 16];
static struct buffer made_left;

static struct frame make(struct rng *rng, uint32_t type)
{
    size_t at = made_left.size;
    put_payload(&made_left, type, rng);
    return (struct frame){made + at, made_left.size - at, type};
}

static struct frame remake(const struct frame *old, struct rng *rng)
{
    struct frame frame = {made + made_left.size, old->size < PAYLOAD_MOST ? old->size : PAYLOAD_MOST, old->type};
    put(&made_left, old->payload, frame.size);
    if (made_left.full)
        return *old;
    if (rng_one_in(rng, 2) && frame.size >= 4) { /* one number, wherever it stands */
        size_t at = rng_below(rng, frame.size - 3);
        uint64_t value = number(rng);
        for (unsigned i = 0; i < 4; i++)
            made[(size_t)(frame.payload - made) + at + i] = (uint8_t)(value >> (8 * i));
    } else if (frame.size > 0) {
        (void)LLVMFuzzerMutate(made + (frame.payload - made), frame.size, frame.size);
    }
    return frame;
}

static void insert(struct frames *f, size_t at, struct frame frame)
{
    if (f->count == FRAMES_MOST)
        return;
    memmove(&f->items[at + 1], &f->items[at], (f->count - at) * sizeof frame);
    f->items[at] = frame;
    f->count++;
}

static void edit(struct frames *f, struct rng *rng)
{
    size_t at = rng_below(rng, f->count), other = rng_below(rng, f->count);
    uint32_t type = 1 + (uint32_t)rng_below(rng, TYPES - 1);
    size_t how = f->count == 0 ? 0 : rng_below(rng, 6);
    struct frame kept = f->items[at];
    switch (how) {
    case 0:
    case 1: insert(f, f->count == 0 ? 0 : 1 + rng_below(rng, f->count), make(rng, type)); break;
    case 2: f->items[at] = remake(&kept, rng); break;
    case 3: memmove(&f->items[at], &f->items[at + 1], (--f->count - at) * sizeof kept); break;
    case 4:
        f->items[at] = f->items[other];
        f->items[other] = kept;
        break;
    default: insert(f, other, kept); break;
    }
}

/* READY first, KIND next, RESULT last: as an honest worker would. */
static void straighten(struct frames *f, struct rng *rng)
{
    static const uint32_t odd[] = {1, 2, 13};
    size_t to = 0;
    for (size_t i = 0; i < f->count; i++) {
        bool misplaced = false;
        for (size_t j = 0; j < 3; j++)
            misplaced = misplaced || f->items[i].type == odd[j];
        if (!misplaced)
            f->items[to++] = f->items[i];
    }
    f->count = to;
    struct frame kind = make(rng, 2), result = make(rng, 13);
    insert(f, 0, kind);
    insert(f, 0, make(rng, 1));
    insert(f, f->count, result);
}

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    static uint8_t copy[1 << 16];
    static struct frames frames;
    uint8_t choices[CHOICES] = {0};
    if (size > sizeof copy || rng_one_in(rng, 10))
        return LLVMFuzzerMutate(data, size, max_size);
    made_left = (struct buffer){made, 0, sizeof made, false};
    if (size >= CHOICES)
        memcpy(choices, data + size - CHOICES, CHOICES);
    size_t body = size < CHOICES ? 0 : size - CHOICES;
    if (body > 0)
        memcpy(copy, data, body);
    split(&frames, copy, body);
    for (size_t rounds = 1 + rng_below(rng, 3); rounds > 0; rounds--)
        edit(&frames, rng);
    if (rng_one_in(rng, 3))
        straighten(&frames, rng);
    if (rng_one_in(rng, 4))
        choices[rng_below(rng, CHOICES)] = (uint8_t)rng_next(rng);
    struct buffer out = {data, 0, max_size - CHOICES, false};
    for (size_t i = 0; i < frames.count && frames.items[i].size + 8 <= out.capacity - out.size; i++) {
        put_le(&out, rng_one_in(rng, 200) ? rng_number(rng) : frames.items[i].type, 4);
        put_le(&out, rng_one_in(rng, 200) ? rng_number(rng) : frames.items[i].size, 4);
        put(&out, frames.items[i].payload, frames.items[i].size);
    }
    out.capacity = max_size;
    put(&out, choices, CHOICES);
    return out.size;
}
