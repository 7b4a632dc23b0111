/* The type Reader: one safetensors file, open. Its header is parsed once, by core, from the very descriptor (or bytes
 * object) that all tensors are read from afterwards; nothing is opened again by its path.
 *
 * Trusts nothing in the file. Promises: no read outside a tensor that core has accepted; a file that was cut off after
 * it was opened is an error; the descriptor is closed with the last reference. The GIL is released in all work. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "gather.h"
#include "platform.h"

enum { HEAD_BYTES = 65536 }; /* the first read: most headers are wholly in it */

typedef struct reader {
    PyObject base;
    core_state *state;   /* of the module, which the type keeps alive */
    source from;         /* where the bytes are */
    PyObject *bytes;     /* what `from` points into, or NULL */
    shared_map *map;     /* made when it is first needed, or NULL */
    uint8_t *head;       /* the file up to its data section; NULL where bytes has it */
    void *memory;        /* the index's arena */
    tv_index index;      /* as core has it */
    uint64_t data_start; /* offset in the file */
    uint64_t whole;      /* the file's size, where bytes has only its beginning; else 0 */
    PyObject *names;     /* list of str in offset order; made when first needed */
    PyObject *positions; /* dict of name to position; made when first needed */
    PyObject *metadata;  /* given from outside, or NULL */
} reader;

