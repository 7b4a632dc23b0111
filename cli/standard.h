/* The three standard descriptors: there from the start, and told at the end if what was printed did not get out. */
#ifndef CLI_STANDARD_H
#define CLI_STANDARD_H

#include <stdbool.h>

/* First of all: where the caller closed one of them, its number is taken by something that can only fail, so that no
 * file that is opened later is read or written in its place. False, after a message if possible, where that fails. */
bool standard_open(void);
/* Last of all: the exit status, which is no success where standard output could not be written; with a message, unless
 * a signal ended us, which says enough. */
int standard_finish(int status);

#endif
