/* What a feed says, as a tensor table: made by the same readers as any checkpoint's, so that names, ties, choices and
 * refusals are those of the native engine. Then its storages, delivered into a planned output, or compared with one.
 *
 * Trusts: nothing in the feed. Promises: every storage of the table is as long as its bytes will be; the output has
 * exactly the planned size; a feed that goes on or ends early makes no output that is called good. */
#ifndef CONVERTER_HARNESS_RECEIVE_H
#define CONVERTER_HARNESS_RECEIVE_H

#include "../checkpoint.h"
#include "../checkpoint/structure.h"
#include "../compare.h"
#include "../plan.h"
#include "feed.h"

/* What was done to a tensor so that it could be written: untrusted text. */
struct decision {
    uint32_t storage; /* number in the feed */
    tv_span text;
};

struct received {
    struct feed *feed;
    struct checkpoint table; /* its storages' `at` are their numbers in the feed */
    struct vector storages;  /* struct announced, by number */
    struct vector decisions; /* struct decision; texts in the table's pool */
    struct vector users;     /* u32, by number: 1 + the first tensor over that storage, or 0 */
    uint64_t bytes;          /* of all storages */
};

/* Reads up to the structure, and makes the table; kind is the source's. Free with received_free in any case. */
TV_MUST_CHECK tv_status received_open(struct received *r, struct feed *feed, tv_kind kind,
                                      const struct ck_options *options);
void received_free(struct received *r);
/* The storage of that number as announced; NULL beyond the end. */
const struct announced *received_storage(const struct received *r, const struct ck_tensor *tensor);
/* Names the storages by what the table holds by now, for received_name: the first tensor over that storage, or empty.
 */
TV_MUST_CHECK tv_status received_find_names(struct received *r);
tv_span received_name(const struct received *r, uint32_t number);

/* Reads all storages and writes the planned output to fd. */
TV_MUST_CHECK tv_status received_write(struct received *r, const struct plan *plan, int fd, progress_fn progress,
                                       void *context);
/* Reads all storages and compares them with the output: a compare_data of compare.h, whose context is the received. */
TV_MUST_CHECK tv_status received_compare(void *context, const struct compared *output, tv_findings *findings);

#endif
