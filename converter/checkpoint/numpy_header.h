/* The header text of a NumPy array, as NumPy writes it and nothing else. */
#ifndef CONVERTER_CHECKPOINT_NUMPY_HEADER_H
#define CONVERTER_CHECKPOINT_NUMPY_HEADER_H

#include <stdbool.h>

#include <tensorvet/dtype.h>
#include <tensorvet/span.h>

enum { NUMPY_HEADER_MAX = 65536, NUMPY_RANK_MAX = 64 };

struct numpy_header {
    tv_dtype dtype;                                           /* TV_DTYPE_COUNT where safetensors has none */
    const char *type;                                         /* NumPy's name for it, static */
    uint32_t item_size;                                       /* bytes */
    bool is_big_endian, is_object, is_structured, is_fortran; /* of structures, nothing below is read */
    uint16_t rank;
    uint64_t shape[NUMPY_RANK_MAX];
};

/* An element type as NumPy pickles it: "f4" and its order apart, '<', '>', '|' or '='. Sets the header's type. NULL, or
 * what is wrong with it. */
const char *numpy_type_parse(tv_span text, int order, struct numpy_header *header);
/* Bytes of the numbers that are swapped in each element (complex ones are pairs); 0 where none are. */
uint8_t numpy_swapped_size(const struct numpy_header *header);

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } and padding. NULL, or what is wrong with it. */
const char *numpy_header_parse(tv_span text, uint64_t rank_limit, struct numpy_header *header);

#endif
