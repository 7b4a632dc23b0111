/* Mutates pickle streams by operation: inserts, erases, copies, swaps and retargets whole operations, so that a stream
 * stays one that a machine can follow for longer than a few bytes. For fuzz_pickle by itself; inside archives for
 * mutate/archive.c. Source of the arguments' forms: CPython's Lib/pickletools.py. */
#include <string.h>

#include "mutate.h"

enum { OPERATIONS_MOST = 4096, ARGUMENT_MOST = 1 << 16 };

struct operation {
    const uint8_t *bytes;
    size_t size; /* with its argument */
};

struct operations {
    struct operation items[OPERATIONS_MOST];
    size_t count;
};

/* Where the line that starts at `at` ends: behind its '\n'. */
static size_t line_end(const uint8_t *data, size_t size, size_t at)
{
    while (at < size && data[at] != '\n')
        at++;
    return at < size ? at + 1 : size;
}

/* Bytes of argument that are a length of bytes to come, by opcode; 0 where there is none. */
static unsigned length_bytes(uint8_t opcode)
{
    switch (opcode) {
    case 0x43:
    case 0x55:
    case 0x8a:
    case 0x8c: return 1;
    case 0x42:
    case 0x54:
    case 0x58:
    case 0x8b: return 4;
    case 0x8d:
    case 0x8e:
    case 0x96: return 8;
    default: return 0;
    }
}

static unsigned fixed_bytes(uint8_t opcode)
{
    switch (opcode) {
    case 0x4b:
    case 0x68:
    case 0x71:
    case 0x80:
    case 0x82: return 1;
    case 0x4d:
    case 0x83: return 2;
    case 0x4a:
    case 0x6a:
    case 0x72:
    case 0x84: return 4;
    case 0x47:
    case 0x95: return 8;
    default: return 0;
    }
}

static unsigned lines(uint8_t opcode)
{
    if (opcode == 'c' || opcode == 'i')
        return 2;
    return opcode != 0 && strchr("FILPSVgp", opcode) != NULL;
}

/* The size of the operation at `at`, as far as there are bytes. */
static size_t operation_size(const uint8_t *data, size_t size, size_t at)
{
    uint8_t opcode = data[at];
    unsigned prefix = length_bytes(opcode);
    size_t end = at + 1;
    for (unsigned i = lines(opcode); i > 0; i--)
        end = line_end(data, size, end);
    uint64_t length = prefix > 0 ? get_le(data, size, end, prefix) : 0;
    length = prefix + fixed_bytes(opcode) + (length < ARGUMENT_MOST ? length : 0);
    return length < size - end ? end - at + (size_t)length : size - at;
}

static void split(struct operations *o, const uint8_t *data, size_t size)
{
    o->count = 0;
    for (size_t at = 0; at < size && o->count < OPERATIONS_MOST;) {
        struct operation *op = &o->items[o->count++];
        op->bytes = data + at;
        op->size = operation_size(data, size, at);
        at += op->size;
    }
}

/* ---- what is inserted ---- */

#define PIECE(text)                                                                                                    \
    {                                                                                                                  \
        text, sizeof text - 1                                                                                          \
    }
