/* Shows what the inert machine makes of pickles, one line each, for pickle_oracle.py to compare with CPython.
 *
 * Input: a file of {u32 size, bytes} repeated. A line is "!id" for a refused pickle, else the graph: plain values by
 * value; containers and records numbered when first met and by number after that. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "assemble.h"
#include "pickle/machine.h"

struct dump {
    const struct pickle *pickle;
    const uint8_t *bytes; /* of the pickle */
    unsigned *numbers;    /* by value; 0: not met yet */
    unsigned next;
    struct bytes *out;
};

static void show(struct dump *d, uint32_t handle, bool numbered);

static void put_hex(struct dump *d, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        put(d->out, &digits[bytes[i] >> 4], 1);
        put(d->out, &digits[bytes[i] & 15], 1);
    }
}

static void put_letter_hex(struct dump *d, const char *letter, tv_span bytes)
{
    put_text(d->out, letter);
    put_hex(d, bytes.data, bytes.size);
    put_text(d->out, ";");
}

static void show_float(struct dump *d, double real)
{
    uint64_t bits = 0;
    char text[32];
    memcpy(&bits, &real, sizeof bits);
    (void)snprintf(text, sizeof text, "F%016" PRIx64 ";", bits);
    put_text(d->out, text);
}

static void show_plain(struct dump *d, uint32_t handle, const struct value *v)
{
    char text[40];
    tv_span kept = pickle_text(d->pickle, handle);
    bool decimal = (v->flags & VALUE_DECIMAL) != 0;
    if (v->type == V_NONE) {
        put_text(d->out, "N;");
    } else if (v->type == V_BOOL || v->type == V_INT) {
        (void)snprintf(text, sizeof text, "%s%" PRId64 ";", v->type == V_BOOL ? "B" : "I", v->as.integer);
        put_text(d->out, text);
    } else if (v->type == V_FLOAT) {
        show_float(d, v->as.real);
    } else if (v->type == V_LONG && decimal) {
        put_text(d->out, "D");
        put(d->out, kept.data, kept.size);
        put_text(d->out, ";");
    } else if (v->type == V_LONG) {
        put_letter_hex(d, "L", kept);
    } else if (v->type == V_STR) {
        put_letter_hex(d, "S", kept);
    } else {
        bool in_texts = (v->flags & VALUE_IN_TEXTS) != 0;
        put_letter_hex(d, v->type == V_BYTES ? "Y" : "A", in_texts ? kept : tv_span_of(d->bytes + v->as.at, v->size));
    }
}

