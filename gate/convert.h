/* Conversions: inputs become safetensors files, each written, compared with its source, judged, and only then
 * published.
 *
 * Trusts: the user's paths and options. Promises: nothing appears under an output's name before it is verified; no two
 * inputs of one run share an output; a file that is not safetensors is never replaced; one that failed leaves nothing.
 */
#ifndef GATE_CONVERT_H
#define GATE_CONVERT_H

#include "engine_torch.h"
#include "publish.h"
#include "session.h"

struct convert_options {
    const char *output;  /* -o: the one output's path; NULL: derived from the input's name */
    const char *out_dir; /* --out-dir; NULL: beside the input */
    const char *key;     /* --key; NULL: choose */
    enum job_ties ties;
    bool disarm, overwrite, dry_run, skip_unsupported;
    bool allow_crc, allow_extra;       /* --allow zip-crc-mismatch, zip-extra-entry */
    bool all;                          /* --all: of a folder, optimizers, schedulers and generators too */
    const char *extras;                /* --save-extras; NULL: none */
    uint32_t jobs;                     /* --jobs; 0 and 1: one at a time */
    const char *strip;                 /* --strip-prefix; NULL: none */
    const char *discard[JOB_LIST_MAX]; /* --discard, --include, --exclude */
    const char *include[JOB_LIST_MAX];
    const char *exclude[JOB_LIST_MAX];
    uint32_t discards, includes, excludes;
    struct torch_settings torch; /* --engine torch and what belongs to it */
};

/* Converts files and folders, and reports each. */
void session_convert(struct session *session, const struct convert_options *options, const char *const *inputs,
                     size_t count);

/* Where one file comes from and where its output goes. Texts are malloc'd. */
struct conversion {
    char *path;   /* the input, as it is reported */
    size_t group; /* the input of the command line that it belongs to */
    int in_top;   /* the folder that `inside` is below; -1: path is the user's own */
    char *inside; /* NULL where in_top is -1 */
    int out_top;  /* the folder that `out_folder` is below; AT_FDCWD: a path of the user's own */
    char *out_folder;
    char *out_name;          /* in that folder; of any length */
    char *out_path;          /* as it is reported */
    bool clash;              /* another input would be written there too */
    bool is_index;           /* of a sharded model: converted after its shards */
    bool undo_later;         /* other conversions share its folders: what was made for it goes when all is done */
    struct out_folder *made; /* then: its folder, if nothing came to be in it; malloc'd */
    uint32_t parts;          /* workers for this one at a time; 0 and 1: one */
    bool told;               /* it was converted and reported: `verdict` is what came of it */
    enum verdict verdict;
};

/* Converts the index of a sharded model, all of whose shards in `items` have been converted: checked against its
 * shards, then a new one of their outputs, read again by a worker before it is published. */
bool convert_index(struct session *session, const struct convert_options *options, const struct conversion *index,
                   const struct conversion *items, size_t count, struct judgement *judgement);

/* Does it, and reports. False where it was stopped before there was anything to say; else *judgement is filled. */
bool convert_one(struct session *session, const struct convert_options *options, struct conversion *conversion,
                 struct judgement *judgement);

#endif
