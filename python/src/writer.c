/* The writing side: entries that Python describes by address, laid out and headed by core, gathered into a bytes object
 * or through a descriptor.
 *
 * Trusts the addresses, which come from our own modules (or from whoever calls serialize, as the reference's does).
 * Promises: nothing is written before core has accepted names, metadata and sizes; the GIL is released in the copying.
 * An entry is (name, dtype, shape, address, bytes). */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "outlet.h"

/* What is to be written. dims holds one block for each entry, as it was given: its position, then its shape; so that
 * shape[-1] of an entry that tv_layout has moved tells where its bytes are. */
typedef struct job {
    tv_entry *entries;
    const uint8_t **data;
    uint64_t *dims;
    tv_pair *pairs;
    uint64_t count, pair_count, total; /* total: bytes of the file */
    uint8_t *header;
    uint64_t header_size;
} job;

static void job_free(job *plan)
{
    free(plan->entries);
    free(plan->data);
    free(plan->dims);
    free(plan->pairs);
    free(plan->header);
}

/* The position that an entry had before the layout. */
static uint64_t position_of(const tv_entry *entry)
{
    return entry->shape[-1]; /* NOLINT(clang-analyzer-core.NullDereference): fill_entry set it for all */
}

static const uint8_t *data_of(const job *plan, const tv_entry *entry)
{
    return plan->data[position_of(entry)];
}

static bool utf8_of(PyObject *text, tv_span *out)
{
    Py_ssize_t size = 0;
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "names must be str, and %R is not", text);
        return false;
    }
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    *out = tv_span_of(bytes, (size_t)size);
    return bytes != NULL;
}

/* How many dimensions all shapes have together; false with an exception where an entry is none. */
static bool count_dims(PyObject *entries, uint64_t *dims)
{
    *dims = 0;
    for (Py_ssize_t i = 0; i < PyList_Size(entries); i++) {
        PyObject *entry = PyList_GetItem(entries, i);
        if (!PyTuple_Check(entry) || PyTuple_Size(entry) != 5 || !PyTuple_Check(PyTuple_GetItem(entry, 2)) ||
            PyTuple_Size(PyTuple_GetItem(entry, 2)) > UINT16_MAX) {
            PyErr_SetString(PyExc_TypeError, "an entry is (name, dtype, shape as a tuple, address, bytes)");
            return false;
        }
        *dims += (uint64_t)PyTuple_Size(PyTuple_GetItem(entry, 2)) + 1;
    }
    return true;
}

static bool number_of(PyObject *value, uint64_t *out)
{
    *out = PyLong_AsUnsignedLongLong(value);
    return *out != UINT64_MAX || PyErr_Occurred() == NULL;
}

/* Fills entry i; *dims is where its block goes, and moves behind it. */
static bool fill_entry(PyObject *from, uint64_t position, tv_entry *entry, const uint8_t **data, uint64_t **dims)
{
    PyObject *shape = PyTuple_GetItem(from, 2);
    tv_span dtype;
    uint64_t address;
    if (!utf8_of(PyTuple_GetItem(from, 0), &entry->name) || !utf8_of(PyTuple_GetItem(from, 1), &dtype) ||
        !number_of(PyTuple_GetItem(from, 3), &address) || !number_of(PyTuple_GetItem(from, 4), &entry->end))
        return false;
    *data = (const uint8_t *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr): Python knows no pointers */
    entry->dtype = tv_dtype_by_name(dtype);
    entry->rank = (uint16_t)PyTuple_Size(shape);
    *(*dims)++ = position;
    entry->shape = *dims;
    for (uint16_t i = 0; i < entry->rank; i++) {
        if (!number_of(PyTuple_GetItem(shape, i), (*dims)++))
            return false;
    }
    return true;
}

static bool fill_entries(job *plan, PyObject *entries)
{
    uint64_t dims;
    if (!count_dims(entries, &dims))
        return false;
    plan->count = (uint64_t)PyList_Size(entries);
    plan->entries = calloc(plan->count + 1, sizeof *plan->entries);
    plan->data = calloc(plan->count + 1, sizeof *plan->data);
    plan->dims = calloc(dims + 1, sizeof *plan->dims);
    if (plan->entries == NULL || plan->data == NULL || plan->dims == NULL)
        return PyErr_NoMemory() != NULL;
    uint64_t *at = plan->dims;
    for (uint64_t i = 0; i < plan->count; i++) {
        if (!fill_entry(PyList_GetItem(entries, (Py_ssize_t)i), i, &plan->entries[i], &plan->data[i], &at))
            return false;
    }
    return true;
}

static bool fill_pairs(job *plan, PyObject *metadata)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (metadata == Py_None)
        return true;
    if (!PyDict_Check(metadata)) {
        PyErr_SetString(PyExc_TypeError, "metadata is a dict of str to str, or None");
        return false;
    }
    plan->pairs = calloc((size_t)PyDict_Size(metadata) + 1, sizeof *plan->pairs);
    if (plan->pairs == NULL)
        return PyErr_NoMemory() != NULL;
    while (PyDict_Next(metadata, &at, &key, &value)) {
        if (!PyUnicode_Check(key) || !PyUnicode_Check(value)) {
            PyErr_Format(PyExc_TypeError, "metadata must be str to str: %R: %R is not", key, value);
            return false;
        }
        tv_pair *pair = &plan->pairs[plan->pair_count++];
        if (!utf8_of(key, &pair->key) || !utf8_of(value, &pair->value))
            return false;
    }
    return true;
}

