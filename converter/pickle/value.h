/* What a pickle makes, as data: values by handle, inert records, names. Nothing here can run.
 *
 * A value is 16 bytes; text lies in one vector of bytes, bytes objects stay where they are in the source, containers
 * keep their items in chunks of cells. Records stand for whatever Python would have looked up or called. */
#ifndef CONVERTER_PICKLE_VALUE_H
#define CONVERTER_PICKLE_VALUE_H

#include <stdbool.h>

#include "globals.h"
#include "memory.h"
#include "source.h"

/* VALUE(NAME, "as messages call it") */
#define VALUE_TYPES(VALUE)                                                                                             \
    VALUE(NONE, "None")                                                                                                \
    VALUE(BOOL, "bool")                                                                                                \
    VALUE(INT, "int")                                                                                                  \
    VALUE(LONG, "int")                                                                                                 \
    VALUE(FLOAT, "float")                                                                                              \
    VALUE(STR, "str")                                                                                                  \
    VALUE(BYTES, "bytes")                                                                                              \
    VALUE(BYTEARRAY, "bytearray")                                                                                      \
    VALUE(TUPLE, "tuple")                                                                                              \
    VALUE(LIST, "list")                                                                                                \
    VALUE(DICT, "dict")                                                                                                \
    VALUE(SET, "set")                                                                                                  \
    VALUE(FROZENSET, "frozenset")                                                                                      \
    VALUE(RECORD, "object")

enum value_type {
#define VALUE(NAME, name) V_##NAME,
    VALUE_TYPES(VALUE)
#undef VALUE
        V_COUNT
};

enum {
    VALUE_HASHABLE = 1,   /* may be a dictionary key */
    VALUE_SURROGATES = 2, /* text with lone surrogates */
    VALUE_IN_TEXTS = 4,   /* bytes that lie in the texts, not in the source */
    VALUE_DECIMAL = 8,    /* a LONG given in decimal digits, not in little-endian bytes */
    VALUE_ON_PATH = 16,   /* a container that the walk to the tensors is inside of */
    VALUE_TAKEN = 32,     /* an object that the walk has been in */
    VALUE_COPIED = 64,    /* a call has read it: what comes into it later is not in what the call made (arguments.h) */
    VALUE_STORED = 128    /* bytes, or text that stands for them, that a storage was read from */
};

#define NO_VALUE UINT32_MAX

struct value {
    uint8_t type, flags;
    uint32_t size; /* bytes of a text, items of a container (a dict's keys and values both count) */
    union {
        int64_t integer; /* INT; BOOL as 0 or 1 */
        double real;
        uint64_t at; /* STR, LONG: in the texts; BYTES, BYTEARRAY: in the source, or in the texts */
        struct {
            uint32_t first, last; /* chunks, or NO_VALUE */
        } items;
        uint32_t record;
    } as;
};

enum record_how { HOW_GLOBAL, HOW_REDUCE, HOW_NEW, HOW_NEW_EX, HOW_INSTANCE, HOW_PERSISTENT };

/* Something that Python would have looked up or made by a call. Handles are NO_VALUE where there is nothing. */
struct record {
    uint8_t how;
    uint32_t mention;  /* GLOBAL: index of its mention */
    uint32_t callable; /* value that is called */
    uint32_t args;     /* a TUPLE; PERSISTENT: the id */
    uint32_t kwargs;   /* NEW_EX: a DICT */
    uint32_t items;    /* a LIST of what was appended to it or added */
    uint32_t pairs;    /* a DICT of what was set in it */
    uint32_t states;   /* a LIST of what it was built with */
    uint64_t offset;   /* in the source, of the operation that made it */
};

/* One naming of a global. Text is in the texts. */
struct mention {
    uint64_t module_at, name_at, offset;
    uint32_t module_size, name_size;
    uint32_t uses;                /* enum global_use, or'ed */
    uint32_t pushes;              /* how often it came onto the stack */
    uint32_t references;          /* how often it was called in its one harmless form (globals.c) */
    const struct global_row *row; /* of the table, or NULL */
};

struct pickle {
    struct budget *budget;
    struct vector values;   /* struct value */
    struct vector cells;    /* u32: chunks of {next chunk, capacity, count, items …} */
    struct vector records;  /* struct record */
    struct vector mentions; /* struct mention */
    struct vector texts;    /* bytes */
    uint32_t root;          /* what STOP left */
    uint64_t end;           /* offset in the source behind STOP */
};

void pickle_start(struct pickle *p, struct budget *budget);
void pickle_free(struct pickle *p);

/* Reading. A handle outside gives a NONE value, so that a wrong one is harmless. */
const struct value *pickle_value(const struct pickle *p, uint32_t handle);
bool pickle_is(const struct pickle *p, uint32_t handle, enum value_type type);
const char *value_type_name(uint32_t type);
/* The text of a STR (UTF-8), of a LONG, or of bytes in the texts; empty for anything else. */
tv_span pickle_text(const struct pickle *p, uint32_t handle);
/* A non-negative INT, but no BOOL. */
bool pickle_unsigned(const struct pickle *p, uint32_t handle, uint64_t *number);
/* The record of a RECORD value, or NULL. */
const struct record *pickle_record(const struct pickle *p, uint32_t handle);
/* The mention of a global, or NULL where the value is none. */
const struct mention *pickle_mention(const struct pickle *p, uint32_t handle);
tv_span mention_module(const struct pickle *p, const struct mention *mention);
tv_span mention_name(const struct pickle *p, const struct mention *mention);

/* Walks the items of a container, in order; those of a dict come as key, value, key, value. */
struct items {
    const struct pickle *pickle;
    uint32_t chunk, index;
};
struct items items_of(const struct pickle *p, uint32_t handle);
bool items_next(struct items *it, uint32_t *handle);
/* The item of a TUPLE, or NO_VALUE. */
uint32_t tuple_item(const struct pickle *p, uint32_t handle, uint32_t index);

/* Making. False where memory ends. */
bool pickle_add(struct pickle *p, struct value value, uint32_t *handle);
/* Appends to a container; handles need not be new. */
bool pickle_append(struct pickle *p, uint32_t container, const uint32_t *items, uint64_t count);

#endif
