/* The module tensorvet._core: the format, as core has it, for Python. Private to the package: what users call is in the
 * .py files beside it. */
#include "common.h"

PyObject *text_of(tv_span bytes)
{
    return PyUnicode_DecodeUTF8((const char *)bytes.data, (Py_ssize_t)bytes.size, "backslashreplace");
}

PyObject *raise_text(core_state *state, const char *text)
{
    PyErr_SetString(state->error, text);
    return NULL;
}

PyObject *raise_errno(int code)
{
    errno = code;
    return PyErr_SetFromErrno(PyExc_OSError);
}

/* Sets an attribute and gives the value's reference away. */
static int set(PyObject *object, const char *name, PyObject *value)
{
    int result = value == NULL ? -1 : PyObject_SetAttrString(object, name, value);
    Py_XDECREF(value);
    return result;
}

static PyObject *offset_of(const tv_finding *finding)
{
    return finding->offset == TV_NO_OFFSET ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(finding->offset);
}

PyObject *raise_finding(core_state *state, const tv_findings *findings)
{
    const tv_finding *finding = tv_findings_first_error(findings);
    if (finding == NULL)
        return raise_text(state, "refused without a finding");
    char message[2048];
    size_t size = tv_finding_message(finding, message, sizeof message);
    PyObject *text = text_of(tv_span_of(message, size));
    PyObject *error = text == NULL ? NULL : PyObject_CallFunctionObjArgs(state->error, text, NULL);
    Py_XDECREF(text);
    if (error == NULL)
        return NULL;
    const tv_finding_info *info = tv_finding_info_of(finding->id);
    if (set(error, "id", PyUnicode_FromString(info->id)) == 0 && set(error, "offset", offset_of(finding)) == 0 &&
        set(error, "subject", text_of(tv_finding_subject(finding))) == 0 &&
        set(error, "todo", PyUnicode_FromString(info->todo)) == 0)
        PyErr_SetObject(state->error, error);
    Py_DECREF(error);
    return NULL;
}

/* identify(head: bytes, size: int) -> (name, what) */
static PyObject *core_identify(PyObject *module, PyObject *args)
{
    const char *head;
    Py_ssize_t held;
    unsigned long long size;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#K", &head, &held, &size))
        return NULL;
    tv_span bytes = tv_span_of(head, (size_t)(held < TV_IDENTIFY_BYTES ? held : TV_IDENTIFY_BYTES));
    tv_kind kind = tv_identify(bytes, size);
    return Py_BuildValue("ss", tv_kind_name(kind), tv_kind_what(kind));
}

static PyMethodDef methods[] = {
    {"identify", core_identify, METH_VARARGS,
     PyDoc_STR(
         "identify(head, size) -> (kind, what it is in words), from the first 512 bytes of a file of size bytes")},
    {"serialize", core_serialize, METH_VARARGS,
     PyDoc_STR("serialize(entries, metadata) -> bytes of a file; entries: (name, dtype, shape, address, bytes) each")},
    {"write", core_write, METH_VARARGS,
     PyDoc_STR("write(fd, entries, metadata, syncs=False) -> bytes written at the descriptor's position")},
    {NULL, NULL, 0, NULL}};

static const char error_doc[] = "What is wrong with a file, or with what should become one.\n\n"
                                "Attributes, where a rule of the format was broken: id (stable, see `tensorvet explain "
                                "ID`), offset (bytes from the\n"
                                "start of the file, or None), subject (the name it is about), todo (what to do next).";

static int fill(PyObject *module)
{
    core_state *state = PyModule_GetState(module);
    state->error = PyErr_NewExceptionWithDoc("tensorvet.SafetensorError", error_doc, NULL, NULL);
    if (state->error == NULL || PyModule_AddObjectRef(module, "SafetensorError", state->error) != 0)
        return -1;
    PyObject *bits = PyDict_New();
    if (bits == NULL || PyModule_AddObjectRef(module, "DTYPE_BITS", bits) != 0)
        return -1;
    Py_DECREF(bits); /* the module holds it */
    for (int i = 0; i < TV_DTYPE_COUNT; i++) {
        state->dtypes[i] = PyUnicode_InternFromString(tv_dtype_name((tv_dtype)i));
        PyObject *size = PyLong_FromUnsignedLong(tv_dtype_bits((tv_dtype)i));
        int done = state->dtypes[i] == NULL || size == NULL ? -1 : PyDict_SetItem(bits, state->dtypes[i], size);
        Py_XDECREF(size);
        if (done != 0)
            return -1;
    }
    state->reader = (PyTypeObject *)PyType_FromModuleAndSpec(module, &reader_spec, NULL);
    if (state->reader == NULL || PyModule_AddType(module, state->reader) != 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", tv_version());
}

static int visit_state(PyObject *module, visitproc visit, void *arg)
{
    core_state *state = PyModule_GetState(module);
    Py_VISIT(state->error);
    Py_VISIT(state->reader);
    return 0;
}

static int clear_state(PyObject *module)
{
    core_state *state = PyModule_GetState(module);
    Py_CLEAR(state->error);
    Py_CLEAR(state->reader);
    for (int i = 0; i < TV_DTYPE_COUNT; i++)
        Py_CLEAR(state->dtypes[i]);
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)fill}, {0, NULL}};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                 .m_name = "tensorvet._core",
                                 .m_doc = "The format, as core has it. Private: use the package around it.",
                                 .m_size = sizeof(core_state),
                                 .m_methods = methods,
                                 .m_slots = slots,
                                 .m_traverse = visit_state,
                                 .m_clear = clear_state};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
