/* Folders: every entry of a tree, in a fixed order, opened so that no path leaves the tree.
 *
 * Trusts: the folder's descriptor, and that its parents are the user's own. Promises: entries come sorted by the bytes
 * of their names, folder by folder; nothing that is no regular file is ever opened; a symbolic link is followed only
 * inside the tree, or from snapshots/ into the blobs/ of the same model (the Hub's cache); whatever was not opened is
 * reported with its reason. */
#ifndef GATE_FOLDER_H
#define GATE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/limits.h>

/* An entry that is no folder. */
struct folder_entry {
    const char *path;   /* relative to the tree's top */
    const char *target; /* text of the symbolic link that was met, or NULL */
    int fd;             /* open for reading, closed after the visit unless the visitor takes it and leaves -1 here; -1
                           where it was not opened */
    int error;          /* then: an errno, or 0 where `why` says it */
    const char *why;    /* then: static text, or NULL */
};

/* Called for each; false ends the walk. */
typedef bool (*folder_visit)(void *context, struct folder_entry *entry);

enum folder_end {
    FOLDER_DONE,
    FOLDER_STOPPED,   /* by the visitor */
    FOLDER_TOO_LARGE, /* beyond folder_entries or folder_depth */
    FOLDER_FAILED     /* no memory */
};

enum folder_end folder_walk(int top, const tv_limits *limits, folder_visit visit, void *context);

/* The entry of that path below `top`, under the same rules as the walk. *why is NULL where errno says it. -1 on
 * failure. */
int folder_open(int top, const char *path, const char **why);

/* Where a tree lies in the Hub's cache: models--…/snapshots/REVISION/…. */
struct hub_cache {
    int blobs;      /* descriptor of the same model's blobs/; -1 where the tree lies elsewhere */
    uint32_t depth; /* levels from the model's folder down to the tree's top */
};
void hub_cache_find(struct hub_cache *cache, int top);
void hub_cache_close(struct hub_cache *cache);

/* The reason of a link to a folder inside the tree: nothing is missed, so nothing is undecided. */
extern const char link_to_folder[];

/* Opens what the symbolic link `path` below `top` leads to, if the rule allows; else -1, and *why as above. */
int link_open(int top, const char *path, const struct hub_cache *cache, const char **why);
/* "../../blobs/NAME" exactly, with `levels` times "../": the blob's name, or NULL. */
const char *link_blob_name(const char *text, uint32_t levels);

#endif
