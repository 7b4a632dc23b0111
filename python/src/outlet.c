/* See outlet.h. */
#include "outlet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_BYTES = 1 << 20, /* small pieces are gathered into writes of this size */
    SYNC_BYTES = 64 << 20   /* after so much a sync begins; one costs a few milliseconds of its own */
};

int outlet_open(outlet *out, int fd, bool syncs)
{
    *out = (outlet){.fd = fd, .syncs = syncs, .buffer = malloc(BUFFER_BYTES)};
    return out->buffer == NULL ? ENOMEM : 0;
}

static void sync_now(void *argument)
{
    outlet *out = argument;
    out->sync_code = platform_sync(out->fd);
}

static int finish_sync(outlet *out)
{
    if (!out->syncing)
        return 0;
    errand_finish(&out->sync);
    out->syncing = false;
    return out->sync_code;
}

/* The one before has to be through: the disk is never behind by more than twice SYNC_BYTES. */
static int begin_sync(outlet *out)
{
    int code = finish_sync(out);
    if (code != 0)
        return code;
    out->sync = (errand){.work = sync_now, .on = out};
    out->syncing = true;
    out->written = 0;
    errand_begin(&out->sync);
    return 0;
}

static int send(outlet *out, const uint8_t *data, uint64_t size)
{
    int code = 0;
    for (uint64_t done = 0, step; code == 0 && done < size; done += step) {
        step = size - done < SYNC_BYTES ? size - done : SYNC_BYTES;
        code = platform_write(out->fd, data + done, step);
        out->written += step;
        if (code == 0 && out->syncs && out->written >= SYNC_BYTES)
            code = begin_sync(out);
    }
    return code;
}

static int flush(outlet *out)
{
    uint64_t size = out->held;
    out->held = 0;
    return send(out, out->buffer, size);
}

int outlet_put(outlet *out, const uint8_t *data, uint64_t size)
{
    int code = 0;
    if (out->held + size > BUFFER_BYTES)
        code = flush(out);
    if (code == 0 && size > BUFFER_BYTES / 4 && out->held == 0)
        return send(out, data, size);
    if (code == 0 && size > 0) {
        memcpy(out->buffer + out->held, data, (size_t)size);
        out->held += size;
    }
    return code;
}

int outlet_close(outlet *out, int code)
{
    if (code == 0)
        code = flush(out);
    int sync_code = finish_sync(out);
    free(out->buffer);
    return code != 0 ? code : sync_code;
}
