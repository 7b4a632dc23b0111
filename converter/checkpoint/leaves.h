/* What a walk met that is no tensor: paths and types, taken back where a whole container turns out to hold none.
 * Memory stays that of what is listed in the end, however often the walk comes by. */
#ifndef CONVERTER_CHECKPOINT_LEAVES_H
#define CONVERTER_CHECKPOINT_LEAVES_H

#include "../checkpoint.h"
#include "../pickle/value.h"

struct leaves {
    struct vector rows; /* struct leaf */
    struct vector text; /* bytes: their paths */
};

void leaves_start(struct leaves *leaves, struct budget *budget);
void leaves_free(struct leaves *leaves);
uint64_t leaves_count(const struct leaves *leaves);
/* type: static, or NULL for what the value says of itself. False where memory ends. */
bool leaves_add(struct leaves *leaves, tv_span path, uint32_t handle, const char *type);
/* Forgets all but the first `count`. */
void leaves_cut(struct leaves *leaves, uint64_t count);
/* Moves them into the checkpoint's list. False where memory ends. */
bool leaves_finish(const struct leaves *leaves, const struct pickle *pickle, struct checkpoint *out);
/* "int", "object of module.Name" and the like, in the pool or static. */
const char *leaf_type(const struct pickle *p, uint32_t handle, struct pool *pool);

#endif
