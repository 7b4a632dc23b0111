/* The torch engine's Python: starting it, talking to it, ending it (engine_torch.h). */
#define _GNU_SOURCE

#include "engine_torch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES   1024
#define STOP_LOOK_MS 100
#define IMPORT_MS    300000u /* torch from a cold network disk */
#define START_MS     60000u
#define FIXED_ARGS   9

static void fail(struct torch_engine *engine, tv_finding_id id, const char *why, const char *more)
{
    engine->state = TORCH_DEAD;
    engine->failure = id;
    (void)snprintf(engine->why, sizeof(engine->why), "%.120s%s%.120s", why, *more == '\0' ? "" : ": ", more);
}

static uint64_t now_ms(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The first python3 of the PATH that can be run, of absolute folders alone: the folder we are in is nobody's choice. */
static bool find_python(char *path, size_t capacity)
{
    const char *folders = getenv("PATH");
    for (const char *at = folders == NULL ? "/usr/bin" : folders; at != NULL;) {
        const char *end = strchrnul(at, ':');
        int size = snprintf(path, capacity, "%.*s/python3", (int)(end - at), at);
        if (*at == '/' && size > 0 && (size_t)size < capacity && access(path, X_OK) == 0)
            return true;
        at = *end == '\0' ? NULL : end + 1;
    }
    return false;
}

/* Absolute, since it runs in another folder; links stay, since a virtual environment is found by its own path. */
static bool choose_python(struct torch_engine *engine)
{
    const char *named = engine->settings->python;
    char folder[PATH_MAX];
    if (named == NULL) {
        if (find_python(engine->python, sizeof(engine->python)))
            return true;
        fail(engine, TV_FIND_TORCH_MISSING, "there is no python3 in the PATH", "");
        return false;
    }
    bool relative = *named != '/';
    if (relative && getcwd(folder, sizeof(folder)) == NULL)
        folder[0] = '\0';
    int size =
        snprintf(engine->python, sizeof(engine->python), "%s%s%s", relative ? folder : "", relative ? "/" : "", named);
    if (size > 0 && (size_t)size < sizeof(engine->python))
        return true;
    fail(engine, TV_FIND_TORCH_FAILED, "its path is too long", "");
    return false;
}

/* "FOLDER-OF-THE-WORKER/name"; malloc'd, NULL without memory. */
static char *beside_worker(const char *name)
{
    char *worker = broker_worker_path(), *path = NULL;
    char *slash = worker == NULL ? NULL : strrchr(worker, '/');
    if (slash != NULL && asprintf(&path, "%.*s/%s", (int)(slash - worker), worker, name) < 0)
        path = NULL;
    free(worker);
    return path;
}

/* A Python of one's own choosing may be a link or a program of a virtual environment, but no script. */
static int open_python(struct torch_engine *engine)
{
    char magic[2] = {0, 0};
    int fd = open(engine->python, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail(engine, TV_FIND_TORCH_FAILED, engine->python, strerror(errno));
        return -1;
    }
    if (read(fd, magic, sizeof(magic)) == 2 && magic[0] == '#' && magic[1] == '!') {
        fail(engine, TV_FIND_TORCH_FAILED, engine->python, "it is a script; name the interpreter that it starts");
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void start(struct torch_engine *engine, const struct broker *broker, int python, int ours, int theirs)
{
    static char isolated[] = "-I", no_site[] = "-S", no_cache[] = "-B", option[] = "-X", utf8[] = "utf8";
    char *harness = beside_worker("harness"), *lock = beside_worker("tensorvet-lock.so");
    char *argv[FIXED_ARGS + JOB_LIST_MAX] = {engine->python, isolated, no_site, no_cache, option, utf8, harness, lock};
    char *preload[JOB_LIST_MAX] = {NULL};
    for (uint32_t i = 0; i < engine->settings->preloads && i < JOB_LIST_MAX; i++)
        argv[FIXED_ARGS - 1 + i] = preload[i] = strdup(engine->settings->preload[i]);
    const struct jail_spec spec = {.program = python,
                                   .null = broker->null,
                                   .argv = argv,
                                   .source = theirs,
                                   .output = -1,
                                   .report = -1,
                                   .scratch = -1};
    const char *failed_at = "taking memory";
    int error = harness == NULL || lock == NULL ? ENOMEM : jail_start_preparing(&spec, &engine->zygote, &failed_at);
    if (error != 0) {
        fail(engine, TV_FIND_TORCH_FAILED, failed_at, strerror(error));
    } else {
        engine->control = ours;
        engine->state = TORCH_STARTING;
    }
    for (uint32_t i = 0; i < JOB_LIST_MAX; i++)
        free(preload[i]);
    free(harness);
    free(lock);
}

void torch_open(struct torch_engine *engine, const struct torch_settings *settings, const struct broker *broker)
{
    int ends[2];
    *engine = (struct torch_engine){.settings = settings, .stop = broker->stop, .control = -1};
    if (!settings->wanted || !choose_python(engine))
        return;
    int python = open_python(engine);
    if (python < 0)
        return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        fail(engine, TV_FIND_TORCH_FAILED, "making a socket", strerror(errno));
    } else {
        start(engine, broker, python, ends[0], ends[1]);
        (void)close(ends[1]);
        if (engine->control < 0)
            (void)close(ends[0]);
    }
    (void)close(python);
}

void torch_close(struct torch_engine *engine)
{
    struct jail_result ended;
    if (engine->control >= 0) {
        (void)close(engine->control);
        jail_wait(&engine->zygote, JAIL_KILLED_STOP, &ended);
    }
    engine->control = -1;
    engine->state = TORCH_ABSENT;
}

/* The next line from the zygote, and a descriptor that may come with it (else -1). False: none came in time, it is
 * gone, or we are to stop. */
static bool hear(struct torch_engine *engine, uint64_t deadline, char line[LINE_BYTES], int *descriptor)
{
    struct pollfd watched = {.fd = engine->control, .events = POLLIN};
    *descriptor = -1;
    while (poll(&watched, 1, STOP_LOOK_MS) <= 0) {
        if (now_ms() >= deadline || (engine->stop != NULL && *engine->stop != 0))
            return false;
    }
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
    struct iovec part = {line, LINE_BYTES - 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    ssize_t size = recvmsg(engine->control, &message, MSG_CMSG_CLOEXEC);
    if (size <= 0)
        return false;
    line[size] = '\0';
    const struct cmsghdr *extra = CMSG_FIRSTHDR(&message);
    if (extra != NULL && extra->cmsg_level == SOL_SOCKET && extra->cmsg_type == SCM_RIGHTS)
        memcpy(descriptor, CMSG_DATA(extra), sizeof(int));
    return true;
}

/* "ready PYTHON TORCH", or "failed missing|broken WHAT". */
static void understand(struct torch_engine *engine, char *line)
{
    static const char ready[] = "ready ", missing[] = "failed missing ", broken[] = "failed broken ";
    if (strncmp(line, ready, sizeof(ready) - 1) == 0) {
        char *python = line + sizeof(ready) - 1, *torch = strchr(python, ' ');
        if (torch != NULL)
            *torch++ = '\0';
        (void)snprintf(engine->version, sizeof(engine->version), "torch %.80s, Python %.80s",
                       torch == NULL ? "?" : torch, python);
        engine->state = TORCH_READY;
        engine->files = 0;
    } else if (strncmp(line, missing, sizeof(missing) - 1) == 0) {
        fail(engine, TV_FIND_TORCH_MISSING, line + sizeof(missing) - 1, "");
    } else {
        bool known = strncmp(line, broken, sizeof(broken) - 1) == 0;
        fail(engine, TV_FIND_TORCH_FAILED, known ? line + sizeof(broken) - 1 : "it said something else", "");
    }
}

bool torch_ready(struct torch_engine *engine)
{
    char line[LINE_BYTES];
    int descriptor = -1;
    if (engine->state == TORCH_STARTING) {
        if (hear(engine, now_ms() + IMPORT_MS, line, &descriptor))
            understand(engine, line);
        else if (engine->stop == NULL || *engine->stop == 0)
            fail(engine, TV_FIND_TORCH_FAILED, "it ended or fell silent before torch was imported", engine->python);
        if (descriptor >= 0)
            (void)close(descriptor);
    }
    return engine->state == TORCH_READY;
}

static bool send_line(const struct torch_engine *engine, const char *line, const int *descriptors, size_t count)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(2 * sizeof(int))] = {0};
    char text[LINE_BYTES];
    struct iovec part = {text, (size_t)snprintf(text, sizeof(text), "%s", line)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *extra = CMSG_FIRSTHDR(&message);
        extra->cmsg_level = SOL_SOCKET;
        extra->cmsg_type = SCM_RIGHTS;
        extra->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(extra), descriptors, count * sizeof(int));
    }
    return sendmsg(engine->control, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len;
}

bool torch_start(struct torch_engine *engine, const char *what, int source, int stream, struct torch_child *child)
{
    const int descriptors[2] = {source, stream};
    char line[LINE_BYTES];
    *child = (struct torch_child){.pidfd = -1};
    if (!torch_ready(engine))
        return false;
    if (!send_line(engine, what, descriptors, 2) || !hear(engine, now_ms() + START_MS, line, &child->pidfd) ||
        strcmp(line, "started") != 0 || child->pidfd < 0) {
        fail(engine, TV_FIND_TORCH_FAILED, "it could not start a child", "");
        return false;
    }
    child->running = true;
    return true;
}

/* Until it has ended, or that time is over. */
static bool has_ended(const struct torch_child *child, unsigned ms)
{
    struct pollfd end = {.fd = child->pidfd, .events = POLLIN};
    uint64_t deadline = now_ms() + ms;
    int ready = 0;
    do {
        uint64_t now = now_ms();
        ready = poll(&end, 1, now < deadline ? (int)(deadline - now) : 0);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* "ended STATUS MICROSECONDS KIBIBYTES", as the zygote says how a child ended. */
static bool read_ended(const char *line, struct torch_ended *ended)
{
    static const char word[] = "ended";
    uint64_t numbers[3];
    if (strncmp(line, word, sizeof word - 1) != 0)
        return false;
    const char *at = line + sizeof word - 1;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char *end = NULL;
        numbers[i] = strtoull(at, &end, 10);
        if (end == at)
            return false;
        at = end;
    }
    ended->status = (int)numbers[0];
    ended->cpu_seconds = (double)numbers[1] / 1e6;
    ended->peak_bytes = numbers[2] * 1024;
    return true;
}

bool torch_end(struct torch_engine *engine, struct torch_child *child, unsigned patience_ms)
{
    char line[LINE_BYTES];
    int descriptor = -1;
    if (!child->running)
        return false;
    bool killed = !has_ended(child, patience_ms);
    if (killed)
        (void)syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0u);
    const volatile int *stop = engine->stop;
    engine->stop = NULL; /* it is ending, whoever asked */
    child->ended.known = hear(engine, now_ms() + START_MS, line, &descriptor) && read_ended(line, &child->ended);
    engine->stop = stop;
    if (descriptor >= 0)
        (void)close(descriptor);
    (void)close(child->pidfd);
    child->running = false;
    if (!child->ended.known)
        fail(engine, TV_FIND_TORCH_FAILED, "it did not say how a child ended", "");
    return killed;
}

void torch_renew(struct torch_engine *engine)
{
    if (engine->state == TORCH_READY)
        engine->state = send_line(engine, "again", NULL, 0) ? TORCH_STARTING : TORCH_DEAD;
}

void torch_file_done(struct torch_engine *engine)
{
    if (++engine->files >= TORCH_FILES)
        torch_renew(engine);
}

/* Runs a child that tries that (tv_child.py). False where it could not be started. */
static bool probe(struct torch_engine *engine, const char *what, int null, int *status)
{
    struct torch_child child;
    bool ran = torch_start(engine, what, null, null, &child);
    if (ran)
        (void)torch_end(engine, &child, START_MS);
    *status = child.ended.status;
    return ran && child.ended.known;
}

bool torch_probe(struct torch_engine *engine, int null, char found[TORCH_TEXT])
{
    int file = 0, socket_ = 0;
    if (!probe(engine, "run probe=1 memory=1073741824 seconds=60", null, &file) ||
        !probe(engine, "run probe=2 memory=1073741824 seconds=60", null, &socket_)) {
        (void)snprintf(found, TORCH_TEXT, "%s", engine->why);
        return false;
    }
    bool closed = file == 0, killed = WIFSIGNALED(socket_) && WTERMSIG(socket_) == SIGSYS;
    (void)snprintf(found, TORCH_TEXT, "opening a file %s, a socket %s", closed ? "is refused" : "IS NOT REFUSED",
                   killed ? "ends it" : "DOES NOT END IT");
    return closed && killed;
}
