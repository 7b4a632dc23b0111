/* A structure: the values of a checkpoint without its storages' bytes, as the torch engine's Python writes it
 * (harness/tv_structure.py): a pickle whose persistent ids name storages by number, each of an announced size. */
#ifndef CONVERTER_CHECKPOINT_STRUCTURE_H
#define CONVERTER_CHECKPOINT_STRUCTURE_H

#include "../checkpoint.h"

/* A storage as it is announced; its bytes come later, contiguous. */
struct announced {
    uint64_t bytes;
    bool was_contiguous; /* in the memory that it comes from */
};

struct structure {
    tv_span pickle;
    const struct announced *storages; /* by number */
    uint64_t count;
};

/* Fills a table that was begun (checkpoint_begin). Each storage's `at` is its number. What the pickle names is no
 * finding: nothing of it came from the source unchanged. Else as checkpoint_read. */
TV_MUST_CHECK tv_status checkpoint_read_structure(const struct structure *structure, const struct ck_options *options,
                                                  struct checkpoint *out, tv_findings *findings);

#endif
