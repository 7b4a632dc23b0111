/* Mutates safetensors headers: edits tokens of the JSON, repairs offsets so that a header stays plausible, and keeps
 * the length prefix and the claimed size of the file (the last 4 bytes of an input) right most of the time. */
#include <inttypes.h>
#include <stdio.h>

#include "mutate.h"

enum { TEXT_MOST = 1 << 16, TOKENS_MOST = 1 << 13 };

struct token {
    const uint8_t *bytes;
    size_t size;
    char what; /* 's'tring, 'n'umber, ' ' white space, else the character itself */
};

struct tokens {
    struct token items[TOKENS_MOST];
    size_t count;
};

static const char *const dtypes[] = {"\"BOOL\"", "\"F4\"",   "\"F6_E2M3\"", "\"U8\"",  "\"F8_E4M3\"",
                                     "\"I16\"",  "\"BF16\"", "\"F32\"",     "\"C64\"", "\"U64\""};
static const unsigned dtype_bits[] = {8, 4, 6, 8, 8, 16, 16, 32, 64, 64};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static const char *const strings[] = {"\"\"",
                                      "\"a\"",
                                      "\"b\"",
                                      "\"\\u0061\"",
                                      "\"__metadata__\"",
                                      "\"dtype\"",
                                      "\"shape\"",
                                      "\"format\"",
                                      "\"data_offsets\"",
                                      "\"pt\"",
                                      "\"\\ud83d\\ude00\"",
                                      "\"\\ud83d\"",
                                      "\"\\n\"",
                                      "\"\x7f\"",
                                      "\"\xc2\x85\"",
                                      "\"\xe2\x80\xae\"",
                                      "\"\\/\"",
                                      "\"\xff\"",
                                      "\"\\u005f_metadata__\"",
                                      "\"f32\""};
enum { STRINGS = sizeof strings / sizeof *strings };

/* ---- tokens ---- */

static bool in_number(uint8_t c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct token next_token(const uint8_t *text, size_t size)
{
    size_t end = 1;
    char what = (char)text[0];
    if (what == '"') {
        while (end < size && text[end] != '"')
            end += text[end] == '\\' && end + 1 < size ? 2 : 1;
        end += end < size;
        what = 's';
    } else if (in_number(text[0])) {
        while (end < size && in_number(text[end]))
            end++;
        what = 'n';
    } else if (is_space(text[0])) {
        while (end < size && is_space(text[end]))
            end++;
        what = ' ';
    }
    return (struct token){text, end, what};
}

static void tokenize(struct tokens *t, const uint8_t *text, size_t size)
{
    t->count = 0;
    for (size_t at = 0; at < size && t->count < TOKENS_MOST; at += t->items[t->count++].size)
        t->items[t->count] = next_token(text + at, size - at);
}

static void render(const struct tokens *t, struct buffer *out)
{
    for (size_t i = 0; i < t->count; i++)
        put(out, t->items[i].bytes, t->items[i].size);
}

/* ---- a fresh header ---- */

static void put_number(struct buffer *b, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    put_text(b, text);
}

/* Appends `"name":{…}` of random dtype and small shape at `at`; returns where it ends. */
static uint64_t put_tensor(struct buffer *b, struct rng *rng, uint64_t at)
{
    size_t dtype = rng_below(rng, DTYPES), rank = rng_below(rng, 4);
    uint64_t elements = 2;
    char name[8];
    (void)snprintf(name, sizeof name, "\"t%u\"", (unsigned)rng_below(rng, 100));
    put_text(b, name);
    put_text(b, ":{\"dtype\":");
    put_text(b, dtypes[dtype]);
    put_text(b, ",\"shape\":[2");
    for (size_t i = 0; i < rank; i++) {
        uint64_t size = rng_below(rng, 5) * 2;
        put_text(b, ",");
        put_number(b, size);
        elements *= size;
    }
    if (dtype == 2) { /* 6 bits: two more doublings make whole bytes */
        put_text(b, ",2");
        elements *= 2;
    }
    put_text(b, "],\"data_offsets\":[");
    put_number(b, at);
    put_text(b, ",");
    at += elements * dtype_bits[dtype] / 8;
    put_number(b, at);
    put_text(b, "]}");
    return at;
}

static void put_fresh(struct buffer *b, struct rng *rng)
{
    size_t count = rng_below(rng, 5);
    uint64_t at = 0;
    put_text(b, "{");
    if (rng_one_in(rng, 2))
        put_text(b, count > 0 ? "\"__metadata__\":{\"format\":\"pt\",\"k\":\"v\"}," : "\"__metadata__\":{}");
    for (size_t i = 0; i < count; i++) {
        at = put_tensor(b, rng, at);
        put_text(b, i + 1 < count ? "," : "");
    }
    put_text(b, "}");
}

/* ---- edits ---- */

static size_t random_of(const struct tokens *t, struct rng *rng, char what)
{
    size_t start = rng_below(rng, t->count);
    for (size_t i = 0; i < t->count; i++)
        if (t->items[(start + i) % t->count].what == what)
            return (start + i) % t->count;
    return t->count;
}

static void insert(struct tokens *t, size_t at, struct token token)
{
    if (t->count == TOKENS_MOST || at > t->count)
        return;
    memmove(&t->items[at + 1], &t->items[at], (t->count - at) * sizeof token);
    t->items[at] = token;
    t->count++;
}

static void erase(struct tokens *t, size_t at, size_t count)
{
    memmove(&t->items[at], &t->items[at + count], (t->count - at - count) * sizeof t->items[0]);
    t->count -= count;
}

/* Where the member that begins with the key at `at` ends: behind its value. */
static size_t member_end(const struct tokens *t, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < t->count; i++) {
        char c = t->items[i].what;
        if ((c == ',' || c == '}' || c == ']') && depth == 0)
            return i;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
    }
    return t->count;
}

