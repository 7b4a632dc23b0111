/* The inert machine: every operation does what it says and nothing else; whatever is malformed is refused by name. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>

#include "assemble.h"
#include "check.h"
#include "pickle/machine.h"

/* One run over bytes in memory. */
struct run {
    struct pickle pickle;
    struct budget budget;
    tv_limits limits;
    struct pickle_use use;
    tv_findings *findings;
    tv_status status;
};

static void start(struct run *r)
{
    r->limits = tv_limits_default();
    r->use = (struct pickle_use){0};
    r->findings = calloc(1, sizeof *r->findings);
    CHECK(r->findings != NULL);
}

static void go(struct run *r, const void *data, size_t size)
{
    struct source source = source_of_memory(tv_span_of(data, size));
    struct pickle_options options = {&r->limits, &r->use, true};
    r->budget.bytes_left = r->limits.memory_bytes;
    pickle_start(&r->pickle, &r->budget);
    r->status = pickle_run(&source, 0, size, &options, &r->pickle, r->findings);
    CHECK((r->status == TV_OK) == (tv_findings_first_error(r->findings) == NULL));
}

static void end(struct run *r)
{
    pickle_free(&r->pickle);
    CHECK(r->budget.bytes_left == r->limits.memory_bytes);
    free(r->findings);
}

/* The id that a pickle is refused with, or "". */
static const char *id_of(const void *data, size_t size)
{
    struct run r;
    start(&r);
    go(&r, data, size);
    const char *id = first_error(r.findings);
    end(&r);
    return id;
}

#define BYTES(text) (text), sizeof(text) - 1

/* Renders a value as text, so that tests can say what they expect. Depth is bounded by the test's own input. */
static void show(const struct pickle *p, uint32_t handle, struct bytes *out, int depth)
{
    char number[64];
    const struct value *v = pickle_value(p, handle);
    struct items it = items_of(p, handle);
    const struct record *record = pickle_record(p, handle);
    uint32_t item = NO_VALUE;
    if (depth > 8 || handle == NO_VALUE) {
        put_text(out, depth > 8 ? "..." : "-");
        return;
    }
    if (v->type == V_INT || v->type == V_BOOL) {
        (void)snprintf(number, sizeof number, "%s%ld", v->type == V_BOOL ? "bool" : "", (long)v->as.integer);
        put_text(out, number);
    } else if (v->type == V_FLOAT) {
        (void)snprintf(number, sizeof number, "%.17g", v->as.real);
        put_text(out, number);
    } else if (v->type == V_STR) {
        put_text(out, "'");
        put(out, pickle_text(p, handle).data, pickle_text(p, handle).size);
        put_text(out, "'");
    } else if (v->type == V_BYTES || v->type == V_BYTEARRAY || v->type == V_LONG || v->type == V_NONE) {
        (void)snprintf(number, sizeof number, "%s%u", value_type_name(v->type), v->size);
        put_text(out, number);
    } else if (record != NULL) {
        static const char *const how[] = {"global", "reduce", "new", "new_ex", "inst", "pid"};
        put_text(out, how[record->how]);
        const struct mention *mention = pickle_mention(p, handle);
        if (mention != NULL) {
            put_text(out, ":");
            put(out, mention_module(p, mention).data, mention_module(p, mention).size);
            put_text(out, ".");
            put(out, mention_name(p, mention).data, mention_name(p, mention).size);
        }
        uint32_t parts[] = {record->callable, record->args,  record->kwargs,
                            record->items,    record->pairs, record->states};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            if (parts[i] != NO_VALUE) {
                put_text(out, i == 0 ? "<" : "|");
                show(p, parts[i], out, depth + 1);
            }
        if (record->callable != NO_VALUE)
            put_text(out, ">");
    } else {
        put_text(out, value_type_name(v->type));
        put_text(out, "(");
        for (bool first = true; items_next(&it, &item); first = false) {
            put_text(out, first ? "" : ",");
            show(p, item, out, depth + 1);
        }
        put_text(out, ")");
    }
}

