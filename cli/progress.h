/* Progress on standard error: a bar (bytes, rate, time left) on a terminal, JSON lines, or nothing. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct progress {
    enum { SHOW_NOTHING, SHOW_BAR, SHOW_JSON } show;
    const char *path;   /* of the file being read; NULL: none */
    bool drawn;         /* a bar is on the screen */
    uint64_t last_done; /* to see where another pass begins */
    double start, last; /* seconds of the monotonic clock: this pass, what was shown last */
};

/* Chooses what to show: `auto` is a bar if standard error is a terminal and the reports are text. */
void progress_init(struct progress *progress, const struct settings *settings);
/* A file begins; NULL: a report follows, and the line is to be free. */
void progress_file(void *context, const char *path);
void progress_bytes(void *context, uint64_t done, uint64_t total);

#endif
