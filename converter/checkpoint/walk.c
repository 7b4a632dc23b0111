/* From the root of a pickle to its tensors, with names as torch users know them (DESIGN 5.3).
 *
 * Nested mappings and sequences join their keys with dots; an object that looks like a torch.nn.Module gives what its
 * state_dict() would. Iterative; cycles are cut where they close; every step is charged against the limits. */
#include <stdio.h>

#include "../select.h"
#include "choose.h"
#include "graph.h"
#include "leaves.h"
#include "reading.h"

enum frame_form { FORM_MAPPING, FORM_SEQUENCE, FORM_PARAMETERS, FORM_BUFFERS, FORM_MODULES };

/* A container whose children are being visited. */
struct frame {
    uint32_t handle;
    uint8_t form;
    uint32_t state; /* of a module, or of an object of TorchScript */
    uint32_t index; /* of the next item of a sequence */
    struct mapping mapping;
    struct items items;
    uint64_t path_size;                /* of the path to it */
    uint64_t tensors, leaves, skipped; /* found when it was entered */
};

struct walk {
    struct reading *r;
    struct vector frames; /* struct frame */
    struct vector path;   /* bytes: to the current child */
    bool odd_name;        /* the path holds a key that has no text */
    struct leaves leaves; /* what is no tensor */
    uint64_t skipped;     /* of them: tensors that safetensors cannot hold (--skip-unsupported) */
    struct groups groups;
};

static tv_status over_limit(struct walk *w, uint64_t limit, const char *what)
{
    return refuse(w->r->findings, (struct refusal){TV_FIND_LIMIT_PICKLE, TV_NO_OFFSET, {0}, what, limit, 0});
}

static tv_status charge(struct walk *w, uint64_t steps)
{
    uint64_t limit = w->r->options->limits->pickle_ops, *done = &w->r->use.operations;
    if (*done > limit || steps > limit - *done)
        return over_limit(w, limit, "operations");
    *done += steps;
    return TV_OK;
}

static struct frame *top(const struct walk *w)
{
    return w->frames.count == 0 ? NULL : vector_at(&w->frames, w->frames.count - 1);
}

static tv_span path_of(const struct walk *w)
{
    return tv_span_of(w->path.data, (size_t)w->path.count);
}

static tv_status append_text(struct walk *w, tv_span text)
{
    uint8_t *to = vector_extend(&w->path, text.size);
    if (to == NULL)
        return refuse_memory(w->r->findings);
    if (text.size != 0)
        memcpy(to, text.data, text.size);
    return TV_OK;
}

/* The text of a key: of a string itself, of an integer its digits; anything else has a stand-in and is odd. */
static tv_span key_text(struct walk *w, uint32_t key, char *room, size_t room_size)
{
    const struct value *value = pickle_value(&w->r->pickle, key);
    if (value->type == V_STR && (value->flags & VALUE_SURROGATES) == 0)
        return pickle_text(&w->r->pickle, key);
    w->odd_name = w->odd_name || value->type != V_INT;
    if (value->type == V_INT)
        (void)snprintf(room, room_size, "%lld", (long long)value->as.integer);
    else
        (void)snprintf(room, room_size, "<%s>", value_type_name(value->type));
    return tv_span_str(room);
}

/* Sets the path to that child of the frame. */
static tv_status set_path(struct walk *w, const struct frame *f, uint32_t key, uint32_t index)
{
    char room[32];
    tv_status status = TV_OK;
    w->path.count = f->path_size;
    tv_span text;
    if (f->form == FORM_SEQUENCE) {
        (void)snprintf(room, sizeof room, "%lu", (unsigned long)index);
        text = tv_span_str(room);
    } else {
        text = key_text(w, key, room, sizeof room);
    }
    if (f->path_size != 0)
        status = append_text(w, tv_span_str("."));
    if (status == TV_OK)
        status = append_text(w, text);
    return status != TV_OK ? status : charge(w, 1 + text.size / 256);
}

static tv_status drop(struct walk *w, uint32_t handle, const char *type)
{
    return leaves_add(&w->leaves, path_of(w), handle, type) ? TV_OK : refuse_memory(w->r->findings);
}

/* A name that safetensors could not hold stops a conversion; for a look at the whole it does not matter. */
static tv_status check_name(struct walk *w, tv_span name)
{
    const char *trouble = NULL;
    if (w->odd_name)
        trouble = "a key on its path is neither text nor a whole number";
    else if (tv_span_is(name, "__metadata__"))
        trouble = "it is reserved";
    if (trouble == NULL || w->r->options->whole)
        return TV_OK;
    return refuse(w->r->findings, (struct refusal){TV_FIND_TENSOR_NAME_INVALID, TV_NO_OFFSET, name, trouble, 0, 0});
}

