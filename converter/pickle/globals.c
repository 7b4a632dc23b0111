/* Names of globals to rows of the table, and mentions to classes (globals.h).
 *
 * Rules for names with dots (STACK_GLOBAL) and getattr: one plain attribute of a global (for getattr, also of an object
 * that a global makes: how bound methods are pickled), never called, built or handed to a call, is judged as that
 * global is, if that is unknown or a row says that its members are harmless (USE_MEMBER: Enums); any other use resolves
 * names, which is dangerous. */
#include "globals.h"

#include "../checkpoint/dtypes.h"
#include "value.h"

#define ROW(module, name, class_, role, uses, dtype, reason)                                                           \
    {module, name, sizeof(module) - 1, sizeof(name) - 1, class_, role, uses, dtype, reason},
#define KNOWN(module, name, role, uses, reason)                                                                        \
    ROW(module, name, TV_CLASS_DATA_ONLY, ROLE_##role, uses, TORCH_NONE, reason)
#define REVIEWED(module, name, uses, reason) ROW(module, name, TV_CLASS_REVIEWED, ROLE_NONE, uses, TORCH_NONE, reason)
#define RECORDED(module, name, role, uses, reason)                                                                     \
    ROW(module, name, TV_CLASS_REVIEWED, ROLE_##role, uses, TORCH_NONE, reason)
#define TENSOR_CLASS(name, dtype)                                                                                      \
    ROW("torch", name, TV_CLASS_DATA_ONLY, ROLE_TENSOR_CLASS, TENSOR_CLASS_USES, TORCH_##dtype, "a class of tensors")  \
    ROW("torch.cuda", name, TV_CLASS_DATA_ONLY, ROLE_TENSOR_CLASS, TENSOR_CLASS_USES, TORCH_##dtype,                   \
        "a class of tensors")                                                                                          \
    ROW("torch.sparse", name, TV_CLASS_DATA_ONLY, ROLE_REBUILD_UNSUPPORTED, TENSOR_CLASS_USES, TORCH_##dtype,          \
        "a sparse tensor")                                                                                             \
    ROW("torch.cuda.sparse", name, TV_CLASS_DATA_ONLY, ROLE_REBUILD_UNSUPPORTED, TENSOR_CLASS_USES, TORCH_##dtype,     \
        "a sparse tensor")
#define MODULE(module, name)              REVIEWED(module, name, USE_NEW | USE_BUILD | USE_PASSED, "keeps what it is given")
#define DANGEROUS(module, name, reason)   ROW(module, name, TV_CLASS_DANGEROUS, ROLE_NONE, 0, TORCH_NONE, reason)
#define LOADS(module, name, role, reason) ROW(module, name, TV_CLASS_DANGEROUS, ROLE_##role, 0, TORCH_NONE, reason)
#define GETATTR(module, name, reason)     ROW(module, name, TV_CLASS_DANGEROUS, ROLE_GETATTR, 0, TORCH_NONE, reason)

/* torch.float32, torch.FloatStorage, and torch.cuda.FloatStorage of old files; "" matches no name. */
#define TORCH_DTYPE(NAME, name, storage, size, dtype)                                                                  \
    ROW("torch", name, TV_CLASS_DATA_ONLY, ROLE_DTYPE, USE_PASSED, TORCH_##NAME, "an element type")                    \
    ROW("torch", storage, TV_CLASS_DATA_ONLY, ROLE_STORAGE, 0, TORCH_##NAME, "a class of storages")                    \
    ROW("torch.cuda", storage, TV_CLASS_DATA_ONLY, ROLE_STORAGE, 0, TORCH_##NAME, "a class of storages")

enum { TENSOR_CLASS_USES = USE_REDUCE | USE_NEW | USE_BUILD | USE_PASSED };

static const struct global_row table[] = {
#include "../checkpoint/dtypes.def"
#include "globals.def"
#include "globals_torch.def"
};

/* Is `module` the row's module, or below it? */
static bool is_within(const struct global_row *row, tv_span module)
{
    return tv_span_starts(module, tv_span_of(row->module, row->module_size)) &&
           (module.size == row->module_size || tv_span_byte(module, row->module_size) == '.');
}

static bool row_matches(const struct global_row *row, tv_span module, tv_span name)
{
    if (row->name_size == 1 && row->name[0] == '*')
        return is_within(row, module);
    return row->name_size == name.size && row->module_size == module.size &&
           tv_span_equal(tv_span_of(row->name, row->name_size), name) &&
           tv_span_equal(tv_span_of(row->module, row->module_size), module);
}

/* The part of a name before its first dot. */
static tv_span first_part(tv_span name)
{
    tv_span part = name;
    for (part.size = 0; part.size < name.size && name.data[part.size] != '.'; part.size++)
        continue;
    return part;
}

const struct global_row *global_lookup(tv_span module, tv_span name)
{
    tv_span first = first_part(name);
    if (first.size == 0)
        return NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (row_matches(&table[i], module, first))
            return &table[i];
    return NULL;
}

bool is_plain_attribute(tv_span name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_';
        if (!letter && !(i > 0 && byte >= '0' && byte <= '9'))
            return false;
    }
    return name.size > 0 && !tv_span_starts(name, tv_span_str("__"));
}

/* The class of "Global.attribute" or deeper. */
static tv_class dotted_class(tv_span name, const struct mention *mention)
{
    tv_span first = first_part(name), rest;
    (void)tv_span_sub(name, first.size + 1, name.size - first.size - 1, &rest);
    if (mention->uses != 0 || !is_plain_attribute(rest))
        return TV_CLASS_DANGEROUS;
    if (mention->row == NULL)
        return TV_CLASS_INERT_UNKNOWN;
    if (mention->row->class_ != TV_CLASS_DANGEROUS && (mention->row->uses & USE_MEMBER) == 0)
        return TV_CLASS_INERT_UNKNOWN;
    return (tv_class)mention->row->class_;
}

static bool is_dotted(tv_span name)
{
    return first_part(name).size != name.size;
}

tv_class mention_class(const struct pickle *p, const struct mention *mention)
{
    tv_span name = mention_name(p, mention);
    const struct global_row *row = mention->row;
    if (is_dotted(name))
        return dotted_class(name, mention);
    if (row == NULL)
        return TV_CLASS_INERT_UNKNOWN;
    if (row->role == ROLE_GETATTR && mention->pushes == mention->references && (mention->uses & USE_MISTAKEN) == 0)
        return TV_CLASS_REVIEWED;
    if (row->role == ROLE_LOAD_BYTES && mention->pushes == mention->references && mention->uses == 0)
        return TV_CLASS_DATA_ONLY;
    if (row->class_ != TV_CLASS_DANGEROUS && (mention->uses & ~(uint32_t)row->uses) != 0)
        return TV_CLASS_INERT_UNKNOWN;
    return (tv_class)row->class_;
}

bool mention_called(const struct mention *mention)
{
    bool function = mention->row == NULL || mention->row->class_ == TV_CLASS_DANGEROUS;
    uint32_t calls = USE_REDUCE | USE_NEW | (function ? USE_PASSED : 0u);
    return (mention->uses & calls) != 0 || mention->references != 0;
}

const char *mention_reason(const struct pickle *p, const struct mention *mention)
{
    tv_span name = mention_name(p, mention);
    const struct global_row *row = mention->row;
    switch (mention_class(p, mention)) {
    case TV_CLASS_DANGEROUS:
        return row == NULL || row->class_ != TV_CLASS_DANGEROUS ? "resolves names by attribute" : row->reason;
    case TV_CLASS_INERT_UNKNOWN:
        if (row != NULL && !is_dotted(name))
            return "known, but used in another way than it is known for";
        return mention_called(mention) ? "it is called" : "it is named only";
    case TV_CLASS_DATA_ONLY:
    case TV_CLASS_REVIEWED:
    case TV_CLASS_UNSUPPORTED:
    case TV_CLASS_MALFORMED:
    case TV_CLASS_MACHINE: break;
    }
    if (row == NULL)
        return "";
    return row->role == ROLE_GETATTR ? "one attribute of a global" : row->reason;
}