/* Text of the mutator's own, alive until its next round. */
static uint8_t scratch[4096];
static struct buffer made_texts = {scratch, 0, sizeof scratch, false};

static struct token made(const void *text, size_t size, char what)
{
    size_t at = made_texts.size;
    put(&made_texts, text, size);
    return (struct token){scratch + at, made_texts.size - at, what};
}

static struct token made_number(uint64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRIu64, number);
    return made(text, (size_t)size, 'n');
}

static uint64_t value_of(const struct token *t)
{
    uint64_t value = 0;
    for (size_t i = 0; i < t->size && t->bytes[i] >= '0' && t->bytes[i] <= '9'; i++)
        value = value * 10 + (uint64_t)(t->bytes[i] - '0');
    return value;
}

static void edit_number(struct tokens *t, struct rng *rng)
{
    static const char *const odd[] = {"1.0", "-1", "01", "1e2", "-0", "9223372036854775808", "18446744073709551616"};
    size_t at = random_of(t, rng, 'n'), other = random_of(t, rng, 'n');
    if (at == t->count)
        return;
    uint64_t old = value_of(&t->items[at]);
    const char *text = odd[rng_below(rng, sizeof odd / sizeof *odd)];
    switch (rng_below(rng, 6)) {
    case 0: t->items[at] = made(text, strlen(text), 'n'); break;
    case 1: t->items[at] = t->items[other]; break;
    case 2: t->items[at] = made_number(rng_number(rng)); break;
    case 3: t->items[at] = made_number(old * 2); break;
    default: t->items[at] = made_number(old + (rng_one_in(rng, 2) ? 1 : UINT64_MAX)); break;
    }
}

static void edit_string(struct tokens *t, struct rng *rng)
{
    size_t at = random_of(t, rng, 's'), other = random_of(t, rng, 's');
    const char *text = rng_one_in(rng, 3) ? dtypes[rng_below(rng, DTYPES)] : strings[rng_below(rng, STRINGS)];
    if (at < t->count)
        t->items[at] = rng_one_in(rng, 3) ? t->items[other] : made(text, strlen(text), 's');
}

