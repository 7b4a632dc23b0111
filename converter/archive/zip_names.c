/* Names in a zip archive (zip.h): plain, unique with case folded, and, for checkpoints, in one folder.
 * Trusts: nothing. Case is folded as torch's own reader does: ASCII letters only. */
#include "../refuse.h"
#include "../sort.h"
#include "../text.h"
#include "zip.h"

static const struct zip_entry *entry_at(const struct zip *zip, uint64_t index)
{
    return vector_at(&zip->entries, index);
}

static int fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

static int compare_folded(tv_span a, tv_span b)
{
    for (size_t i = 0; i < a.size && i < b.size; i++)
        if (fold(a.data[i]) != fold(b.data[i]))
            return fold(a.data[i]) - fold(b.data[i]);
    return (a.size > b.size) - (a.size < b.size);
}

/* The name of a folder without its final slash: "a" and "a/" are one name. */
static tv_span bare_name(const struct zip_entry *e)
{
    tv_span bare = e->name;
    if (e->is_folder)
        bare.size--;
    return bare;
}

/* By folded name, then by place, which makes the order total. */
static bool before(const void *context, uint32_t a, uint32_t b)
{
    const struct zip *zip = context;
    int order = compare_folded(bare_name(entry_at(zip, a)), bare_name(entry_at(zip, b)));
    return order != 0 ? order < 0 : a < b;
}

/* What is wrong with one part between slashes, or NULL. */
static const char *part_trouble(tv_span part)
{
    if (part.size == 0)
        return "an empty part";
    if (tv_span_is(part, ".") || tv_span_is(part, ".."))
        return "a part that leads elsewhere";
    return NULL;
}

/* What is wrong with the whole name, or NULL. */
static const char *name_trouble(const struct zip_entry *e)
{
    tv_span name = bare_name(e), part;
    bool ascii = true;
    size_t start = 0;
    if (text_classify(name) != TEXT_VALID)
        return "not UTF-8";
    if (text_has_controls(name))
        return "control characters";
    for (size_t i = 0; i <= name.size; i++) {
        int byte = tv_span_byte(name, i);
        ascii = ascii && byte < 0x80;
        if (byte == '\\')
            return "a backslash";
        if (byte != '/' && byte >= 0)
            continue;
        const char *trouble = tv_span_sub(name, start, i - start, &part) ? part_trouble(part) : NULL;
        if (trouble != NULL)
            return trouble;
        start = i + 1;
    }
    /* Without the flag some readers take the bytes for code page 437. */
    return ascii || (e->flags & ZIP_FLAG_UTF8) != 0 ? NULL : "not ASCII, and not marked as UTF-8";
}

tv_status zip_check_names(struct zip *zip, tv_findings *findings)
{
    uint64_t count = zip->entries.count;
    uint32_t *order = vector_extend(&zip->by_name, count);
    if (order == NULL)
        return refuse_memory(findings);
    for (uint64_t i = 0; i < count; i++) {
        const struct zip_entry *e = entry_at(zip, i);
        const char *trouble = name_trouble(e);
        if (trouble != NULL)
            return refuse(findings, (struct refusal){TV_FIND_ZIP_NAME_INVALID, e->row_at, e->name, trouble, 0, 0});
        if (e->is_folder && e->size != 0)
            return refuse(findings, (struct refusal){TV_FIND_ZIP_SIZE_MISMATCH, e->row_at, e->name, NULL, e->size, 0});
        order[i] = (uint32_t)i;
    }
    sort_items(order, count, before, zip);
    for (uint64_t i = 1; i < count; i++) {
        const struct zip_entry *e = entry_at(zip, order[i]);
        if (compare_folded(bare_name(entry_at(zip, order[i - 1])), bare_name(e)) == 0)
            return refuse(findings, (struct refusal){TV_FIND_ZIP_DUPLICATE_NAME, e->row_at, e->name, NULL, 0, 0});
    }
    return TV_OK;
}

/* The part of a name before its first slash; the whole where there is none. */
static tv_span first_part(tv_span name)
{
    tv_span part = name;
    for (part.size = 0; part.size < name.size && name.data[part.size] != '/'; part.size++)
        continue;
    return part;
}

/* Takes the strays out of the order by name: what is looked up lies in the root. */
static void forget_strays(struct zip *zip)
{
    uint32_t *order = zip->by_name.data;
    uint64_t kept = 0;
    for (uint64_t i = 0; i < zip->by_name.count; i++)
        if (!entry_at(zip, order[i])->is_stray)
            order[kept++] = order[i];
    zip->by_name.count = kept;
}

tv_status zip_find_root(struct zip *zip, tv_findings *findings)
{
    bool rooted = false;
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        struct zip_entry *e = vector_at(&zip->entries, i);
        tv_span part = first_part(e->name);
        e->is_stray = zip->allow_strays && tv_span_is(part, "__MACOSX") && part.size < e->name.size;
        if (e->is_stray)
            continue;
        if (!rooted)
            zip->root = part;
        rooted = true;
        if (part.size < e->name.size && tv_span_equal(part, zip->root))
            continue;
        tv_findings_add(findings, TV_FIND_ZIP_ROOT_MISMATCH, e->row_at, e->name, zip->root);
        return TV_REJECTED;
    }
    forget_strays(zip);
    return TV_OK;
}

tv_span zip_record_name(const struct zip *zip, const struct zip_entry *entry)
{
    tv_span name;
    (void)tv_span_sub(entry->name, zip->root.size + 1, entry->name.size - zip->root.size - 1, &name);
    return name;
}

/* The same as comparing with folder and name in one piece. */
static int compare_in_folder(tv_span met, tv_span folder, tv_span name)
{
    tv_span head = met, tail = tv_span_of(NULL, 0);
    if (tv_span_sub(met, 0, folder.size, &head))
        (void)tv_span_sub(met, folder.size, met.size - folder.size, &tail);
    int order = compare_folded(head, folder);
    return order != 0 ? order : compare_folded(tail, name);
}

const struct zip_entry *zip_find_in(const struct zip *zip, tv_span folder, tv_span name)
{
    const uint32_t *order = zip->by_name.data;
    uint64_t low = 0, high = zip->by_name.count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct zip_entry *e = entry_at(zip, order[middle]);
        tv_span met = zip_record_name(zip, e), bare = met; /* sorted without the slash of a folder */
        bare.size -= e->is_folder && bare.size > 0;
        int sign = compare_in_folder(bare, folder, name);
        if (sign == 0)
            return !e->is_folder && tv_span_starts(met, folder) && tv_span_ends(met, name) ? e : NULL;
        if (sign < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct zip_entry *zip_find(const struct zip *zip, tv_span name)
{
    return zip_find_in(zip, tv_span_of(NULL, 0), name);
}
