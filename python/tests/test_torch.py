"""tensorvet.torch: the same bytes, tensors and results as the reference's, for every dtype it has."""

import pytest
import safetensors.torch as reference
import torch

import tensorvet
import tensorvet.torch as ours


def filled(dtype, shape):
    if dtype == torch.float4_e2m1fn_x2:
        return torch.randint(0, 256, shape, dtype=torch.uint8).view(dtype)
    return (torch.arange(torch.Size(shape).numel()).reshape(shape) % 2).to(torch.float32).to(dtype)


TENSORS = {
    f"{code}.{'x'.join(map(str, shape))}": filled(dtype, shape)
    for code, dtype in ours._TYPES.items()
    for shape in [(2, 3, 4), (0, 3), ()]
    if not (code == "F4" and shape == ())
}


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def same(a, b):
    assert sorted(a) == sorted(b)
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and bits(a[name]) == bits(b[name]), name


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "m.safetensors"
    ours.save_file(TENSORS, path, {"format": "pt"})
    return path


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_bytes_are_the_references(metadata):
    assert ours.save(TENSORS, metadata) == reference.save(TENSORS, metadata)


def test_all_dtypes_of_the_reference_are_there():
    assert set(reference._TYPES) <= set(ours._TYPES) and set(ours._SIZE.items()) >= set(reference._SIZE.items())


@pytest.mark.parametrize("backend", ["mmap", "pread"])
def test_files_are_read_as_the_reference_reads_them(path, backend):
    loaded = ours.load_file(path, backend=backend)
    same(loaded, TENSORS)
    same(loaded, reference.load_file(path))  # which cannot read float4_e2m1fn_x2 with pread


def test_load_knows_the_dtypes_of_load_file(path):
    same(ours.load(path.read_bytes()), TENSORS)  # the reference has KeyError: 'F8_E8M0' here


def test_each_tensor_has_a_storage_of_its_own(path):
    for backend in ("mmap", "pread"):
        assert all(ours._is_complete(tensor) for tensor in ours.load_file(path, backend=backend).values() if tensor.numel())


def test_saving_a_file_over_itself_while_its_tensors_are_maps(path):
    loaded = ours.load_file(path)
    ours.save_file(loaded, path)
    same(loaded, TENSORS)
    same(ours.load_file(path), TENSORS)


def test_writing_to_a_tensor_never_reaches_the_file(path):
    before = path.read_bytes()
    ours.load_file(path)["F32.2x3x4"].fill_(9)
    assert path.read_bytes() == before


def test_tensors_outlive_the_file(path):
    tensor = ours.load_file(path)["F32.2x3x4"]
    path.unlink()
    assert bits(tensor) == bits(TENSORS["F32.2x3x4"])


@pytest.mark.parametrize("device", ["cpu", None, torch.device("cpu"), "meta", torch.device("meta")])
def test_devices(path, device):
    tensor = ours.load_file(path, device=device)["F32.2x3x4"]
    assert tensor.device.type == ("meta" if str(device) == "meta" else "cpu")


@pytest.mark.parametrize("device", ["foo", "mps:1", "cuda:x", -1, 1.5, True])
def test_what_is_no_device(path, device):
    with pytest.raises(tensorvet.SafetensorError, match="device .* is invalid"):
        ours.load_file(path, device=device)


def test_bits_that_memory_does_not_show_are_resolved():
    numbers = torch.tensor([1 + 2j, 3 - 4j])
    for tensor in (numbers.conj(), numbers.conj().imag.contiguous(), torch._neg_view(torch.ones(3))):
        assert torch.equal(ours.load(ours.save({"a": tensor}))["a"], tensor)


A = torch.arange(100.0)


@pytest.mark.parametrize(
    "tensors, error, text",
    [
        ([A], ValueError, r"Expected a dict of \[str, torch.Tensor\] but received <class 'list'>"),
        ({"a": 1}, ValueError, "Key `a` is invalid, expected torch.Tensor but received <class 'int'>"),
        ({"a": A.to_sparse()}, ValueError, r"You are trying to save a sparse tensors: `\['a'\]`"),
        ({"a": A, "b": A[1:3]}, RuntimeError, "Some tensors share memory"),
        ({"a": A.reshape(10, 10).T}, ValueError, "You are trying to save a non contiguous tensor: `a`"),
        ({"a": A.to(torch.complex128)}, tensorvet.SafetensorError, "Unknown dtype torch.complex128 of 'a'"),
        ({"a": A.to("meta")}, NotImplementedError, "meta"),
        ({"__metadata__": A}, tensorvet.SafetensorError, "name-reserved"),
    ],
)
def test_what_cannot_be_stored_is_refused(tensors, error, text):
    with pytest.raises(error, match=text):
        ours.save(tensors)


def test_a_wrapper_without_memory_is_refused_and_not_read_at_address_0():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        fake = torch.ones(3)
    with pytest.raises((ValueError, RuntimeError)):
        ours.save({"a": fake})


def test_f4_whose_last_dimension_is_odd():
    header = b'{"a":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]}}'.ljust(56)
    with pytest.raises(tensorvet.SafetensorError, match="not even"):
        ours.load(len(header).to_bytes(8, "little") + header + bytes(3))


def test_helpers_that_others_import():
    assert ours._tobytes(A, "a") == A.numpy().tobytes()
    assert ours._getdtype("BF16") == torch.bfloat16
    for tensor in (A, A.reshape(5, 20), A.bfloat16(), A[0]):
        (array, kept), (theirs, _) = ours._to_ndarray(tensor), reference._to_ndarray(tensor)
        assert array.tobytes() == theirs.tobytes() and array.shape == theirs.shape and kept.shape == tensor.shape
    kept = []
    assert tensorvet.serialize(ours._flatten_as_ptr({"a": A}, kept)) == reference.save({"a": A})
    same(ours._view2torch(tensorvet.deserialize(ours.save({"a": A}))), {"a": A})
    ours._evaluate_tensors_for_save({"a": A})
    with pytest.raises(tensorvet.SafetensorError):
        ours._getdtype("F6_E2M3")