/* Writes one character of a string as an escape: the same name, other bytes. */
static void edit_escape(struct tokens *t, struct rng *rng)
{
    size_t at = random_of(t, rng, 's');
    if (at == t->count || t->items[at].size < 3 || t->items[at].size > 64)
        return;
    struct token old = t->items[at];
    size_t which = 1 + rng_below(rng, old.size - 2);
    char text[96];
    int size = snprintf(text, sizeof text, "%.*s\\u%04x%.*s", (int)which, (const char *)old.bytes, old.bytes[which],
                        (int)(old.size - which - 1), (const char *)old.bytes + which + 1);
    t->items[at] = made(text, (size_t)size, 's');
}

static void edit_space(struct tokens *t, struct rng *rng)
{
    static const char spaces[] = " \t\n\r";
    insert(t, rng_below(rng, t->count + 1), made(&spaces[rng_below(rng, 4)], 1, ' '));
}

static void edit_erase(struct tokens *t, struct rng *rng)
{
    if (t->count > 0)
        erase(t, rng_below(rng, t->count), 1);
}

static void edit_copy(struct tokens *t, struct rng *rng)
{
    if (t->count > 0)
        insert(t, rng_below(rng, t->count + 1), t->items[rng_below(rng, t->count)]);
}

static void edit_swap(struct tokens *t, struct rng *rng)
{
    size_t a = rng_below(rng, t->count), b = rng_below(rng, t->count);
    if (t->count == 0)
        return;
    struct token kept = t->items[a];
    t->items[a] = t->items[b];
    t->items[b] = kept;
}

/* Erases a member with a comma beside it. */
static void edit_erase_member(struct tokens *t, struct rng *rng)
{
    size_t at = random_of(t, rng, 's'), end = member_end(t, at);
    if (at == t->count)
        return;
    if (end < t->count && t->items[end].what == ',')
        end++;
    else if (at > 0 && t->items[at - 1].what == ',')
        at--;
    erase(t, at, end - at);
}

/* Writes a member a second time, behind itself. */
static void edit_copy_member(struct tokens *t, struct rng *rng)
{
    size_t at = random_of(t, rng, 's'), end = member_end(t, at), size = end - at;
    if (at == t->count || t->count + size + 1 > TOKENS_MOST)
        return;
    insert(t, end, made(",", 1, ','));
    for (size_t i = 0; i < size; i++)
        insert(t, end + 1 + i, t->items[at + i]);
}

/* The whole is wrapped into something, or something into nothing. */
static void edit_nest(struct tokens *t, struct rng *rng)
{
    static const char pairs[] = "{}[]";
    size_t at = rng_below(rng, t->count), which = rng_below(rng, 2) * 2;
    if (t->count == 0)
        return;
    insert(t, at + 1, made(&pairs[which + 1], 1, pairs[which + 1]));
    insert(t, at, made(&pairs[which], 1, pairs[which]));
}

/* Gives a member another name, most of the time one that no other has. */
static void edit_rename(struct tokens *t, struct rng *rng)
{
    char text[24];
    size_t at = random_of(t, rng, 's');
    int size = snprintf(text, sizeof text, "\"t.%u\"", (unsigned)rng_below(rng, 1000));
    if (at + 2 < t->count && t->items[at + 1].what == ':' && t->items[at + 2].what == '{')
        t->items[at] = made(text, (size_t)size, 's');
}

typedef void (*edit_of)(struct tokens *t, struct rng *rng);

static const edit_of edits[] = {
    edit_number, edit_number, edit_string, edit_string,       edit_escape,      edit_space,
    edit_erase,  edit_copy,   edit_swap,   edit_erase_member, edit_copy_member, edit_nest,
};
/* What leaves a header good, as a rule. */
static const edit_of kind_edits[] = {edit_escape, edit_space, edit_rename, edit_rename};

/* ---- repair ---- */

static bool is_word(const struct token *t, const char *word)
{
    return t->size == strlen(word) && memcmp(t->bytes, word, t->size) == 0;
}

/* What one member of a tensor says: walked token by token. */
struct walk {
    size_t depth, offsets_at[2];
    uint64_t elements, at;
    unsigned bits, numbers;
    bool in_shape, in_offsets;
};