static const struct good {
    const char *data;
    size_t size;
    const char *shown;
} goods[] = {
    {BYTES("\x80\2N."), "None0"},
    {BYTES("\x80\2\x88."), "bool1"},
    {BYTES("\x80\2\x89."), "bool0"},
    {BYTES("I01\n."), "bool1"},
    {BYTES("I00\n."), "bool0"},
    {BYTES("I-7\n."), "-7"},
    {BYTES("L12L\n."), "12"},
    {BYTES("L-9223372036854775808L\n."), "-9223372036854775808"},
    {BYTES("L9223372036854775808L\n."), "int19"},
    {BYTES("\x80\2J\xff\xff\xff\xff."), "-1"},
    {BYTES("\x80\2K\xff."), "255"},
    {BYTES("\x80\2M\x01\x80."), "32769"},
    {BYTES("\x80\2\x8a\0."), "0"},
    {BYTES("\x80\2\x8a\1\xfb."), "-5"},
    {BYTES("\x80\2\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f."), "9223372036854775807"},
    {BYTES("\x80\2\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\0."), "int9"},
    {BYTES("\x80\2\x8b\2\0\0\0\xff\x7f."), "32767"},
    {BYTES("F1.5\n."), "1.5"},
    {BYTES("F-inf\n."), "-inf"},
    {BYTES("\x80\2G\x3f\xf8\0\0\0\0\0\0."), "1.5"},
    {BYTES("S'a\\x41\\n\\101'\n."), "'aA\nA'"},
    {BYTES("S\"it's\"\n."), "'it's'"},
    {BYTES("T\2\0\0\0hi."), "'hi'"},
    {BYTES("U\2hi."), "'hi'"},
    {BYTES("U\2\xff\xfe."), "bytes2"},
    {BYTES("Va\\u00e9\xe9\n."), "'a\xc3\xa9\xc3\xa9'"},
    {BYTES("\x80\2X\2\0\0\0\xc3\xa9."), "'\xc3\xa9'"},
    {BYTES("\x80\2X\3\0\0\0\xed\xa0\x80."), "'\xed\xa0\x80'"},
    {BYTES("\x80\4\x8c\2hi."), "'hi'"},
    {BYTES("\x80\4\x8d\2\0\0\0\0\0\0\0hi."), "'hi'"},
    {BYTES("\x80\3B\2\0\0\0hi."), "bytes2"},
    {BYTES("\x80\3C\2hi."), "bytes2"},
    {BYTES("\x80\4\x8e\2\0\0\0\0\0\0\0hi."), "bytes2"},
    {BYTES("\x80\5\x96\2\0\0\0\0\0\0\0hi."), "bytearray2"},
    {BYTES("\x80\2)."), "tuple()"},
    {BYTES("\x80\2(t."), "tuple()"},
    {BYTES("\x80\2K\1\x85."), "tuple(1)"},
    {BYTES("\x80\2K\1K\2\x86."), "tuple(1,2)"},
    {BYTES("\x80\2K\1K\2K\3\x87."), "tuple(1,2,3)"},
    {BYTES("\x80\2(K\1K\2K\3K\4t."), "tuple(1,2,3,4)"},
    {BYTES("\x80\2]K\1a."), "list(1)"},
    {BYTES("\x80\2](K\1K\2eK\3a(K\4K\5K\6K\7K\x08"
           "e."),
     "list(1,2,3,4,5,6,7,8)"},
    {BYTES("(K\1K\2l."), "list(1,2)"},
    {BYTES("\x80\2}K\1K\2s."), "dict(1,2)"},
    {BYTES("\x80\2}(K\1K\2K\3K\4u."), "dict(1,2,3,4)"},
    {BYTES("(K\1K\2d."), "dict(1,2)"},
    {BYTES("\x80\4\x8f(K\1K\2\x90."), "set(1,2)"},
    {BYTES("\x80\4(K\1K\2\x91."), "frozenset(1,2)"},
    {BYTES("\x80\2K\1K\2"
           "0."),
     "1"},
    {BYTES("\x80\2K\1(K\2K\3"
           "1."),
     "1"},
    {BYTES("\x80\2K\1(0."), "1"},
    {BYTES("\x80\2K\1"
           "2\x86."),
     "tuple(1,1)"},
    {BYTES("\x80\2]q\0h\0K\1a"
           "0."),
     "list(1)"},
    {BYTES("\x80\2]r\x10\0\0\0j\x10\0\0\0K\1a0."), "list(1)"},
    {BYTES("]p3\ng3\nK\1a0."), "list(1)"},
    {BYTES("\x80\4]\x94h\0K\1a0."), "list(1)"},
    {BYTES("\x80\2cm\nn\n."), "global:m.n"},
    {BYTES("\x80\4\x8c\1m\x8c\1n\x93."), "global:m.n"},
    {BYTES("\x80\2cm\nn\nK\1\x85R."), "reduce<global:m.n|tuple(1)>"},
    {BYTES("\x80\2cm\nn\n)\x81}b."), "new<global:m.n|tuple()|list(dict())>"},
    {BYTES("\x80\4\x8c\1m\x8c\1n\x93)}\x92."), "new_ex<global:m.n|tuple()|dict()>"},
    {BYTES("(K\1im\nn\n."), "inst<global:m.n|tuple(1)>"},
    {BYTES("(cm\nn\nK\1o."), "inst<global:m.n|tuple(1)>"},
    {BYTES("\x80\2cm\nn\n)R(K\1K\2eK\3K\4s."), "reduce<global:m.n|tuple()|list(1,2)|dict(3,4)>"},
    {BYTES("\x80\2K\1Q."), "pid|1"},
    {BYTES("P7\n."), "pid|'7'"},
    {BYTES("\x80\4\x95\2\0\0\0\0\0\0\0N."), "None0"},
    {BYTES("\x80\4\x95\1\0\0\0\0\0\0\0]K\1\x95\2\0\0\0\0\0\0\0"
           "a."),
     "list(1)"},
};

