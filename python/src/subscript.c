/* From what stands between Python's brackets to core's subscripts. Takes what NumPy calls basic indexing, less
 * newaxis; everything else is a TypeError that says so, never a guess. */
#include "common.h"

/* An int within int64; a larger one is cut to its end, as slices do it. */
static int bound_of(PyObject *value, bool *has, int64_t *out)
{
    *has = value != Py_None;
    if (!*has)
        return 0;
    PyObject *number = PyNumber_Index(value);
    if (number == NULL)
        return -1;
    int overflow = 0;
    *out = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (overflow != 0)
        *out = overflow > 0 ? INT64_MAX : INT64_MIN;
    return *out == -1 && overflow == 0 && PyErr_Occurred() != NULL ? -1 : 0;
}

static int attribute_bound(PyObject *slice, const char *name, bool *has, int64_t *out)
{
    PyObject *value = PyObject_GetAttrString(slice, name);
    if (value == NULL)
        return -1;
    int result = bound_of(value, has, out);
    Py_DECREF(value);
    return result;
}

static int range_of(PyObject *slice, tv_subscript *out)
{
    out->kind = TV_SUBSCRIPT_RANGE;
    if (attribute_bound(slice, "start", &out->has_start, &out->start) != 0 ||
        attribute_bound(slice, "stop", &out->has_stop, &out->stop) != 0)
        return -1;
    return attribute_bound(slice, "step", &out->has_step, &out->step);
}

static int subscript_of(PyObject *item, tv_subscript *out)
{
    *out = (tv_subscript){.kind = TV_SUBSCRIPT_ELLIPSIS};
    if (item == Py_Ellipsis)
        return 0;
    if (Py_TYPE(item) == &PySlice_Type)
        return range_of(item, out);
    if (PyIndex_Check(item) && !PyBool_Check(item)) {
        out->kind = TV_SUBSCRIPT_INDEX;
        return bound_of(item, &out->has_start, &out->start);
    }
    PyErr_Format(PyExc_TypeError,
                 "a slice takes integers, slices (start:stop:step) and ..., not %R: read the tensor with get_tensor, "
                 "then index that",
                 item);
    return -1;
}

int subscripts_of(PyObject *index, tv_subscript *subscripts, int room)
{
    if (!PyTuple_Check(index))
        return subscript_of(index, subscripts) == 0 ? 1 : -1;
    Py_ssize_t count = PyTuple_Size(index);
    if (count > room) {
        PyErr_SetString(PyExc_IndexError, "too many indices");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (subscript_of(PyTuple_GetItem(index, i), &subscripts[i]) != 0)
            return -1;
    }
    return (int)count;
}
