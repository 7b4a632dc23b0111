/* Mutates zip archives as torch writes them: takes an archive apart into entries, edits entries (the pickle by
 * operation), puts it together again with right sizes, offsets and checksums, and then, now and then, makes one field
 * of one record wrong. What is no archive is mutated as a pickle if it starts like one. */
#include "mutate.h"

enum { ENTRIES_MOST = 64, WHOLE_MOST = 1 << 17, NAME_MOST = 200, SPARE = 1 << 14 };
enum { LOCAL_SIZE = 30, ROW_SIZE = 46, END_SIZE = 22, RECORD64_SIZE = 56, LOCATOR_SIZE = 20, DESCRIPTOR_SIZE = 16 };

struct entry {
    const uint8_t *name, *data;
    size_t name_size, size;
    size_t header_at; /* where it was written */
    size_t stated;    /* the size that every record says, beside the packed size, which is true */
    uint32_t crc, crc_lie;
    const struct entry *header_of; /* whose local header the row points at, or NULL: its own */
    bool lies;                     /* about its size */
};

struct archive {
    struct entry entries[ENTRIES_MOST];
    size_t count, directory_at, end_at;
    bool descriptors, padded, wide; /* as torch does: all of them */
};

/* CRC-32 (IEEE 802.3), bit by bit: the inputs are small. */
static uint32_t crc_of(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* ---- taking apart: by the directory, believing what it says as long as it lies inside ---- */

static bool take_row(struct archive *a, const uint8_t *data, size_t size, size_t *at)
{
    struct entry *e = &a->entries[a->count];
    if (a->count == ENTRIES_MOST || size - *at < ROW_SIZE || get_le(data, size, *at, 4) != 0x02014b50)
        return false;
    *e = (struct entry){0};
    size_t header = (size_t)get_le(data, size, *at + 42, 4);
    e->name_size = (size_t)get_le(data, size, *at + 28, 2);
    e->size = (size_t)get_le(data, size, *at + 20, 4);
    e->name = data + *at + ROW_SIZE;
    if (e->name_size > size - *at - ROW_SIZE || header > size || size - header < LOCAL_SIZE)
        return false;
    size_t start =
        header + LOCAL_SIZE + (size_t)get_le(data, size, header + 26, 2) + (size_t)get_le(data, size, header + 28, 2);
    if (start > size || e->size > size - start)
        return false;
    e->data = data + start;
    *at += ROW_SIZE + e->name_size + (size_t)get_le(data, size, *at + 30, 2) + (size_t)get_le(data, size, *at + 32, 2);
    a->count++;
    return *at <= size;
}

static bool take_apart(struct archive *a, const uint8_t *data, size_t size)
{
    *a = (struct archive){.descriptors = true, .padded = true, .wide = true};
    if (size < END_SIZE || get_le(data, size, size - END_SIZE, 4) != 0x06054b50)
        return false;
    size_t at = (size_t)get_le(data, size, size - END_SIZE + 16, 4);
    while (at < size && take_row(a, data, size, &at))
        continue;
    return a->count > 0;
}

/* ---- putting together ---- */

static void put_padding(struct buffer *out, size_t header_at, size_t name_size, bool padded)
{
    size_t start = header_at + LOCAL_SIZE + name_size + 4, size = padded ? (64 - start % 64) % 64 : 0;
    if (!padded)
        return;
    put_text(out, "FB");
    put_le(out, size, 2);
    for (size_t i = 0; i < size; i++)
        put_text(out, "Z");
}

static void put_entry(struct buffer *out, const struct archive *a, struct entry *e)
{
    size_t pad = (64 - (out->size + LOCAL_SIZE + e->name_size + 4) % 64) % 64;
    bool later = a->descriptors;
    e->header_at = out->size;
    e->crc = crc_of(e->data, e->size) ^ e->crc_lie;
    e->stated = e->lies ? e->stated : e->size;
    put_le(out, 0x04034b50, 4);
    put_le(out, 0, 2);
    put_le(out, later ? 0x808 : 0x800, 2);
    put_le(out, 0, 6); /* method, time, date */
    put_le(out, later ? 0 : e->crc, 4);
    put_le(out, later ? 0 : e->size, 4);
    put_le(out, later ? 0 : e->stated, 4);
    put_le(out, e->name_size, 2);
    put_le(out, a->padded ? pad + 4 : 0, 2);
    put(out, e->name, e->name_size);
    put_padding(out, e->header_at, e->name_size, a->padded);
    put(out, e->data, e->size);
    if (!later)
        return;
    put_le(out, 0x08074b50, 4);
    put_le(out, e->crc, 4);
    put_le(out, e->size, 4);
    put_le(out, e->stated, 4);
}

/* A number in a record, and how many bytes it has there. */
struct number {
    uint64_t value;
    unsigned size;
};

static void put_numbers(struct buffer *out, const struct number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_le(out, numbers[i].value, numbers[i].size);
}

#define PUT_NUMBERS(out, numbers) put_numbers(out, numbers, sizeof(numbers) / sizeof((numbers)[0]))

static void put_row(struct buffer *out, const struct archive *a, const struct entry *e)
{
    const struct number row[] = {
        {0x02014b50, 4},
        {0, 4}, /* versions */
        {a->descriptors ? 0x808 : 0x800, 2},
        {0, 6}, /* method, time, date */
        {e->crc, 4},
        {e->size, 4},
        {e->stated, 4},
        {e->name_size, 2},
        {0, 8}, /* extra, comment, disk, attributes */
        {0, 4},
        {e->header_of == NULL ? e->header_at : e->header_of->header_at, 4},
    };
    PUT_NUMBERS(out, row);
    put(out, e->name, e->name_size);
}

static void put_end(struct buffer *out, const struct archive *a, size_t rows)
{
    const struct number wide[] = {
        {0x06064b50, 4}, {RECORD64_SIZE - 12, 8}, {0x002d031e, 4}, {0, 8}, {a->count, 8},  {a->count, 8},
        {rows, 8},       {a->directory_at, 8},    {0x07064b50, 4}, {0, 4}, {out->size, 8}, {1, 4},
    };
    const struct number end[] = {
        {0x06054b50, 4}, {0, 4}, {a->count, 2}, {a->count, 2}, {rows, 4}, {a->directory_at, 4}, {0, 2},
    };
    if (a->wide)
        PUT_NUMBERS(out, wide);
    PUT_NUMBERS(out, end);
}

static void put_together(struct archive *a, struct buffer *out)
{
    for (size_t i = 0; i < a->count; i++)
        put_entry(out, a, &a->entries[i]);
    a->directory_at = out->size;
    for (size_t i = 0; i < a->count; i++)
        put_row(out, a, &a->entries[i]);
    a->end_at = out->size;
    put_end(out, a, a->end_at - a->directory_at);
}

/* ---- edits ---- */

static uint8_t spare[SPARE * 4];
static struct buffer made = {spare, 0, sizeof spare, false};

static bool name_ends(const struct entry *e, const char *tail)
{
    size_t size = strlen(tail);
    return e->name_size >= size && memcmp(e->name + e->name_size - size, tail, size) == 0;
}

static struct entry *find(struct archive *a, const char *tail)
{
    for (size_t i = 0; i < a->count; i++)
        if (name_ends(&a->entries[i], tail))
            return &a->entries[i];
    return NULL;
}

/* A copy of the entry's data with room to grow, mutated in place. */
static void edit_data(struct entry *e, struct rng *rng, bool as_pickle)
{
    uint8_t *copy = spare + made.size;
    size_t room = sizeof spare - made.size;
    room = room < SPARE ? room : SPARE;
    if (e->size > room || room < 16)
        return;
    if (e->size > 0)
        memcpy(copy, e->data, e->size);
    e->data = copy;
    e->size = as_pickle ? mutate_pickle(copy, e->size, room, rng) : LLVMFuzzerMutate(copy, e->size, room);
    made.size += e->size;
}

/* Makes a storage longer or shorter, as a wrong size in the pickle would have it. */
static void edit_size(struct entry *e, struct rng *rng)
{
    size_t size = rng_below(rng, 65);
    uint8_t *copy = spare + made.size;
    if (sizeof spare - made.size < size)
        return;
    memset(copy, (int)rng_below(rng, 256), size);
    if (e->size > 0)
        memcpy(copy, e->data, e->size < size ? e->size : size);
    e->data = copy;
    e->size = size;
    made.size += size;
}

static void edit_name(const struct archive *a, struct entry *e, struct rng *rng)
{
    static const char *const tails[] = {"/data.pkl",
                                        "/version",
                                        "/byteorder",
                                        "/data/0",
                                        "/data/1",
                                        "/data/2",
                                        "/.data/version",
                                        "/.data/serialization_id",
                                        "/.format_version",
                                        "/.storage_alignment",
                                        "/",
                                        "/../x",
                                        "/DATA.PKL",
                                        "/constants.pkl",
                                        "/code/x.py",
                                        "/data/\xc3\xa9",
                                        "\\data"};
    const struct entry *root = &a->entries[0];
    size_t start = made.size, slash = 0;
    while (slash < root->name_size && slash < NAME_MOST && root->name[slash] != '/')
        slash++;
    put(&made, root->name, slash);
    put_text(&made, tails[rng_below(rng, sizeof tails / sizeof *tails)]);
    e->name = spare + start;
    e->name_size = made.size - start;
}

static void edit_list(struct archive *a, struct rng *rng)
{
    size_t at = rng_below(rng, a->count), other = rng_below(rng, a->count);
    struct entry kept = a->entries[at];
    switch (rng_below(rng, 4)) {
    case 0:
        a->entries[at] = a->entries[other];
        a->entries[other] = kept;
        break;
    case 1:
        if (a->count < ENTRIES_MOST)
            a->entries[a->count++] = kept;
        break;
    case 2:
        if (a->count > 1)
            a->entries[at] = a->entries[--a->count];
        break;
    default:
        if (a->count < ENTRIES_MOST) {
            a->entries[a->count] = kept;
            edit_name(a, &a->entries[a->count++], rng);
        }
        break;
    }
}

/* A lie that every record repeats: of the content's size, of its checksum, of where its local header is. */
static void edit_lie(const struct archive *a, struct entry *e, struct rng *rng)
{
    switch (rng_below(rng, 3)) {
    case 0:
        e->lies = true;
        e->stated = rng_one_in(rng, 2) ? e->size + 1 - rng_below(rng, 3) : (size_t)rng_number(rng);
        break;
    case 1: e->crc_lie = (uint32_t)rng_number(rng); break;
    default: e->header_of = &a->entries[rng_below(rng, a->count)]; break;
    }
}

static void edit(struct archive *a, struct rng *rng)
{
    struct entry *pickle = find(a, "/data.pkl"), *any = &a->entries[rng_below(rng, a->count)];
    switch (rng_below(rng, 16)) {
    case 0: edit_list(a, rng); break;
    case 1: edit_name(a, any, rng); break;
    case 2: edit_data(any, rng, false); break;
    case 3: edit_size(any, rng); break;
    case 4: a->descriptors = !a->descriptors; break;
    case 5: a->padded = !a->padded; break;
    case 6: a->wide = !a->wide; break;
    case 7: edit_lie(a, any, rng); break;
    default: edit_data(pickle == NULL ? any : pickle, rng, true); break;
    }
}

/* ---- defects ---- */

/* Fields of the records: where they stand in their record, and how wide they are. */
struct field {
    uint8_t at, bytes;
};
static const struct field local_fields[] = {{0, 4},  {4, 2},  {6, 2},  {8, 2},  {10, 4}, {14, 4},
                                            {18, 4}, {22, 4}, {26, 2}, {28, 2}, {30, 1}};
static const struct field row_fields[] = {{0, 4},  {4, 2},  {6, 2},  {8, 2},  {10, 2}, {12, 4},
                                          {16, 4}, {20, 4}, {24, 4}, {28, 2}, {30, 2}, {32, 2},
                                          {34, 2}, {36, 2}, {38, 4}, {42, 4}, {46, 1}};
static const struct field end_fields[] = {{0, 4}, {4, 2}, {6, 2}, {8, 2}, {10, 2}, {12, 4}, {16, 4}, {20, 2}};
static const struct field wide_fields[] = {{0, 4},  {4, 8},  {12, 2}, {16, 4}, {20, 4}, {24, 8}, {32, 8},
                                           {40, 8}, {48, 8}, {56, 4}, {60, 4}, {64, 8}, {72, 4}};

static void break_field(struct buffer *out, size_t at, unsigned bytes, struct rng *rng)
{
    if (at > out->size || out->size - at < bytes)
        return;
    uint64_t value = get_le(out->bytes, out->size, at, bytes);
    switch (rng_below(rng, 4)) {
    case 0: value += 1; break;
    case 1: value -= 1; break;
    case 2: value = rng_number(rng); break;
    default: value ^= (uint64_t)1 << rng_below(rng, 8 * bytes); break;
    }
    for (unsigned i = 0; i < bytes; i++)
        out->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

#define BREAK(out, start, fields, rng)                                                                                 \
    do {                                                                                                               \
        struct field chosen = (fields)[rng_below(rng, sizeof(fields) / sizeof *(fields))];                             \
        break_field(out, (start) + chosen.at, chosen.bytes, rng);                                                      \
    } while (0)

/* One field of one record becomes wrong. */
static void break_record(const struct archive *a, struct buffer *out, struct rng *rng)
{
    const struct entry *e = &a->entries[rng_below(rng, a->count)];
    size_t row = a->directory_at;
    for (const struct entry *each = a->entries; each < e; each++)
        row += ROW_SIZE + each->name_size;
    switch (rng_below(rng, 5)) {
    case 0: BREAK(out, e->header_at, local_fields, rng); break;
    case 1: BREAK(out, row, row_fields, rng); break;
    case 2: BREAK(out, out->size - END_SIZE, end_fields, rng); break;
    case 3: BREAK(out, a->end_at, wide_fields, rng); break;
    default: break_field(out, rng_below(rng, out->size), 1, rng); break;
    }
}

/* ---- the mutator ---- */

size_t mutate_archive(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    static uint8_t copy[WHOLE_MOST], whole[WHOLE_MOST];
    static struct archive archive;
    struct buffer out = {whole, 0, max_size < WHOLE_MOST ? max_size : WHOLE_MOST, false};
    if (size > WHOLE_MOST || rng_one_in(rng, 15))
        return LLVMFuzzerMutate(data, size, max_size);
    if (size > 0)
        memcpy(copy, data, size);
    if (!take_apart(&archive, copy, size))
        return size > 0 && (data[0] == 0x80 || data[0] == '(') ? mutate_pickle(data, size, max_size, rng)
                                                               : LLVMFuzzerMutate(data, size, max_size);
    made = (struct buffer){spare, 0, sizeof spare, false};
    bool only_break = rng_one_in(rng, 8);
    for (size_t rounds = only_break ? 0 : 1 + rng_below(rng, 2); rounds > 0; rounds--)
        edit(&archive, rng);
    put_together(&archive, &out);
    if (out.full || made.full)
        return LLVMFuzzerMutate(data, size, max_size);
    if (only_break || rng_one_in(rng, 10))
        break_record(&archive, &out, rng);
    memcpy(data, out.bytes, out.size);
    return out.size;
}
