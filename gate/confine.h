/* The broker's own confinement: once it knows what it was asked for, it gives up every other file.
 *
 * It parses nothing but frames, so this is a second wall: should a frame's decoding go wrong, what is left to reach is
 * the inputs, read-only, and the folders of the outputs. Landlock where the kernel has it; without it nothing changes.
 * Source: landlock(7), the kernel's Documentation/userspace-api/landlock.rst. */
#ifndef GATE_CONFINE_H
#define GATE_CONFINE_H

#include <stdbool.h>

struct confine {
    int ruleset; /* -1: this kernel has no Landlock */
    int abi;
    bool broken; /* a rule could not be added: then nothing is confined, rather than the wrong thing */
};

/* Starts with nothing allowed. */
void confine_begin(struct confine *confine);
/* Allows to read what the path leads to now: a file, or a tree (and, in the Hub's cache, its model's blobs). What is
 * not there needs no leave to be missing. */
void confine_allow_read(struct confine *confine, const char *path);
/* Allows to read, make, name and remove files and folders below the folder, or below the nearest of its parents that
 * exists. */
void confine_allow_outputs(struct confine *confine, const char *folder);
/* Allows to run the program of that descriptor by jail_start. */
void confine_allow_run(struct confine *confine, int program);
/* From here on, for good, and for every worker. True where it is in force. Call single-threaded. */
bool confine_apply(struct confine *confine);

#endif
