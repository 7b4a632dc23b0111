/* vet_file [--NAME=VALUE...] FILE: checks one safetensors file with core alone and prints one JSON object:
 *   {"verdict":"reject","findings":[{"id":"…","severity":"…","offset":12,"subject":"…"}],"tensors":[…]}
 * NAME is a limit of limits.def. Strings are given as hex of their bytes, so that any name survives. Exit: 0 accepted,
 * 1 rejected, 3 could not be read. It is the driver that the corpus is run with (corpus/README.md).
 * vet_file --batch: the same for each line of standard input, options and path separated by blanks; exit 0 at its end.
 */
#include <tensorvet/tensorvet.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_hex(tv_span bytes)
{
    putchar('"');
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", (unsigned)tv_span_byte(bytes, i));
    putchar('"');
}

static void print_findings(const tv_findings *findings)
{
    printf("\"findings\":[");
    for (uint32_t i = 0; i < findings->count; i++) {
        const tv_finding *f = &findings->items[i];
        const tv_finding_info *info = tv_finding_info_of(f->id);
        char message[1024];
        printf("%s{\"id\":\"%s\",\"severity\":\"%s\",\"offset\":%" PRIu64 ",\"subject_hex\":", i > 0 ? "," : "",
               info->id, tv_severity_name(info->severity), f->offset);
        print_hex(tv_finding_subject(f));
        printf(",\"message_hex\":");
        print_hex(tv_span_of(message, tv_finding_message(f, message, sizeof message)));
        printf("}");
    }
    printf("]");
}

static void print_tensor(const tv_index *index, const tv_tensor *t)
{
    size_t size = tv_tensor_name(index, t, NULL, 0);
    char *name = malloc(size + 1);
    uint64_t *shape = malloc(sizeof *shape * (t->rank + 1u));
    if (name == NULL || shape == NULL)
        exit(3);
    (void)tv_tensor_name(index, t, name, size);
    tv_tensor_shape(index, t, shape);
    printf("{\"name_hex\":");
    print_hex(tv_span_of(name, size));
    printf(",\"dtype\":\"%s\",\"shape\":[", tv_dtype_name((tv_dtype)t->dtype));
    for (unsigned i = 0; i < t->rank; i++)
        printf("%s%" PRIu64, i > 0 ? "," : "", shape[i]);
    printf("],\"begin\":%" PRIu64 ",\"end\":%" PRIu64 "}", index->data_start + t->begin, index->data_start + t->end);
    free(name);
    free(shape);
}

static void print_index(const tv_index *index)
{
    printf(",\"tensors\":[");
    for (uint64_t i = 0; i < index->count; i++) {
        if (i > 0)
            putchar(',');
        print_tensor(index, &index->tensors[i]);
    }
    printf("]");
}

/* Sets the limit that "--NAME=VALUE" names. */
static bool set_limit(tv_limits *limits, const char *option)
{
    char name[64];
    const char *equals = strchr(option, '=');
    if (equals == NULL || (size_t)(equals - option - 2) >= sizeof name)
        return false;
    memcpy(name, option + 2, (size_t)(equals - option - 2));
    name[equals - option - 2] = '\0';
    return tv_limit_set(limits, name, strtoull(equals + 1, NULL, 10));
}

/* The first 8 bytes, then as many of the header as they say and there are. */
static bool read_head(FILE *file, const tv_limits *limits, tv_span *head, uint64_t *file_size)
{
    tv_findings scratch = {0};
    uint8_t prefix[8];
    uint64_t length = 0;
    if (fseek(file, 0, SEEK_END) != 0)
        return false;
    *file_size = (uint64_t)ftell(file);
    rewind(file);
    *head = tv_span_of(prefix, fread(prefix, 1, sizeof prefix, file));
    if (tv_header_length(*head, *file_size, limits, &length, &scratch) != TV_OK)
        length = 0;
    uint8_t *bytes = malloc(sizeof prefix + (size_t)length);
    if (bytes == NULL)
        return false;
    memcpy(bytes, prefix, sizeof prefix);
    *head = tv_span_of(bytes, head->size + fread(bytes + sizeof prefix, 1, (size_t)length, file));
    return true;
}

static int vet(const char *path, const tv_limits *limits)
{
    static tv_findings findings;
    memset(&findings, 0, sizeof findings);
    tv_index index;
    tv_span head;
    uint64_t file_size = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL || !read_head(file, limits, &head, &file_size))
        return 3;
    (void)fclose(file);
    uint64_t size = tv_index_memory(head.size);
    tv_arena arena = {malloc((size_t)size), (size_t)size, 0};
    tv_status status = tv_index_parse(head, file_size, limits, 0, &arena, &index, &findings);
    if (status != TV_OK && status != TV_REJECTED)
        return 3;
    printf("{\"verdict\":\"%s\",", status == TV_OK ? "accept" : "reject");
    print_findings(&findings);
    if (status == TV_OK)
        print_index(&index);
    printf("}\n");
    free(arena.base);
    free((void *)(uintptr_t)head.data);
    return status == TV_OK ? 0 : 1;
}

/* What a list of options and a path says. */
static int vet_words(int count, char **words)
{
    tv_limits limits = tv_limits_default();
    int next = 0;
    for (; next < count && strncmp(words[next], "--", 2) == 0; next++) {
        if (!set_limit(&limits, words[next])) {
            fprintf(stderr, "vet_file: no such limit: %s\n", words[next]);
            return 2;
        }
    }
    if (next + 1 != count) {
        fprintf(stderr, "usage: vet_file [--LIMIT=VALUE]... FILE | --batch\n");
        return 2;
    }
    return vet(words[next], &limits);
}

static int vet_batch(void)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[16];
        int count = 0;
        for (char *word = strtok(line, " \n"); word != NULL && count < 16; word = strtok(NULL, " \n"))
            words[count++] = word;
        if (vet_words(count, words) > 1)
            printf("{\"verdict\":\"unreadable\"}\n");
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--batch") == 0)
        return vet_batch();
    return vet_words(argc - 1, argv + 1);
}