TEST(operations_give_values, "each operation makes the value that Python would make, or a record of what it would do")
{
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++) {
        struct run r;
        struct bytes shown = {0};
        start(&r);
        go(&r, goods[i].data, goods[i].size);
        CHECK_MSG(r.status == TV_OK, "pickle %zu: %s", i, first_error(r.findings));
        show(&r.pickle, r.pickle.root, &shown, 0);
        put_u8(&shown, 0);
        CHECK_MSG(strcmp((const char *)shown.data, goods[i].shown) == 0, "pickle %zu: %s, not %s", i, shown.data,
                  goods[i].shown);
        free_bytes(&shown);
        end(&r);
    }
}

static const struct bad {
    const char *data;
    size_t size;
    const char *id;
} bads[] = {
    {BYTES(""), "pickle-truncated"},
    {BYTES("\x80\2"), "pickle-truncated"},
    {BYTES("\x80\2X\xff\xff\xff\xff"), "pickle-truncated"},
    {BYTES("\x80\4\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "pickle-truncated"},
    {BYTES("\x80\3B\xff\xff\xff\xff."), "pickle-truncated"},
    {BYTES("\x80\4\x95\xff\0\0\0\0\0\0\0N."), "pickle-truncated"},
    {BYTES("cos\nsystem"), "pickle-truncated"},
    {BYTES("\x80\2N.N"), "pickle-trailing-bytes"},
    {BYTES("\x80\2N.\n"), "pickle-trailing-bytes"},
    {BYTES("\x80\4\x95\2\0\0\0\0\0\0\0C\4abcd."), "pickle-frame-mismatch"},
    {BYTES("\x80\4\x95\x0a\0\0\0\0\0\0\0\x95\1\0\0\0\0\0\0\0N."), "pickle-frame-mismatch"},
    {BYTES("\x80\4\x95\3\0\0\0\0\0\0\0N.N"), "pickle-frame-mismatch"},
    {BYTES("\x80\2\xff."), "pickle-opcode-unknown"},
    {BYTES("Nope."), "pickle-mark-missing"},
    {BYTES("\x80\2\x82\1."), "pickle-opcode-unsupported"},
    {BYTES("\x80\2\x83\1\0."), "pickle-opcode-unsupported"},
    {BYTES("\x80\2\x84\1\0\0\0."), "pickle-opcode-unsupported"},
    {BYTES("\x80\5\x97."), "pickle-opcode-unsupported"},
    {BYTES("\x80\5N\x98."), "pickle-opcode-unsupported"},
    {BYTES("\x80\6N."), "pickle-protocol"},
    {BYTES("\x80\xffN."), "pickle-protocol"},
    {BYTES("\x80\2\x80\2N."), "pickle-protocol"},
    {BYTES("N\x80\2."), "pickle-protocol"},
    {BYTES("\x80\2."), "pickle-stack-underflow"},
    {BYTES("\x80\2"
           "0."),
     "pickle-stack-underflow"},
    {BYTES("\x80\2"
           "2."),
     "pickle-stack-underflow"},
    {BYTES("\x80\2]a."), "pickle-stack-underflow"},
    {BYTES("\x80\2}K\1s."), "pickle-stack-underflow"},
    {BYTES("\x80\2K\1\x86."), "pickle-stack-underflow"},
    {BYTES("\x80\2cm\nn\nR."), "pickle-stack-underflow"},
    {BYTES("\x80\2q\0N."), "pickle-stack-underflow"},
    {BYTES("\x80\2N(q\0."), "pickle-stack-underflow"},
    {BYTES("\x80\2(K\1e."), "pickle-stack-underflow"},
    {BYTES("\x80\2N(]K\1u."), "pickle-type-mismatch"},
    {BYTES("(o."), "pickle-stack-underflow"},
    {BYTES("\x80\2]K\1e."), "pickle-mark-missing"},
    {BYTES("t."), "pickle-mark-missing"},
    {BYTES("\x80\2h\0."), "pickle-memo-missing"},
    {BYTES("\x80\2Nq\1h\0."), "pickle-memo-missing"},
    {BYTES("\x80\2j\xff\xff\xff\xff."), "pickle-memo-missing"},
    {BYTES("\x80\2Nr\xff\xff\xff\xff."), "limit-pickle"},
    {BYTES("\x80\2)K\1a."), "pickle-type-mismatch"},
    {BYTES("\x80\2]K\1K\2s."), "pickle-type-mismatch"},
    {BYTES("\x80\2}]K\1s."), "pickle-type-mismatch"},
    {BYTES("\x80\2}]\x85K\1s."), "pickle-type-mismatch"},
    {BYTES("\x80\4\x8f(]\x90."), "pickle-type-mismatch"},
    {BYTES("\x80\2K\1)R."), "pickle-type-mismatch"},
    {BYTES("\x80\2cm\nn\n]R."), "pickle-type-mismatch"},
    {BYTES("\x80\2]}b."), "pickle-type-mismatch"},
    {BYTES("\x80\4K\1\x8c\1n\x93."), "pickle-type-mismatch"},
    {BYTES("\x80\4\x8c\1mC\1n\x93."), "pickle-type-mismatch"},
    {BYTES("\x80\2}(K\1u."), "pickle-odd-items"},
    {BYTES("(K\1d."), "pickle-odd-items"},
    {BYTES("I1x\n."), "pickle-argument-invalid"},
    {BYTES("I 1\n."), "pickle-argument-invalid"},
    {BYTES("L\n."), "pickle-argument-invalid"},
    {BYTES("F0x10\n."), "pickle-argument-invalid"},
    {BYTES("F1e\n."), "pickle-argument-invalid"},
    {BYTES("S'a\n."), "pickle-argument-invalid"},
    {BYTES("S'\\x4'\n."), "pickle-argument-invalid"},
    {BYTES("Sa\n."), "pickle-argument-invalid"},
    {BYTES("V\\u12\n."), "pickle-argument-invalid"},
    {BYTES("V\\U00110000\n."), "pickle-argument-invalid"},
    {BYTES("g-1\n."), "pickle-argument-invalid"},
    {BYTES("T\xff\xff\xff\xff."), "pickle-argument-invalid"},
    {BYTES("\x80\2\x8b\xff\xff\xff\xff."), "pickle-argument-invalid"},
    {BYTES("\x80\2X\1\0\0\0\xff."), "pickle-argument-invalid"},
    {BYTES("\x80\2X\2\0\0\0\xc0\x80."), "pickle-argument-invalid"},
    {BYTES("c\xff\nn\n."), "pickle-argument-invalid"},
    {BYTES("P\xff\n."), "pickle-argument-invalid"},
    {BYTES("\x80\2NN."), "pickle-leftover"},
    {BYTES("\x80\2(N."), "pickle-leftover"},
};

TEST(malformed_is_refused, "each kind of malformed pickle is refused with the id that names it")
{
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        const char *id = id_of(bads[i].data, bads[i].size);
        CHECK_MSG(strcmp(id, bads[i].id) == 0, "pickle %zu: '%s' instead of %s", i, id, bads[i].id);
    }
}

TEST(truncation_is_refused, "a pickle cut anywhere is never accepted")
{
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++)
        for (size_t size = 0; size < goods[i].size; size++)
            CHECK_MSG(id_of(goods[i].data, size)[0] != 0, "pickle %zu cut at %zu", i, size);
}

