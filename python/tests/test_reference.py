"""Beside the reference package: every public name with its parameters, the same outcome of the same call, and the
differences that docs/python.md lists, row by row: what it says of either is what either does."""

import importlib
import inspect
import os
import pathlib
import re
import types

import jax.numpy as jnp
import ml_dtypes  # noqa: F401, the float8 row rests on it
import numpy as np
import pytest
import safetensors
import torch

DOCUMENT = pathlib.Path(os.environ["TV_SOURCE"]) / "docs" / "python.md"
# What the reference's modules have for themselves, and no program was found to import.
PRIVATE = {"numpy": {"_flatten", "_getdtype", "_is_little_endian", "_view2np"}, "flax": {"_jnp2np", "_np2jnp"}}
RENAMED = {"tensor_dict": "tensors"}  # in the NumPy module; as a keyword both are taken


def side(package):
    modules = {name: importlib.import_module(f"{package}.{name}") for name in ("torch", "numpy", "flax")}
    return types.SimpleNamespace(top=importlib.import_module(package), **modules)


THEIRS, OURS = side("safetensors"), side("tensorvet")


def functions(module):
    """What a module defines or passes on: functions and classes of the package."""
    return {name for name, value in vars(module).items() if callable(value)
            and (getattr(value, "__module__", "") or "").partition(".")[0] in ("safetensors", "builtins")}


@pytest.mark.parametrize("name", ["top", "torch", "numpy", "flax"])
def test_every_name_is_there(name):
    missing = {known for known in functions(getattr(THEIRS, name)) if not hasattr(getattr(OURS, name), known)}
    assert missing == PRIVATE.get(name, set())


def parameters(function):
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize("name", ["top", "torch", "numpy", "flax"])
def test_parameters_are_the_same_and_new_ones_have_names(name):
    for known in functions(getattr(THEIRS, name)) - PRIVATE.get(name, set()) - {"SafetensorError"}:
        theirs, ours = parameters(getattr(getattr(THEIRS, name), known)), parameters(getattr(getattr(OURS, name), known))
        for one, other in zip(theirs, ours):
            where = f"{known}: {one} and {other}"
            assert other.name in (one.name, RENAMED.get(one.name)) and other.kind is one.kind, where
            assert one.default is ... or other.default == one.default, where  # ...: the reference does not tell
        for new in ours[len(theirs):]:
            assert new.kind is inspect.Parameter.KEYWORD_ONLY and new.default is not inspect.Parameter.empty, known


def plain(value):
    """A result in a form that compares: arrays by type, dtype, shape and bytes."""
    if isinstance(value, torch.Tensor):
        flat = value.detach().contiguous().reshape(-1)
        return "torch", str(value.dtype), tuple(value.shape), str(value.device), bytes(flat.view(torch.uint8).numpy())
    if hasattr(value, "dtype"):
        return type(value), str(value.dtype), value.shape, np.asarray(value).tobytes()
    if isinstance(value, dict):
        return [(name, plain(each)) for name, each in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [plain(each) for each in value]
    return value


def outcome(call, package, folder):
    try:
        return plain(call(package, folder))
    except Exception as error:
        return type(error).__name__, str(error)


def written(function, folder, *arguments, **keywords):
    function(*arguments, **keywords)
    return (folder / "w").read_bytes()


ONES = torch.ones(2, 3)
SAME = [
    lambda p, d: p.torch.load_file(d / "m"),
    lambda p, d: p.torch.load_file(filename=str(d / "m"), device="cpu", backend="pread"),
    lambda p, d: p.numpy.load_file(d / "plain"),
    lambda p, d: p.flax.load_file(d / "m"),
    lambda p, d: p.flax.load((d / "plain").read_bytes()),
    lambda p, d: p.top.safe_open(d / "m", "jax").get_tensors(),
    lambda p, d: p.top.safe_open(d / "m", framework="pt", device=None).metadata(),
    lambda p, d: [(name, sorted(view.items())) for name, view in p.top.deserialize(bytes=(d / "plain").read_bytes())],
    lambda p, d: p.top.safe_open(d / "m", "xx"),
    lambda p, d: p.top.safe_open(d / "none", "xx"),
    lambda p, d: p.top.safe_open(d / "m", "pt", backend="x"),
    lambda p, d: p.top.safe_open(d / "m", "np", device="cuda:0"),
    lambda p, d: p.top.safe_open(d / "m", "pt", device="mps:1"),
    lambda p, d: p.top.safe_open(d / "m", "pt").get_tensor("x"),
    lambda p, d: p.top.safe_open(d / "m", "pt").get_slice("x"),
    lambda p, d: p.torch.save({"a": ONES, "b": torch.ones(1).bfloat16()}, {"k": "v"}),
    lambda p, d: p.torch.save(tensors={"a": ONES}, metadata=None),
    lambda p, d: p.torch.save({"a": ONES}, {}),
    lambda p, d: written(p.torch.save_file, d, tensors={"a": ONES}, filename=d / "w", metadata={"format": "pt"}),
    lambda p, d: written(p.numpy.save_file, d, tensor_dict={"a": np.ones(2)}, filename=d / "w"),
    lambda p, d: written(p.flax.save_file, d, {"a": jnp.ones(2, jnp.bfloat16)}, d / "w"),
    lambda p, d: p.torch.save([1]),
    lambda p, d: p.torch.save({"a": 1}),
    lambda p, d: p.torch.save({"a": torch.eye(2).to_sparse()}),
    lambda p, d: p.torch.save({"a": ONES.t()}),
    lambda p, d: p.torch._remove_duplicate_names({"b": ONES, "a": ONES, "c": ONES.view(-1)}, preferred_names=["c"]),
    lambda p, d: p.torch.load_model(torch.nn.Linear(2, 2), d / "m"),
    lambda p, d: p.torch.load_model(torch.nn.Linear(2, 2), d / "m", strict=False)[1],
    lambda p, d: p.torch.load_model(torch.nn.Linear(3, 3), d / "model"),
    lambda p, d: written(p.torch.save_model, d, torch.nn.Sequential(torch.nn.ReLU()), str(d / "w"), {"k": "v"}),
]


def fill(folder):
    safetensors.torch.save_file({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2).bfloat16()}, folder / "m", {"k": "v"})
    safetensors.torch.save_file({"weight": torch.ones(2, 2), "bias": torch.ones(2)}, folder / "model")
    safetensors.numpy.save_file({"a": np.arange(6.0).reshape(2, 3)}, folder / "plain")
    (folder / "f8").write_bytes(safetensors.torch.save({"a": torch.ones(2).to(torch.float8_e4m3fn)}))