/* Each entry's stated bytes against what its dtype and shape come to. sizes[i] was kept in entry i before the layout.
 */
static bool sizes_agree(core_state *state, const job *plan, const uint64_t *sizes)
{
    for (uint64_t i = 0; i < plan->count; i++) {
        const tv_entry *entry = &plan->entries[i];
        if (entry->end - entry->begin != sizes[position_of(entry)])
            return raise_text(state, "invalid shape, data type, or offset for tensor") != NULL;
    }
    return true;
}

/* Order, offsets and header; what core refuses is SafetensorError. */
static bool lay_out(core_state *state, job *plan, bool has_metadata, tv_findings *findings)
{
    tv_limits limits = tv_limits_default();
    uint64_t *sizes = calloc(plan->count + 1, sizeof *sizes);
    if (sizes == NULL)
        return PyErr_NoMemory() != NULL;
    for (uint64_t i = 0; i < plan->count; i++)
        sizes[i] = plan->entries[i].end;
    tv_status status = tv_layout(plan->entries, plan->count, findings);
    bool good = status != TV_OK || sizes_agree(state, plan, sizes);
    free(sizes);
    if (!good)
        return false;
    if (status == TV_OK)
        status = tv_header_write(plan->entries, plan->count, plan->pairs, plan->pair_count, has_metadata, &limits, NULL,
                                 0, &plan->header_size, findings);
    if (status == TV_NO_MEMORY) { /* it has told the size */
        plan->header = malloc((size_t)plan->header_size + 1);
        if (plan->header == NULL)
            return PyErr_NoMemory() != NULL;
        status = tv_header_write(plan->entries, plan->count, plan->pairs, plan->pair_count, has_metadata, &limits,
                                 plan->header, plan->header_size, &plan->header_size, findings);
    }
    if (status != TV_OK)
        return raise_finding(state, findings) != NULL;
    uint64_t data = plan->count == 0 ? 0 : plan->entries[plan->count - 1].end;
    if (!tv_add(plan->header_size, data, &plan->total) || plan->total > INT64_MAX)
        return raise_text(state, "more bytes than a file can have") != NULL;
    return true;
}

static bool prepare(core_state *state, PyObject *entries, PyObject *metadata, job *plan)
{
    if (!fill_entries(plan, entries) || !fill_pairs(plan, metadata))
        return false;
    tv_findings *findings = calloc(1, sizeof *findings);
    bool good = findings == NULL ? PyErr_NoMemory() != NULL : lay_out(state, plan, metadata != Py_None, findings);
    free(findings);
    return good;
}

PyObject *core_serialize(PyObject *module, PyObject *args)
{
    PyObject *entries, *metadata, *result = NULL;
    job plan = {0};
    if (!PyArg_ParseTuple(args, "O!O", &PyList_Type, &entries, &metadata))
        return NULL;
    if (prepare(PyModule_GetState(module), entries, metadata, &plan))
        result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)plan.total);
    if (result != NULL) {
        uint8_t *into = (uint8_t *)PyBytes_AsString(result);
        Py_BEGIN_ALLOW_THREADS;
        memcpy(into, plan.header, (size_t)plan.header_size);
        into += plan.header_size;
        for (uint64_t i = 0; i < plan.count; i++) {
            const tv_entry *entry = &plan.entries[i];
            if (entry->end > entry->begin)
                memcpy(into + entry->begin, data_of(&plan, entry), (size_t)(entry->end - entry->begin));
        }
        Py_END_ALLOW_THREADS;
    }
    job_free(&plan);
    return result;
}

static int write_all(int fd, bool syncs, const job *plan)
{
    outlet out;
    int code = outlet_open(&out, fd, syncs);
    if (code != 0)
        return code;
    code = outlet_put(&out, plan->header, plan->header_size);
    for (uint64_t i = 0; code == 0 && i < plan->count; i++)
        code = outlet_put(&out, data_of(plan, &plan->entries[i]), plan->entries[i].end - plan->entries[i].begin);
    return outlet_close(&out, code);
}

PyObject *core_write(PyObject *module, PyObject *args)
{
    PyObject *entries, *metadata;
    job plan = {0};
    int fd, syncs = 0, code = 0;
    if (!PyArg_ParseTuple(args, "iO!O|p", &fd, &PyList_Type, &entries, &metadata, &syncs))
        return NULL;
    bool good = prepare(PyModule_GetState(module), entries, metadata, &plan);
    if (good) {
        Py_BEGIN_ALLOW_THREADS;
        code = write_all(fd, syncs != 0, &plan);
        Py_END_ALLOW_THREADS;
    }
    PyObject *total = good && code == 0 ? PyLong_FromUnsignedLongLong(plan.total) : NULL;
    job_free(&plan);
    return good && code != 0 ? raise_errno(code) : total;
}
