/* What the machine and its operations share; for machine.c and ops_*.c alone. */
#ifndef CONVERTER_PICKLE_MACHINE_INSIDE_H
#define CONVERTER_PICKLE_MACHINE_INSIDE_H

#include "../refuse.h"
#include "machine.h"

/* How an operation's argument is written. SIZE*: a count of bytes that follow. */
enum argument_form {
    NOTHING,
    UINT1,
    UINT2,
    UINT4,
    UINT8,
    INT4,
    FLOAT8, /* big-endian */
    LINE,
    LINE_PAIR,
    SIZE1,
    SIZE4,
    SIZE8,
    SIZE_SIGNED4
};

struct machine;
typedef tv_status (*operation)(struct machine *m);

struct opcode {
    const char *name; /* NULL where no protocol has this byte */
    uint8_t argument, protocol, mark, takes;
    operation run;
};

struct machine {
    struct pickle *pickle;
    const struct pickle_options *options;
    tv_findings *findings;
    struct stream stream;
    struct vector stack; /* u32: handles */
    struct vector marks; /* u64: stack heights */
    struct vector memo;  /* u32: handle + 1, or 0 where never filled */
    uint64_t memo_filled;
    uint64_t start, frame_end; /* offsets in the source; frame_end 0: not in a frame */
    uint64_t longest;          /* bytes that the pickle may have */
    bool stopped;
    uint32_t none, true_, false_, empty_tuple; /* values made once */
    uint32_t small[256];                       /* handles of BININT1 + 1 */
    /* the current operation */
    const struct opcode *op;
    uint64_t op_at;
    uint64_t number; /* its argument, sign-extended where signed */
    tv_span line;    /* LINE: in the window, until the next take */
};

const struct opcode *opcode_of(uint8_t byte);

/* Refusals of the current operation. */
tv_status op_refuse(struct machine *m, tv_finding_id id, uint64_t a, uint64_t b);
tv_status op_type_mismatch(struct machine *m, uint32_t handle);
tv_status op_bad_argument(struct machine *m, const char *what);
tv_status op_truncated(struct machine *m, uint64_t needed);
/* TV_REJECTED of the stream becomes pickle-truncated, TV_NO_MEMORY limit-memory. */
tv_status op_stream_trouble(struct machine *m, tv_status status, uint64_t needed);

/* Charges the steps that an operation takes beyond itself. */
tv_status op_charge(struct machine *m, uint64_t steps);
/* The next line, into m->line. */
tv_status fetch_line(struct machine *m);

/* The stack. Handlers run only when the table's `takes` are there. */
uint32_t stack_pop(struct machine *m);
uint32_t stack_top(const struct machine *m);
uint64_t stack_floor(const struct machine *m); /* the height at the last MARK */
tv_status stack_push(struct machine *m, uint32_t handle);
/* Counts and adds a new value, and pushes it; handle may be NULL. */
tv_status push_new(struct machine *m, struct value value, uint32_t *handle);
/* The same without pushing. */
tv_status make_new(struct machine *m, struct value value, uint32_t *handle);
/* A new empty container. */
struct value empty_container(enum value_type type);
/* The items since the last MARK, which is taken off; they stay valid until the next push. */
const uint32_t *take_marked(struct machine *m, uint64_t *count);
tv_status append_items(struct machine *m, uint32_t container, const uint32_t *items, uint64_t count);
bool all_hashable(const struct machine *m, const uint32_t *items, uint64_t count, uint64_t step);

/* Marks the global behind a called, built or filled value as used so. */
void mark_use(struct machine *m, uint32_t handle, uint32_t uses);

/* The handlers that opcodes.def names. */
tv_status do_mark(struct machine *m);
tv_status do_empty_tuple(struct machine *m);
tv_status do_stop(struct machine *m);
tv_status do_pop(struct machine *m);
tv_status do_pop_mark(struct machine *m);
tv_status do_dup(struct machine *m);
tv_status do_bytes(struct machine *m);
tv_status do_float_text(struct machine *m);
tv_status do_float_binary(struct machine *m);
tv_status do_int_text(struct machine *m);
tv_status do_int_binary(struct machine *m);
tv_status do_long_text(struct machine *m);
tv_status do_none(struct machine *m);
tv_status do_persistent_text(struct machine *m);
tv_status do_persistent(struct machine *m);
tv_status do_reduce(struct machine *m);
tv_status do_string_quoted(struct machine *m);
tv_status do_string(struct machine *m);
tv_status do_unicode_escaped(struct machine *m);
tv_status do_unicode(struct machine *m);
tv_status do_empty_list(struct machine *m);
tv_status do_append(struct machine *m);
tv_status do_build(struct machine *m);
tv_status do_global(struct machine *m);
tv_status do_dict(struct machine *m);
tv_status do_appends(struct machine *m);
tv_status do_get_text(struct machine *m);
tv_status do_get(struct machine *m);
tv_status do_inst(struct machine *m);
tv_status do_list(struct machine *m);
tv_status do_obj(struct machine *m);
tv_status do_put_text(struct machine *m);
tv_status do_put(struct machine *m);
tv_status do_setitem(struct machine *m);
tv_status do_tuple(struct machine *m);
tv_status do_setitems(struct machine *m);
tv_status do_empty_dict(struct machine *m);
tv_status do_proto(struct machine *m);
tv_status do_newobj(struct machine *m);
tv_status do_refused(struct machine *m);
tv_status do_tuple_fixed(struct machine *m);
tv_status do_true(struct machine *m);
tv_status do_false(struct machine *m);
tv_status do_long_binary(struct machine *m);
tv_status do_empty_set(struct machine *m);
tv_status do_additems(struct machine *m);
tv_status do_frozenset(struct machine *m);
tv_status do_newobj_ex(struct machine *m);
tv_status do_stack_global(struct machine *m);
tv_status do_memoize(struct machine *m);
tv_status do_frame(struct machine *m);
tv_status do_bytearray(struct machine *m);

#endif