static core_state *state_of(const reader *self)
{
    return self->state;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* Reads the file up to the end of its header. 0 or an errno; what is wrong with the file comes out of the parse. */
static int read_head(reader *self, const tv_limits *limits, tv_findings *findings, tv_span *head)
{
    uint64_t size = self->from.size, held = size < HEAD_BYTES ? size : HEAD_BYTES, length = 0, got = 0;
    self->head = malloc(held + 1);
    if (self->head == NULL)
        return ENOMEM;
    int code = platform_read(self->from.fd, self->head, held, 0, &got);
    *head = tv_span_of(self->head, (size_t)got);
    if (code != 0 || tv_header_length(*head, size, limits, &length, findings) != TV_OK || length + 8 <= got)
        return code;
    uint8_t *larger = realloc(self->head, length + 8); /* not more than the file has: tv_header_length saw to it */
    if (larger == NULL)
        return ENOMEM;
    self->head = larger;
    uint64_t more = 0;
    code = platform_read(self->from.fd, larger + got, length + 8 - got, got, &more);
    *head = tv_span_of(larger, (size_t)(got + more));
    return code;
}

static tv_status parse(reader *self, tv_span head, uint64_t file_size, const tv_limits *limits, tv_findings *findings)
{
    uint64_t length = 0;
    tv_status status = tv_header_length(head, file_size, limits, &length, findings);
    if (status != TV_OK)
        return status;
    tv_arena arena = {NULL, (size_t)tv_index_memory(length), 0};
    arena.base = self->memory = malloc(arena.size);
    if (self->memory == NULL)
        return TV_NO_MEMORY;
    return tv_index_parse(head, file_size, limits, 0, &arena, &self->index, findings);
}

/* Opens and parses. `given` is empty, or a header that stands for the file's own, whose data section is where
 * data_start says. */
static int load(reader *self, tv_span given)
{
    tv_limits limits = tv_limits_default();
    tv_findings *findings = calloc(1, sizeof *findings);
    int code = 0;
    tv_status status = TV_OK;
    if (findings == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS;
    if (self->bytes == NULL)
        code = platform_size(self->from.fd, &self->from.size);
    tv_span head = given;
    uint64_t file_size = self->whole != 0 ? self->whole : self->from.size;
    if (given.size != 0)
        file_size = self->data_start <= file_size ? given.size + (file_size - self->data_start) : given.size;
    else if (self->bytes != NULL)
        head = tv_span_of(self->from.memory, (size_t)self->from.size);
    else if (code == 0)
        code = read_head(self, &limits, findings, &head);
    if (code == 0 && tv_findings_first_error(findings) == NULL)
        status = parse(self, head, file_size, &limits, findings);
    if (given.size == 0)
        self->data_start = self->index.data_start;
    Py_END_ALLOW_THREADS;
    if (code != 0)
        raise_errno(code);
    else if (tv_findings_first_error(findings) != NULL)
        raise_finding(state_of(self), findings);
    else if (status == TV_MORE)
        raise_text(state_of(self), "the file was cut off while it was read");
    else if (status != TV_OK)
        PyErr_NoMemory();
    free(findings);
    return PyErr_Occurred() == NULL ? 0 : -1;
}

/* A header that was given from outside, which the index will point into. */
static int keep_header(reader *self, const char *header, Py_ssize_t size)
{
    if (size == 0)
        return 0;
    self->head = malloc((size_t)size);
    if (self->head == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(self->head, header, (size_t)size);
    return 0;
}

/* Reader(source, header=None, data_start=0, names=None, metadata=None, size=0); a descriptor is taken over on success
 * alone. A size stands for bytes that are the beginning of a file of that size, whose header is to be read. */
static int reader_init(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char source_name[] = "source", header_name[] = "header", start_name[] = "data_start", names_name[] = "names",
                metadata_name[] = "metadata", size_name[] = "size";
    static char *words[] = {source_name, header_name, start_name, names_name, metadata_name, size_name, NULL};
    reader *self = (reader *)object;
    PyObject *from = NULL, *names = NULL, *metadata = NULL;
    const char *header = NULL;
    Py_ssize_t header_size = 0;
    unsigned long long data_start = 0, whole = 0;
    if (self->memory != NULL) {
        PyErr_SetString(PyExc_TypeError, "a Reader is opened once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|z#KO!OK", words, &from, &header, &header_size, &data_start,
                                     &PyList_Type, &names, &metadata, &whole))
        return -1;
    self->data_start = data_start;
    self->whole = whole;
    if (PyBytes_Check(from)) {
        self->bytes = Py_NewRef(from);
        self->from = (source){-1, (const uint8_t *)PyBytes_AsString(from), (uint64_t)PyBytes_Size(from)};
    } else {
        long fd = PyLong_AsLong(from);
        if (fd == -1 && PyErr_Occurred() != NULL)
            return -1;
        self->from.fd = (int)fd;
    }
    if (keep_header(self, header, header_size) != 0 || load(self, tv_span_of(self->head, (size_t)header_size)) != 0) {
        self->from.fd = -1; /* still the caller's */
        return -1;
    }
    if (header_size != 0) {
        self->names = Py_XNewRef(names);
        self->metadata = Py_XNewRef(metadata);
    }
    return 0;
}

static PyObject *reader_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)args;
    (void)keywords;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    reader *self = (reader *)allocate(type, 0);
    if (self != NULL) {
        self->state = PyType_GetModuleState(type);
        self->from.fd = -1;
    }
    return (PyObject *)self;
}

static void reader_dealloc(PyObject *object)
{
    reader *self = (reader *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->from.fd >= 0)
        platform_close(self->from.fd);
    if (self->map != NULL)
        shared_map_drop(self->map);
    free(self->head);
    free(self->memory);
    Py_XDECREF(self->bytes);
    Py_XDECREF(self->names);
    Py_XDECREF(self->positions);
    Py_XDECREF(self->metadata);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- what is in it ------------------------------------------------------------------------------------------------
 */

static PyObject *name_of(const reader *self, const tv_tensor *tensor)
{
    tv_span name;
    if (tv_tensor_name_span(&self->index, tensor, &name))
        return PyUnicode_FromStringAndSize((const char *)name.data, (Py_ssize_t)name.size);
    char *text = malloc((size_t)tensor->name_size + 1); /* unescaping never makes it longer */
    if (text == NULL)
        return PyErr_NoMemory();
    size_t size = tv_tensor_name(&self->index, tensor, text, tensor->name_size);
    PyObject *result = PyUnicode_FromStringAndSize(text, (Py_ssize_t)size);
    free(text);
    return result;
}

/* The list of all names, borrowed. */
static PyObject *all_names(reader *self)
{
    if (self->names != NULL)
        return self->names;
    PyObject *names = PyList_New((Py_ssize_t)self->index.count);
    for (uint64_t i = 0; names != NULL && i < self->index.count; i++) {
        PyObject *name = name_of(self, &self->index.tensors[i]);
        if (name == NULL)
            Py_CLEAR(names);
        else
            (void)PyList_SetItem(names, (Py_ssize_t)i, name);
    }
    if (self->names == NULL) /* no other thread was here meanwhile */
        self->names = names;
    else
        Py_XDECREF(names);
    return names == NULL ? NULL : self->names;
}

static PyObject *reader_names(PyObject *object, PyObject *unused)
{
    PyObject *names = all_names((reader *)object);
    (void)unused;
    return names == NULL ? NULL : PyList_GetSlice(names, 0, PyList_Size(names));
}

static PyObject *make_positions(reader *self)
{
    PyObject *names = all_names(self), *positions = names == NULL ? NULL : PyDict_New();
    for (Py_ssize_t i = 0; positions != NULL && i < PyList_Size(names); i++) {
        PyObject *position = PyLong_FromSsize_t(i);
        if (position == NULL || PyDict_SetItem(positions, PyList_GetItem(names, i), position) != 0)
            Py_CLEAR(positions);
        Py_XDECREF(position);
    }
    return positions;
}

/* find(name) -> position in offset order, or None */
static PyObject *reader_find(PyObject *object, PyObject *name)
{
    reader *self = (reader *)object;
    if (self->positions == NULL) {
        PyObject *positions = make_positions(self);
        if (positions == NULL)
            return NULL;
        PyObject *old = self->positions; /* another thread may have been here meanwhile */
        self->positions = positions;
        Py_XDECREF(old);
    }
    PyObject *position = PyDict_GetItemWithError(self->positions, name);
    if (position == NULL)
        return PyErr_Occurred() == NULL ? Py_NewRef(Py_None) : NULL;
    return Py_NewRef(position);
}

static PyObject *shape_tuple(const uint64_t *shape, uint16_t rank)
{
    PyObject *tuple = PyTuple_New(rank);
    for (uint16_t i = 0; tuple != NULL && i < rank; i++) {
        PyObject *length = PyLong_FromUnsignedLongLong(shape[i]);
        if (length == NULL)
            Py_CLEAR(tuple);
        else
            (void)PyTuple_SetItem(tuple, i, length);
    }
    return tuple;
}

static PyObject *row_of(const reader *self, const tv_tensor *tensor, PyObject *name)
{
    uint64_t shape[TV_SLICE_RANK];
    tv_tensor_shape(&self->index, tensor, shape);
    return Py_BuildValue("OONKK", name, state_of(self)->dtypes[tensor->dtype], shape_tuple(shape, tensor->rank),
                         (unsigned long long)tensor->begin, (unsigned long long)tensor->end);
}

/* table() -> [(name, dtype, shape, begin, end)] in offset order */
static PyObject *reader_table(PyObject *object, PyObject *unused)
{
    reader *self = (reader *)object;
    PyObject *names = all_names(self), *table = names == NULL ? NULL : PyList_New((Py_ssize_t)self->index.count);
    (void)unused;
    for (uint64_t i = 0; table != NULL && i < self->index.count; i++) {
        PyObject *row = row_of(self, &self->index.tensors[i], PyList_GetItem(names, (Py_ssize_t)i));
        if (row == NULL)
            Py_CLEAR(table);
        else
            (void)PyList_SetItem(table, (Py_ssize_t)i, row);
    }
    return table;
}

/* Where a tensor stands in the header, and its position. */
typedef struct place {
    uint32_t at;
    Py_ssize_t position;
} place;

static int compare_places(const void *a, const void *b)
{
    uint32_t x = ((const place *)a)->at, y = ((const place *)b)->at;
    return (x > y) - (x < y);
}

/* header_order() -> positions, in the order in which the tensors stand in the header */
static PyObject *reader_header_order(PyObject *object, PyObject *unused)
{
    const reader *self = (const reader *)object;
    size_t count = (size_t)self->index.count;
    place *places = calloc(count + 1, sizeof *places);
    (void)unused;
    if (places == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < count; i++)
        places[i] = (place){self->index.tensors[i].name_at, (Py_ssize_t)i};
    qsort(places, count, sizeof *places, compare_places);
    PyObject *order = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; order != NULL && i < count; i++) {
        PyObject *position = PyLong_FromSsize_t(places[i].position);
        if (position == NULL)
            Py_CLEAR(order);
        else
            (void)PyList_SetItem(order, (Py_ssize_t)i, position);
    }
    free(places);
    return order;
}

/* The tensor at that position, or NULL with IndexError. */
static const tv_tensor *tensor_at(const reader *self, PyObject *position)
{
    size_t i = PyLong_AsSize_t(position);
    if (i == (size_t)-1 && PyErr_Occurred() != NULL)
        return NULL;
    if (i < self->index.count)
        return &self->index.tensors[i];
    PyErr_SetString(PyExc_IndexError, "no such position");
    return NULL;
}

/* row(position) -> (name, dtype, shape, begin, end) */
static PyObject *reader_row(PyObject *object, PyObject *position)
{
    reader *self = (reader *)object;
    const tv_tensor *tensor = tensor_at(self, position);
    PyObject *names = tensor == NULL ? NULL : all_names(self);
    return names == NULL ? NULL : row_of(self, tensor, PyList_GetItem(names, tensor - self->index.tensors));
}

static PyObject *unescaped(tv_span raw)
{
    char *text = malloc(raw.size + 1);
    if (text == NULL)
        return PyErr_NoMemory();
    size_t size = tv_json_unescape(raw, text, raw.size);
    PyObject *result = PyUnicode_FromStringAndSize(text, (Py_ssize_t)size);
    free(text);
    return result;
}

/* metadata() -> dict of str, or None where the file has none */
static PyObject *reader_metadata(PyObject *object, PyObject *unused)
{
    reader *self = (reader *)object;
    uint32_t cursor = 0;
    tv_span raw_key, raw_value;
    (void)unused;
    if (self->metadata != NULL)
        return self->metadata == Py_None ? Py_NewRef(Py_None) : PyDict_Copy(self->metadata);
    if (self->index.metadata_at == 0)
        return Py_NewRef(Py_None);
    PyObject *result = PyDict_New();
    while (result != NULL && tv_metadata_next(&self->index, &cursor, &raw_key, &raw_value)) {
        PyObject *key = unescaped(raw_key), *value = unescaped(raw_value);
        if (key == NULL || value == NULL || PyDict_SetItem(result, key, value) != 0)
            Py_CLEAR(result);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return result;
}

static Py_ssize_t reader_length(PyObject *object)
{
    return (Py_ssize_t)((const reader *)object)->index.count;
}

/* ---- bytes of tensors ---------------------------------------------------------------------------------------------
 */

/* What a failed read of that tensor means, as an exception. NULL. */
static PyObject *read_failed(const reader *self, const tv_tensor *tensor, int code)
{
    if (code != SOURCE_CUT_OFF)
        return code == ENOMEM ? PyErr_NoMemory() : raise_errno(code);
    PyObject *name = name_of(self, tensor);
    if (name != NULL)
        PyErr_Format(state_of(self)->error, "Could not read tensor %A from file: it was cut off after it was opened",
                     name);
    Py_XDECREF(name);
    return NULL;
}

static uint64_t start_of(const reader *self, const tv_tensor *tensor)
{
    return self->data_start + tensor->begin;
}

/* Without the GIL. */
static int fetch(const reader *self, const tv_tensor *tensor, void *into)
{
    int code;
    Py_BEGIN_ALLOW_THREADS;
    code = source_read(&self->from, into, tensor->end - tensor->begin, start_of(self, tensor));
    Py_END_ALLOW_THREADS;
    return code;
}

/* read(position) -> bytearray */
static PyObject *reader_read(PyObject *object, PyObject *position)
{
    reader *self = (reader *)object;
    const tv_tensor *tensor = tensor_at(self, position);
    if (tensor == NULL)
        return NULL;
    PyObject *data = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)(tensor->end - tensor->begin));
    int code = data == NULL ? 0 : fetch(self, tensor, PyByteArray_AsString(data));
    if (code == 0)
        return data;
    Py_DECREF(data);
    return read_failed(self, tensor, code);
}

