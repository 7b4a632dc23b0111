"""tensorvet.numpy: what is stored is what the arrays show, byte for byte as the reference stores it."""

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy as reference

import tensorvet
import tensorvet.numpy as ours

TENSORS = {
    "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
    "flags": np.array([True, False]),
    "scalar": np.array(3, dtype=np.int64),
    "none": np.zeros((0, 3), np.float16),
    "complex": np.array([1 + 2j], np.complex64),
}


def same(a, b):
    assert list(sorted(a)) == list(sorted(b))
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape
        assert a[name].tobytes() == b[name].tobytes()


@pytest.mark.parametrize("metadata", [None, {}, {"format": "np"}])
def test_bytes_are_the_references(metadata):
    assert ours.save(TENSORS, metadata) == reference.save(TENSORS, metadata)


def test_the_references_names_are_here(tmp_path):
    """What other code imports from the module, and the keyword under which the reference takes the arrays."""
    for name in ("safe_open", "serialize", "serialize_file", "deserialize", "TensorSpec"):
        assert getattr(ours, name) is getattr(tensorvet, name)
    assert ours.save(tensor_dict=TENSORS) == reference.save(tensor_dict=TENSORS)
    ours.save_file(tensor_dict=TENSORS, filename=tmp_path / "m.safetensors")
    same(reference.load_file(tmp_path / "m.safetensors"), TENSORS)
    with pytest.raises(TypeError):
        ours.save(TENSORS, tensor_dict=TENSORS)
    with pytest.raises(TypeError):
        tensorvet.safe_open(tmp_path / "m.safetensors", None)


def test_each_reads_the_others_file(tmp_path):
    path = tmp_path / "m.safetensors"
    ours.save_file(TENSORS, path, {"a": "b"})
    same(reference.load_file(path), TENSORS)
    reference.save_file(TENSORS, path)
    for backend in ("mmap", "pread"):
        same(ours.load_file(path, backend=backend), TENSORS)
    same(ours.load(path.read_bytes()), TENSORS)


MATRIX = np.arange(24, dtype=np.float32).reshape(4, 6)


@pytest.mark.parametrize(
    "array",
    [MATRIX.T, np.asfortranarray(MATRIX), MATRIX[::2], MATRIX[::-1], MATRIX[:, 1::3], np.broadcast_to(MATRIX[0], (3, 6))],
    ids=["transposed", "fortran", "strided", "reversed", "columns", "broadcast"],
)
def test_any_layout_is_stored_as_it_shows(array):
    same(ours.load(ours.save({"a": array})), {"a": np.ascontiguousarray(array)})


def test_big_endian_is_swapped():
    loaded = ours.load(ours.save({"a": MATRIX.astype(">f4")}))["a"]
    assert loaded.dtype == np.dtype("<f4") and np.array_equal(loaded, MATRIX)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
                                  "float8_e8m0fnu", "float4_e2m1fn"])
def test_added_dtypes_make_the_round_trip(name):
    array = np.array([1, 2, 0.5, 4]).astype(getattr(ml_dtypes, name))
    loaded = ours.load(ours.save({"a": array}))["a"]
    assert loaded.dtype == array.dtype and loaded.tobytes() == array.tobytes()


def test_arrays_are_writable_copies(tmp_path):
    path = tmp_path / "m.safetensors"
    ours.save_file({"a": MATRIX}, path)
    before = path.read_bytes()
    ours.load_file(path)["a"][:] = 7
    assert path.read_bytes() == before


def test_callers_dict_is_left_alone():
    tensors, metadata = {"a": MATRIX.T}, {"k": "v"}
    array = tensors["a"]
    ours.save(tensors, metadata)
    assert tensors == {"a": array} and tensors["a"] is array and metadata == {"k": "v"}


def test_empty_file_with_empty_metadata():
    data = ours.save({}, {})
    assert ours.load(data, return_metadata=True) == ({}, {})
    assert reference.load(data) == {}


def test_metadata_is_returned_on_request(tmp_path):
    path = tmp_path / "m.safetensors"
    ours.save_file(TENSORS, path, {"a": "b"})
    assert ours.load_file(path, return_metadata=True)[1] == {"a": "b"}
    assert ours.load(path.read_bytes(), return_metadata=True)[1] == {"a": "b"}


@pytest.mark.parametrize(
    "tensors, error, text",
    [
        ([1], ValueError, "Expected a dict of"),
        ({"a": [1, 2]}, ValueError, "Key `a` is invalid"),
        ({"a": np.array([None])}, tensorvet.SafetensorError, 'Unknown dtype "object"'),
        ({"a": np.zeros(2, np.complex128)}, tensorvet.SafetensorError, 'Unknown dtype "complex128"'),
        ({"__metadata__": MATRIX}, tensorvet.SafetensorError, "name-reserved"),
        ({"a\x00b": MATRIX}, tensorvet.SafetensorError, "name-control-character"),
        ({"\ud800": MATRIX}, UnicodeEncodeError, "surrogates"),
        ({3: MATRIX}, TypeError, "str"),
    ],
)
def test_what_cannot_be_stored_is_refused(tensors, error, text):
    with pytest.raises(error, match=text):
        ours.save(tensors)


def test_f6_says_what_to_do():
    header = b'{"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}      '
    data = (len(header) // 8 * 8).to_bytes(8, "little") + header[: len(header) // 8 * 8] + bytes(3)
    with pytest.raises(tensorvet.SafetensorError, match="F6_E2M3"):
        ours.load(data)
