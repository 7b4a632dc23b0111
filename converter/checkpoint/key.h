/* The path given with --key (DESIGN 5.3): names joined by dots, where the longest name that is there wins, or a JSON
 * array of exact names. Trusts: nothing. */
#ifndef CONVERTER_CHECKPOINT_KEY_H
#define CONVERTER_CHECKPOINT_KEY_H

#include "../memory.h"

struct key {
    tv_span text; /* as the user gave it */
    bool is_array;
    struct vector names; /* tv_span: of an array, unescaped, in the pool */
    uint64_t at;         /* how far it has been followed: bytes of the text, or names */
};

/* False where it begins like an array and is none of strings, and where memory ends. Free in any case. */
bool key_parse(struct key *key, tv_span text, struct pool *pool);
void key_free(struct key *key);
/* "." or []: all there is. */
bool key_is_all(const struct key *key);
bool key_is_done(const struct key *key);
/* How much of what is left the name stands for; 0: it is another's. Add the most to `at`. */
uint64_t key_match(const struct key *key, tv_span name);

/* The argument that leads to that child, as --key takes it: the name itself, or an array of it; in the pool. Empty
 * where memory ends. */
tv_span key_argument(struct pool *pool, tv_span name);

#endif
