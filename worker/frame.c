/* Frames, the writing side. Trusts the worker's own code; what is written here is believed by nobody.
 * Promises: a frame goes out whole, or the process ends. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"

enum { HEAD = 8 };

void frame_begin(struct frame_out *frame, enum frame_type type)
{
    frame->size = 0;
    frame_put_u32(frame, (uint32_t)type);
    frame_put_u32(frame, 0); /* the payload's size, known when it is sent */
}

/* A frame that does not fit is a bug of the worker's: better no report than a wrong one. */
void frame_put_bytes(struct frame_out *frame, const void *bytes, uint32_t size)
{
    if (size > sizeof(frame->bytes) - frame->size)
        _exit(WORKER_EXIT_BUG);
    if (size > 0)
        memcpy(frame->bytes + frame->size, bytes, size);
    frame->size += size;
}

void frame_put_u32(struct frame_out *frame, uint32_t value)
{
    uint8_t bytes[4];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    frame_put_bytes(frame, bytes, sizeof(bytes));
}

void frame_put_u64(struct frame_out *frame, uint64_t value)
{
    frame_put_u32(frame, (uint32_t)(value & UINT32_MAX));
    frame_put_u32(frame, (uint32_t)(value >> 32));
}

void frame_put_text(struct frame_out *frame, tv_span text)
{
    uint32_t size = text.size > FRAME_TEXT_MAX ? FRAME_TEXT_MAX : (uint32_t)text.size;
    frame_put_u32(frame, size);
    frame_put_bytes(frame, text.data, size);
}

static void write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            _exit(WORKER_EXIT_UNHEARD);
        bytes += written;
        size -= (size_t)written;
    }
}

static struct {
    bool on;
    uint32_t size;
    uint8_t bytes[16384];
} held;

void frame_hold(void)
{
    held.on = true;
}

void frame_flush(int fd)
{
    write_all(fd, held.bytes, held.size);
    held.size = 0;
}

void frame_send(struct frame_out *frame, int fd)
{
    uint32_t payload = frame->size - HEAD;
    for (unsigned i = 0; i < 4; i++)
        frame->bytes[4 + i] = (uint8_t)(payload >> (8 * i));
    if (frame->size > sizeof(held.bytes) - held.size)
        frame_flush(fd);
    if (!held.on || frame->size > sizeof(held.bytes)) {
        write_all(fd, frame->bytes, frame->size);
        return;
    }
    memcpy(held.bytes + held.size, frame->bytes, frame->size);
    held.size += frame->size;
}

void frame_send_finding(struct frame_out *frame, int fd, const tv_finding *finding)
{
    frame_begin(frame, FRAME_FINDING);
    frame_put_u32(frame, (uint32_t)finding->id);
    frame_put_u64(frame, finding->offset);
    frame_put_u64(frame, finding->a);
    frame_put_u64(frame, finding->b);
    frame_put_u32(frame, finding->subject_size);
    frame_put_text(frame, tv_finding_subject(finding));
    frame_put_u32(frame, finding->detail_size);
    frame_put_text(frame, tv_finding_detail(finding));
    frame_send(frame, fd);
}
