/* time_header [--list | --huge] FILE [ROUNDS]: how long core takes for a file's header, from open to index. Prints one
 * JSON object: seconds of the whole (open, read, memory, parse, as a fresh process pays for it), seconds of the parse
 * alone (the best of ROUNDS), bytes, tensors, peak memory. --list prints the tensors instead, to show what was read.
 * --huge asks for memory in huge pages, as a caller may who hands core its memory: most of the whole is page faults. */
#define _DEFAULT_SOURCE
#include <tensorvet/tensorvet.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
    fprintf(stderr, "time_header: %s\n", what);
    exit(1);
}

/* KiB this process has had in memory at most. (getrusage would count what its parent had before exec.) */
static long peak_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (status != NULL)
        (void)fclose(status);
    return kib;
}

#define HUGE_PAGE ((size_t)2 << 20)

/* Memory as malloc gives it or, for a block that fills a huge page, aligned to those and asked for as such. */
static uint8_t *room(size_t size, bool huge)
{
    size_t whole = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (!huge || size < HUGE_PAGE)
        return malloc(size);
    uint8_t *bytes = aligned_alloc(HUGE_PAGE, whole);
    if (bytes != NULL)
        (void)madvise(bytes, whole, MADV_HUGEPAGE); /* a kernel without them: then not */
    return bytes;
}

struct loaded {
    uint8_t *bytes, *memory;
    uint64_t size, file_size;
    tv_index index;
    tv_status status;
};

static void parse(struct loaded *l)
{
    static tv_findings findings;
    tv_limits limits = tv_limits_default();
    tv_arena arena = {l->memory, (size_t)tv_index_memory(l->size - 8), 0};
    findings.count = 0;
    l->status = tv_index_parse(tv_span_of(l->bytes, l->size), l->file_size, &limits, 0, &arena, &l->index, &findings);
    if (l->status != TV_OK)
        fail("the file is not accepted");
}

static struct loaded load(const char *path, bool huge)
{
    struct loaded l = {0};
    uint64_t length = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        fail("cannot open the file");
    l.file_size = (uint64_t)ftell(file);
    rewind(file);
    setvbuf(file, NULL, _IONBF, 0);
    if (fread(&length, 1, 8, file) != 8 || length > 100000000)
        fail("no header");
    l.size = 8 + length;
    l.bytes = room((size_t)l.size, huge);
    l.memory = room((size_t)tv_index_memory(length), huge);
    if (l.bytes == NULL || l.memory == NULL)
        fail("no memory");
    memcpy(l.bytes, &length, 8);
    if (fread(l.bytes + 8, 1, (size_t)length, file) != length)
        fail("no header");
    (void)fclose(file);
    parse(&l);
    return l;
}

static void list(const tv_index *index)
{
    for (uint64_t i = 0; i < index->count; i++) {
        const tv_tensor *t = &index->tensors[i];
        char name[1024];
        uint64_t shape[64];
        size_t size = tv_tensor_name(index, t, name, sizeof name);
        tv_tensor_shape(index, t, shape);
        printf("%.*s %s", (int)size, name, tv_dtype_name((tv_dtype)t->dtype));
        for (unsigned d = 0; d < t->rank; d++)
            printf(" %" PRIu64, shape[d]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    bool listing = argc > 2 && strcmp(argv[1], "--list") == 0, huge = argc > 2 && strcmp(argv[1], "--huge") == 0;
    int next = 1 + (listing || huge);
    if (argc <= next)
        fail("usage: time_header [--list | --huge] FILE [ROUNDS]");
    double start = now(), best = 1e9;
    struct loaded l = load(argv[next], huge);
    double whole = now() - start;
    long peak = peak_kib();
    if (listing) {
        list(&l.index);
        return 0;
    }
    for (int rounds = argc > next + 1 ? atoi(argv[next + 1]) : 1; rounds > 0; rounds--) {
        start = now();
        parse(&l);
        double taken = now() - start;
        best = taken < best ? taken : best;
    }
    printf("{\"whole\":%.9f,\"parse\":%.9f,\"header_bytes\":%" PRIu64 ",\"tensors\":%" PRIu64 ",\"peak_kib\":%ld}\n",
           whole, best, l.size - 8, l.index.count, peak);
    free(l.bytes);
    free(l.memory);
    return 0;
}
