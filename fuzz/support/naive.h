/* The second reader of headers: written straight from the rules of DESIGN 5.2, with no thought of speed or memory.
 * It shares nothing with core but the names of the dtypes. It says yes or no, and for yes what is in the header. */
#ifndef FUZZ_NAIVE_H
#define FUZZ_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAIVE_RANK = 64 };

struct naive_text {
    char *bytes; /* UTF-8, unescaped, malloc'd */
    size_t size;
};

struct naive_tensor {
    struct naive_text name;
    unsigned dtype, rank;
    uint64_t shape[NAIVE_RANK], begin, end;
};

struct naive_pair {
    struct naive_text key, value;
};

struct naive {
    struct naive_tensor *tensors; /* in offset order */
    struct naive_pair *pairs;     /* in the order of the header */
    size_t count, pair_count;
    bool has_metadata;
};

/* May a file have this header before that many bytes of data? Free with naive_free in any case. */
bool naive_read(const uint8_t *header, size_t size, uint64_t data_size, struct naive *out);
void naive_free(struct naive *naive);

#endif
