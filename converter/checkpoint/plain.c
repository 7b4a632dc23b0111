/* A plain pickle: judged by what it names. Its persistent ids, if any, belong to no container. */
#include "graph.h"
#include "reading.h"

static tv_status find_nothing(struct reading *r, tv_span key, struct place *place)
{
    *place = (struct place){0};
    return refuse(r->findings, (struct refusal){TV_FIND_STORAGE_MISSING, TV_NO_OFFSET, key, NULL, 0, 0});
}

/* The table of a distributed checkpoint is a pickle like any other, but there is nothing in it to convert. */
static tv_status refuse_distributed(struct reading *r)
{
    const struct pickle *p = &r->pickle;
    const struct record *root = pickle_record(p, p->root);
    const struct mention *class_ = root == NULL ? NULL : pickle_mention(p, root->callable);
    if (class_ == NULL || !tv_span_is(mention_module(p, class_), "torch.distributed.checkpoint.metadata") ||
        !tv_span_is(mention_name(p, class_), "Metadata"))
        return TV_OK;
    return refuse(r->findings, (struct refusal){TV_FIND_DISTRIBUTED_CHECKPOINT, 0, {0}, "the table (.metadata)", 0, 0});
}

tv_status read_plain_pickle(struct reading *r)
{
    struct pickle_options options = {r->options->limits, &r->use, true};
    tv_status status = pickle_run(r->source, 0, r->source->size, &options, &r->pickle, r->findings);
    if (status == TV_OK)
        status = refuse_distributed(r);
    tv_status reported = report_globals(r, &r->pickle);
    r->find = find_nothing;
    if (status == TV_OK)
        status = reported;
    if (status == TV_OK)
        status = find_meanings(r);
    if (status == TV_OK && r->options->want_tensors)
        status = walk_tensors(r);
    return status;
}
