/* checkpoint_read: one door to all containers (checkpoint.h). */
#include "../inflate.h"
#include "reading.h"
#include "structure.h"

void checkpoint_begin(struct checkpoint *out, tv_kind kind, const tv_limits *limits)
{
    struct budget *budget = &out->budget;
    *out = (struct checkpoint){.kind = kind, .budget = {limits->memory_bytes}};
    out->pool = (struct pool){.budget = budget};
    out->storages = (struct vector){.each = sizeof(struct storage), .budget = budget};
    out->tensors = (struct vector){.each = sizeof(struct ck_tensor), .budget = budget};
    out->globals = (struct vector){.each = sizeof(struct ck_global), .budget = budget};
    out->dropped = (struct vector){.each = sizeof(struct ck_dropped), .budget = budget};
    out->values = (struct vector){.each = sizeof(struct ck_value), .budget = budget};
    out->groups = (struct vector){.each = sizeof(struct ck_group), .budget = budget};
}

static void open_reading(struct reading *r)
{
    struct budget *budget = &r->out->budget;
    r->slots = (struct vector){.each = sizeof(uint32_t), .budget = budget};
    r->classes = (struct vector){.each = sizeof(uint8_t), .budget = budget};
    r->meanings = (struct vector){.each = sizeof(struct meaning), .budget = budget};
    r->views = (struct vector){.each = sizeof(struct ck_tensor), .budget = budget};
    pickle_start(&r->pickle, budget);
}

static void close_reading(struct reading *r)
{
    vector_free(&r->slots);
    vector_free(&r->classes);
    vector_free(&r->meanings);
    vector_free(&r->views);
    pickle_free(&r->pickle);
}

static tv_status refuse_kind(struct reading *r, tv_kind kind)
{
    return refuse(
        r->findings,
        (struct refusal){.id = TV_FIND_CONVERT_REFUSED, .offset = 0, .subject = tv_span_str(tv_kind_what(kind))});
}

tv_status checkpoint_read(const struct source *source, tv_kind kind, const struct ck_options *options,
                          struct checkpoint *out, tv_findings *findings)
{
    tv_status status = TV_OK;
    struct reading r = {.source = source, .stream = source, .options = options, .out = out, .findings = findings};
    checkpoint_begin(out, kind, options->limits);
    open_reading(&r);
    if (kind == TV_KIND_TORCH_ZIP || kind == TV_KIND_TORCHSCRIPT)
        status = read_torch_zip(&r);
    else if (kind == TV_KIND_TORCH_TAR)
        status = read_torch_tar(&r);
    else if (kind == TV_KIND_TORCH_LEGACY)
        status = read_torch_legacy(&r);
    else if (kind == TV_KIND_PICKLE)
        status = read_plain_pickle(&r);
    else if (kind == TV_KIND_NUMPY)
        status = read_numpy(&r);
    else if (kind == TV_KIND_NPZ)
        status = read_npz(&r);
    else
        status = refuse_kind(&r, kind);
    close_reading(&r);
    return status;
}

tv_status checkpoint_read_structure(const struct structure *structure, const struct ck_options *options,
                                    struct checkpoint *out, tv_findings *findings)
{
    const struct source source = source_of_memory(structure->pickle);
    struct reading r = {.source = &source, .stream = &source, .options = options, .out = out, .findings = findings};
    out->is_fed = true;
    open_reading(&r);
    tv_status status = read_structure(&r, structure);
    close_reading(&r);
    return status;
}

void checkpoint_free(struct checkpoint *checkpoint)
{
    vector_free(&checkpoint->storages);
    vector_free(&checkpoint->tensors);
    vector_free(&checkpoint->globals);
    vector_free(&checkpoint->dropped);
    inflater_free(checkpoint->inflater);
    checkpoint->inflater = NULL;
    vector_free(&checkpoint->groups);
    vector_free(&checkpoint->values);
    pool_free(&checkpoint->pool);
}

tv_status checkpoint_verify_storages(const struct source *source, const struct checkpoint *checkpoint,
                                     checkpoint_progress progress, void *context, tv_findings *findings)
{
    uint64_t done = 0, total = 0;
    for (uint64_t i = 0; i < checkpoint->storages.count; i++)
        total += ((const struct storage *)vector_at(&checkpoint->storages, i))->size;
    for (uint64_t i = 0; i < checkpoint->storages.count; i++) {
        const struct storage *s = vector_at(&checkpoint->storages, i);
        uint32_t crc = 0;
        tv_status status = s->has_crc ? source_crc(storage_source(source, s), s->at, s->size, &crc) : TV_OK;
        if (status != TV_OK)
            return status;
        if (s->has_crc && crc != s->crc)
            return refuse(findings, (struct refusal){TV_FIND_ZIP_CRC_MISMATCH, s->at, s->key, NULL, crc, s->crc});
        done += s->size;
        if (progress != NULL)
            progress(context, done, total);
    }
    return TV_OK;
}
