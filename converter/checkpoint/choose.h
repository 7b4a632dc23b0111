/* Which part of a checkpoint is converted (DESIGN 5.3). */
#ifndef CONVERTER_CHECKPOINT_CHOOSE_H
#define CONVERTER_CHECKPOINT_CHOOSE_H

#include "reading.h"

/* From the pickle's root to what is to be converted: --key, or state_dict (twice where nested twice), or the root.
 * What lies beside the chosen part is listed as dropped. Refuses with key-not-found. */
TV_MUST_CHECK tv_status choose_root(struct reading *r, uint32_t *root);

/* The groups of tensors that the root holds, noted while walking. */
struct groups {
    uint64_t count;              /* containers under the root that hold tensors */
    uint64_t seen;               /* tensors noted in them */
    char suspicious[64];         /* the first whose name is that of an optimizer or an averaged copy */
    char list[TV_SUBJECT_BYTES]; /* "--key a, --key b": as many as a message can hold */
    uint64_t list_size;
};
/* Tensors from index `from` on were found under that child of the root. */
void groups_note(struct groups *g, const struct vector *tensors, uint64_t from, tv_span name);
/* Several groups (the root's own tensors are one too), one of them suspicious: refuses with ambiguous-root. */
TV_MUST_CHECK tv_status groups_check(const struct groups *g, uint64_t tensors, tv_findings *findings);

#endif