/* read_dlpack(position) -> capsule over a copy */
static PyObject *reader_read_dlpack(PyObject *object, PyObject *position)
{
    reader *self = (reader *)object;
    const tv_tensor *tensor = tensor_at(self, position);
    if (tensor == NULL)
        return NULL;
    uint64_t shape[TV_SLICE_RANK], bytes = tensor->end - tensor->begin;
    tv_tensor_shape(&self->index, tensor, shape);
    void *data = malloc((size_t)bytes + 1);
    int code = data == NULL ? ENOMEM : fetch(self, tensor, data);
    if (code == 0)
        return dlpack_of_memory(data, (tv_dtype)tensor->dtype, shape, tensor->rank, bytes);
    free(data);
    return read_failed(self, tensor, code);
}

/* The private map of the whole file, made once; false with an exception. */
static bool have_map(reader *self, const tv_tensor *tensor)
{
    uint64_t now = 0;
    void *base = NULL;
    if (self->map != NULL)
        return true;
    int code = self->from.memory != NULL ? EINVAL : platform_size(self->from.fd, &now);
    if (code == 0 && now < self->from.size)
        code = SOURCE_CUT_OFF;
    if (code == 0)
        code = platform_map(self->from.fd, self->from.size, &base);
    if (code != 0) {
        (void)read_failed(self, tensor, code);
        return false;
    }
    self->map = shared_map_new(base, self->from.size);
    return self->map != NULL;
}

