/* Where every byte of the source went and every byte of the output came from.
 *
 * source bytes = container + unused + used, where `unused` are the storages that no written tensor views;
 * output bytes = header + used - hidden + repeated: of the storages used, `hidden` is what no view shows (at least),
 * and `repeated` what is written more than once, because views overlap, are expanded, or ties are copied. A storage
 * counts as hidden or as repeated by the difference between its size and what is written of it. */
#ifndef CONVERTER_ACCOUNT_H
#define CONVERTER_ACCOUNT_H

#include "plan.h"

struct account {
    uint64_t source;    /* bytes of the file */
    uint64_t container; /* of those, no storage's: the pickle, directories, padding */
    uint64_t unused, used;
    uint64_t hidden, repeated;
    uint64_t header;
    uint64_t output; /* bytes of the file that the plan makes */
};

/* TV_OK, TV_NO_MEMORY, or TV_MISUSE where sizes are beyond 64 bits, which the reader has excluded. */
TV_MUST_CHECK tv_status account_make(struct checkpoint *checkpoint, const struct plan *plan, uint64_t source_size,
                                     struct account *out);

#endif
