"""tensorvet.tensorflow, .paddle and .mlx, each where its framework is installed; each skip names the one that is not.

`pytest -k tensorflow`, `-k paddle`, `-k mlx`: one at a time, since two of them in one process crash."""

import importlib

import ml_dtypes
import numpy as np
import pytest

import tensorvet
import tensorvet.numpy

CODES = ["BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64", "C64", "BF16", "F8_E4M3", "F8_E5M2"]
NAMES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
         "complex64", "bfloat16", "float8_e4m3fn", "float8_e5m2"]  # fmt: skip
SHAPES = [(2, 3), (), (0, 3), (4,)]


class TensorFlow:
    module, package, framework, lacks, rounds = "tensorflow", "tensorflow", "tf", (), ()

    def __init__(self, tf):
        self.kinds, self.make, self.transposed = (tf.Tensor,), tf.convert_to_tensor, tf.transpose


class Paddle:
    module, package, framework, lacks, rounds = "paddle", "paddle", "paddle", ("U16", "U32", "U64"), ()

    def __init__(self, paddle):
        self.kinds, self.make, self.transposed = (paddle.Tensor,), paddle.to_tensor, lambda x: x.t()


class Mlx:
    module, package, framework, lacks, rounds = "mlx", "mlx.core", "mlx", ("F8_E4M3", "F8_E5M2"), ("F64",)

    def __init__(self, mx):
        self.kinds, self.make, self.transposed = (mx.array,), mx.array, lambda x: x.T


@pytest.fixture(params=[TensorFlow, Paddle, Mlx], ids=lambda kind: kind.module)
def library(request):
    kind = request.param
    package = pytest.importorskip(kind.package, reason=f"{kind.package} is not installed here", exc_type=ImportError)
    library = kind(package)
    library.ours = importlib.import_module(f"tensorvet.{kind.module}")
    return library


def array(code, shape=(2, 3)):
    name = NAMES[CODES.index(code)]
    return np.arange(int(np.prod(shape))).reshape(shape).astype(getattr(ml_dtypes, name, name))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_dtype_and_shape_round_trips(library, code, shape):
    data = tensorvet.numpy.save({"x": array(code, shape)})
    if code in library.lacks:
        with pytest.raises(tensorvet.SafetensorError, match=f"no dtype for {code}"):
            library.ours.load(data)
        return
    loaded = library.ours.load(data)["x"]
    assert isinstance(loaded, library.kinds) and tuple(loaded.shape) == shape
    if code not in library.rounds:
        assert library.ours.save({"x": loaded}) == data


def test_files_metadata_and_slices(library, tmp_path):
    whole = array("F32", (10, 5))
    library.ours.save_file({"x": library.make(whole)}, tmp_path / "m", {"a": "b"})
    assert tensorvet.numpy.load_file(tmp_path / "m")["x"].tobytes() == whole.tobytes()
    tensors, metadata = library.ours.load_file(tmp_path / "m", return_metadata=True)
    assert metadata == {"a": "b"} and np.array_equal(np.asarray(tensors["x"]), whole)
    for backend in ("mmap", "pread"):
        assert isinstance(library.ours.load_file(tmp_path / "m", backend=backend)["x"], library.kinds)
        with tensorvet.safe_open(tmp_path / "m", framework=library.framework, backend=backend) as file:
            for index in (np.s_[2:5], np.s_[-3:, ::2], np.s_[..., 1], np.s_[5:2]):
                part = file.get_slice("x")[index]
                assert isinstance(part, library.kinds) and np.array_equal(np.asarray(part), whole[index])


def test_any_layout_is_saved_as_it_shows(library):
    whole = array("F32")
    saved = tensorvet.numpy.load(library.ours.save({"x": library.transposed(library.make(whole))}))
    assert np.array_equal(saved["x"], whole.T)


def test_the_callers_dict_is_left_alone(library):
    tensors = {"x": library.make(array("F32"))}
    before = dict(tensors)
    library.ours.save(tensors)
    assert tensors["x"] is before["x"]


def test_other_values_are_refused(library):
    for value in (np.ones(2), [1.0], None):
        with pytest.raises(ValueError, match="Key `k` is invalid"):
            library.ours.save({"k": value})
    with pytest.raises(ValueError, match="Expected a dict"):
        library.ours.save([1])


def test_broken_files_are_refused(library):
    with pytest.raises(tensorvet.SafetensorError):
        library.ours.load(tensorvet.numpy.save({"x": array("F32")})[:-1])
