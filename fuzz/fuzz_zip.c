/* The zip directory: archives of any bytes.
 *
 * Oracles: in what is accepted, local headers, data and descriptors tile the file up to the directory, each local
 * header repeats its row's name and sizes, what is stored is as large as its content, names are unique and found again;
 * whatever happens, the budget gets back what it gave, and zip_open accepts nothing that zip_list refuses. */
#include <archive/zip.h>

#include "oracle.h"
#include "parse.h"

enum { LOCAL_SIZE = 30, BUDGET = 1 << 26 };

static tv_findings findings;

static uint64_t number_at(tv_span s, uint64_t at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)(uint8_t)tv_span_byte(s, at + i) << (8 * i);
    return value;
}

/* The entry whose local header is at `at`; there is exactly one. */
static const struct zip_entry *entry_at(const struct zip *zip, uint64_t at)
{
    const struct zip_entry *found = NULL;
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        const struct zip_entry *e = vector_at(&zip->entries, i);
        PROMISE(e->header_at != at || found == NULL);
        if (e->header_at == at)
            found = e;
    }
    return found;
}

/* The sizes in a local header are the row's, or left to a zip64 field, or, with a data descriptor, to that. */
static void check_sizes(const struct zip_entry *e, uint64_t packed, uint64_t size)
{
    bool deferred = (e->flags & ZIP_FLAG_DESCRIPTOR) != 0 && packed == 0 && size == 0;
    PROMISE(deferred || packed == UINT32_MAX || packed == e->packed);
    PROMISE(deferred || size == UINT32_MAX || size == e->size);
}

/* Walks the file from its first byte: local header, data, descriptor, and so on up to the directory. */
static void check_tiling(const struct zip *zip, tv_span bytes)
{
    uint64_t at = 0, met = 0;
    while (at < zip->directory_at) {
        const struct zip_entry *e = entry_at(zip, at);
        tv_span name;
        PROMISE(e != NULL && number_at(bytes, at, 4) == 0x04034b50);
        uint64_t name_size = number_at(bytes, at + 26, 2), extra_size = number_at(bytes, at + 28, 2);
        PROMISE(tv_span_sub(bytes, at + LOCAL_SIZE, name_size, &name) && tv_span_equal(name, e->name));
        PROMISE(e->data_at == at + LOCAL_SIZE + name_size + extra_size);
        PROMISE(e->data_at <= bytes.size && e->packed <= bytes.size - e->data_at);
        PROMISE(number_at(bytes, at + 8, 2) == e->method && number_at(bytes, at + 6, 2) == e->flags);
        PROMISE(e->method != ZIP_STORED || e->packed == e->size);
        check_sizes(e, number_at(bytes, at + 18, 4), number_at(bytes, at + 22, 4));
        at = e->data_at + e->packed;
        if ((e->flags & ZIP_FLAG_DESCRIPTOR) != 0) {
            PROMISE(number_at(bytes, at, 4) == 0x08074b50 && number_at(bytes, at + 4, 4) == e->crc);
            bool narrow = number_at(bytes, at + 8, 4) == e->packed && number_at(bytes, at + 12, 4) == e->size &&
                          (at + 16 == zip->directory_at || entry_at(zip, at + 16) != NULL);
            at += narrow ? 16 : 24;
        }
        met++;
    }
    PROMISE(at == zip->directory_at && met == zip->entries.count);
    PROMISE(zip->directory_at + zip->directory_size <= bytes.size);
}

static void check_names(struct zip *zip, const struct source *source)
{
    bool rooted = zip_find_root(zip, &findings) == TV_OK;
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        const struct zip_entry *e = vector_at(&zip->entries, i);
        PROMISE(e->name.size > 0);
        for (uint64_t j = 0; j < i; j++)
            PROMISE(!tv_span_equal(e->name, ((const struct zip_entry *)vector_at(&zip->entries, j))->name));
        PROMISE(!rooted || e->is_folder || zip_find(zip, zip_record_name(zip, e)) == e);
        tv_status verified = e->method == ZIP_STORED ? zip_verify(source, zip, e, &findings) : TV_OK;
        PROMISE(verified == TV_OK || verified == TV_REJECTED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const tv_limits limits = tv_limits_default();
    const tv_span bytes = tv_span_of(data, size);
    const struct source source = source_of_memory(bytes);
    const uint64_t given = oracle_hash(data, size) % 16 == 0 ? 300 : BUDGET;
    struct budget budget = {given};
    struct zip zip;
    oracle_ran(data, size);
    findings_clear(&findings);
    tv_status listed = zip_list(&source, &limits, &budget, &zip, &findings);
    check_refusal(listed, &findings, size);
    zip_close(&zip);
    PROMISE(budget.bytes_left == given);
    findings_clear(&findings);
    tv_status opened = zip_open(&source, &limits, &budget, &zip, &findings);
    check_refusal(opened, &findings, size);
    PROMISE(listed == TV_OK || opened == listed);
    if (opened == TV_OK) {
        check_tiling(&zip, bytes);
        check_names(&zip, &source);
        oracle_accepted();
    }
    zip_close(&zip);
    PROMISE(budget.bytes_left == given);
    return 0;
}
