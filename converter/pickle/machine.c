/* The loop of the inert machine: fetch, check, run (machine.h). The operations themselves are in ops_*.c. */
#include "machine.h"

#include "../bytes.h"
#include "machine_inside.h"

enum { NEWEST_PROTOCOL = 5 };

static const struct opcode opcodes[256] = {
#define OPCODE(NAME, byte, argument, protocol, mark, takes, handler)                                                   \
    [byte] = {#NAME, argument, protocol, mark, takes, do_##handler},
#include "opcodes.def"
#undef OPCODE
};

const struct opcode *opcode_of(uint8_t byte)
{
    return &opcodes[byte];
}

tv_status op_refuse(struct machine *m, tv_finding_id id, uint64_t a, uint64_t b)
{
    const char *name = m->op == NULL ? "the next operation" : m->op->name;
    return refuse(m->findings, (struct refusal){id, m->op_at, {0}, name, a, b});
}

tv_status op_type_mismatch(struct machine *m, uint32_t handle)
{
    const char *type = value_type_name(pickle_value(m->pickle, handle)->type);
    return refuse(m->findings,
                  (struct refusal){TV_FIND_PICKLE_TYPE_MISMATCH, m->op_at, tv_span_str(type), m->op->name, 0, 0});
}

tv_status op_bad_argument(struct machine *m, const char *what)
{
    return refuse(m->findings,
                  (struct refusal){TV_FIND_PICKLE_ARGUMENT_INVALID, m->op_at, tv_span_str(what), m->op->name, 0, 0});
}

tv_status op_truncated(struct machine *m, uint64_t needed)
{
    return op_refuse(m, TV_FIND_PICKLE_TRUNCATED, needed, stream_left(&m->stream));
}

tv_status op_stream_trouble(struct machine *m, tv_status status, uint64_t needed)
{
    if (status == TV_REJECTED)
        return op_truncated(m, needed);
    return status == TV_NO_MEMORY ? refuse_memory(m->findings) : status;
}

static tv_status over_limit(struct machine *m, uint64_t limit, const char *what)
{
    return refuse(m->findings, (struct refusal){TV_FIND_LIMIT_PICKLE, m->op_at, {0}, what, limit, 0});
}

tv_status op_charge(struct machine *m, uint64_t steps)
{
    uint64_t limit = m->options->limits->pickle_ops, *done = &m->options->use->steps;
    if (*done > limit || steps > limit - *done)
        return over_limit(m, limit, "operations");
    *done += steps;
    return TV_OK;
}

uint64_t stack_floor(const struct machine *m)
{
    const uint64_t *mark = m->marks.count == 0 ? NULL : vector_at(&m->marks, m->marks.count - 1);
    return mark == NULL ? 0 : *mark;
}

uint32_t stack_top(const struct machine *m)
{
    const uint32_t *top = m->stack.count == 0 ? NULL : vector_at(&m->stack, m->stack.count - 1);
    return top == NULL ? NO_VALUE : *top;
}

uint32_t stack_pop(struct machine *m)
{
    uint32_t top = stack_top(m);
    if (m->stack.count > 0)
        m->stack.count--;
    return top;
}

tv_status stack_push(struct machine *m, uint32_t handle)
{
    uint32_t *place = vector_push(&m->stack);
    if (place == NULL)
        return refuse_memory(m->findings);
    *place = handle;
    return TV_OK;
}

tv_status make_new(struct machine *m, struct value value, uint32_t *handle)
{
    if (m->options->use->objects >= m->options->limits->pickle_objects)
        return over_limit(m, m->options->limits->pickle_objects, "objects");
    m->options->use->objects++;
    return pickle_add(m->pickle, value, handle) ? TV_OK : refuse_memory(m->findings);
}

tv_status push_new(struct machine *m, struct value value, uint32_t *handle)
{
    uint32_t made = NO_VALUE;
    tv_status status = make_new(m, value, &made);
    if (handle != NULL)
        *handle = made;
    return status != TV_OK ? status : stack_push(m, made);
}

const uint32_t *take_marked(struct machine *m, uint64_t *count)
{
    uint64_t floor = stack_floor(m);
    *count = m->stack.count - floor;
    m->stack.count = floor;
    m->marks.count--;
    return m->stack.data == NULL ? NULL : (const uint32_t *)m->stack.data + floor;
}

tv_status append_items(struct machine *m, uint32_t container, const uint32_t *items, uint64_t count)
{
    return pickle_append(m->pickle, container, items, count) ? TV_OK : refuse_memory(m->findings);
}

/* The fixed part of the argument, as a number. */
static tv_status fetch_number(struct machine *m, uint32_t size, bool is_signed)
{
    tv_span bytes;
    tv_status status = stream_take(&m->stream, size, &bytes);
    if (status != TV_OK)
        return op_stream_trouble(m, status, size);
    if (size == 1)
        m->number = bytes.data[0];
    else
        m->number = size == 2 ? u16_at(bytes, 0) : size == 4 ? u32_at(bytes, 0) : u64_at(bytes, 0);
    if (is_signed && size == 4)
        m->number = (uint64_t)(int64_t)(int32_t)(uint32_t)m->number;
    return TV_OK;
}

/* A count of bytes must be there in full before anything is done with it. */
static tv_status fetch_size(struct machine *m, uint32_t size, bool is_signed)
{
    tv_status status = fetch_number(m, size, is_signed);
    if (status != TV_OK)
        return status;
    if (is_signed && (int64_t)m->number < 0)
        return op_bad_argument(m, "a negative length");
    return m->number > stream_left(&m->stream) ? op_truncated(m, m->number) : TV_OK;
}

tv_status fetch_line(struct machine *m)
{
    tv_status status = stream_line(&m->stream, &m->line);
    uint64_t left = stream_left(&m->stream);
    if (status != TV_REJECTED)
        return status;
    return left < STREAM_WINDOW ? op_truncated(m, left + 1) : op_bad_argument(m, "a line of over 64 KiB");
}

static tv_status fetch_argument(struct machine *m)
{
    switch (m->op->argument) {
    case UINT1: return fetch_number(m, 1, false);
    case UINT2: return fetch_number(m, 2, false);
    case UINT4: return fetch_number(m, 4, false);
    case FLOAT8:
    case UINT8: return fetch_number(m, 8, false);
    case INT4: return fetch_number(m, 4, true);
    case SIZE1: return fetch_size(m, 1, false);
    case SIZE4: return fetch_size(m, 4, false);
    case SIZE8: return fetch_size(m, 8, false);
    case SIZE_SIGNED4: return fetch_size(m, 4, true);
    case LINE: return fetch_line(m);
    default: return TV_OK; /* NOTHING; LINE_PAIR is fetched by its handlers, one line at a time */
    }
}

/* The values that the table says the operation takes. */
static tv_status check_stack(struct machine *m)
{
    uint64_t floor = stack_floor(m), there = m->stack.count - floor;
    if (m->op->mark != 0) {
        if (m->marks.count == 0)
            return op_refuse(m, TV_FIND_PICKLE_MARK_MISSING, 0, 0);
        const uint64_t *below = m->marks.count < 2 ? NULL : vector_at(&m->marks, m->marks.count - 2);
        there = floor - (below == NULL ? 0 : *below);
    }
    if (there < m->op->takes)
        return op_refuse(m, TV_FIND_PICKLE_STACK_UNDERFLOW, m->op->takes, there);
    return TV_OK;
}

static tv_status frame_mismatch(struct machine *m, const char *what)
{
    return refuse(
        m->findings,
        (struct refusal){TV_FIND_PICKLE_FRAME_MISMATCH, m->op_at, {0}, what, m->frame_end, stream_at(&m->stream)});
}

tv_status do_frame(struct machine *m)
{
    if (m->frame_end != 0)
        return frame_mismatch(m, "a frame inside a frame");
    if (m->number > stream_left(&m->stream))
        return op_truncated(m, m->number);
    m->frame_end = stream_at(&m->stream) + m->number;
    return TV_OK;
}

/* PROTO says how the rest is written: it means nothing anywhere but at the start. */
tv_status do_proto(struct machine *m)
{
    if (m->op_at != m->start)
        return refuse(m->findings,
                      (struct refusal){TV_FIND_PICKLE_PROTOCOL, m->op_at, {0}, "not at the start", m->number, 0});
    if (m->number > NEWEST_PROTOCOL)
        return refuse(m->findings,
                      (struct refusal){TV_FIND_PICKLE_PROTOCOL, m->op_at, {0}, "a later one than 5", m->number, 0});
    return TV_OK;
}

tv_status do_refused(struct machine *m)
{
    return op_refuse(m, TV_FIND_PICKLE_OPCODE_UNSUPPORTED, 0, 0);
}

tv_status do_stop(struct machine *m)
{
    if (m->stack.count != 1 || m->marks.count != 0)
        return op_refuse(m, TV_FIND_PICKLE_LEFTOVER, m->stack.count, 0);
    m->pickle->root = stack_pop(m);
    m->pickle->end = stream_at(&m->stream);
    m->stopped = true;
    if (m->frame_end != 0 && m->frame_end != m->pickle->end)
        return frame_mismatch(m, "STOP before its end");
    if (m->options->ends_part && stream_left(&m->stream) != 0)
        return refuse(m->findings, (struct refusal){.id = TV_FIND_PICKLE_TRAILING_BYTES,
                                                    .offset = m->pickle->end,
                                                    .a = stream_left(&m->stream)});
    return TV_OK;
}

/* One operation, from its byte to its effect. */
static tv_status step(struct machine *m)
{
    tv_span byte;
    m->op_at = stream_at(&m->stream);
    m->op = NULL;
    if (m->op_at == m->frame_end)
        m->frame_end = 0;
    if (m->options->use->operations >= m->options->limits->pickle_ops)
        return over_limit(m, m->options->limits->pickle_ops, "operations");
    m->options->use->operations++;
    if (m->op_at - m->start > m->longest)
        return over_limit(m, m->longest, "bytes");
    tv_status status = stream_take(&m->stream, 1, &byte);
    if (status != TV_OK)
        return op_stream_trouble(m, status, 1);
    m->op = opcode_of(byte.data[0]);
    if (m->op->name == NULL)
        return refuse(m->findings,
                      (struct refusal){.id = TV_FIND_PICKLE_OPCODE_UNKNOWN, .offset = m->op_at, .a = byte.data[0]});
    status = fetch_argument(m);
    if (status == TV_OK)
        status = check_stack(m);
    if (status == TV_OK)
        status = m->op->run(m);
    if (status == TV_OK && m->frame_end != 0 && stream_at(&m->stream) > m->frame_end)
        return frame_mismatch(m, "an operation crosses its end");
    return status;
}

/* The values that are made once: None, True, False and the empty tuple. */
static tv_status make_constants(struct machine *m)
{
    tv_status status = make_new(m, (struct value){.type = V_NONE, .flags = VALUE_HASHABLE}, &m->none);
    if (status == TV_OK)
        status = make_new(m, (struct value){.type = V_BOOL, .flags = VALUE_HASHABLE, .as.integer = 1}, &m->true_);
    if (status == TV_OK)
        status = make_new(m, (struct value){.type = V_BOOL, .flags = VALUE_HASHABLE}, &m->false_);
    if (status == TV_OK)
        status = make_new(m, empty_container(V_TUPLE), &m->empty_tuple);
    return status;
}

bool pickle_can_begin(int byte)
{
    return byte >= 0 && byte <= UINT8_MAX && opcode_of((uint8_t)byte)->name != NULL;
}

tv_status pickle_run(const struct source *source, uint64_t at, uint64_t end, const struct pickle_options *options,
                     struct pickle *p, tv_findings *findings)
{
    struct machine m = {.pickle = p,
                        .options = options,
                        .findings = findings,
                        .stack = {.each = sizeof(uint32_t), .budget = p->budget},
                        .marks = {.each = sizeof(uint64_t), .budget = p->budget},
                        .memo = {.each = sizeof(uint32_t), .budget = p->budget},
                        .start = at};
    uint64_t longest = options->limits->pickle_bytes < UINT32_MAX ? options->limits->pickle_bytes : UINT32_MAX;
    m.op_at = at;
    if (options->ends_part && end - at > longest)
        return over_limit(&m, longest, "bytes");
    m.longest = longest;
    tv_status status = stream_open(&m.stream, source, at, end);
    if (status == TV_OK)
        status = make_constants(&m);
    while (status == TV_OK && !m.stopped)
        status = step(&m);
    stream_close(&m.stream);
    vector_free(&m.stack);
    vector_free(&m.marks);
    vector_free(&m.memo);
    return status;
}
