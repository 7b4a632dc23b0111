/* check_header FILE: says what is wrong with a safetensors file, or lists its tensors. The whole use of the library in
 * one page: read the header, give an arena, ask, print. Exit: 0 accepted, 1 rejected, 3 could not be read. */
#include <tensorvet/tensorvet.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Reads 8 bytes, learns the header's length, reads the header. NULL where the system fails. */
static uint8_t *read_header(FILE *file, uint64_t file_size, const tv_limits *limits, size_t *size)
{
    uint8_t *bytes = malloc(8);
    tv_findings ignored = {0}; /* tv_index_parse will find it again */
    uint64_t length = 0;
    if (bytes == NULL)
        return NULL;
    *size = fread(bytes, 1, 8, file);
    if (tv_header_length(tv_span_of(bytes, *size), file_size, limits, &length, &ignored) != TV_OK)
        return bytes;
    uint8_t *whole = realloc(bytes, 8 + (size_t)length);
    if (whole == NULL) {
        free(bytes);
        return NULL;
    }
    *size += fread(whole + 8, 1, (size_t)length, file);
    return whole;
}

static void print_findings(const tv_findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        char message[1024]; /* holds untrusted bytes: escape it before it reaches a terminal */
        (void)tv_finding_message(&findings->items[i], message, sizeof message);
        printf("%s at %" PRIu64 ": %s\n", tv_finding_info_of(findings->items[i].id)->id, findings->items[i].offset,
               message);
    }
}

int main(int argc, char **argv)
{
    tv_limits limits = tv_limits_default();
    static tv_findings findings; /* large for a stack */
    tv_index index;
    size_t size = 0;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return 3;
    uint64_t file_size = (uint64_t)ftell(file);
    rewind(file);
    uint8_t *bytes = read_header(file, file_size, &limits, &size);
    (void)fclose(file);
    size_t room = (size_t)tv_index_memory(size);
    tv_arena arena = {malloc(room), room, 0};
    tv_status status = TV_NO_MEMORY;
    if (bytes != NULL && arena.base != NULL)
        status = tv_index_parse(tv_span_of(bytes, size), file_size, &limits, 0, &arena, &index, &findings);
    print_findings(&findings);
    for (uint64_t i = 0; status == TV_OK && i < index.count; i++) {
        char name[256];
        size_t length = tv_tensor_name(&index, &index.tensors[i], name, sizeof name);
        printf("%.*s %s\n", (int)(length < sizeof name ? length : sizeof name), name,
               tv_dtype_name((tv_dtype)index.tensors[i].dtype));
    }
    free(arena.base);
    free(bytes);
    return status == TV_OK ? 0 : status == TV_REJECTED ? 1 : 3;
}
