/* What the files of the extension share: the module's state, errors, and the objects they hand each other.
 *
 * Limited API of CPython 3.10: one binary serves every later version. The extension trusts its caller (our own Python
 * modules) for pointers to tensors, and nothing in a file. */
#ifndef PYTHON_COMMON_H
#define PYTHON_COMMON_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include <tensorvet/tensorvet.h>

#include "gather.h"

/* What lives as long as the module. */
typedef struct core_state {
    PyObject *error;                  /* SafetensorError */
    PyObject *dtypes[TV_DTYPE_COUNT]; /* "F32", … as Python strings */
    PyTypeObject *reader;
} core_state;

/* SafetensorError for the first error among the findings, with its id, offset and subject as attributes. NULL. */
PyObject *raise_finding(core_state *state, const tv_findings *findings);
/* SafetensorError with that text. NULL. */
PyObject *raise_text(core_state *state, const char *text);
/* OSError of that errno. NULL. */
PyObject *raise_errno(int code);

/* A str from bytes of a file. */
PyObject *text_of(tv_span bytes);

/* reader.c: the type Reader. */
extern PyType_Spec reader_spec;

/* subscript.c: what stands between the brackets, a tuple of int, slice and Ellipsis, as core's subscripts. Returns how
 * many, or -1 with an exception. */
int subscripts_of(PyObject *index, tv_subscript *subscripts, int room);

/* dlpack.c */
typedef struct shared_map shared_map;
/* Takes over the map. NULL with MemoryError. */
shared_map *shared_map_new(void *base, uint64_t size);
const uint8_t *shared_map_base(const shared_map *map);
/* Called with or without the GIL. */
void shared_map_drop(shared_map *map);
/* A DLPack capsule of the tensor whose bytes stand at `at` in the map, which it keeps alive. */
PyObject *dlpack_of_map(shared_map *map, uint64_t at, tv_dtype dtype, const uint64_t *shape, uint16_t rank,
                        uint64_t bytes);
/* The same of `data`, which was malloced and is taken over, failure included. */
PyObject *dlpack_of_memory(void *data, tv_dtype dtype, const uint64_t *shape, uint16_t rank, uint64_t bytes);

/* writer.c */
PyObject *core_serialize(PyObject *module, PyObject *args);
PyObject *core_write(PyObject *module, PyObject *args);

#endif
