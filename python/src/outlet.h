/* Bytes on their way into a file: small pieces are gathered, large ones go straight from where they are.
 *
 * With `syncs` another thread brings what is written to the disk while more is written: processor and disk work at
 * once, and little is left for the sync at the end, which stays the caller's. Errors are 0 or an errno; none of that
 * thread's is lost, as a system tells each only once. Pure of Python. */
#ifndef PYTHON_OUTLET_H
#define PYTHON_OUTLET_H

#include "platform.h"

typedef struct outlet {
    int fd;
    bool syncs;
    uint8_t *buffer;
    uint64_t held;    /* bytes in the buffer */
    uint64_t written; /* bytes since the last sync was begun */
    errand sync;
    bool syncing;
    int sync_code;
} outlet;

/* ENOMEM, or ready for outlet_put; outlet_close has to follow. */
int outlet_open(outlet *out, int fd, bool syncs);
int outlet_put(outlet *out, const uint8_t *data, uint64_t size);
/* `code` is what happened until here: where it is 0, what is held is written. The first error of all; the other thread
 * has ended, whatever happened. */
int outlet_close(outlet *out, int code);

#endif
