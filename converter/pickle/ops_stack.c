/* Operations on the stack and the memo: they move handles, never values. */
#include "machine_inside.h"
#include "number.h"

tv_status do_mark(struct machine *m)
{
    uint64_t *mark = vector_push(&m->marks);
    if (mark == NULL)
        return refuse_memory(m->findings);
    *mark = m->stack.count;
    return TV_OK;
}

/* POP takes a value, or where there is none above it, the MARK. */
tv_status do_pop(struct machine *m)
{
    if (m->stack.count > stack_floor(m)) {
        (void)stack_pop(m);
        return TV_OK;
    }
    if (m->marks.count == 0)
        return op_refuse(m, TV_FIND_PICKLE_STACK_UNDERFLOW, 1, 0);
    m->marks.count--;
    return TV_OK;
}

tv_status do_pop_mark(struct machine *m)
{
    uint64_t count = 0;
    (void)take_marked(m, &count);
    return TV_OK;
}

/* A global that comes onto the stack again may be used again: getattr's uses are counted against this. */
static tv_status push_again(struct machine *m, uint32_t handle)
{
    const struct record *record = pickle_record(m->pickle, handle);
    struct mention *mention = NULL;
    if (record != NULL && record->how == HOW_GLOBAL)
        mention = vector_at(&m->pickle->mentions, record->mention);
    if (mention != NULL && mention->pushes < UINT32_MAX)
        mention->pushes++;
    return stack_push(m, handle);
}

tv_status do_dup(struct machine *m)
{
    return push_again(m, stack_top(m));
}

static tv_status get(struct machine *m, uint64_t index)
{
    const uint32_t *slot = vector_at(&m->memo, index);
    if (slot == NULL || *slot == 0)
        return op_refuse(m, TV_FIND_PICKLE_MEMO_MISSING, index, 0);
    return push_again(m, *slot - 1);
}

static tv_status put(struct machine *m, uint64_t index)
{
    uint64_t limit = m->options->limits->pickle_memo;
    if (index >= limit)
        return refuse(m->findings, (struct refusal){TV_FIND_LIMIT_PICKLE, m->op_at, {0}, "memo slots", limit, 0});
    if (index >= m->memo.count && vector_extend(&m->memo, index + 1 - m->memo.count) == NULL)
        return refuse_memory(m->findings);
    uint32_t *slot = vector_at(&m->memo, index);
    if (*slot == 0)
        m->memo_filled++;
    *slot = stack_top(m) + 1;
    return TV_OK;
}

tv_status do_get(struct machine *m)
{
    return get(m, m->number);
}

tv_status do_put(struct machine *m)
{
    return put(m, m->number);
}

/* MEMOIZE uses as index how many slots are filled, as CPython does. */
tv_status do_memoize(struct machine *m)
{
    return put(m, m->memo_filled);
}

/* The decimal index of GET and PUT. */
static bool text_index(const struct machine *m, uint64_t *index)
{
    int64_t number = 0;
    if (!decimal_to_int(m->line, &number) || number < 0)
        return false;
    *index = (uint64_t)number;
    return true;
}

tv_status do_get_text(struct machine *m)
{
    uint64_t index = 0;
    return text_index(m, &index) ? get(m, index) : op_bad_argument(m, "not an index");
}

tv_status do_put_text(struct machine *m)
{
    uint64_t index = 0;
    return text_index(m, &index) ? put(m, index) : op_bad_argument(m, "not an index");
}
