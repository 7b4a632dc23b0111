/* The values of a pickle seen as Python's mappings and sequences, whoever made them: dict, OrderedDict with its pairs
 * in the constructor (Python 2) or set later, defaultdict, Counter, list, tuple. */
#ifndef CONVERTER_CHECKPOINT_GRAPH_H
#define CONVERTER_CHECKPOINT_GRAPH_H

#include "../pickle/value.h"

/* Walks key and value of a mapping in order. */
struct mapping {
    const struct pickle *pickle;
    struct items pairs; /* a list of pairs, from a constructor */
    struct items flat;  /* key, value, key, value: a dict's own, or of the dict that a constructor was given */
    struct items more;  /* the same, set in what a constructor made */
};

/* Is it a mapping? */
bool is_mapping(const struct pickle *p, uint32_t handle);
struct mapping mapping_of(const struct pickle *p, uint32_t handle);
/* A constructor's item that is no pair comes as NO_VALUE twice. */
bool mapping_next(struct mapping *it, uint32_t *key, uint32_t *value);
/* How many steps a walk over it takes at most: to be charged before it is looked into. */
uint64_t mapping_cost(const struct pickle *p, uint32_t handle);
/* The value of that text key, the last one given; NO_VALUE where there is none. */
uint32_t mapping_get(const struct pickle *p, uint32_t handle, const char *key);
bool is_sequence(const struct pickle *p, uint32_t handle);

/* The role of the global that a record calls, ROLE_NONE where it is none or is not called as that global may be. */
enum global_role called_role(const struct pickle *p, const struct record *record);
/* The same, where making an object of a class counts as calling it. */
enum global_role made_role(const struct pickle *p, const struct record *record);
/* The one state that an object was built with, a tuple; NO_VALUE where that is not so. */
uint32_t only_state(const struct pickle *p, const struct record *record);
/* The state of an object that is a mapping of its attributes: how TorchScript writes modules. */
bool object_state(const struct pickle *p, uint32_t handle, uint32_t *state);
/* The state of an object that looks like a torch.nn.Module: a mapping with _parameters, _buffers and _modules. */
uint64_t module_cost(const struct pickle *p, uint32_t handle);
bool module_state(const struct pickle *p, uint32_t handle, uint32_t *state);
/* Anything that a call would have made; its last state, or NO_VALUE. */
bool is_object(const struct pickle *p, uint32_t handle, uint32_t *state);

#endif
