/* Which part of a checkpoint is converted (choose.h). */
#include "choose.h"

#include <stdio.h>

#include "children.h"
#include "key.h"
#include "leaves.h"

static struct children_rule rule_of(const struct reading *r)
{
    return (struct children_rule){r->out->kind == TV_KIND_TORCHSCRIPT, true, false};
}

/* What is dropped, in a word or a few. */
static const char *describe(struct reading *r, uint32_t handle)
{
    const struct meaning *m = pickle_is(&r->pickle, handle, V_RECORD)
                                  ? vector_at(&r->meanings, pickle_value(&r->pickle, handle)->as.record)
                                  : NULL;
    if (m != NULL && m->what == MEANS_TENSOR)
        return "tensor that was not selected";
    return m != NULL && m->what == MEANS_UNSUPPORTED ? m->why : leaf_type(&r->pickle, handle, &r->out->pool);
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
    *row = (struct ck_dropped){tv_span_of(path, size), child->value, describe(r, child->value)};
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

/* The child that matches most of what is left of the key, or NO_VALUE. */
static uint32_t longest_child(const struct reading *r, uint32_t container, const struct key *key, uint64_t *used)
{
    struct children it;
    struct child child;
    uint32_t found = NO_VALUE;
    *used = 0;
    if (!children_of(&r->pickle, container, rule_of(r), &it))
        return NO_VALUE;
    while (children_next(&it, &child)) {
        char room[32];
        bool is_odd = false;
        tv_span name = child_name(&r->pickle, &child, room, &is_odd);
        uint64_t size = is_odd || children_left_out(&it, &child) ? 0 : key_match(key, name);
        if (size != 0 && size >= *used) {
            *used = size;
            found = child.value;
        }
    }
    return found;
}

/* The part of the key that has been followed, as it prefixes the paths of what is dropped there. */
static tv_span followed(struct reading *r, const struct key *key)
{
    tv_span done = tv_span_of(key->text.data, 0);
    uint64_t size = 0, used = 0;
    if (!key->is_array) {
        (void)tv_span_sub(key->text, 0, key->at == 0 || key_is_done(key) ? key->at : key->at - 1, &done);
        return done;
    }
    for (uint64_t i = 0; i < key->at; i++)
        size += ((const tv_span *)vector_at(&key->names, i))->size + 1;
    uint8_t *text = pool_take(&r->out->pool, size + 1, 1);
    for (uint64_t i = 0; text != NULL && i < key->at; i++) {
        tv_span name = *(const tv_span *)vector_at(&key->names, i);
        if (i > 0)
            text[used++] = '.';
        if (name.size != 0)
            memcpy(text + used, name.data, name.size);
        used += name.size;
    }
    return text == NULL ? done : tv_span_of(text, (size_t)used);
}

static tv_status key_leads_nowhere(struct reading *r, const struct key *key)
{
    return refuse(r->findings, (struct refusal){TV_FIND_KEY_NOT_FOUND, TV_NO_OFFSET, key->text, NULL, 0, 0});
}

static tv_status follow(struct reading *r, struct key *key, uint32_t *root)
{
    struct children it;
    if (key_is_all(key))
        return TV_OK;
    while (!key_is_done(key)) {
        uint64_t used = 0;
        uint32_t child = longest_child(r, *root, key, &used);
        if (child == NO_VALUE)
            return key_leads_nowhere(r, key);
        tv_status status = drop_others(r, *root, followed(r, key), child);
        if (status != TV_OK)
            return status;
        key->at += used;
        *root = child;
    }
    if (!pickle_is(&r->pickle, *root, V_RECORD) && !children_of(&r->pickle, *root, rule_of(r), &it))
        return key_leads_nowhere(r, key);
    r->out->chosen = pool_copy(&r->out->pool, followed(r, key));
    return TV_OK;
}

static tv_status follow_key(struct reading *r, const char *text, uint32_t *root)
{
    struct key key;
    tv_status status =
        key_parse(&key, tv_span_str(text), &r->out->pool) ? follow(r, &key, root) : key_leads_nowhere(r, &key);
    key_free(&key);
    return status;
}

static bool has_keys(const struct reading *r, uint32_t root, const char *const *keys)
{
    bool all = is_mapping(&r->pickle, root);
    for (; all && *keys != NULL; keys++)
        all = mapping_get(&r->pickle, root, *keys) != NO_VALUE;
    return all;
}

/* What a mapping with these keys is the state of: torch.optim.Optimizer.state_dict, LRScheduler.state_dict, and what
 * transformers' Trainer keeps of generators (rng_state.pth). */
static const char *training_state(const struct reading *r, uint32_t root)
{
    static const char *const optimizer[] = {"state", "param_groups", NULL},
                             *const scheduler[] = {"last_epoch", "_step_count", NULL},
                             *const generators[] = {"python", "numpy", "cpu", NULL};
    if (has_keys(r, root, optimizer))
        return "an optimizer";
    if (has_keys(r, root, scheduler))
        return "a scheduler";
    return has_keys(r, root, generators) ? "random number generators" : NULL;
}

tv_status choose_root(struct reading *r, uint32_t *root)
{
    const char *state = r->options->only_models && r->options->key == NULL ? training_state(r, *root) : NULL;
    if (state != NULL)
        return refuse(
            r->findings,
            (struct refusal){.id = TV_FIND_TRAINING_STATE, .offset = TV_NO_OFFSET, .subject = tv_span_str(state)});
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

tv_status groups_note(struct reading *r, struct groups *g, uint64_t from, tv_span name)
{
    const struct vector *tensors = &r->out->tensors;
    if (tensors->count == from)
        return TV_OK;
    struct ck_group *group = vector_push(&r->out->groups);
    if (group == NULL)
        return refuse_memory(r->findings);
    g->seen += tensors->count - from;
    if (is_suspicious(name) && g->suspicious.size == 0)
        g->suspicious = pool_copy(&r->out->pool, name);
    *group = (struct ck_group){.key = key_argument(&r->out->pool, name), .tensors = tensors->count - from};
    for (uint64_t i = from; i < tensors->count; i++)
        group->bytes += ((const struct ck_tensor *)vector_at(tensors, i))->bytes; /* a number to choose by: may wrap */
    return group->key.data == NULL ? refuse_memory(r->findings) : TV_OK;
}

/* "--key a, --key b": as many as a finding can hold. */
static void list_keys(const struct vector *groups, char list[TV_SUBJECT_BYTES])
{
    size_t used = 0;
    (void)snprintf(list, TV_SUBJECT_BYTES, "--key");
    for (uint64_t i = 0; i < groups->count; i++) {
        const struct ck_group *group = vector_at(groups, i);
        if (group->key.size + sizeof "--key , " >= TV_SUBJECT_BYTES - used || tv_span_byte(group->key, 0) == '[')
            continue;
        used += (size_t)snprintf(list + used, TV_SUBJECT_BYTES - used, "%s--key %.*s", used == 0 ? "" : ", ",
                                 (int)group->key.size, (const char *)group->key.data);
    }
}

tv_status groups_check(struct reading *r, const struct groups *g)
{
    char list[TV_SUBJECT_BYTES];
    uint64_t own = r->out->tensors.count - g->seen;
    if (r->out->groups.count + (own > 0 ? 1 : 0) < 2 || g->suspicious.size == 0) {
        r->out->groups.count = 0;
        return TV_OK;
    }
    list_keys(&r->out->groups, list);
    return refuse(r->findings, (struct refusal){TV_FIND_AMBIGUOUS_ROOT, TV_NO_OFFSET, g->suspicious, list, 0, 0});
}
