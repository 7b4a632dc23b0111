/* Runs one fuzz target over files and folders: the regression runner of CTest.
 * Each input is copied to a block of exactly its size, so that sanitizers see every byte read beyond it.
 * A path that does not exist or holds no input is a failure: a test must not pass without its subject. */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "oracle.h"

enum { LARGEST = 64 << 20 };
static unsigned long runs;

static int run_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)where;
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
