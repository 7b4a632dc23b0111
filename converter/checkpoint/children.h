/* What lies in a value, child by child, under the names that users know: the one rule by which both the walk to the
 * tensors and --key step down (DESIGN 5.3).
 *
 * Mappings give their keys, sequences numbers. An object that looks like a torch.nn.Module gives what its state_dict()
 * would. Any other object, where asked for, gives what it was built with: its attributes by name, what was set in it by
 * key, what was appended to it, handed to its constructor or is a nameless part of its state by number. */
#ifndef CONVERTER_CHECKPOINT_CHILDREN_H
#define CONVERTER_CHECKPOINT_CHILDREN_H

#include "graph.h"

/* Where the iteration is; the parts of an object and those of a module follow each other. */
enum children_form {
    IN_MAPPING,
    IN_SEQUENCE,
    IN_STATE,
    IN_SLOTS,
    IN_STATE_ITEMS,
    IN_PAIRS,
    IN_KEYWORDS,
    IN_ITEMS,
    IN_ARGUMENTS,
    IN_PARAMETERS,
    IN_BUFFERS,
    IN_MODULES
};

/* Which objects count as containers. */
struct children_rule {
    bool script;  /* those of a TorchScript archive, whose attributes are their children */
    bool objects; /* all others too; and keys that are objects (an optimizer's parameters) go by their number */
    bool bare;    /* modules are no more than other objects: what their state_dict() leaves out counts too */
};

struct children {
    const struct pickle *pickle;
    uint32_t handle;
    uint32_t state; /* of a module or an object */
    uint8_t form;   /* enum children_form */
    struct children_rule rule;
    uint32_t index; /* of the next child of this part */
    struct mapping mapping;
    struct items items;
};

struct child {
    bool is_numbered;
    uint32_t index; /* its number, or */
    uint32_t key;   /* its key; it and the value are NO_VALUE where a constructor's pair is none */
    uint32_t value;
};

/* Is the value a container? Its cost (module_cost) is to be charged before. */
bool children_of(const struct pickle *p, uint32_t handle, struct children_rule rule, struct children *out);
/* Is it an object that is neither a mapping nor a module? */
bool children_of_object(const struct children *c);
bool children_of_module(const struct children *c);
/* The next child; false at the end. */
bool children_next(struct children *c, struct child *child);
/* Steps that looking at the next child takes, apart from visiting it. */
uint64_t children_cost(const struct children *c);
/* Does state_dict() leave that child out: an empty place, a buffer that is not persistent? */
bool children_left_out(const struct children *c, const struct child *child);
/* The text of a child's name; *is_odd is set where it is neither text nor a whole number, then it has a stand-in. */
tv_span child_name(const struct pickle *p, const struct child *child, char room[32], bool *is_odd);

#endif
