/* The header's text made into records of tensors. Internal to core. */
#ifndef CORE_HEADER_H
#define CORE_HEADER_H

#include <tensorvet/index.h>

/* A rule that the header breaks. Offsets are in the header; subject and detail are raw JSON text. */
typedef struct problem {
    tv_finding_id id; /* TV_FIND_NONE: nothing */
    uint64_t at;
    uint64_t a, b;
    tv_span subject;
    tv_span detail;
} problem;

/* The fewest bytes that a tensor can have: "":{"dtype":"U8","shape":[],"data_offsets":[0,1]} and the brace or comma
 * before it. */
enum { TENSOR_FEWEST = 50 };

/* What reading the header found. */
typedef struct header_facts {
    tv_tensor *tensors;                   /* in the order of the header */
    uint64_t count;                       /* of tensors whose names were read; the last may be broken */
    uint64_t metadata_key_at;             /* the quote of the metadata's own key */
    uint64_t metadata_at, metadata_count; /* the opening brace (0: none); pairs whose keys were read */
    uint64_t bidi_count, bidi_at, bidi_size;
    uint64_t empty_count, empty_at;
    problem problem; /* the first one in the order of the header; with TV_FIND_NONE and complete false: not JSON */
    bool complete;
} header_facts;

/* Reads a header that begins with a brace and is UTF-8. TV_OK: complete, or a problem, or neither where the text is not
 * JSON (json_check says where). facts->tensors is the last block of the arena, as long as count. */
tv_status header_read(tv_span header, const tv_limits *limits, tv_arena *arena, header_facts *facts);

/* Is this raw text, decoded, exactly the plain word? */
bool raw_is(tv_span raw, const char *word);

#endif