@pytest.mark.parametrize("call", SAME, ids=range(len(SAME)))
def test_the_same_outcome(call, tmp_path):
    fill(tmp_path)
    theirs, ours = outcome(call, THEIRS, tmp_path), outcome(call, OURS, tmp_path)
    assert ours == theirs


def names_that_share(package):
    tensor = torch.arange(12.0)
    return [sorted(names) for names in package.torch._find_shared_tensors({"a": tensor, "b": tensor[1:2], "c": tensor[4:6]})]


def after_save_model(package, folder):
    model, metadata = torch.nn.Module(), {"k": "v"}
    model.a = model.b = torch.nn.Linear(1, 1)
    package.torch.save_model(model, str(folder / "w"), metadata)
    return sorted(metadata)


def mode(package, folder):
    path = folder / package.top.__name__
    before = os.umask(0o022)
    try:
        package.torch.save_file({}, path)
    finally:
        os.umask(before)
    return oct(path.stat().st_mode & 0o777)


def conjugate(package):
    return package.torch.load(package.torch.save({"a": torch.tensor([1 + 2j], dtype=torch.complex64).conj()}))["a"].tolist()


# First word of a row of the document -> the call, and what it says that the reference and tensorvet do: a value, or the
# name of an error.
DIFFERENT = {
    "device": (lambda p, d: str(p.torch.load_file(d / "m", device=torch.device("cpu"))["a"].device), "SafetensorError", "cpu"),
    "open": (lambda p, d: p.torch.load_file(d), "OSError", "IsADirectoryError"),
    "save": (lambda p, d: p.torch.save_file({}, d / "none" / "w"), "SafetensorError", "FileNotFoundError"),
    "dtype": (lambda p, d: p.torch.save({"a": torch.ones(1, dtype=torch.complex128)}), "KeyError", "SafetensorError"),
    "float8": (lambda p, d: str(p.numpy.load((d / "f8").read_bytes())["a"].dtype), "KeyError", "float8_e4m3fn"),
    "layout": (lambda p, d: p.numpy.load(p.numpy.save({"a": np.array([[1, 2], [3, 4]]).T}))["a"].tolist(),
               [[1, 2], [3, 4]], [[1, 3], [2, 4]]),
    "scalar": (lambda p, d: p.numpy.load(p.numpy.save({"a": np.float32(1)}))["a"].tolist(), "AttributeError", 1.0),
    "kinds": (lambda p, d: len(p.flax.save({"a": [1.0]})), 72, "ValueError"),
    "conjugate": (lambda p, d: conjugate(p), [1 + 2j], [1 - 2j]),
    "empty": (lambda p, d: p.torch.load(p.torch.save({}, {})), "SafetensorError", {}),
    "reserved": (lambda p, d: len(p.torch.save({"__metadata__": torch.ones(1)})), 84, "SafetensorError"),
    "shared": (lambda p, d: names_that_share(p), [["a", "b"], ["c"]], [["a", "b", "c"]]),
    "metadata": (after_save_model, ["b.bias", "b.weight", "k"], ["k"]),
    "mode": (mode, "0o600", "0o644"),
    "slices": (lambda p, d: p.top.safe_open(d / "plain", "np").get_slice("a")[-1:].shape, "OverflowError", (1, 3)),
    "index": (lambda p, d: p.top.safe_open(d / "plain", "np").get_slice("a")[0, 0, 0].shape, "SafetensorError", "IndexError"),
    "list": (lambda p, d: tuple(p.top.safe_open(d / "m", "pt").get_slice("a")[[0, 1]].shape), (2, 3), "TypeError"),
}


@pytest.mark.parametrize("row", DIFFERENT)
def test_the_differences_are_those_of_the_document(row, tmp_path):
    fill(tmp_path)
    call, theirs, ours = DIFFERENT[row]
    for package, said in ((THEIRS, theirs), (OURS, ours)):
        try:
            got = call(package, tmp_path)
        except Exception as error:
            got = type(error).__name__
        assert got == said, package.top


def test_the_document_has_just_these_rows():
    rows = re.findall(r"^\| ([a-z0-9-]+): ", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(DIFFERENT)


def test_texts_of_errors_begin_as_the_references():
    """They say more afterwards; programs that look for the beginning find it."""
    for data in (b"", bytes(7), b"\x02\0\0\0\0\0\0\0{}x", bytes(8), b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 9):
        texts = []
        for package in (THEIRS, OURS):
            with pytest.raises(package.top.SafetensorError) as caught:
                package.torch.load(data)
            texts.append(str(caught.value))
        theirs = texts[0].split(": ")
        assert texts[1].startswith(": ".join(theirs[:2])), texts
