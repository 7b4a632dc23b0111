/* Dies in the jail in the way that argv names, for test_ending. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <jail.h>

/* What the compiler must not see through. */
static void *volatile pointer;
static volatile size_t size = 64;
static volatile int zero;
static const char pattern[256] = "a pattern that is longer than what it is copied to, and shorter than what it may be";

static void clean(void) {}
static void status(void)
{
    _exit(7);
}
static void violate(void)
{
    (void)syscall(SYS_getpid);
}
static void null_read(void)
{
    (void)*(volatile char *)pointer;
}
static void divide(void)
{
    zero = (int)size / zero;
}
static void call_abort(void)
{
    abort();
}
static void double_free(void)
{
    void *volatile block = malloc(100);
    free(block);
    free(block);
}
/* A memset that is really done, whoever looks at the bytes afterwards. */
__attribute__((noinline)) static void scribble(volatile char *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at[i] = 0x41;
}
/* Blocks so large that in glibc they come one after the other from the end of the heap, the next one's size in what is
 * overrun; musl looks at what follows a block when it is freed. */
static void heap_overrun(void)
{
    char *volatile block = malloc(100000);
    void *volatile next = malloc(100000);
    scribble(block, 100000 + size);
    free(next);
    free(block);
}
__attribute__((noinline)) static void smash(void)
{
    char small[8];
    scribble(small, size);
}
/* Copies into an object whose size the compiler knows, of a size that it does not. */
static char eight[8];
static void copy_beyond(void)
{
    memcpy(eight, pattern, size);
}
static void move_beyond(void)
{
    memmove(eight, pattern, size);
}
static void set_beyond(void)
{
    memset(eight, zero, size);
}
static void print_beyond(void)
{
    (void)snprintf(eight, size, "%d", zero);
}
static void copy_within(void)
{
    static char copied[128], printed[128];
    memset(copied, 'x', size);
    memcpy(copied + 8, pattern, size);
    memmove(copied + 4, copied + 8, size);
    (void)snprintf(printed, size, "%d bottles", zero + 99);
    if (memcmp(copied, "xxxx", 4) != 0 || memcmp(copied + 4, pattern, size) != 0 || strcmp(printed, "99 bottles") != 0)
        _exit(11);
}
/* A table that the linker has to relocate is read-only all the same. */
static const void *const relocated[] = {pattern, pattern + 1};
static void change_table(void)
{
    pointer = (void *)(uintptr_t)relocated[size & 1]; /* or the compiler keeps nothing of it */
    *(volatile uintptr_t *)(uintptr_t)relocated = 0;
}
static void overflow_stack(void)
{
    char first[64];
    char *volatile at = first;
    for (size_t i = 0; i < 1u << 24; i += 4096)
        *(volatile char *)(at - i) = 1;
}
static void burn(void)
{
    for (;;)
        zero = zero + 1;
}
/* Large and small blocks grow and go, so that every call of malloc that the filter allows is made. */
static void use_memory(void)
{
    enum { BLOCKS = 4096 }; /* more than musl's first page of lists is for */
    static void *small[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        small[i] = malloc(2000);
    char *large = malloc(1u << 20);
    large = realloc(large, 64u << 20);
    if (large == NULL)
        _exit(8);
    large[(64u << 20) - 1] = 1;
    free(large);
    for (int i = 0; i < BLOCKS; i++)
        free(small[i]);
}
/* Sorting asks libc for memory and, once, for the machine's size: primed. */
static int by_byte(const void *a, const void *b)
{
    const unsigned char *x = a, *y = b;
    return *x - *y;
}
static void use_qsort(void)
{
    static unsigned char bytes[100000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7919);
    qsort(bytes, sizeof(bytes), 1, by_byte);
    if (bytes[0] > bytes[sizeof(bytes) - 1])
        _exit(9);
}
/* Beyond RLIMIT_AS malloc fails, and says so. */
static void exhaust(void)
{
    size_t kept = 0;
    while (kept < 64 && (pointer = malloc(64u << 20)) != NULL)
        kept++;
    _exit(kept < 64 ? 0 : 10);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"clean", clean},
    {"status", status},
    {"violate", violate},
    {"null-read", null_read},
    {"divide", divide},
    {"abort", call_abort},
    {"double-free", double_free},
    {"heap-overrun", heap_overrun},
    {"smash", smash},
    {"copy-within", copy_within},
    {"copy-beyond", copy_beyond},
    {"move-beyond", move_beyond},
    {"set-beyond", set_beyond},
    {"print-beyond", print_beyond},
    {"change-table", change_table},
    {"overflow-stack", overflow_stack},
    {"burn", burn},
    {"memory", use_memory},
    {"qsort", use_qsort},
    {"exhaust", exhaust},
};

static void tell(int number)
{
    if (write(JAIL_REPORT, &number, sizeof(number)) < 0)
        _exit(66);
}

/* With a second argument, in the jail that tells. */
int main(int argc, char **argv)
{
    const enum jail_profile profile = argc > 2 ? JAIL_STRICT_TELLING : JAIL_STRICT;
    if (argc > 2)
        jail_tell_violations(tell);
    uint32_t abi = 0;
    const char *failed_at = "";
    if (argc < 2 || jail_lock(profile, &abi, &failed_at) == 0)
        return 64;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(acts[i].name, argv[1]) == 0) {
            acts[i].act();
            _exit(0);
        }
    }
    _exit(65);
}