/* map_dlpack(position) -> capsule over the private map: no copy; nothing is read until it is touched */
static PyObject *reader_map_dlpack(PyObject *object, PyObject *position)
{
    reader *self = (reader *)object;
    const tv_tensor *tensor = tensor_at(self, position);
    if (tensor == NULL || !have_map(self, tensor))
        return NULL;
    uint64_t shape[TV_SLICE_RANK];
    tv_tensor_shape(&self->index, tensor, shape);
    return dlpack_of_map(self->map, start_of(self, tensor), (tv_dtype)tensor->dtype, shape, tensor->rank,
                         tensor->end - tensor->begin);
}

/* ---- slices -------------------------------------------------------------------------------------------------------
 */

static bool slice_failed(tv_slice_error error)
{
    PyObject *kind =
        error == TV_SLICE_STEP_NOT_POSITIVE || error == TV_SLICE_NOT_ON_BYTES ? PyExc_ValueError : PyExc_IndexError;
    PyErr_Format(kind, "%s", tv_slice_error_text(error));
    return false;
}

static bool make_slice(const reader *self, PyObject *position, PyObject *index, tv_slice *slice,
                       const tv_tensor **tensor)
{
    tv_subscript subscripts[TV_SLICE_RANK + 1];
    uint64_t shape[TV_SLICE_RANK];
    *tensor = tensor_at(self, position);
    int count = *tensor == NULL ? -1 : subscripts_of(index, subscripts, TV_SLICE_RANK + 1);
    if (count < 0)
        return false;
    tv_tensor_shape(&self->index, *tensor, shape);
    tv_slice_error error =
        tv_slice_make((tv_dtype)(*tensor)->dtype, shape, (*tensor)->rank, subscripts, (uint16_t)count, slice);
    return error == TV_SLICE_GOOD || slice_failed(error);
}

