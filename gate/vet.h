/* A folder's vetting: every file of a tree judged or left alone (the table of DESIGN 5.1), then a line for the whole.
 */
#ifndef GATE_VET_H
#define GATE_VET_H

#include "folder.h"
#include "session.h"

/* The index of a sharded model on its own: its shards are looked for in its folder. */
void vet_index_file(struct session *session, const struct input *input, const char *path);

/* Checks or inspects the folder that was opened as `top` and is reported as `path`. */
void vet_folder(struct session *session, enum job_kind kind, const struct input *top, const char *path);

/* Is a file of a folder left alone: examined to the end, of a kind that is not judged, and with neither name nor bytes
 * by which a loader would open it as one of ours? */
bool vet_leaves_alone(const struct outcome *outcome, const char *path);

/* What a folder's own line is made of. */
struct folder_tally {
    uint64_t counts[VERDICT_COUNT];        /* files by verdict */
    struct judgement worst[VERDICT_COUNT]; /* of those files, the one of the worst class */
    double start;                          /* seconds of the monotonic clock */
};
void folder_tally_start(struct folder_tally *tally);
void folder_tally_add(struct folder_tally *tally, const struct judgement *judgement);
/* Reports the folder: the worst of its files' verdicts and of its own. `target` is where its path led, if that is a
 * link; `end` says how its walk ended. */
void folder_report(struct session *session, const char *path, const char *target, const struct folder_tally *tally,
                   enum folder_end end);
/* Reports an entry that was not opened, and adds it to the tally. */
void folder_report_unopened(struct session *session, struct folder_tally *tally, const struct folder_entry *entry,
                            const char *path);
/* Reports a file that is left alone, and adds it to the tally. */
void folder_report_left_alone(struct session *session, struct folder_tally *tally, struct examination *examination,
                              const struct input *input, const char *path);

/* The path of an entry of a folder, as it is reported; malloc'd. */
char *path_join(const char *folder, const char *entry);

#endif
