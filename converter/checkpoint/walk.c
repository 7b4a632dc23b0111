/* From the root of a pickle to its tensors, with names as torch users know them (DESIGN 5.3).
 *
 * Names are the names of children (children.h) joined with dots. Iterative; cycles are cut where they close; every step
 * is charged against the limits. */
#include "../select.h"
#include "children.h"
#include "choose.h"
#include "leaves.h"
#include "reading.h"
#include "values.h"

/* A container whose children are being visited. */
struct frame {
    struct children children;
    bool is_odd;                       /* the path to it holds a key that has no text */
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
    bool in_objects; /* all of an object is looked into, whatever its class */
};

static tv_status over_limit(struct walk *w, uint64_t limit, const char *what)
{
    return refuse(w->r->findings, (struct refusal){TV_FIND_LIMIT_PICKLE, TV_NO_OFFSET, {0}, what, limit, 0});
}

static struct frame *top(const struct walk *w)
{
    return w->frames.count == 0 ? NULL : vector_at(&w->frames, w->frames.count - 1);
}

static tv_span path_of(const struct walk *w)
{
    return tv_span_of(w->path.data, (size_t)w->path.count);
}

/* A tensor that is in nothing has a name all the same. */
static tv_span name_of(const struct walk *w)
{
    return w->frames.count == 0 ? tv_span_str("tensor") : path_of(w);
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

/* Sets the path to that child of the frame. */
static tv_status set_path(struct walk *w, const struct frame *f, const struct child *child)
{
    char room[32];
    tv_status status = TV_OK;
    w->path.count = f->path_size;
    w->odd_name = f->is_odd;
    tv_span text = child_name(&w->r->pickle, child, room, &w->odd_name);
    if (w->frames.count > 1) /* an empty key is a part of a name like any other */
        status = append_text(w, tv_span_str("."));
    if (status == TV_OK)
        status = append_text(w, text);
    return status != TV_OK ? status : reading_charge(w->r, 1 + text.size / 256);
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
    return refuse(w->r->findings, (struct refusal){TV_FIND_TENSOR_UNSUPPORTED, TV_NO_OFFSET, name_of(w), what, 0, 0});
}

static tv_status add_tensor(struct walk *w, const struct ck_tensor *view)
{
    tv_span name = name_of(w);
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

static tv_status enter(struct walk *w, const struct children *children)
{
    struct value *value = vector_at(&w->r->pickle.values, children->handle);
    bool is_object = children_of_object(children);
    if ((value->flags & VALUE_ON_PATH) != 0)
        return drop(w, NO_VALUE, "reference to something it is in");
    if (is_object && (value->flags & VALUE_TAKEN) != 0)
        return drop(w, NO_VALUE, "reference to an object met before");
    if (w->frames.count >= w->r->options->limits->pickle_depth)
        return over_limit(w, w->r->options->limits->pickle_depth, "levels");
    struct frame *f = vector_push(&w->frames);
    if (f == NULL)
        return refuse_memory(w->r->findings);
    value->flags |= is_object ? VALUE_ON_PATH | VALUE_TAKEN : VALUE_ON_PATH;
    *f = (struct frame){.children = *children,
                        .is_odd = w->odd_name,
                        .path_size = w->path.count,
                        .tensors = w->r->out->tensors.count,
                        .leaves = leaves_count(&w->leaves),
                        .skipped = w->skipped};
    return TV_OK;
}

static tv_status visit(struct walk *w, uint32_t handle)
{
    struct children children;
    const struct pickle *p = &w->r->pickle;
    const struct children_rule rule = {w->r->out->kind == TV_KIND_TORCHSCRIPT, w->in_objects, w->in_objects};
    tv_status status = reading_charge(w->r, module_cost(p, handle));
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
    return children_of(p, handle, rule, &children) ? enter(w, &children) : drop(w, handle, NULL);
}

/* A container without tensors is listed as one thing, not leaf by leaf; a module without any is like its absence. */
static tv_status leave(struct walk *w, const struct frame *f)
{
    struct value *value = vector_at(&w->r->pickle.values, f->children.handle);
    value->flags &= (uint8_t)~VALUE_ON_PATH;
    bool is_listed = w->frames.count > 1 && !children_of_module(&f->children);
    w->path.count = f->path_size;
    tv_status status = w->frames.count == 2 ? groups_note(w->r, &w->groups, f->tensors, path_of(w)) : TV_OK;
    w->frames.count--;
    if (status != TV_OK)
        return status;
    if (!is_listed || w->r->out->tensors.count != f->tensors || w->skipped != f->skipped)
        return TV_OK;
    leaves_cut(&w->leaves, f->leaves);
    return drop(w, f->children.handle, NULL);
}

static tv_status step(struct walk *w)
{
    struct frame *f = top(w);
    struct child child;
    if (!children_next(&f->children, &child)) {
        struct frame done = *f;
        return leave(w, &done);
    }
    tv_status status = reading_charge(w->r, children_cost(&f->children));
    if (status != TV_OK || children_left_out(&f->children, &child))
        return status;
    status = set_path(w, f, &child);
    return status != TV_OK ? status : visit(w, child.value);
}

static tv_status walk_once(struct walk *w, uint32_t root)
{
    w->groups = (struct groups){0};
    w->r->out->groups.count = 0;
    w->path.count = 0;
    w->odd_name = false;
    leaves_cut(&w->leaves, 0);
    tv_status status = visit(w, root);
    while (status == TV_OK && w->frames.count > 0)
        status = step(w);
    return status;
}

/* Objects of other classes (optimizers, data sets, metrics) are looked into only where there is nothing
 * else to convert: beside a model's tensors they are what is left out, and never make the choice of a root harder. */
static tv_status walk_from(struct walk *w, uint32_t root)
{
    tv_status status = walk_once(w, root);
    if (status == TV_OK && w->r->out->tensors.count == 0 && w->skipped == 0 && w->r->views.count != 0) {
        w->in_objects = true;
        status = walk_once(w, root);
    }
    if (status == TV_OK && !leaves_finish(&w->leaves, &w->r->pickle, w->r->out))
        status = refuse_memory(w->r->findings);
    if (status == TV_OK && w->r->options->want_values)
        status = collect_values(w->r);
    if (w->r->options->whole)
        w->r->out->groups.count = 0;
    if (status != TV_OK || w->r->options->whole)
        return status;
    if (w->r->options->key == NULL && w->r->out->chosen.size == 0)
        status = groups_check(w->r, &w->groups);
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
