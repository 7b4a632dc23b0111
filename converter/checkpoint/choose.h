/* Which part of a checkpoint is converted (DESIGN 5.3). */
#ifndef CONVERTER_CHECKPOINT_CHOOSE_H
#define CONVERTER_CHECKPOINT_CHOOSE_H

#include "reading.h"

/* From the pickle's root to what is to be converted: --key, or state_dict (twice where nested twice), or the root.
 * What lies beside the chosen part is listed as dropped. Refuses with key-not-found. */
TV_MUST_CHECK tv_status choose_root(struct reading *r, uint32_t *root);

/* The groups of tensors that the root holds, noted while walking; the rows are in checkpoint.groups. */
struct groups {
    uint64_t seen;      /* tensors noted in them */
    tv_span suspicious; /* the first whose name is that of an optimizer or an averaged copy */
};
/* Tensors from index `from` on were found under that child of the root. */
TV_MUST_CHECK tv_status groups_note(struct reading *r, struct groups *g, uint64_t from, tv_span name);
/* Several groups (the root's own tensors are one too), one of them suspicious: refuses with ambiguous-root. Else
 * forgets them. */
TV_MUST_CHECK tv_status groups_check(struct reading *r, const struct groups *g);

#endif