/* What a value is when it stands in a set or is a key: by value, unnumbered. */
static char *key_text(struct dump *d, uint32_t handle)
{
    struct bytes text = {0}, *out = d->out;
    d->out = &text;
    show(d, handle, false);
    put_u8(&text, 0);
    d->out = out;
    return (char *)text.data;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show_set(struct dump *d, uint32_t handle)
{
    struct items it = items_of(d->pickle, handle);
    uint32_t item = NO_VALUE;
    size_t count = 0;
    char **texts = calloc((size_t)pickle_value(d->pickle, handle)->size + 1, sizeof *texts);
    while (items_next(&it, &item))
        texts[count++] = key_text(d, item);
    qsort(texts, count, sizeof *texts, compare_texts);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(texts[i], texts[i - 1]) != 0)
            put_text(d->out, texts[i]);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

/* A dictionary as Python sees it: a repeated key keeps its place and takes the last value. */
static void show_dict(struct dump *d, uint32_t handle)
{
    struct items it = items_of(d->pickle, handle);
    size_t count = 0, size = (size_t)pickle_value(d->pickle, handle)->size / 2 + 1;
    char **keys = calloc(size, sizeof *keys);
    uint32_t *values = calloc(size, sizeof *values), key = NO_VALUE, value = NO_VALUE;
    while (items_next(&it, &key) && items_next(&it, &value)) {
        size_t place = 0;
        char *text = key_text(d, key);
        while (place < count && strcmp(keys[place], text) != 0)
            place++;
        values[place] = value;
        if (place == count)
            keys[count++] = text;
        else
            free(text);
    }
    for (size_t i = 0; i < count; i++) {
        put_text(d->out, keys[i]);
        put_text(d->out, "=");
        show(d, values[i], true);
        free(keys[i]);
    }
    free(keys);
    free(values);
}

static void show_sequence(struct dump *d, uint32_t handle, bool numbered)
{
    struct items it = items_of(d->pickle, handle);
    uint32_t item = NO_VALUE;
    while (items_next(&it, &item))
        show(d, item, numbered);
}

static void show_record(struct dump *d, const struct record *record, uint32_t handle)
{
    static const char *const how[] = {"global", "call", "new", "new", "call", "pid"};
    put_text(d->out, how[record->how]);
    put_text(d->out, ":");
    const struct mention *mention = pickle_mention(d->pickle, handle);
    if (mention != NULL) {
        put_letter_hex(d, "S", mention_module(d->pickle, mention));
        put_letter_hex(d, "S", mention_name(d->pickle, mention));
    }
    if (record->callable != NO_VALUE)
        show(d, record->callable, true);
    if (record->how == HOW_PERSISTENT)
        show(d, record->args, true);
    else if (record->args != NO_VALUE)
        show_sequence(d, record->args, true);
    put_text(d->out, "|");
    if (record->kwargs != NO_VALUE)
        show_dict(d, record->kwargs);
    put_text(d->out, "|");
    show_sequence(d, record->items, true);
    put_text(d->out, "|");
    show_dict(d, record->pairs);
    put_text(d->out, "|");
    show_sequence(d, record->states, true);
}

static void show(struct dump *d, uint32_t handle, bool numbered)
{
    static const char *const letters[V_COUNT] = {
        [V_TUPLE] = "t", [V_LIST] = "l", [V_DICT] = "d", [V_SET] = "s", [V_FROZENSET] = "f", [V_RECORD] = "r"};
    char number[16];
    const struct value *v = pickle_value(d->pickle, handle);
    if (letters[v->type] == NULL) {
        show_plain(d, handle, v);
        return;
    }
    bool constant = (v->type == V_TUPLE || v->type == V_FROZENSET) && v->size == 0;
    put_text(d->out, letters[v->type]);
    if (numbered && !constant) {
        bool again = d->numbers[handle] != 0;
        if (!again)
            d->numbers[handle] = ++d->next;
        (void)snprintf(number, sizeof number, "%u", d->numbers[handle]);
        put_text(d->out, number);
        if (again) {
            put_text(d->out, ";");
            return;
        }
    }
    put_text(d->out, "(");
    if (v->type == V_RECORD)
        show_record(d, pickle_record(d->pickle, handle), handle);
    else if (v->type == V_DICT)
        show_dict(d, handle);
    else if (v->type == V_SET || v->type == V_FROZENSET)
        show_set(d, handle);
    else
        show_sequence(d, handle, numbered);
    put_text(d->out, ")");
}

static void dump_one(const uint8_t *bytes, size_t size)
{
    struct pickle pickle;
    tv_limits limits = tv_limits_default();
    struct budget budget = {limits.memory_bytes};
    struct pickle_use use = {0};
    struct pickle_options options = {&limits, &use, true};
    struct source source = source_of_memory(tv_span_of(bytes, size));
    tv_findings *findings = calloc(1, sizeof *findings);
    struct bytes out = {0};
    pickle_start(&pickle, &budget);
    if (findings != NULL && pickle_run(&source, 0, size, &options, &pickle, findings) == TV_OK) {
        struct dump dump = {&pickle, bytes, calloc((size_t)pickle.values.count, sizeof(unsigned)), 0, &out};
        show(&dump, pickle.root, true);
        free(dump.numbers);
    } else {
        put_text(&out, "!");
        put_text(&out, first_error(findings));
    }
    (void)fwrite(out.data, 1, out.size, stdout);
    (void)putchar('\n');
    pickle_free(&pickle);
    free(findings);
    free_bytes(&out);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    uint8_t head[4];
    if (file == NULL)
        return 2;
    while (fread(head, 1, sizeof head, file) == sizeof head) {
        uint32_t size = 0;
        (void)tv_span_u32(tv_span_of(head, sizeof head), 0, &size);
        uint8_t *bytes = malloc((size_t)size + 1);
        if (bytes == NULL || fread(bytes, 1, size, file) != size)
            return 2;
        dump_one(bytes, size);
        free(bytes);
    }
    return fclose(file) == 0 ? 0 : 2;
}