TEST(every_byte_alone, "every single byte, and every pair of them, ends in a value or a finding")
{
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            uint8_t data[] = {(uint8_t)a, (uint8_t)b, '.'};
            (void)id_of(data, 1);
            (void)id_of(data, 2);
            (void)id_of(data, 3);
        }
}

TEST(shared_and_cyclic, "values are shared, not copied: a list may hold itself, and a later change is seen everywhere")
{
    struct run r;
    start(&r);
    go(&r, BYTES("\x80\2]q\0h\0a."));
    CHECK(r.status == TV_OK);
    struct items it = items_of(&r.pickle, r.pickle.root);
    uint32_t item = NO_VALUE;
    CHECK(items_next(&it, &item) && item == r.pickle.root && !items_next(&it, &item));
    end(&r);
}

TEST(doubling_stays_small, "a pickle of 2^200 nodes to a copying reader takes a few values here")
{
    struct run r;
    struct bytes b = {0};
    put(&b, "\x80\2)", 3);
    for (int i = 0; i < 200; i++)
        put(&b, "2\x86", 2);
    put_text(&b, ".");
    start(&r);
    go(&r, b.data, b.size);
    CHECK(r.status == TV_OK && r.pickle.values.count < 300);
    end(&r);
    free_bytes(&b);
}

