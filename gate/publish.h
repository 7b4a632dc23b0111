/* Publishing: an output appears under its name whole, or not at all.
 *
 * Trusts: the folder's descriptor. Promises: until publish_commit nothing has that name; afterwards the file and its
 * entry are on disk; whatever fails or is aborted leaves nothing behind, created parent folders included; the last
 * component of the path is never followed. Sources: open(2) O_TMPFILE, linkat(2), renameat2(2), fsync(2). */
#ifndef GATE_PUBLISH_H
#define GATE_PUBLISH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A folder that outputs go to, with those of its parents that had to be made for it. */
struct out_folder {
    int fd;        /* -1 where it is not open */
    int top;       /* what path is relative to; borrowed */
    uint32_t made; /* how many of the path's last components were made by us */
    char path[PATH_MAX];
};

enum out_folder_flags {
    OUT_FOLLOW = 1, /* components may be symbolic links: a path of the user's own, not one from inside a folder */
    OUT_MAKE = 2    /* make what is missing */
};

/* Opens the folder `path` below `top` (or AT_FDCWD). 0, or an errno, and then nothing made is left. */
int out_folder_open(struct out_folder *folder, int top, const char *path, unsigned flags);
/* Takes the made parents away again, as far as they are empty, and closes. */
void out_folder_undo(struct out_folder *folder);
void out_folder_close(struct out_folder *folder);

/* What stands under the output's name before. */
enum publish_target { PUBLISH_FREE, PUBLISH_FILE, PUBLISH_OTHER /* a link, a folder, a device, … */ };
struct publish_identity {
    enum publish_target what;
    dev_t device;
    ino_t inode;
};
/* Looks without following. 0, or an errno. */
int publish_look(int folder, const char *name, struct publish_identity *identity);

struct publish {
    int folder; /* borrowed */
    int fd;     /* the output to be: readable and writable; -1 when done */
    char name[NAME_MAX + 1];
    char temporary[32]; /* its name until then; "" where it has none */
};

/* Makes a new file without a name, or under a name of its own, in that folder. 0, or an errno. */
int publish_begin(struct publish *publish, int folder, const char *name);
/* Gives it its name: a free one, or, where `replace` is not NULL, that of exactly that file. fsync of file and folder.
 * 0, or an errno (EEXIST: the name is taken, or not by that file any more), and then nothing is left. Closes fd. */
int publish_commit(struct publish *publish, const struct publish_identity *replace);
/* Throws it away. May be called at any time, also after publish_commit. */
void publish_abort(struct publish *publish);

#endif