/* A tensor that safetensors cannot hold stops a conversion, unless those are to be skipped: then it is listed. */
static tv_status meet_unsupported(struct walk *w, const char *what)
{
    if (w->r->options->skip_unsupported) {
        w->skipped++;
        return drop(w, NO_VALUE, what);
    }
    return refuse(w->r->findings, (struct refusal){TV_FIND_TENSOR_UNSUPPORTED, TV_NO_OFFSET, path_of(w), what, 0, 0});
}

static tv_status add_tensor(struct walk *w, const struct ck_tensor *view)
{
    tv_span name = w->path.count == 0 ? tv_span_str("tensor") : path_of(w);
    tv_status status = check_name(w, name);
    if (status != TV_OK)
        return status;
    if (view->dtype == TV_DTYPE_COUNT && !w->r->options->whole)
        return meet_unsupported(w, view->source_dtype);
    if (w->r->out->tensors.count >= w->r->options->limits->tensors)
        return refuse(w->r->findings, (struct refusal){.id = TV_FIND_TOO_MANY_TENSORS,
                                                       .offset = TV_NO_OFFSET,
                                                       .a = w->r->out->tensors.count + 1,
                                                       .b = w->r->options->limits->tensors});
    struct ck_tensor *tensor = vector_push(&w->r->out->tensors);
    if (tensor == NULL)
        return refuse_memory(w->r->findings);
    *tensor = *view;
    tensor->name = pool_copy(&w->r->out->pool, name);
    return tensor->name.data == NULL ? refuse_memory(w->r->findings) : TV_OK;
}

/* What kind of container a value is to the walk; false: a leaf. */
static bool container_form(struct walk *w, uint32_t handle, uint8_t *form, uint32_t *state)
{
    const struct pickle *p = &w->r->pickle;
    *state = NO_VALUE;
    *form = FORM_MAPPING;
    if (is_mapping(p, handle))
        return true;
    if (w->r->out->kind == TV_KIND_TORCHSCRIPT && object_state(p, handle, state))
        return true;
    *form = FORM_SEQUENCE;
    *state = NO_VALUE;
    if (is_sequence(p, handle))
        return true;
    *form = FORM_PARAMETERS;
    return module_state(p, handle, state);
}

/* Starts the iteration that the frame's form asks for. */
static void begin_form(struct walk *w, struct frame *f)
{
    const struct pickle *p = &w->r->pickle;
    if (f->form == FORM_MAPPING)
        f->mapping = mapping_of(p, f->state == NO_VALUE ? f->handle : f->state);
    else if (f->form == FORM_SEQUENCE)
        f->items = items_of(p, f->handle);
    else if (f->form == FORM_PARAMETERS)
        f->mapping = mapping_of(p, mapping_get(p, f->state, "_parameters"));
    else if (f->form == FORM_BUFFERS)
        f->mapping = mapping_of(p, mapping_get(p, f->state, "_buffers"));
    else
        f->mapping = mapping_of(p, mapping_get(p, f->state, "_modules"));
}

static tv_status enter(struct walk *w, uint32_t handle, uint8_t form, uint32_t state)
{
    struct value *value = vector_at(&w->r->pickle.values, handle);
    if ((value->flags & VALUE_ON_PATH) != 0)
        return drop(w, NO_VALUE, "reference to something it is in");
    if (w->frames.count >= w->r->options->limits->pickle_depth)
        return over_limit(w, w->r->options->limits->pickle_depth, "levels");
    struct frame *f = vector_push(&w->frames);
    if (f == NULL)
        return refuse_memory(w->r->findings);
    value->flags |= VALUE_ON_PATH;
    *f = (struct frame){.handle = handle,
                        .form = form,
                        .state = state,
                        .path_size = w->path.count,
                        .tensors = w->r->out->tensors.count,
                        .leaves = leaves_count(&w->leaves),
                        .skipped = w->skipped};
    begin_form(w, f);
    return TV_OK;
}

static tv_status visit(struct walk *w, uint32_t handle)
{
    uint8_t form = 0;
    uint32_t state = NO_VALUE;
    const struct pickle *p = &w->r->pickle;
    tv_status status = charge(w, module_cost(p, handle));
    if (status != TV_OK)
        return status;
    if (pickle_is(p, handle, V_RECORD)) {
        const struct meaning *m = vector_at(&w->r->meanings, pickle_value(p, handle)->as.record);
        if (m->what == MEANS_TENSOR)
            return add_tensor(w, vector_at(&w->r->views, m->index));
        if (m->what == MEANS_UNSUPPORTED)
            return w->r->options->whole ? drop(w, NO_VALUE, m->why) : meet_unsupported(w, m->why);
        if (m->what == MEANS_STORAGE)
            return drop(w, NO_VALUE, "storage");
    }
    return container_form(w, handle, &form, &state) ? enter(w, handle, form, state) : drop(w, handle, NULL);
}

/* The container behind a set, however its pickle spells sets. */
static uint32_t set_items(const struct pickle *p, uint32_t set)
{
    const struct record *record = pickle_record(p, set);
    return record == NULL ? set : tuple_item(p, record->args, 0);
}

