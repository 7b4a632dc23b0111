/* table.h: the two ways to a table. */
#include "table.h"

#include <string.h>

#include <table_of_index.h>

tv_limits small_limits(void)
{
    tv_limits limits = tv_limits_default();
    limits.pickle_ops = 20000;
    limits.pickle_objects = 10000;
    limits.pickle_memo = 5000;
    limits.memory_bytes = 1 << 26;
    limits.output_bytes = 1 << 18;
    return limits;
}

/* The worker asks this of every safetensors file that it accepts. */
static void check_polyglot(const struct source *source, const tv_limits *limits)
{
    static tv_findings findings;
    findings_clear(&findings);
    tv_status status = source_polyglot(source, limits, &findings);
    PROMISE(status == TV_OK || status == TV_REJECTED || status == TV_NO_MEMORY);
    PROMISE((status == TV_REJECTED) == (tv_findings_first_error(&findings) != NULL));
}

static void open_safetensors(struct table *table, const struct source *source, const tv_limits *limits,
                             tv_findings *findings)
{
    parse(&table->parsed, source->memory, source->size, 0);
    table->status = table->parsed.status == TV_MORE ? TV_REJECTED : table->parsed.status;
    if (table->status != TV_OK)
        memcpy(findings, &table->parsed.findings, sizeof *findings);
    if (table->status == TV_OK)
        check_polyglot(source, limits);
    if (table->status != TV_OK)
        return;
    tv_limits enough = *limits; /* without memory it has nothing to say, where a reader of checkpoints has a finding */
    enough.memory_bytes = tv_limits_default().memory_bytes;
    table->status =
        table_of_index(&table->parsed.index, &enough, &table->checkpoint, &table->pairs, &table->pair_count);
    table->no_metadata = table->parsed.index.metadata_at == 0;
}

void table_open(struct table *table, const struct source *source, const struct ck_options *options,
                tv_findings *findings)
{
    memset(&table->checkpoint, 0, sizeof table->checkpoint);
    table->pairs = NULL;
    table->pair_count = 0;
    table->no_metadata = false;
    table->parsed.arena.base = NULL;
    table->status = source_identify(source, options->limits, &table->kind);
    PROMISE((table->status == TV_OK || table->status == TV_NO_MEMORY) && table->kind < TV_KIND_COUNT);
    if (table->status == TV_OK && table->kind == TV_KIND_SAFETENSORS)
        open_safetensors(table, source, options->limits, findings);
    else if (table->status == TV_OK)
        table->status = checkpoint_read(source, table->kind, options, &table->checkpoint, findings);
    if (table->status == TV_NO_MEMORY) { /* as the worker says it */
        tv_findings_add(findings, TV_FIND_LIMIT_MEMORY, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
        table->status = TV_REJECTED;
    }
    PROMISE(table->status == TV_OK || table->status == TV_REJECTED);
}

void table_close(struct table *table)
{
    checkpoint_free(&table->checkpoint);
    parsed_free(&table->parsed);
}