TEST(depth_needs_no_stack, "a million nested tuples are read without recursion")
{
    struct run r;
    struct bytes b = {0};
    put(&b, "\x80\2)", 3);
    for (int i = 0; i < 1000000; i++)
        put_u8(&b, 0x85);
    put_text(&b, ".");
    start(&r);
    go(&r, b.data, b.size);
    CHECK(r.status == TV_OK);
    end(&r);
    free_bytes(&b);
}

/* Runs a long list of distinct integers under one changed limit. */
static const char *limited(uint64_t limit, size_t offset)
{
    struct run r;
    struct bytes b = {0};
    put(&b, "\x80\2]q\0(", 6);
    for (unsigned i = 0; i < 1000; i++) {
        put(&b, "M", 1);
        put_u16(&b, i + 1000);
        put(&b, "r", 1);
        put_u32(&b, i + 1);
    }
    put_text(&b, "e.");
    start(&r);
    memcpy((char *)&r.limits + offset, &limit, sizeof limit);
    go(&r, b.data, b.size);
    const char *id = first_error(r.findings);
    end(&r);
    free_bytes(&b);
    return id;
}

TEST(limits_hold, "operations, objects, memo, bytes and memory are bounded, each by its limit")
{
    CHECK(strcmp(limited(100, offsetof(tv_limits, pickle_ops)), "limit-pickle") == 0);
    CHECK(strcmp(limited(100, offsetof(tv_limits, pickle_objects)), "limit-pickle") == 0);
    CHECK(strcmp(limited(100, offsetof(tv_limits, pickle_memo)), "limit-pickle") == 0);
    CHECK(strcmp(limited(100, offsetof(tv_limits, pickle_bytes)), "limit-pickle") == 0);
    CHECK(strcmp(limited(10000, offsetof(tv_limits, memory_bytes)), "limit-memory") == 0);
    CHECK(limited(5000, offsetof(tv_limits, pickle_ops))[0] == 0);
}