/* slice_shape(position, index) -> the shape that NumPy's result would have */
static PyObject *reader_slice_shape(PyObject *object, PyObject *args)
{
    PyObject *position, *index;
    const tv_tensor *tensor;
    tv_slice slice;
    if (!PyArg_UnpackTuple(args, "slice_shape", 2, 2, &position, &index) ||
        !make_slice((const reader *)object, position, index, &slice, &tensor))
        return NULL;
    return shape_tuple(slice.shape, slice.rank);
}

/* read_slice(position, index, mapped) -> (shape, bytearray) */
static PyObject *reader_read_slice(PyObject *object, PyObject *args)
{
    reader *self = (reader *)object;
    PyObject *position, *index, *data;
    const tv_tensor *tensor;
    tv_slice slice;
    int mapped, code;
    if (!PyArg_ParseTuple(args, "OOp", &position, &index, &mapped) ||
        !make_slice(self, position, index, &slice, &tensor))
        return NULL;
    mapped = mapped && self->from.memory == NULL && slice.loops > 0;
    if (mapped && !have_map(self, tensor))
        return NULL;
    data = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)slice.bytes);
    if (data == NULL)
        return NULL;
    uint8_t *into = (uint8_t *)PyByteArray_AsString(data);
    source from = mapped ? (source){-1, shared_map_base(self->map), self->from.size} : self->from;
    uint16_t rank = slice.rank;
    Py_BEGIN_ALLOW_THREADS;
    code = gather_slice(&from, start_of(self, tensor), tensor->end - tensor->begin, &slice, into);
    Py_END_ALLOW_THREADS;
    if (code == 0)
        return Py_BuildValue("NN", shape_tuple(slice.shape, rank), data);
    Py_DECREF(data);
    return read_failed(self, tensor, code);
}

