/* Runs one fuzz target over files and folders: the regression runner of CTest.
 * Each input is copied to a block of exactly its size, so that sanitizers see every byte read beyond it.
 * A path that does not exist or holds no input is a failure: a test must not pass without its subject. */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#endif
#endif

#include "oracle.h"

/* What libc's own code filled in, the memory sanitizer did not see. */
static void made_by_libc(const char *path, const struct stat *info)
{
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
    __msan_unpoison_string(path);
    __msan_unpoison(info, sizeof *info);
#endif
#endif
    (void)path;
    (void)info;
}

enum { LARGEST = 64 << 20 };
static unsigned long runs;

static int run_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)where;
    made_by_libc(path, info);
    if (type != FTW_F || info->st_size > LARGEST)
        return 0;
    size_t size = (size_t)info->st_size;
    uint8_t *data = malloc(size + (size == 0));
    FILE *file = fopen(path, "rb");
    if (data == NULL || file == NULL || fread(data, 1, size, file) != size) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    fclose(file);
    puts(path); /* whoever crashes next was this one */
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    runs++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        unsigned long before = runs;
        if (nftw(argv[i], run_file, 16, FTW_PHYS) != 0 || runs == before) {
            fprintf(stderr, "no input in %s\n", argv[i]);
            return 2;
        }
    }
    printf("%lu inputs\n", runs);
    return runs == 0 ? 2 : 0;
}