static const struct {
    const char *bytes;
    size_t size;
} pieces[] = {
    PIECE("("),
    PIECE("."),
    PIECE("0"),
    PIECE("1"),
    PIECE("2"),
    PIECE("N"),
    PIECE(")"),
    PIECE("]"),
    PIECE("}"),
    PIECE("a"),
    PIECE("b"),
    PIECE("d"),
    PIECE("e"),
    PIECE("l"),
    PIECE("o"),
    PIECE("s"),
    PIECE("t"),
    PIECE("u"),
    PIECE("Q"),
    PIECE("R"),
    PIECE("\x81"),
    PIECE("\x85"),
    PIECE("\x86"),
    PIECE("\x87"),
    PIECE("\x88"),
    PIECE("\x89"),
    PIECE("\x8f"),
    PIECE("\x90"),
    PIECE("\x91"),
    PIECE("\x92"),
    PIECE("\x93"),
    PIECE("\x94"),
    PIECE("\x98"),
    PIECE("K\x00"),
    PIECE("K\x01"),
    PIECE("K\x04"),
    PIECE("M\x00\x01"),
    PIECE("J\xff\xff\xff\xff"),
    PIECE("J\x00\x00\x00\x00"),
    PIECE("I01\n"),
    PIECE("I7\n"),
    PIECE("L5L\n"),
    PIECE("F1.5\n"),
    PIECE("G?\xf8\0\0\0\0\0\0"),
    PIECE("P0\n"),
    PIECE("S'a'\n"),
    PIECE("Va\\u0041\n"),
    PIECE("U\x01q"),
    PIECE("T\x01\0\0\0q"),
    PIECE("C\x01q"),
    PIECE("B\x01\0\0\0q"),
    PIECE("\x8a\x01\x05"),
    PIECE("\x8b\x01\0\0\0\x05"),
    PIECE("\x8c\x01w"),
    PIECE("\x8d\x01\0\0\0\0\0\0\0w"),
    PIECE("\x8e\x01\0\0\0\0\0\0\0w"),
    PIECE("\x96\x01\0\0\0\0\0\0\0w"),
    PIECE("\x80\x02"),
    PIECE("\x80\x04"),
    PIECE("\x95\x08\0\0\0\0\0\0\0"),
    PIECE("\x82\x01"),
    PIECE("\x97"),
    PIECE("X\x01\0\0\0w"),
    PIECE("X\x07\0\0\0storage"),
    PIECE("ccollections\nOrderedDict\n"),
    PIECE("ctorch._utils\n_rebuild_tensor_v2\n"),
    PIECE("ctorch._utils\n_rebuild_parameter\n"),
    PIECE("ctorch._utils\n_rebuild_tensor_v3\n"),
    PIECE("ctorch._tensor\n_rebuild_from_type_v2\n"),
    PIECE("ctorch\nFloatStorage\n"),
    PIECE("ctorch\nHalfStorage\n"),
    PIECE("ctorch\nBFloat16Storage\n"),
    PIECE("ctorch\nBoolStorage\n"),
    PIECE("ctorch.storage\nUntypedStorage\n"),
    PIECE("ctorch\nSize\n"),
    PIECE("ctorch\nfloat32\n"),
    PIECE("cos\nsystem\n"),
    PIECE("c__builtin__\neval\n"),
    PIECE("c_codecs\nencode\n"),
    PIECE("cbuiltins\ngetattr\n"),
    PIECE("cmy\nThing\n"),
    PIECE("iposix\nsystem\n"),
    PIECE("cargparse\nNamespace\n"),
    PIECE("cnumpy.core.multiarray\nscalar\n"),
    PIECE("cnumpy\ndtype\n"),
    PIECE("\x8c\x08"
          "builtins\x8c\x04"
          "exec\x93"),
    PIECE("ccollections\nOrderedDict\n)R"),
    PIECE("K\x00K\x04\x85K\x01\x85"),
    PIECE("\x89"
          "ccollections\nOrderedDict\n)R"),
    PIECE("(lp0\n"),
    PIECE("(dp1\n"),
};
enum { PIECES = sizeof pieces / sizeof *pieces };

static uint8_t scratch[4096];
static struct buffer made = {scratch, 0, sizeof scratch, false};

static struct operation make(const void *bytes, size_t size)
{
    size_t at = made.size;
    put(&made, bytes, size);
    return (struct operation){scratch + at, made.size - at};
}

static struct operation random_piece(struct rng *rng)
{
    size_t at = rng_below(rng, PIECES);
    return (struct operation){(const uint8_t *)pieces[at].bytes, pieces[at].size};
}

/* A reference to, or a filling of, some small memo slot. */
static struct operation memo_operation(struct rng *rng)
{
    uint8_t bytes[5] = {rng_one_in(rng, 2) ? 'h' : 'q', (uint8_t)rng_below(rng, 24), 0, 0, 0};
    if (rng_one_in(rng, 6))
        bytes[0] = rng_one_in(rng, 2) ? 'j' : 'r';
    if (bytes[0] == 'r' && rng_one_in(rng, 8))
        bytes[3] = 1;
    return make(bytes, bytes[0] == 'j' || bytes[0] == 'r' ? 5 : 2);
}

/* ---- edits ---- */

static void insert(struct operations *o, size_t at, struct operation op)
{
    if (o->count == OPERATIONS_MOST || op.size == 0)
        return;
    memmove(&o->items[at + 1], &o->items[at], (o->count - at) * sizeof op);
    o->items[at] = op;
    o->count++;
}

