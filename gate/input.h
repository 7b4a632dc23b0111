/* Inputs: what a path on the command line leads to, opened once.
 *
 * Trusts: the user's path. Promises: opening never blocks and never takes a terminal; what is not a regular file is
 * spooled, unparsed and within a bound, into a file without a name; no byte is looked at. */
#ifndef GATE_INPUT_H
#define GATE_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum input_state {
    INPUT_FILE,      /* fd is a regular file, or a spool of what was not */
    INPUT_FOLDER,    /* fd is a folder */
    INPUT_FAILED,    /* error says why */
    INPUT_TOO_LARGE, /* more than spool_bytes came */
    INPUT_STOPPED    /* a signal asked us to stop */
};

struct input {
    enum input_state state;
    int fd;           /* -1 where there is none */
    int error;        /* an errno */
    char *target;     /* where a symbolic link led; malloc'd; NULL where the path is none */
    struct stat seen; /* as it was when it was opened */
};

/* Opens the path; "-" is standard input. Close with input_close in any case. */
void input_open(struct input *input, const char *path, uint64_t spool_bytes, const volatile int *stop);
/* An input of a descriptor that is open already (and then belongs to it). */
void input_of(struct input *input, int fd);
/* Where the path led if it is a symbolic link that was opened as fd, as a malloc'd path; else NULL. */
char *input_link_target(const char *path, int fd);
/* Is the file still as it was when it was opened (size, modification, change)? */
bool input_unchanged(const struct input *input);
void input_close(struct input *input);

/* The folder that spools go to: TMPDIR, or /var/tmp. */
const char *input_spool_folder(void);

/* Copies everything that `from` gives into a new file without a name, up to `most` bytes; its descriptor, rewound, in
 * *spool. Returns the state that the input then has. */
enum input_state input_spool(int from, uint64_t most, const volatile int *stop, int *spool, int *error);

#endif
