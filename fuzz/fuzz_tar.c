/* Tar archives of any bytes, and the checkpoints in them. Checksums are made right first, so that what lies behind them
 * is reached.
 *
 * Oracles: each member lies in the file behind a header of its own, none overlaps another; what is rejected has an
 * error; storages lie in the file, tensors in their storages; memory goes back. */
#include <stdlib.h>
#include <string.h>

#include <archive/tar.h>

#include "table.h"

enum { BLOCK = 512, SUM_AT = 148, SIZE_AT = 124, MEMBERS = 4 };

static tv_findings findings;

static void put_checksum(uint8_t *header)
{
    unsigned sum = 0;
    memset(header + SUM_AT, ' ', 8);
    for (unsigned i = 0; i < BLOCK; i++)
        sum += header[i];
    for (unsigned i = 0; i < 6; i++)
        header[SUM_AT + i] = (uint8_t)('0' + ((sum >> (3 * (5 - i))) & 7));
    header[SUM_AT + 6] = 0;
}

/* Every place where a header may be, as the sizes of those before it say. */
static void repair(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; size - at >= BLOCK && bytes[at] != 0;) {
        uint64_t member = 0;
        for (unsigned i = 0; i < 11 && (bytes[at + SIZE_AT + i] & ~7) == '0'; i++)
            member = member * 8 + (bytes[at + SIZE_AT + i] & 7u);
        put_checksum(bytes + at);
        if (member > size - at - BLOCK)
            break;
        at += BLOCK + (size_t)((member + BLOCK - 1) / BLOCK * BLOCK);
        if (at > size)
            break;
    }
}

static void check_members(const struct tar_member *members, uint64_t size)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        const struct tar_member *a = &members[i];
        PROMISE(a->found && a->at >= BLOCK && a->at % BLOCK == 0 && a->at <= size && a->size <= size - a->at);
        for (unsigned j = 0; j < i; j++)
            PROMISE(a->at + a->size <= members[j].at - BLOCK || members[j].at + members[j].size <= a->at - BLOCK);
    }
}

static void check_tensors(const struct checkpoint *table, uint64_t size)
{
    for (uint64_t i = 0; i < table->storages.count; i++) {
        const struct storage *s = vector_at(&table->storages, i);
        PROMISE(s->from == NULL && s->at <= size && s->size <= size - s->at);
    }
    for (uint64_t i = 0; i < table->tensors.count; i++) {
        const struct ck_tensor *t = vector_at(&table->tensors, i);
        const struct storage *s = vector_at(&table->storages, t->storage);
        __uint128_t last = t->offset;
        for (uint16_t d = 0; d < t->rank; d++)
            last += t->shape[d] == 0 ? 0 : (__uint128_t)(t->shape[d] - 1) * t->stride[d];
        PROMISE(s != NULL && (t->elements == 0 || (last + 1) * tv_dtype_bits(t->dtype) <= (__uint128_t)s->size * 8));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    struct tar_member members[MEMBERS] = {
        {.name = "sys_info"}, {.name = "storages"}, {.name = "tensors"}, {.name = "pickle"}};
    struct checkpoint table;
    tv_limits limits = small_limits();
    const struct ck_options options = {.limits = &limits, .want_tensors = true};
    PROMISE(bytes != NULL);
    if (size != 0)
        memcpy(bytes, data, size);
    repair(bytes, size);
    const struct source source = source_of_memory(tv_span_of(bytes, size));
    oracle_ran(data, size);
    findings_clear(&findings);
    tv_status opened = tar_open(&source, members, MEMBERS, &findings);
    check_refusal(opened, &findings, size);
    if (opened == TV_OK)
        check_members(members, size);
    findings_clear(&findings);
    tv_status status = checkpoint_read(&source, TV_KIND_TORCH_TAR, &options, &table, &findings);
    PROMISE(status == TV_OK || (status == TV_REJECTED && tv_findings_first_error(&findings) != NULL));
    PROMISE(opened == TV_OK || status == opened);
    if (status == TV_OK) {
        check_tensors(&table, size);
        oracle_accepted();
    }
    checkpoint_free(&table);
    free(bytes);
    return 0;
}