static void erase(struct operations *o, size_t at)
{
    memmove(&o->items[at], &o->items[at + 1], (--o->count - at) * sizeof o->items[0]);
}

/* Changes the argument of an operation: a number, a memo slot, a name, a byte of text. */
static struct operation retarget(const struct operation *op, struct rng *rng)
{
    struct operation changed = make(op->bytes, op->size);
    uint8_t *bytes = scratch + (changed.bytes - scratch);
    unsigned fixed = changed.size > 1 ? fixed_bytes(bytes[0]) : 0;
    if (changed.size != op->size || op->size < 2)
        return *op;
    if (fixed > 0 && fixed < changed.size) {
        uint64_t value = rng_one_in(rng, 3) ? rng_number(rng) : rng_below(rng, 12);
        for (unsigned i = 0; i < fixed; i++)
            bytes[1 + i] = (uint8_t)(value >> (8 * i));
    } else {
        unsigned prefix = length_bytes(bytes[0]);
        size_t start = 1 + (rng_one_in(rng, 8) ? 0 : prefix);
        if (start < changed.size)
            (void)LLVMFuzzerMutate(bytes + start, changed.size - start, changed.size - start);
    }
    return changed;
}

/* A copy of a stretch of operations, elsewhere. */
static void copy_stretch(struct operations *o, struct rng *rng)
{
    size_t from = rng_below(rng, o->count), to = rng_below(rng, o->count), size = 1 + rng_below(rng, 12);
    for (size_t i = 0; i < size && from + i < o->count; i++)
        insert(o, to + i <= o->count ? to + i : o->count, o->items[from + i]);
}

static void edit(struct operations *o, struct rng *rng)
{
    size_t at = rng_below(rng, o->count), other = rng_below(rng, o->count);
    struct operation kept = o->items[at];
    switch (o->count == 0 ? 0 : rng_below(rng, 10)) {
    case 0:
    case 1: insert(o, at, random_piece(rng)); break;
    case 2: insert(o, at, memo_operation(rng)); break;
    case 3: erase(o, at); break;
    case 4:
        o->items[at] = o->items[other];
        o->items[other] = kept;
        break;
    case 5: o->items[at] = random_piece(rng); break;
    case 6: copy_stretch(o, rng); break;
    default: o->items[at] = retarget(&kept, rng); break;
    }
}

/* What leaves a good stream good, as a rule: a value made and thrown away, a filled memo slot, another small number. */
static void edit_kindly(struct operations *o, struct rng *rng)
{
    static const char *const neutral[] = {"N0",     "(1",    "]0",      "}0",  ")0",
                                          "K\0050", "I1\n0", "U\x01q0", "(N1", "(K\x01K\x02t0"};
    size_t at = rng_below(rng, o->count), which = rng_below(rng, sizeof neutral / sizeof *neutral);
    if (o->count == 0)
        return;
    if (rng_one_in(rng, 3)) {
        for (size_t i = 0; i < o->count && o->items[at].bytes[0] != 'K'; i++)
            at = (at + 1) % o->count;
        if (o->items[at].bytes[0] == 'K' && o->items[at].size == 2) {
            uint8_t changed[2] = {'K', (uint8_t)rng_below(rng, 5)};
            o->items[at] = make(changed, 2);
        }
        return;
    }
    if (at > 0) /* not before PROTO */
        insert(o, at, make(neutral[which], strlen(neutral[which])));
}

size_t mutate_pickle(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    static struct operations operations;
    static uint8_t copy[ARGUMENT_MOST];
    struct buffer out = {data, 0, max_size, false};
    if (size > sizeof copy || max_size < 2 || rng_one_in(rng, 12))
        return LLVMFuzzerMutate(data, size, max_size);
    if (size > 0)
        memcpy(copy, data, size);
    made.size = 0;
    made.full = false;
    split(&operations, copy, size);
    bool kindly = rng_one_in(rng, 2);
    for (size_t rounds = 1 + rng_below(rng, 3); rounds > 0; rounds--)
        (kindly ? edit_kindly : edit)(&operations, rng);
    if (!rng_one_in(rng, 20) && (operations.count == 0 || operations.items[operations.count - 1].bytes[0] != '.'))
        insert(&operations, operations.count, make(".", 1));
    for (size_t i = 0; i < operations.count && !out.full; i++)
        put(&out, operations.items[i].bytes, operations.items[i].size);
    return out.size;
}
