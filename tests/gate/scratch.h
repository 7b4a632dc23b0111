/* A folder of a test's own: made and entered at the start, left and emptied at the end. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stdbool.h>

/* Makes a new folder and makes it the current one. Where a test before left one, that is removed first. */
void scratch_begin(void);
void scratch_end(void);
/* A file with that text; parent folders are made. */
void scratch_file(const char *path, const char *text);
void scratch_link(const char *target, const char *path);
/* Is the file there with exactly that text? */
bool scratch_holds(const char *path, const char *text);
/* How many entries the folder has, "." and ".." left out; -1 where it is none. */
int scratch_entries(const char *path);

#endif
