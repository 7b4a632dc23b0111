/* What known callables are called with: the forms in which they are known, and what of it their call copies.
 *
 * A dictionary that OrderedDict() was given, or a state that was set, is read once, at the call. A pickle can go on and
 * fill it further; Python's copy then lacks what the inert values, which are read at the end, would show. */
#ifndef CONVERTER_PICKLE_ARGUMENTS_H
#define CONVERTER_PICKLE_ARGUMENTS_H

#include "value.h"

/* Steps that the functions here take for those arguments: to be charged before. */
uint64_t arguments_cost(const struct pickle *p, uint32_t args);
/* Is a callable that is known for certain arguments alone called with others? */
bool arguments_mistaken(const struct pickle *p, const struct mention *callable, uint32_t args);
/* Bytes, or text that stands for bytes (_codecs.encode). */
bool argument_is_bytes(const struct pickle *p, uint32_t handle);
/* Marks what the call of a known callable reads once: VALUE_COPIED. */
void arguments_copied(struct pickle *p, const struct mention *callable, uint32_t args);
/* The same for a state that an object is built with. */
void state_copied(struct pickle *p, uint32_t state);

#endif
