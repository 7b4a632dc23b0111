/* Conversions at once (convert_jobs.h): a few threads, one queue in the order of the plan. */
#define _GNU_SOURCE
#include "convert_jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "parts.h"

struct done {
    bool is_done;
    char *text; /* its report */
    size_t size;
    bool rejected, undecided, print_failed;
    uint64_t examined;
    struct judgement judgement;
};

struct convert_jobs {
    struct session *session;
    const struct convert_options *options;
    struct conversion *items;
    struct done *done; /* one for each item */
    size_t count, next;
    bool over;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t threads[PARTS_MOST];
    size_t thread_count;
};

/* Converts with a session of its own, whose reports go into memory. */
static void convert(struct convert_jobs *jobs, size_t item)
{
    struct done *done = &jobs->done[item];
    struct session own = *jobs->session;
    own.reporter.out = open_memstream(&done->text, &done->size);
    own.reporter.policy = &own.policy;
    own.progress = (struct progress_to){0};
    own.on_file = NULL;
    own.rejected = own.undecided = own.print_failed = false;
    own.examined = 0;
    done->judgement = (struct judgement){.verdict = VERDICT_UNDECIDED};
    if (!broker_for_thread(&jobs->session->broker, &own.broker) || own.reporter.out == NULL) {
        done->undecided = true;
        if (own.reporter.out != NULL)
            (void)fclose(own.reporter.out);
        return;
    }
    jobs->items[item].told = convert_one(&own, jobs->options, &jobs->items[item], &done->judgement);
    broker_forget_workers(&own.broker);
    jobs->items[item].verdict = done->judgement.verdict;
    done->print_failed = fclose(own.reporter.out) != 0 || own.print_failed;
    done->rejected = own.rejected;
    done->undecided = own.undecided;
    done->examined = own.examined;
}

/* The next item that is no index, or false. Called with the lock held. */
static bool take(struct convert_jobs *jobs, size_t *item)
{
    while (jobs->next < jobs->count && jobs->items[jobs->next].is_index)
        jobs->next++;
    if (jobs->over || jobs->next == jobs->count || session_stopped(jobs->session))
        return false;
    *item = jobs->next++;
    return true;
}

static void *work(void *context)
{
    struct convert_jobs *jobs = context;
    size_t item = 0;
    (void)pthread_mutex_lock(&jobs->lock);
    while (take(jobs, &item)) {
        (void)pthread_mutex_unlock(&jobs->lock);
        convert(jobs, item);
        (void)pthread_mutex_lock(&jobs->lock);
        jobs->done[item].is_done = true;
        (void)pthread_cond_broadcast(&jobs->changed);
    }
    jobs->over = true; /* all are taken, or it was stopped: whoever waits for the others need not */
    (void)pthread_cond_broadcast(&jobs->changed);
    (void)pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* Files first: workers that files leave over go to the parts of each. */
static size_t share_out(const struct convert_options *options, struct conversion *items, size_t count)
{
    if (options->torch.wanted) /* one Python at a time */
        return 0;
    size_t files = 0, most = options->jobs < PARTS_MOST ? options->jobs : PARTS_MOST;
    for (size_t i = 0; i < count; i++)
        files += items[i].is_index ? 0 : 1;
    for (size_t i = 0; i < count; i++) {
        items[i].parts = files == 0 || files >= most ? 1 : (uint32_t)(most / files);
        items[i].undo_later = files > 1 && most > 1;
    }
    return files < most ? files : most;
}

struct convert_jobs *convert_jobs_start(struct session *session, const struct convert_options *options,
                                        struct conversion *items, size_t count)
{
    size_t wanted = share_out(options, items, count);
    struct convert_jobs *jobs = wanted < 2 ? NULL : calloc(1, sizeof *jobs);
    if (jobs == NULL)
        return NULL;
    *jobs = (struct convert_jobs){.session = session, .options = options, .items = items, .count = count};
    jobs->done = calloc(count, sizeof *jobs->done);
    if (jobs->done == NULL || pthread_mutex_init(&jobs->lock, NULL) != 0 ||
        pthread_cond_init(&jobs->changed, NULL) != 0) {
        free(jobs->done);
        free(jobs);
        return NULL;
    }
    while (jobs->thread_count < wanted && pthread_create(&jobs->threads[jobs->thread_count], NULL, work, jobs) == 0)
        jobs->thread_count++;
    return jobs;
}

void convert_jobs_finish(struct convert_jobs *jobs, size_t item, struct judgement *judgement)
{
    struct session *session = jobs->session;
    struct done *done = &jobs->done[item];
    if (jobs->thread_count == 0)
        (void)work(jobs); /* no thread could be made: all of it here */
    (void)pthread_mutex_lock(&jobs->lock);
    while (!done->is_done && (item < jobs->next || !jobs->over))
        (void)pthread_cond_wait(&jobs->changed, &jobs->lock);
    (void)pthread_mutex_unlock(&jobs->lock);
    if (!done->is_done)
        return;
    if (done->size > 0 && fwrite(done->text, 1, done->size, session->reporter.out) != done->size)
        session->print_failed = true;
    session->print_failed |= done->print_failed || fflush(session->reporter.out) != 0;
    session->rejected |= done->rejected;
    session->undecided |= done->undecided;
    session->examined += done->examined;
    *judgement = done->judgement;
}

void convert_jobs_end(struct convert_jobs *jobs)
{
    if (jobs == NULL)
        return;
    (void)pthread_mutex_lock(&jobs->lock);
    jobs->over = true;
    (void)pthread_mutex_unlock(&jobs->lock);
    for (size_t i = 0; i < jobs->thread_count; i++)
        (void)pthread_join(jobs->threads[i], NULL);
    for (size_t i = jobs->count; i > 0; i--) {
        struct out_folder *made = jobs->items[i - 1].made;
        if (made != NULL)
            out_folder_undo(made);
        free(made);
        jobs->items[i - 1].made = NULL;
        free(jobs->done[i - 1].text);
    }
    (void)pthread_cond_destroy(&jobs->changed);
    (void)pthread_mutex_destroy(&jobs->lock);
    free(jobs->done);
    free(jobs);
}
