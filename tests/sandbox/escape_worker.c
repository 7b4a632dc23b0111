/* The attacker in the jail: the job of a worker that was taken over, for tests only. Links the same lock as the shipped
 * worker. argv: {program, row, mode, folder, address of a secret in the parent}; mode is "free", "locked" and traced by
 * the parent, or "untraced" and locked. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <jail.h>

#include "escape.h"

static char victim[256], fresh[256], own[256];
static _Alignas(64) unsigned char space[65536];
static const unsigned char all_ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
static int extra = -1;
static pid_t self, parent;
static unsigned long page;
static struct iovec here = {space, 16}, there = {space + 64, 16}, secret;
static const struct open_how how = {.flags = O_RDONLY};
static const struct rlimit more = {1000, 1000};
static struct sock_filter allow_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static const struct sock_fprog allow_everything = {1, allow_all};
static const char *row_name, *start_of_strings;
static const uint32_t allow_action = SECCOMP_RET_ALLOW;
static char *const exec_argv[] = {(char *)(uintptr_t) "escape", NULL};
static const struct sockaddr_in loopback = {
    .sin_family = AF_INET, .sin_port = 0x0900, .sin_addr = {0x0100007f}}; /* 127.0.0.1:9, discard */
static const struct sockaddr_in any_port = {.sin_family = AF_INET, .sin_addr = {0x0100007f}};

static long make_own(void)
{
    int fd = open(own, O_CREAT | O_RDWR, 0600);
    return fd < 0 ? -1 : close(fd);
}

static long udp_socket(void)
{
    return extra = socket(AF_INET, SOCK_DGRAM, 0);
}

static long map_page(void)
{
    void *at = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page = (unsigned long)(uintptr_t)at;
    return at == MAP_FAILED ? -1 : 0;
}

/* A place that is surely free: nothing is mapped so low, and it is above vm.mmap_min_addr. */
static unsigned long fixed_place(void)
{
    return 1ul << 32;
}

static unsigned long code_page(void)
{
    return (unsigned long)(uintptr_t)&map_page & ~4095ul;
}

static long zero_space(void)
{
    memset(space, 0, sizeof(space));
    return 0;
}

/* A struct file_handle with room. */
static void *handle_space(void)
{
    const unsigned int room = 128;
    memcpy(space, &room, sizeof(room));
    return space;
}

/* Marked for removal at once, so that nothing stays; its id can still be attached. */
static long shared_segment(void)
{
    extra = shmget(IPC_PRIVATE, 4096, 0700 | IPC_CREAT);
    if (extra < 0 || shmat(extra, NULL, 0) == (void *)-1)
        return -1;
    return shmctl(extra, IPC_RMID, NULL);
}

static long memfd_of_self(void)
{
    int program = open("/proc/self/exe", O_RDONLY);
    extra = memfd_create("self", 0);
    if (program < 0 || extra < 0)
        return -1;
    ssize_t size = 0;
    while ((size = read(program, space, sizeof(space))) > 0)
        if (write(extra, space, (size_t)size) != size)
            return -1;
    return close(program);
}

/* Of the descriptors that the parent leaked none is left. */
static long nothing_leaked(void)
{
    errno = EBADMSG;
    for (int fd = JAIL_REPORT + 1; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return -1;
    return 0;
}

/* In pieces that are never touched: it is address space that is limited. */
static long take_memory(void)
{
    const size_t piece = 16u << 20;
    for (size_t had = 0; had < MEMORY_WANTED; had += piece)
        if (mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            return -1;
    return 0;
}

/* brk(2) itself answers with where the break is. */
static long raise_break(void)
{
    const unsigned long now = (unsigned long)syscall(SYS_brk, 0);
    if ((unsigned long)syscall(SYS_brk, now + MEMORY_WANTED) == now + MEMORY_WANTED)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* What the kernel put on the stack at the start: arguments, environment, the program's name, in this order. */
static long find_in_start(const char *text)
{
    const char *name = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    const size_t size = (size_t)(name - start_of_strings) + strlen(name);
    if (memmem(start_of_strings, size, text, strlen(text)) != NULL)
        return 0;
    errno = ENOENT;
    return -1;
}

static long burn(void)
{
    static volatile unsigned long turns = 1;
    while (turns != 0)
        turns += 2;
    return 0;
}

static long fill_report(void)
{
    while (syscall(SYS_write, JAIL_REPORT, space, sizeof(space)) > 0)
        continue;
    return 0;
}

#ifdef __x86_64__
/* The 32-bit door: its numbers are another table's. */
static long int80(long number)
{
    long result = 0;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0), "c"(0), "d"(0) : "memory", "cc");
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}
#endif

#define ESCAPE(name, number, setup, attempt, why)                                                                      \
    static long setup_##name(void)                                                                                     \
    {                                                                                                                  \
        return (setup);                                                                                                \
    }                                                                                                                  \
    static long attempt_##name(void)                                                                                   \
    {                                                                                                                  \
        return (attempt);                                                                                              \
    }
#define LIMIT(name, setup, attempt, error, why) ESCAPE(name, 0, setup, attempt, why)
#define ENDLESS(name, attempt)                  ESCAPE(name, 0, 0, attempt, NULL)
#include "escape.def"

static const struct {
    const char *name;
    long (*setup)(void), (*attempt)(void);
} rows[] = {
#define ESCAPE(name, number, setup, attempt, why) {#name, setup_##name, attempt_##name},
#define LIMIT(name, setup, attempt, error, why)   {#name, setup_##name, attempt_##name},
#define ENDLESS(name, attempt)                    {#name, setup_##name, attempt_##name},
#include "escape.def"
};

static void tell(const void *bytes, size_t size)
{
    (void)syscall(SYS_write, JAIL_REPORT, bytes, size);
}

static _Noreturn void leave(void)
{
    for (;;)
        (void)syscall(SYS_exit_group, 0);
}

static _Noreturn void act(size_t row, bool locked)
{
    struct escape_report report = {0};
    errno = 0;
    report.setup = rows[row].setup() < 0 ? -errno : 0;
    if (report.setup == 0 && locked) {
        uint32_t abi = 0;
        const char *failed_at = "";
        report.layers = jail_lock(JAIL_STRICT, &abi, &failed_at);
    }
    tell(&report, offsetof(struct escape_report, attempt));
    if (report.setup < 0)
        leave();
    errno = 0;
    long result = rows[row].attempt();
    report.attempt = result == -1 ? -errno : 0;
    tell(&report.attempt, sizeof(report.attempt));
    leave();
}

int main(int argc, char **argv)
{
    if (argc == 1) /* what execve of ourselves leads to: it worked */
        return 0;
    if (argc < 5)
        return 64;
    start_of_strings = argv[0];
    row_name = argv[1];
    self = getpid();
    parent = getppid();
    (void)snprintf(victim, sizeof(victim), "%s/victim", argv[3]);
    (void)snprintf(fresh, sizeof(fresh), "%s/fresh", argv[3]);
    (void)snprintf(own, sizeof(own), "%s/own", argv[3]);
    secret.iov_base = (void *)(uintptr_t)strtoull(argv[4], NULL, 16);
    secret.iov_len = 16;
    bool locked = strcmp(argv[2], "free") != 0, traced = strcmp(argv[2], "locked") == 0;
    if (traced && (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0))
        return 65;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        if (strcmp(rows[row].name, argv[1]) == 0)
            act(row, locked);
    }
    return 66;
}
