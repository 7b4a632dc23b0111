"""Hypothesis against the reference package, both ways: the same bytes, the same tensors."""

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import tensorvet
import tensorvet.numpy
import tensorvet.torch

settings.register_profile("house", deadline=None, max_examples=150, derandomize=True, database=None)
settings.load_profile("house")

# Any text but what the strict reader refuses: control characters and the reserved name.
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20).filter(lambda n: n != "__metadata__")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
METADATA = st.none() | st.just({}) | st.dictionaries(NAMES, TEXTS, min_size=1, max_size=1)  # two: random order there
SHAPES = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
KINDS = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64",
         "complex64"]  # fmt: skip


@st.composite
def arrays(draw):
    dtype, shape = np.dtype(draw(st.sampled_from(KINDS))), draw(SHAPES)
    size = int(np.prod(shape)) * dtype.itemsize
    data = draw(st.binary(min_size=size, max_size=size))
    if dtype == bool:
        data = bytes(byte & 1 for byte in data)
    return np.frombuffer(data, dtype).reshape(shape)


@st.composite
def tensors(draw):
    dtype = draw(st.sampled_from(list(tensorvet.torch._SIZE)))
    shape = draw(SHAPES.filter(lambda shape: dtype != torch.float4_e2m1fn_x2 or len(shape) > 0))
    size = int(np.prod(shape)) * tensorvet.torch._SIZE[dtype]
    data = bytearray(draw(st.binary(min_size=size, max_size=size)))
    if dtype == torch.bool:
        data = bytearray(byte & 1 for byte in data)
    flat = torch.frombuffer(data, dtype=torch.uint8) if size else torch.empty(0, dtype=torch.uint8)
    return flat.view(dtype).reshape(shape)


def row(array):
    return str(array.dtype), tuple(array.shape), array.tobytes()


def bits(tensor):
    flat = tensor.contiguous().reshape(-1)
    return str(tensor.dtype), tuple(tensor.shape), flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


@given(st.dictionaries(NAMES, arrays(), max_size=5), METADATA)
def test_numpy(named, metadata):
    data = tensorvet.numpy.save(named, metadata)
    if named or metadata != {}:  # of which the reference makes invalid JSON
        assert data == safetensors.numpy.save(named, metadata)
    wanted = {name: row(array) for name, array in named.items()}
    loaded, told = tensorvet.numpy.load(data, return_metadata=True)
    assert {name: row(array) for name, array in loaded.items()} == wanted and told == metadata
    assert {name: row(array) for name, array in safetensors.numpy.load(data).items()} == wanted


@given(st.dictionaries(NAMES, tensors(), max_size=5), METADATA)
def test_torch(tmp_path_factory, named, metadata):
    path = tmp_path_factory.getbasetemp() / "m.safetensors"
    data = tensorvet.torch.save(named, metadata)
    if named or metadata != {}:
        assert data == safetensors.torch.save(named, metadata)
    wanted = {name: bits(tensor) for name, tensor in named.items()}
    path.write_bytes(data)
    for load in (tensorvet.torch.load_file, safetensors.torch.load_file):
        for backend in ("mmap", "pread"):
            packed = any(tensor.dtype == torch.float4_e2m1fn_x2 for tensor in named.values())
            if load is safetensors.torch.load_file and backend == "pread" and packed:
                continue  # which it cannot read so
            assert {name: bits(tensor) for name, tensor in load(path, backend=backend).items()} == wanted
    assert {name: bits(tensor) for name, tensor in tensorvet.torch.load(data).items()} == wanted


INDEX = st.integers(-6, 6) | st.slices(5) | st.just(...)


@given(arrays(), st.lists(INDEX, max_size=4).map(tuple))
def test_slices_equal_numpys_or_raise(tmp_path_factory, array, index):
    path = tmp_path_factory.getbasetemp() / "s.safetensors"
    tensorvet.numpy.save_file({"a": array}, path)
    try:
        wanted = row(array[index])
    except IndexError:
        wanted = IndexError
    for framework in ("np", "pt"):
        for backend in ("mmap", "pread"):
            with tensorvet.safe_open(path, framework, backend=backend) as file:
                try:
                    found = file.get_slice("a")[index]
                    found = row(found if framework == "np" else found.numpy())
                except IndexError:
                    found = IndexError
                except ValueError:  # a step that is not positive
                    assert any(isinstance(part, slice) and part.step is not None and part.step <= 0 for part in index)
                    continue
            assert found == wanted