static bool set_holds(const struct pickle *p, uint32_t set, tv_span text)
{
    struct items it = items_of(p, set_items(p, set));
    uint32_t item = NO_VALUE;
    while (items_next(&it, &item))
        if (pickle_is(p, item, V_STR) && tv_span_equal(pickle_text(p, item), text))
            return true;
    return false;
}

/* What state_dict() leaves out: empty places, and buffers that are not persistent. */
static bool is_left_out(struct walk *w, const struct frame *f, uint32_t key, uint32_t value)
{
    const struct pickle *p = &w->r->pickle;
    if (f->form < FORM_PARAMETERS)
        return false;
    if (pickle_is(p, value, V_NONE) || key == NO_VALUE)
        return true;
    if (f->form != FORM_BUFFERS)
        return false;
    return set_holds(p, mapping_get(p, f->state, "_non_persistent_buffers_set"), pickle_text(p, key));
}

/* Steps that looking at one child takes, apart from visiting it. */
static uint64_t child_cost(const struct pickle *p, const struct frame *f)
{
    if (f->form != FORM_BUFFERS)
        return 1;
    uint32_t set = mapping_get(p, f->state, "_non_persistent_buffers_set");
    return 1 + module_cost(p, f->handle) + pickle_value(p, set_items(p, set))->size;
}

/* The next child of the frame; false at its end. */
static bool next_child(struct walk *w, struct frame *f, uint32_t *key, uint32_t *value)
{
    *key = NO_VALUE;
    if (f->form == FORM_SEQUENCE) {
        f->index++;
        return items_next(&f->items, value);
    }
    while (!mapping_next(&f->mapping, key, value)) {
        if (f->form < FORM_PARAMETERS || f->form == FORM_MODULES)
            return false;
        f->form++;
        begin_form(w, f);
    }
    return true;
}

/* A container without tensors is listed as one thing, not leaf by leaf; a module without any is like its absence. */
static tv_status leave(struct walk *w, const struct frame *f)
{
    struct value *value = vector_at(&w->r->pickle.values, f->handle);
    value->flags &= (uint8_t)~VALUE_ON_PATH;
    bool is_listed = w->frames.count > 1 && f->form < FORM_PARAMETERS;
    w->path.count = f->path_size;
    if (w->frames.count == 2)
        groups_note(&w->groups, &w->r->out->tensors, f->tensors, path_of(w));
    w->frames.count--;
    if (!is_listed || w->r->out->tensors.count != f->tensors || w->skipped != f->skipped)
        return TV_OK;
    leaves_cut(&w->leaves, f->leaves);
    return drop(w, f->handle, NULL);
}

static tv_status step(struct walk *w)
{
    struct frame *f = top(w);
    uint32_t key = NO_VALUE, value = NO_VALUE;
    if (!next_child(w, f, &key, &value)) {
        struct frame done = *f;
        return leave(w, &done);
    }
    tv_status status = charge(w, child_cost(&w->r->pickle, f));
    if (status != TV_OK || is_left_out(w, f, key, value))
        return status;
    bool was_odd = w->odd_name;
    uint64_t depth = w->frames.count;
    status = set_path(w, f, key, f->index - 1);
    if (status == TV_OK)
        status = visit(w, value);
    if (w->frames.count == depth)
        w->odd_name = was_odd;
    return status;
}

static tv_status walk_from(struct walk *w, uint32_t root)
{
    tv_status status = visit(w, root);
    while (status == TV_OK && w->frames.count > 0)
        status = step(w);
    if (status == TV_OK && !leaves_finish(&w->leaves, &w->r->pickle, w->r->out))
        status = refuse_memory(w->r->findings);
    if (status != TV_OK || w->r->options->whole)
        return status;
    if (w->r->options->key == NULL && w->r->out->chosen.size == 0)
        status = groups_check(&w->groups, w->r->out->tensors.count, w->r->findings);
    if (status == TV_OK && w->r->out->tensors.count == 0)
        status = refuse(w->r->findings, (struct refusal){.id = TV_FIND_NO_TENSORS, .offset = TV_NO_OFFSET});
    return status == TV_OK ? check_unique_names(w->r->out, w->r->findings) : status;
}

tv_status walk_tensors(struct reading *r)
{
    struct walk w = {.r = r,
                     .frames = {.each = sizeof(struct frame), .budget = &r->out->budget},
                     .path = {.each = 1, .budget = &r->out->budget}};
    leaves_start(&w.leaves, &r->out->budget);
    uint32_t root = r->pickle.root;
    tv_status status = r->options->whole ? TV_OK : choose_root(r, &root);
    if (status == TV_OK)
        status = walk_from(&w, root);
    vector_free(&w.frames);
    vector_free(&w.path);
    leaves_free(&w.leaves);
    return status;
}
