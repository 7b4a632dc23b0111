/* The plan: which tensors are written, under which names, in which order, from where to where.
 * Made by the writer alone; the comparer never sees it. */
#ifndef CONVERTER_PLAN_H
#define CONVERTER_PLAN_H

#include <tensorvet/writer.h>

#include "checkpoint.h"

struct plan_options {
    bool copy_ties;             /* --ties copy: every name is written */
    const char *const *discard; /* --discard: names that are not kept if another of their group is there */
    uint32_t discards;
    const char *const *hint; /* names that give way too, by the hints of the model's own library */
    uint32_t hints;
    const tv_limits *limits;
    const tv_pair *metadata; /* of a safetensors source, kept as it is; NULL: {"format":"pt"} and the aliases */
    uint64_t pairs;
    bool no_metadata; /* of a safetensors source that has none */
};

struct plan_item {
    uint32_t tensor;     /* index into checkpoint.tensors */
    bool contiguous;     /* its elements lie in the storage as they will in the output */
    uint64_t begin, end; /* bytes in the output's data section */
};

/* Why a name was kept: it is the smallest; or the smallest is in `discard`, or in `hint`. */
enum plan_tie_rule { PLAN_TIE_SMALLEST_NAME = 0, PLAN_TIE_DISCARD, PLAN_TIE_HINT, PLAN_TIE_RULES };

struct plan_tie {
    uint32_t dropped, kept; /* indices into checkpoint.tensors */
    uint32_t rule;          /* enum plan_tie_rule */
};

struct plan {
    struct vector items; /* struct plan_item, in output order */
    struct vector ties;  /* struct plan_tie, by dropped name */
    uint8_t *header;     /* the output up to its data section */
    uint64_t header_size, data_size;
};

/* Lays the output out as DESIGN 5.3 says: identical views once, {"format":"pt"} and the aliases in the metadata, order
 * and header as the reference writes them. Refuses what core's reader would refuse, and outputs beyond the limits. */
TV_MUST_CHECK tv_status plan_make(struct checkpoint *checkpoint, const struct plan_options *options, struct plan *plan,
                                  tv_findings *findings);
void plan_free(struct plan *plan);
/* The ties alone, of a table that may not be convertible. TV_OK or TV_NO_MEMORY. plan_free in any case. */
TV_MUST_CHECK tv_status plan_find_ties(struct checkpoint *checkpoint, struct plan *plan);

/* Called now and then with bytes done and in all; may be NULL. */
typedef void (*progress_fn)(void *context, uint64_t done, uint64_t total);

/* How a plan is carried out. Parts are disjoint ranges of the tensors, of about the same size, each for a worker of its
 * own, which makes the plan anew; the first writes the header, the last sets the size of the file. */
struct plan_writing {
    uint32_t part, parts; /* parts 0: all of it */
    bool allow_crc;       /* a wrong CRC is a warning */
    progress_fn progress;
    void *context;
};

/* Writes the planned output to fd from offset 0, in bounded memory, and checks the CRC of every storage that has one.
 * TV_OK: the file has exactly header_size + data_size bytes; of a part: its range of them is written. */
TV_MUST_CHECK tv_status plan_write(const struct source *source, const struct checkpoint *checkpoint,
                                   const struct plan *plan, int fd, const struct plan_writing *how,
                                   tv_findings *findings);

#endif
