"""tensorvet.flax: what JAX arrays become in a file and come back as, equal to the reference where that is right."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.flax as reference
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorvet
import tensorvet.flax as ours
import tensorvet.numpy

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "bfloat16", "float32", "complex64",
          "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]  # fmt: skip
# The reference reads and writes these with JAX; of the others its tables know nothing.
REFERENCE = [name for name in DTYPES if not name.startswith("float8")]
SHAPES = [(), (0,), (3,), (2, 3), (0, 3), (2, 1, 4)]


def arrays(dtypes):
    return {f"{name}{shape}": jnp.arange(max(int(np.prod(shape)), 0)).reshape(shape).astype(name) for name in dtypes for shape in SHAPES}


def same(a, b):
    assert sorted(a) == sorted(b)
    for name in a:
        assert isinstance(a[name], jax.Array) and (a[name].dtype, a[name].shape) == (b[name].dtype, b[name].shape)
        assert np.asarray(a[name]).tobytes() == np.asarray(b[name]).tobytes()


def test_bytes_are_the_references():
    tensors = arrays(REFERENCE)
    for metadata in (None, {}, {"format": "jax"}):
        assert ours.save(tensors, metadata) == reference.save(dict(tensors), metadata)


@pytest.mark.parametrize("backend", ["mmap", "pread"])
def test_every_dtype_and_shape_comes_back(tmp_path, backend):
    tensors = arrays(DTYPES)
    ours.save_file(tensors, tmp_path / "m", {"a": "b"})
    same(ours.load_file(tmp_path / "m", backend=backend), tensors)
    same(ours.load((tmp_path / "m").read_bytes()), tensors)
    assert ours.load_file(tmp_path / "m", return_metadata=True)[1] == {"a": "b"}
    with tensorvet.safe_open(tmp_path / "m", framework="jax", backend=backend) as file:
        same(file.get_tensors(), tensors)
        same({name: file.get_tensor(name) for name in file}, tensors)


def test_files_go_both_ways(tmp_path):
    tensors = arrays(REFERENCE)
    ours.save_file(tensors, tmp_path / "a")
    same(reference.load_file(tmp_path / "a"), tensors)
    reference.save_file(dict(tensors), tmp_path / "b")
    same(ours.load_file(tmp_path / "b"), tensors)


@pytest.mark.parametrize("framework", ["flax", "jax"])
@pytest.mark.parametrize("backend", ["mmap", "pread"])
def test_slices_are_jax_arrays(tmp_path, framework, backend):
    whole = jnp.arange(60, dtype=jnp.bfloat16).reshape(10, 6)
    ours.save_file({"x": whole}, tmp_path / "m")
    with tensorvet.safe_open(tmp_path / "m", framework=framework, backend=backend) as file:
        for index in (np.s_[:], np.s_[2:5], np.s_[-3:, ::2], np.s_[..., 1], np.s_[5:2], np.s_[3, 4]):
            part = file.get_slice("x")[index]
            assert isinstance(part, jax.Array)
            same({"x": part}, {"x": whole[index]})


def test_loaded_arrays_outlive_the_file(tmp_path):
    ours.save_file({"x": jnp.arange(1000.0)}, tmp_path / "m")
    loaded = ours.load_file(tmp_path / "m")["x"]
    (tmp_path / "m").write_bytes(b"")
    assert float(loaded.sum()) == 499500


def test_the_callers_dict_is_left_alone():
    tensors = {"x": jnp.ones(2), "y": np.ones(2)}
    before = dict(tensors)
    ours.save(tensors)
    assert list(tensors.items()) == list(before.items())


def test_numpy_arrays_and_numbers_may_be_among_them():
    loaded = ours.load(ours.save({"n": np.arange(3, dtype=np.int16), "f": 0.5, "b": True, "s": np.float32(2)}))
    assert {name: (value.shape, value.tolist()) for name, value in loaded.items()} == {
        "n": ((3,), [0, 1, 2]), "f": ((), 0.5), "b": ((), True), "s": ((), 2.0)}  # fmt: skip


def test_any_layout_is_saved_as_it_shows():
    x = jnp.arange(6.0).reshape(2, 3)
    same(ours.load(ours.save({"t": x.T, "s": x[:, ::2]})), {"t": x.T, "s": x[:, ::2]})


@pytest.mark.parametrize("value", [[1.0, 2.0], "x", None, object(), {"x": 1}])
def test_other_values_are_refused(value):
    with pytest.raises(ValueError, match="Key `k` is invalid, expected jax.Array"):
        ours.save({"k": value})


@pytest.mark.parametrize("tensors", [[jnp.ones(1)], None, jnp.ones(1)])
def test_other_containers_are_refused(tensors):
    with pytest.raises(ValueError, match="Expected a dict"):
        ours.save(tensors)


def test_dtypes_that_the_format_has_not_are_refused():
    for value in (jnp.ones(2, jnp.int4), np.ones(1, np.complex128), 2**70):
        with pytest.raises(tensorvet.SafetensorError, match="Unknown dtype"):
            ours.save({"k": value})
    with pytest.raises(TypeError, match="key_data"):
        ours.save({"k": jax.random.key(0)})


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**62])
def test_integers_are_never_cut(value):
    """Without 64-bit types JAX would keep the lower half."""
    data = tensorvet.numpy.save({"x": np.array([value])})
    with pytest.raises(tensorvet.SafetensorError, match="jax_enable_x64"):
        ours.load(data)
    with jax.enable_x64(True):
        assert ours.load(data)["x"].tolist() == [value]


def test_integers_that_fit_are_read():
    data = tensorvet.numpy.save({"x": np.array([2**31 - 1, -(2**31)]), "e": np.zeros((0,), np.uint64), "f": np.array([0.5])})
    loaded = ours.load(data)
    assert loaded["x"].tolist() == [2**31 - 1, -(2**31)] and loaded["e"].shape == (0,) and loaded["f"].tolist() == [0.5]


def test_there_is_no_device(tmp_path):
    ours.save_file({"x": jnp.ones(1)}, tmp_path / "m")
    with pytest.raises(TypeError):
        ours.load_file(tmp_path / "m", "cpu", device="cpu")
    with pytest.raises(tensorvet.SafetensorError, match="not supported for framework"):
        tensorvet.safe_open(tmp_path / "m", framework="flax", device="cuda:0")


def test_broken_files_are_refused(tmp_path):
    (tmp_path / "m").write_bytes(ours.save({"x": jnp.ones(9)})[:-1])
    for load in (lambda: ours.load_file(tmp_path / "m"), lambda: ours.load((tmp_path / "m").read_bytes())):
        with pytest.raises(tensorvet.SafetensorError) as caught:
            load()
        assert caught.value.id == "offsets-out-of-range"


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text("abc.\u00e9", min_size=1, max_size=6),
        st.tuples(st.sampled_from(REFERENCE), st.lists(st.integers(0, 3), max_size=3), st.binary(min_size=216, max_size=216)),
        max_size=5,
    )
)
def test_any_arrays_round_trip_both_ways(given):
    """Bytes identical to the reference's, bits identical back."""
    tensors = {}
    for name, (dtype, shape, data) in given.items():
        kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
        array = np.frombuffer(data, kind, int(np.prod(shape))).reshape(shape)
        tensors[name] = jnp.asarray(array.view(np.uint8) % 2 != 0 if dtype == "bool" else array)
    data = ours.save(tensors)
    assert data == reference.save(dict(tensors))
    same(ours.load(data), tensors)
