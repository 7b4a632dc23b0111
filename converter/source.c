/* Random access to the bytes of one file (source.h).
 * Trusts: the descriptor. Promises: nothing outside [0, size) is asked for, and a file that shrank is TV_IO. */
#define _POSIX_C_SOURCE 200809L
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <libdeflate.h>

#include "inflate.h"

#define READ_MAX (1u << 30) /* Linux reads at most 2 GiB a call */
#define PIECE    (1u << 18) /* fits the second-level cache */

struct source source_of_memory(tv_span bytes)
{
    return (struct source){.fd = -1, .memory = bytes, .size = bytes.size};
}

bool source_view(const struct source *source, uint64_t at, uint64_t size, tv_span *bytes)
{
    return source->fd < 0 && source->deflated == NULL && tv_span_sub(source->memory, at, size, bytes);
}

tv_status source_read(const struct source *source, uint64_t at, void *out, uint64_t size)
{
    if (at > source->size || size > source->size - at)
        return TV_MISUSE;
    if (source->deflated != NULL)
        return inflate_read(source, at, out, size);
    if (source->fd < 0) {
        tv_span part;
        if (!source_view(source, at, size, &part))
            return TV_MISUSE;
        if (part.size != 0)
            memcpy(out, part.data, part.size);
        return TV_OK;
    }
    uint8_t *to = out;
    while (size > 0) {
        ssize_t got = pread(source->fd, to, size < READ_MAX ? (size_t)size : READ_MAX, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = ENODATA;
        if (got <= 0)
            return TV_IO;
        to += got;
        at += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return TV_OK;
}

tv_status source_crc(const struct source *source, uint64_t at, uint64_t size, uint32_t *crc)
{
    tv_status status = TV_OK;
    uint8_t *piece = malloc(size < PIECE ? (size_t)size + 1 : PIECE); /* many storages are small */
    if (piece == NULL)
        return TV_NO_MEMORY;
    while (size > 0 && status == TV_OK) {
        uint64_t part = size < PIECE ? size : PIECE;
        status = source_read(source, at, piece, part);
        if (status == TV_OK)
            *crc = libdeflate_crc32(*crc, piece, (size_t)part);
        at += part;
        size -= part;
    }
    free(piece);
    return status;
}