/* The end of a tensor: its offsets become those that follow from its dtype and shape. */
static void repair_tensor(struct tokens *t, struct walk *w)
{
    if (w->numbers == 2 && w->bits > 0) {
        uint64_t end = w->at + w->elements * w->bits / 8;
        t->items[w->offsets_at[0]] = made_number(w->at);
        t->items[w->offsets_at[1]] = made_number(end);
        w->at = end;
    }
    w->bits = 0;
    w->numbers = 0;
    w->elements = 1;
}

static void repair_string(const struct token *token, struct walk *w)
{
    w->in_shape = is_word(token, "\"shape\"");
    w->in_offsets = is_word(token, "\"data_offsets\"");
    for (size_t i = 0; i < DTYPES; i++)
        if (is_word(token, dtypes[i]))
            w->bits = dtype_bits[i];
}

/* Lays all tensors out anew, back to back in the order of the header. Returns the size of their data. */
static uint64_t repair(struct tokens *t)
{
    struct walk w = {.elements = 1};
    for (size_t i = 0; i < t->count; i++) {
        const struct token *token = &t->items[i];
        if (token->what == '{')
            w.depth++;
        if (token->what == 's')
            repair_string(token, &w);
        if (token->what == 'n' && w.in_shape)
            w.elements *= value_of(token);
        if (token->what == 'n' && w.in_offsets && w.numbers < 2)
            w.offsets_at[w.numbers++] = i;
        if (token->what == '}' && w.depth-- == 2)
            repair_tensor(t, &w);
    }
    return w.at;
}

/* ---- the mutator ---- */

static void edit(struct tokens *t, struct rng *rng)
{
    bool kind = rng_one_in(rng, 2);
    for (size_t rounds = 1 + rng_below(rng, 3); rounds > 0; rounds--)
        (kind ? kind_edits[rng_below(rng, sizeof kind_edits / sizeof *kind_edits)]
              : edits[rng_below(rng, sizeof edits / sizeof *edits)])(t, rng);
}

/* Puts the new JSON together in out; returns what the data section should be. */
static uint64_t mutate_text(const uint8_t *text, size_t size, struct buffer *out, struct rng *rng)
{
    static struct tokens tokens;
    static uint8_t fresh[TEXT_MOST];
    struct buffer start = {fresh, 0, sizeof fresh, false};
    made_texts.size = 0;
    if (size < 2 || rng_one_in(rng, 50))
        put_fresh(&start, rng);
    else
        put(&start, text, size < TEXT_MOST ? size : TEXT_MOST);
    if (rng_one_in(rng, 8))
        start.size = LLVMFuzzerMutate(start.bytes, start.size, start.capacity);
    tokenize(&tokens, start.bytes, start.size);
    bool early = rng_one_in(rng, 3);
    uint64_t data = early ? repair(&tokens) : 0;
    edit(&tokens, rng);
    if (!early)
        data = repair(&tokens);
    if (rng_one_in(rng, 6)) /* one thing wrong, right at the end */
        edits[rng_below(rng, 2)](&tokens, rng);
    render(&tokens, out);
    while (rng_one_in(rng, 2) && out->size % 8 != 0)
        put_text(out, " ");
    return data;
}

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    static uint8_t copy[TEXT_MOST];
    if (rng_one_in(rng, 10))
        return LLVMFuzzerMutate(data, size, max_size);
    uint64_t length = get_le(data, size, 0, 8);
    size_t have = size < 12 ? 0 : size - 12;
    size_t text = length < have ? (size_t)length : have;
    struct buffer out = {copy, 8, max_size - 4 < sizeof copy ? max_size - 4 : sizeof copy, false};
    uint64_t claimed = mutate_text(data + (size < 12 ? 0 : 8), text, &out, rng);
    struct buffer whole = {data, 0, max_size, false};
    put_le(&whole, rng_one_in(rng, 12) ? rng_number(rng) : out.size - 8, 8);
    put(&whole, copy + 8, out.size - 8);
    put_le(&whole, rng_one_in(rng, 12) ? rng_number(rng) : claimed, 4);
    return whole.size;
}
