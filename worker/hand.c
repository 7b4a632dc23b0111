/* One message, both ways (hand.h): which descriptors come with it, the seed, then words ended by NUL. */
#include "hand.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "frame.h"

enum { PLACES = 3 };
static const int places[PLACES] = {WORKER_SOURCE, WORKER_OUTPUT, WORKER_REPORT}; /* ascending: hand_take needs it */

/* What every message begins with; both ends are of one build. */
struct __attribute__((packed)) head {
    uint8_t mask; /* bit i: a descriptor for places[i] is with it */
    uint64_t seed;
};

/* Room for the descriptors of one message, aligned as cmsg(3) asks. */
union ancillary {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int) * PLACES)];
};

/* The words one after the other; 0 where they do not fit. */
static size_t join(char *const *argv, char *bytes, size_t capacity)
{
    size_t used = 0;
    for (; argv != NULL && *argv != NULL; argv++) {
        size_t size = strlen(*argv) + 1;
        if (size > capacity - used)
            return 0;
        memcpy(bytes + used, *argv, size);
        used += size;
    }
    return used;
}

static bool send_message(int channel, struct iovec parts[2], const int *descriptors, size_t count)
{
    union ancillary room;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    memset(&room, 0, sizeof(room));
    if (count > 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * count); /* size_t in glibc, and there are three */
        room.head.cmsg_level = SOL_SOCKET;
        room.head.cmsg_type = SCM_RIGHTS;
        room.head.cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(&room.head), descriptors, sizeof(int) * count);
    }
    ssize_t sent = -1;
    do
        sent = sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)(parts[0].iov_len + parts[1].iov_len);
}

/* With those words already joined. */
static bool hand_joined(int channel, const struct hand *hand, char *bytes, size_t size)
{
    struct head head = {.mask = 0, .seed = hand->seed};
    const int given[PLACES] = {hand->source, hand->output, hand->report};
    int descriptors[PLACES];
    size_t count = 0;
    for (int i = 0; i < PLACES; i++) {
        if (given[i] >= 0) {
            head.mask = (uint8_t)(head.mask | 1 << i);
            descriptors[count++] = given[i];
        }
    }
    struct iovec parts[2] = {{&head, sizeof(head)}, {bytes, size}};
    return send_message(channel, parts, descriptors, count);
}

static bool hand_with_words(int channel, const struct hand *hand)
{
    char bytes[HAND_BYTES];
    size_t size = join(hand->argv, bytes, sizeof(bytes));
    return size > 0 && hand_joined(channel, hand, bytes, size);
}

bool hand_over(int channel, const struct hand *hand)
{
    return hand->argv == NULL ? hand_joined(channel, hand, NULL, 0) : hand_with_words(channel, hand);
}

bool hand_open(void)
{
    return dup2(WORKER_SOURCE, WORKER_CHANNEL) == WORKER_CHANNEL && close(WORKER_SOURCE) == 0;
}

bool hand_close(void)
{
    return close(WORKER_CHANNEL) == 0;
}

/* New descriptors get the lowest free numbers, in order: none lies beyond its place, and going from the last to the
 * first none is overwritten before it has moved. */
static bool put_in_place(int mask, const int *descriptors, size_t count)
{
    int wanted[PLACES];
    size_t expected = 0;
    for (int i = 0; i < PLACES; i++)
        if ((mask & 1 << i) != 0)
            wanted[expected++] = places[i];
    if (expected != count)
        return false;
    for (size_t i = count; i-- > 0;) {
        if (descriptors[i] == wanted[i])
            continue;
        if (descriptors[i] > wanted[i] || dup2(descriptors[i], wanted[i]) != wanted[i] || close(descriptors[i]) != 0)
            return false;
    }
    return true;
}

/* The words of a message of that size, each ended by NUL. */
static bool split(struct handed *handed, size_t size)
{
    handed->count = 0;
    for (size_t at = 0; at < size; at += strlen(handed->bytes + at) + 1) {
        if (handed->count == HAND_WORDS)
            return false;
        handed->words[handed->count++] = handed->bytes + at;
    }
    handed->words[handed->count] = NULL;
    return true;
}

static bool take(struct handed *handed, int flags)
{
    union ancillary room;
    struct head first = {0, 0};
    struct iovec parts[2] = {{&first, sizeof(first)}, {handed->bytes, HAND_BYTES}};
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = room.bytes, .msg_controllen = sizeof(room)};
    memset(&room, 0, sizeof(room));
    ssize_t size = -1;
    do
        size = recvmsg(WORKER_CHANNEL, &message, flags);
    while (size < 0 && errno == EINTR);
    if (size < (ssize_t)sizeof(first) || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return false;
    const size_t words = (size_t)size - sizeof(first);
    handed->bytes[words] = '\0';
    handed->seed = first.seed;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    const bool any = head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS;
    size_t count = any ? (head->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    int descriptors[PLACES];
    if (count > PLACES)
        return false;
    if (count > 0)
        memcpy(descriptors, CMSG_DATA(head), sizeof(int) * count);
    return put_in_place(first.mask, descriptors, count) && split(handed, words);
}

bool hand_take(struct handed *handed)
{
    return take(handed, 0);
}

bool hand_take_now(struct handed *handed)
{
    return take(handed, MSG_DONTWAIT);
}
