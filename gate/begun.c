/* Files on their way: in a batch the worker gets some ahead, each is examined to the end and reported in its turn.
 * Without a batch a file is on its way alone. Trusts: its session. Promises: reports come in the order in which files
 * began; each file is reported once, or a stop came, or the session counts as undecided. */
#define _GNU_SOURCE
#include "begun.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* With fewer descriptors than these, files that are open ahead would be in the way of the next one's worker. */
#define DESCRIPTORS_FOR_MANY 64

unsigned begun_window(void)
{
    struct rlimit limit;
    const bool many = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= DESCRIPTORS_FOR_MANY;
    return many ? BROKER_WINDOW : 1;
}

static void begun_free(struct begun *begun)
{
    input_close(&begun->input);
    examination_free(begun->examination);
    free(begun->path);
    free(begun);
}

void begun_forget(struct session *session)
{
    for (unsigned i = 0; i < session->begun_count; i++)
        begun_free(session->begun[i]);
    session->begun_count = 0;
}

/* In order, since reports come in order. After a worker's end this hands what it had not finished to the next. */
static void offer(struct session *session)
{
    bool taken = session->window > 1;
    for (unsigned i = 0; i < session->begun_count && taken; i++) {
        const struct begun *begun = session->begun[i];
        if (begun->input.state == INPUT_FILE)
            taken = broker_begin(&session->broker, &begun->job, begun->input.fd);
    }
}

static void finish_first(struct session *session)
{
    struct begun *begun = session->begun[0];
    session->begun_count--;
    for (unsigned i = 0; i < session->begun_count; i++)
        session->begun[i] = session->begun[i + 1];
    session_examine_by(session, begun->examination, &begun->job, &begun->input, begun->path);
    if (!begun->examination->outcome.interrupted)
        begun->report(begun->context, session, begun);
    begun_free(begun);
    offer(session);
}

/* The worker has all of them now, and goes on with the other half while the next ones are opened. One by one, each side
 * would go to sleep and be woken for each file. */
static void finish_half(struct session *session)
{
    offer(session);
    for (unsigned left = session->window / 2; session->begun_count > left;)
        finish_first(session);
}

void session_finish(struct session *session)
{
    offer(session);
    while (session->begun_count > 0 && !session_stopped(session))
        finish_first(session);
    begun_forget(session);
}

void session_begin(struct session *session, enum job_kind kind, const struct input *input, const char *path,
                   void (*report)(void *context, struct session *session, struct begun *begun), void *context)
{
    struct begun *begun = malloc(sizeof *begun);
    struct examination *examination = examination_new(session);
    char *copy = strdup(path);
    if (begun == NULL || examination == NULL || copy == NULL) {
        struct input unused = *input;
        session->undecided = true;
        input_close(&unused);
        examination_free(examination);
        free(copy);
        free(begun);
        return;
    }
    *begun = (struct begun){*input, copy, session_file_job(session, kind, path), examination, report, context};
    session->begun[session->begun_count++] = begun;
    if (session->begun_count >= session->window)
        finish_half(session);
}
