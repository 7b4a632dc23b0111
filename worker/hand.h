/* Handing a job, or one more file, to a worker that runs already: one message with descriptors over a socket.
 *
 * A worker that is started ahead has the socket in the source's place. It moves it aside, waits, puts the descriptors
 * of its job in their places, closes the socket, and only then locks itself down. One that is kept for many files
 * (--isolation batch) locks itself down first, and its profile lets it receive.
 * The broker is trusted: a message that is not as hand_over writes it ends the worker. */
#ifndef WORKER_HAND_H
#define WORKER_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAND_BYTES 16384u /* of one message: the arguments of any job but the strangest */
#define HAND_WORDS 512

/* argv[1] of a worker that is started ahead of its job. */
#define WORKER_AHEAD "ahead"

/* What is handed over: -1 for a descriptor that is not. */
struct hand {
    char *const *argv; /* NULL: the job is known, but for its seed */
    int source, output, report;
    uint64_t seed;
};

/* Broker side: false where it is too long, nobody is there to take it, or too many wait already. Never blocks. */
bool hand_over(int channel, const struct hand *hand);

/* A message that was taken: its words, in its own bytes. */
struct handed {
    char bytes[HAND_BYTES + 1];
    char *words[HAND_WORDS + 1];
    int count;
    uint64_t seed;
};

/* Worker side. Moves the socket from the source's place to WORKER_CHANNEL. */
bool hand_open(void);
/* Waits for a message, and puts its descriptors where they belong; those places must be free. False where nobody will
 * send one any more. */
bool hand_take(struct handed *handed);
/* The same where a message is there already; false also where none is yet: then hand_take says which it is. */
bool hand_take_now(struct handed *handed);
/* After it no descriptor but those of the job is left. */
bool hand_close(void);

#endif
