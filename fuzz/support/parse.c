/* parse.h: the reader, called by the book. */
#include "parse.h"

void findings_clear(tv_findings *findings)
{
    findings->count = 0;
    findings->omitted = 0;
}

void check_refusal(tv_status status, const tv_findings *findings, uint64_t file_size)
{
    unsigned errors = 0;
    for (uint32_t i = 0; i < findings->count; i++) {
        const tv_finding *f = &findings->items[i];
        char text[1024];
        errors += tv_finding_info_of(f->id)->severity == TV_ERROR;
        PROMISE(f->id != TV_FIND_NONE && f->id < TV_FIND_COUNT);
        PROMISE(f->offset == TV_NO_OFFSET || f->offset <= file_size);
        PROMISE(tv_finding_message(f, text, sizeof text) > 0);
    }
    PROMISE(errors == (status == TV_REJECTED));
}

void parse(struct parsed *p, tv_span bytes, uint64_t file_size, uint64_t seed)
{
    const tv_limits limits = tv_limits_default();
    uint64_t length = 0;
    findings_clear(&p->findings);
    p->arena = (tv_arena){NULL, 0, 0};
    p->status = tv_header_length(bytes, file_size, &limits, &length, &p->findings);
    if (p->status == TV_OK && length <= bytes.size) {
        PROMISE(p->findings.count == 0);
        uint64_t need = tv_index_memory(length);
        PROMISE(need <= 2 * length + 65536);
        p->arena = (tv_arena){aligned_alloc(16, (need + 15) & ~(uint64_t)15), need, 0};
        PROMISE(p->arena.base != NULL);
        p->status = tv_index_parse(bytes, file_size, &limits, seed, &p->arena, &p->index, &p->findings);
    } else if (p->status == TV_OK) {
        p->status = TV_MORE;
    }
    PROMISE(p->status == TV_OK || p->status == TV_REJECTED || p->status == TV_MORE);
    if (p->status != TV_MORE)
        check_refusal(p->status, &p->findings, file_size);
}

void parsed_free(struct parsed *p)
{
    free(p->arena.base);
    p->arena.base = NULL;
}