/* The class of the first global of a pickle, whether it is well-formed or not. */
static const char *class_of(const void *data, size_t size, bool *called)
{
    struct run r;
    start(&r);
    go(&r, data, size);
    const struct mention *mention = vector_at(&r.pickle.mentions, 0);
    CHECK(mention != NULL);
    const char *name = tv_class_name(mention_class(&r.pickle, mention));
    *called = mention_called(mention);
    end(&r);
    return name;
}

static const struct naming {
    const char *data;
    size_t size;
    const char *class_;
    bool called;
} namings[] = {
    {BYTES("\x80\2cos\nsystem\n."), "dangerous", false},
    {BYTES("cos\nsystem\n(S'x'\ntR."), "dangerous", true},
    {BYTES("\x80\2cos\nsystem\n)R0N."), "dangerous", true},
    {BYTES("\x80\2cos\nsystem\n)R"), "dangerous", true},
    {BYTES("(S'x'\nios\nsystem\n."), "dangerous", true},
    {BYTES("(cos\nsystem\nS'x'\no."), "dangerous", true},
    {BYTES("\x80\2cos\nsystem\ncmy\nmap\nh\0"), "dangerous", false},
    {BYTES("\x80\2cos\nsystem\nq\0"
           "0cmy\nmap\nh\0\x85R."),
     "dangerous", true},
    {BYTES("\x80\4\x8c\2os\x8c\6system\x93."), "dangerous", false},
    {BYTES("\x80\2cos.path\njoin\n."), "dangerous", false},
    {BYTES("\x80\2cosx\nsystem\n."), "inert-unknown", false},
    {BYTES("\x80\2cbuiltins\neval\n."), "dangerous", false},
    {BYTES("\x80\2c__builtin__\neval\n."), "dangerous", false},
    {BYTES("\x80\2cmy.project\nConfig\n)\x81."), "inert-unknown", true},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R."), "data-only", true},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)\x81."), "inert-unknown", true},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_V2\n)R."), "inert-unknown", true},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\r\n)R."), "inert-unknown", true},
    {BYTES("\x80\2ctorch\nFloatStorage\n."), "data-only", false},
    {BYTES("\x80\2cos2\nFloatStorage\n."), "inert-unknown", false},
    {BYTES("\x80\2ctorch\nFloatStorage\n)R."), "inert-unknown", true},
    {BYTES("\x80\2ccollections\nOrderedDict\n)R}b."), "data-only", true},
    {BYTES("\x80\2ccollections\nOrderedDict\n}b."), "inert-unknown", false},
    {BYTES("\x80\2cargparse\nNamespace\n)\x81}b."), "reviewed", true},
    {BYTES("\x80\2cargparse\nNamespace\n(K\1K\2u."), "inert-unknown", false},
    {BYTES("\x80\4\x8c\5torch\x8c\x17serialization.os.system\x93."), "dangerous", false},
    {BYTES("\x80\4\x8c\7pathlib\x8c\x0fPath.write_text\x93)R."), "dangerous", true},
    {BYTES("\x80\4\x8c\2my\x8c\x0a"
           "Color.BLUE\x93."),
     "inert-unknown", false},
    {BYTES("\x80\4\x8c\5torch\x8c\x0c"
           "float32.real\x93."),
     "inert-unknown", false},
    {BYTES("\x80\4\x8c\2my\x8c\x0b"
           "A.__class__\x93."),
     "dangerous", false},
    {BYTES("c__builtin__\ngetattr\n(cmy\nColor\nS'BLUE'\ntR."), "reviewed", true},
    {BYTES("c__builtin__\ngetattr\n(cmy\nColor\nS'BLUE'\ntR)R."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\n(cmy\nColor\nS'BLUE'\ntR}b."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\n(cmy\nColor\nS'__dict__'\ntR."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\n(cmy\nColor\nS'a.b'\ntR."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\n(S'x'\nS'BLUE'\ntR."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\n."), "dangerous", false},
    {BYTES("c__builtin__\ngetattr\n(cmy\nSteps\n)\x81S'_cos'\ntR."), "reviewed", true},
    {BYTES("c__builtin__\ngetattr\n(c__builtin__\ngetattr\n(cmy\nA\nS'b'\ntRS'c'\ntR."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\nq\0"
           "0h\0(h\0(cmy\nA\nS'b'\ntRS'c'\ntR."),
     "dangerous", true},
    {BYTES("c__builtin__\ngetattr\n(cpathlib\nPosixPath\nS'unlink'\ntR."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\n(cpathlib\nPosixPath\n(S'x'\ntRS'unlink'\ntR."), "dangerous", true},
    {BYTES("c__builtin__\ngetattr\nq\0"
           "0cmy\nmap\n(h\0(cmy\nColor\nS'BLUE'\ntRtR."),
     "dangerous", true},
    {BYTES("\x80\4\x8c\7pathlib\x8c\x10PosixPath.unlink\x93."), "inert-unknown", false},
    {BYTES("ctorch.nn.modules.linear\nLinear\n)\x81}b."), "reviewed", true},
    {BYTES("ctorch.nn.modules.linear\nLinear\n)\x81"
           "cmy\nConfig\n)\x81"
           "b."),
     "inert-unknown", true},
    {BYTES("ctorch.nn.modules.linear\nLinear\n)\x81"
           "ccollections\nOrderedDict\n)Rb."),
     "reviewed", true},
    {BYTES("c__builtin__\ngetattr\n(ctransformers.trainer_utils\nHubStrategy\nS'END'\ntR."), "reviewed", true},
    {BYTES("cfunctools\npartial\n(cmy\nf\ntR."), "reviewed", true},
    {BYTES("cfunctools\npartial\n(cmy\nf\ntR)R."), "inert-unknown", true},
    {BYTES("ctorch.storage\n_load_from_bytes\n(C\1xtR."), "data-only", true},
    {BYTES("ctorch.storage\n_load_from_bytes\n(S'x'\ntR."), "dangerous", true},
    {BYTES("ctorch.storage\n_load_from_bytes\n."), "dangerous", false},
};

TEST(names_have_classes, "a global is judged by its exact name and by how it is used, at the moment it is used")
{
    for (size_t i = 0; i < sizeof namings / sizeof namings[0]; i++) {
        bool called = false;
        const char *class_ = class_of(namings[i].data, namings[i].size, &called);
        CHECK_MSG(strcmp(class_, namings[i].class_) == 0, "naming %zu: %s instead of %s", i, class_, namings[i].class_);
        CHECK_MSG(called == namings[i].called, "naming %zu: called %d", i, called);
    }
}

TEST(large_source_by_descriptor, "a pickle larger than the window is read the same from a file as from memory")
{
    struct run r;
    struct bytes b = {0};
    put(&b, "\x80\2](", 4);
    for (unsigned i = 0; i < 40000; i++) {
        put(&b, "X\7\0\0\0", 5);
        put_text(&b, "element");
    }
    put(&b, "B\x40\x0d\3\0", 5);
    for (unsigned i = 0; i < 200000; i++)
        put_u8(&b, i);
    put_text(&b, "e.");
    FILE *file = tmpfile();
    CHECK(file != NULL && fwrite(b.data, 1, b.size, file) == b.size && fflush(file) == 0);
    struct source source = {.fd = fileno(file), .size = b.size};
    struct pickle_options options = {&r.limits, &r.use, true};
    start(&r);
    r.budget.bytes_left = r.limits.memory_bytes;
    pickle_start(&r.pickle, &r.budget);
    CHECK(pickle_run(&source, 0, source.size, &options, &r.pickle, r.findings) == TV_OK);
    CHECK(pickle_value(&r.pickle, r.pickle.root)->size == 40001);
    end(&r);
    (void)fclose(file);
    free_bytes(&b);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
