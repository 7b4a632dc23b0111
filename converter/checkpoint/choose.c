/* Which part of a checkpoint is converted (choose.h). */
#include "choose.h"

#include <stdio.h>

#include "children.h"

static struct children_rule rule_of(const struct reading *r)
{
    return (struct children_rule){r->out->kind == TV_KIND_TORCHSCRIPT, true, false};
}

/* Lists one child as dropped. */
static tv_status drop_child(struct reading *r, tv_span prefix, const struct child *child)
{
    char room[32];
    bool is_odd = false;
    tv_span name = child_name(&r->pickle, child, room, &is_odd);
    size_t size = prefix.size + (prefix.size != 0) + name.size;
    uint8_t *path = pool_take(&r->out->pool, size == 0 ? 1 : size, 1);
    struct ck_dropped *row = path == NULL ? NULL : vector_push(&r->out->dropped);
    if (row == NULL)
        return refuse_memory(r->findings);
    if (prefix.size != 0) {
        memcpy(path, prefix.data, prefix.size);
        path[prefix.size] = '.';
    }
    if (name.size != 0)
        memcpy(path + size - name.size, name.data, name.size);
    *row = (struct ck_dropped){tv_span_of(path, size), value_type_name(pickle_value(&r->pickle, child->value)->type)};
    return TV_OK;
}

/* Lists the children of a container but one as dropped. */
static tv_status drop_others(struct reading *r, uint32_t container, tv_span prefix, uint32_t kept)
{
    struct children it;
    struct child child;
    if (!children_of(&r->pickle, container, rule_of(r), &it))
        return TV_OK;
    while (children_next(&it, &child)) {
        tv_status status = TV_OK;
        if (child.value != kept && !children_left_out(&it, &child))
            status = drop_child(r, prefix, &child);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

static tv_status take_state_dict(struct reading *r, uint32_t *root)
{
    static const char *const names[] = {"state_dict", "state_dict.state_dict"};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t inner = is_mapping(&r->pickle, *root) ? mapping_get(&r->pickle, *root, "state_dict") : NO_VALUE;
        if (!is_mapping(&r->pickle, inner))
            return TV_OK;
        tv_status status = drop_others(r, *root, r->out->chosen, inner);
        if (status != TV_OK)
            return status;
        r->out->chosen = tv_span_str(names[i]);
        *root = inner;
    }
    return TV_OK;
}

/* How many bytes of `path` name the child, the dot behind it included; 0 where it is another child. */
static size_t match_size(const struct pickle *p, const struct child *child, tv_span path)
{
    char room[32];
    bool is_odd = false;
    tv_span text = child_name(p, child, room, &is_odd);
    if (is_odd || text.size == 0 || !tv_span_starts(path, text))
        return 0;
    if (path.size == text.size)
        return text.size;
    return tv_span_byte(path, text.size) == '.' ? text.size + 1 : 0;
}

/* The child that matches the longest part of the path, or NO_VALUE. */
static uint32_t longest_child(const struct reading *r, uint32_t container, tv_span path, size_t *used)
{
    struct children it;
    struct child child;
    uint32_t found = NO_VALUE;
    *used = 0;
    if (!children_of(&r->pickle, container, rule_of(r), &it))
        return NO_VALUE;
    while (children_next(&it, &child)) {
        size_t size = children_left_out(&it, &child) ? 0 : match_size(&r->pickle, &child, path);
        if (size != 0 && size >= *used) {
            *used = size;
            found = child.value;
        }
    }
    return found;
}

static tv_status follow_key(struct reading *r, const char *key, uint32_t *root)
{
    tv_span path = tv_span_str(key), done = tv_span_of(path.data, 0);
    if (tv_span_is(path, "."))
        return TV_OK;
    while (done.size < path.size) {
        tv_span rest;
        size_t used = 0;
        (void)tv_span_sub(path, done.size, path.size - done.size, &rest);
        uint32_t child = longest_child(r, *root, rest, &used);
        if (child == NO_VALUE)
            return refuse(r->findings, (struct refusal){TV_FIND_KEY_NOT_FOUND, TV_NO_OFFSET, path, NULL, 0, 0});
        tv_span prefix = done;
        if (prefix.size != 0)
            prefix.size--; /* its dot */
        tv_status status = drop_others(r, *root, prefix, child);
        if (status != TV_OK)
            return status;
        done.size += used;
        *root = child;
    }
    struct children it;
    if (!pickle_is(&r->pickle, *root, V_RECORD) && !children_of(&r->pickle, *root, rule_of(r), &it))
        return refuse(r->findings, (struct refusal){TV_FIND_KEY_NOT_FOUND, TV_NO_OFFSET, path, NULL, 0, 0});
    r->out->chosen = pool_copy(&r->out->pool, path);
    return TV_OK;
}

tv_status choose_root(struct reading *r, uint32_t *root)
{
    return r->options->key == NULL ? take_state_dict(r, root) : follow_key(r, r->options->key, root);
}

/* Is the name that of an optimizer's state or of an averaged copy of a model? */
static bool is_suspicious(tv_span name)
{
    static const char *const names[] = {"optimizer",
                                        "optimizers",
                                        "optimizer_state_dict",
                                        "optimizer_states",
                                        "optimizer_state",
                                        "optim",
                                        "optim_state_dict",
                                        "opt",
                                        "ema",
                                        "ema_state_dict",
                                        "state_dict_ema",
                                        "model_ema",
                                        "ema_model",
                                        "g_ema",
                                        "params_ema",
                                        "averaged_model"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (tv_span_is(name, names[i]))
            return true;
    return false;
}

/* May the name be printed as part of a command to be copied, and does that command lead there? */
static bool is_plain_key(tv_span name)
{
    if (name.size == 0 || tv_span_is(name, ".") || name.data[0] == '-')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
            return false;
    }
    return true;
}

void groups_note(struct groups *g, const struct vector *tensors, uint64_t from, tv_span name)
{
    if (tensors->count == from)
        return;
    g->count++;
    g->seen += tensors->count - from;
    if (is_suspicious(name) && g->suspicious[0] == 0)
        (void)snprintf(g->suspicious, sizeof g->suspicious, "%.*s", (int)name.size, (const char *)name.data);
    if (is_plain_key(name) && g->list_size + name.size + sizeof "--key , " < sizeof g->list)
        g->list_size +=
            (uint64_t)snprintf(g->list + g->list_size, sizeof g->list - (size_t)g->list_size, "%s--key %.*s",
                               g->list_size == 0 ? "" : ", ", (int)name.size, (const char *)name.data);
}

tv_status groups_check(const struct groups *g, uint64_t tensors, tv_findings *findings)
{
    uint64_t count = g->count + (tensors > g->seen ? 1 : 0);
    if (count < 2 || g->suspicious[0] == 0)
        return TV_OK;
    const char *choices = g->list_size == 0 ? "--key" : g->list;
    return refuse(findings,
                  (struct refusal){TV_FIND_AMBIGUOUS_ROOT, TV_NO_OFFSET, tv_span_str(g->suspicious), choices, 0, 0});
}
