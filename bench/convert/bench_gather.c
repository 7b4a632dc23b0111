/* The gather alone, from memory to /dev/null, on one core: what gather_torch.py times with torch's .contiguous().
 * Prints one line a view: name, bytes, best and median seconds of some rounds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gather.h>

enum { ROUNDS = 9, RANK = 4 };

struct one {
    const char *name;
    tv_dtype dtype;
    uint16_t rank;
    uint64_t shape[RANK], stride[RANK];
};

/* The same table is in gather_torch.py. */
static const struct one views[] = {
    {"transpose float32", TV_F32, 2, {8192, 8192}, {1, 8192}},
    {"transpose float16", TV_F16, 2, {8192, 16384}, {1, 8192}},
    {"transpose uint8", TV_U8, 2, {16384, 16384}, {1, 16384}},
    {"transpose float64", TV_F64, 2, {4096, 8192}, {1, 4096}},
    {"transpose float32, odd sides", TV_F32, 2, {4001, 16001}, {1, 4001}},
    {"channels_last images", TV_F32, 4, {64, 256, 56, 56}, {802816, 1, 14336, 256}},
    {"channels_last kernels", TV_F32, 4, {2048, 2048, 3, 3}, {18432, 1, 6144, 2048}},
    {"left half of rows", TV_F32, 2, {8192, 4096}, {8192, 1}},
    {"every second column", TV_F32, 2, {8192, 4096}, {8192, 2}},
    {"rows repeated", TV_F32, 2, {8192, 8192}, {0, 1}},
    {"columns repeated", TV_F32, 2, {8192, 8192}, {1, 0}},
    {"reversed dimensions", TV_F32, 3, {400, 300, 200}, {1, 400, 120000}},
};

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double gather_once(const struct source *source, const struct ck_tensor *tensor, int fd)
{
    static tv_findings findings;
    const struct storage storage = {.size = source->size};
    struct view view;
    struct sink sink;
    double start = now();
    if (view_of(tensor, &storage, &view, &findings) != TV_OK || sink_open(&sink, fd) != TV_OK ||
        gather_view(source, &view, &sink, NULL, NULL) != TV_OK || sink_flush(&sink) != TV_OK)
        exit(1);
    double end = now();
    sink_close(&sink);
    return end - start;
}

static void time_view(const struct one *one, const struct source *source, int fd)
{
    double seconds[ROUNDS];
    struct ck_tensor tensor = {.name = tv_span_str(one->name), .dtype = one->dtype, .rank = one->rank, .elements = 1};
    tensor.shape = one->shape;
    tensor.stride = one->stride;
    for (uint16_t d = 0; d < one->rank; d++)
        tensor.elements *= one->shape[d];
    tensor.bytes = tensor.elements * tv_dtype_bits(one->dtype) / 8;
    for (unsigned i = 0; i < ROUNDS; i++) {
        double took = gather_once(source, &tensor, fd);
        unsigned j = i;
        for (; j > 0 && seconds[j - 1] > took; j--)
            seconds[j] = seconds[j - 1];
        seconds[j] = took;
    }
    printf("%s\t%llu\t%.4f\t%.4f\n", one->name, (unsigned long long)tensor.bytes, seconds[0], seconds[ROUNDS / 2]);
}

int main(void)
{
    const size_t size = (size_t)4 * 8192 * 8192;
    uint8_t *bytes = malloc(size);
    int fd = open("/dev/null", O_WRONLY);
    if (bytes == NULL || fd < 0)
        return 1;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    struct source source = source_of_memory(tv_span_of(bytes, size));
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        time_view(&views[i], &source, fd);
    free(bytes);
    return 0;
}