static PyMethodDef methods[] = {
    {"names", reader_names, METH_NOARGS, PyDoc_STR("names() -> list of str, in offset order")},
    {"find", reader_find, METH_O, PyDoc_STR("find(name) -> position in offset order, or None")},
    {"row", reader_row, METH_O, PyDoc_STR("row(position) -> (name, dtype, shape, begin, end)")},
    {"table", reader_table, METH_NOARGS, PyDoc_STR("table() -> list of rows, in offset order")},
    {"header_order", reader_header_order, METH_NOARGS,
     PyDoc_STR("header_order() -> list of positions, in the order in which the tensors stand in the header")},
    {"metadata", reader_metadata, METH_NOARGS, PyDoc_STR("metadata() -> dict of str, or None")},
    {"read", reader_read, METH_O, PyDoc_STR("read(position) -> bytearray of the tensor's bytes")},
    {"read_dlpack", reader_read_dlpack, METH_O, PyDoc_STR("read_dlpack(position) -> DLPack capsule over a copy")},
    {"map_dlpack", reader_map_dlpack, METH_O, PyDoc_STR("map_dlpack(position) -> DLPack capsule over a private map")},
    {"slice_shape", reader_slice_shape, METH_VARARGS,
     PyDoc_STR("slice_shape(position, index) -> shape of the slice, as NumPy's")},
    {"read_slice", reader_read_slice, METH_VARARGS,
     PyDoc_STR("read_slice(position, index, mapped) -> (shape, bytearray)")},
    {NULL, NULL, 0, NULL}};

static char doc[] = "One safetensors file, open: Reader(descriptor or bytes).";

static PyType_Slot slots[] = {{Py_tp_new, (void *)reader_new},
                              {Py_tp_init, (void *)reader_init},
                              {Py_tp_dealloc, (void *)reader_dealloc},
                              {Py_tp_methods, methods},
                              {Py_mp_length, (void *)reader_length},
                              {Py_tp_doc, doc},
                              {0, NULL}};

PyType_Spec reader_spec = {
    .name = "tensorvet._core.Reader", .basicsize = sizeof(reader), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};
