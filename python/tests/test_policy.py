"""Strict by default; "reference" reads what the reference reads, as it reads it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import tensorvet
import tensorvet.numpy


def file_of(header, data=b"\0\0\x80?", pad=True):
    header = header if isinstance(header, bytes) else header.encode()
    if pad:
        header = header.ljust(-(-len(header) // 8) * 8)
    return len(header).to_bytes(8, "little") + header + data


T = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
ODD = {
    "duplicate-key": '{"a":%s,"a":%s}' % (T, T),
    "unknown-field": '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"note":[1,{"x":null}]}}',
    "leading-space": "  \n{\"a\":%s}" % T,
    "trailing-newline": '{"a":%s}\n' % T,
    "array-form": '{"a":["F32",[1],[0,4]]}',
    "map-form": '{"a":{"dtype":{"F32":null},"shape":[1],"data_offsets":[0,4]}}',
    "null-metadata": '{"__metadata__":null,"a":%s}' % T,
    "duplicate-metadata": '{"__metadata__":{"k":"1","k":"2"},"a":%s}' % T,
    "control-character": '{"a\\u0001":%s}' % T,
    "long-name": '{"%s":%s}' % ("n" * 5000, T),
}
WRONG = {
    "two metadata": '{"__metadata__":{},"__metadata__":{},"a":%s}' % T,
    "duplicate field": '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    "missing field": '{"a":{"dtype":"F32","data_offsets":[0,4]}}',
    "not an object": "[1]",
    "nan": '{"a":NaN}',
    "minus zero": '{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}',
    "float": '{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}',
    "bool": '{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}',
    "unknown dtype": '{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}',
    "number as metadata": '{"__metadata__":{"k":1},"a":%s}' % T,
    "surrogate": '{"\\ud800":%s}' % T,
    "gap": '{"a":{"dtype":"F32","shape":[0],"data_offsets":[1,1]}}',
    "size": '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
    "not covered": '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
    "overflow": '{"a":{"dtype":"F32","shape":[9223372036854775808,9223372036854775808,0],"data_offsets":[0,4]}}',
    "sub-byte": '{"a":{"dtype":"F4","shape":[7],"data_offsets":[0,4]}}',
    "deep": '{"a":%s%s}' % ("[" * 100000, "]" * 100000),
    "trailing": '{"a":%s}x' % T,
    "not UTF-8": b'{"\xff":1}',
}


@pytest.fixture
def lenient():
    tensorvet.set_policy("reference")
    yield
    tensorvet.set_policy("strict")


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_refused_by_default(name):
    with pytest.raises(tensorvet.SafetensorError):
        tensorvet.numpy.load(file_of(ODD[name]))


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_read_as_the_reference_reads_them(name, tmp_path, lenient):
    data = file_of(ODD[name])
    path = tmp_path / "m"
    path.write_bytes(data)
    wanted = safetensors.numpy.load(data)
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    for backend in ("mmap", "pread"):
        assert tensorvet.numpy.load_file(path, backend=backend, return_metadata=True) == (wanted, metadata)
    assert tensorvet.numpy.load(data) == wanted
    with tensorvet.safe_open(path, "pt") as file:
        assert file.keys() == sorted(wanted) and file.get_tensor(next(iter(wanted))).item() == 1.0
        assert file.get_slice(next(iter(wanted)))[0].item() == 1.0


@pytest.mark.parametrize("name", WRONG)
def test_what_the_reference_refuses_stays_refused(name, tmp_path, lenient):
    data = file_of(WRONG[name])
    with pytest.raises(safetensors.SafetensorError):
        safetensors.deserialize(data)
    with pytest.raises(tensorvet.SafetensorError, match="^Error while deserializing: "):
        tensorvet.deserialize(data)
    (tmp_path / "m").write_bytes(data)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(tensorvet.SafetensorError, match="^Error while deserializing header: "):
        tensorvet.safe_open(tmp_path / "m", "np")
    assert os.listdir("/proc/self/fd") == before


def test_ends_of_files(lenient):
    whole = file_of('{"a":%s}' % T)
    for data in (b"", b"abc", whole[:30], whole[:-1], whole + b"x", b"\xff" * 8 + whole):
        for module in (safetensors, tensorvet):
            with pytest.raises(module.SafetensorError):
                module.deserialize(data)


def test_order_of_the_header_is_free(lenient):
    header = json.dumps({"z": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8], "x": 0},
                         "e": {"dtype": "U8", "shape": [0], "data_offsets": [4, 4]},
                         "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    loaded = tensorvet.numpy.load(file_of(header, np.arange(2, dtype=np.float32).tobytes()))
    assert list(loaded) == ["a", "e", "z"] and loaded["z"] == [1.0]


def test_the_policy_has_two_names():
    assert tensorvet.get_policy() == "strict"
    with pytest.raises(ValueError):
        tensorvet.set_policy("lax")


@pytest.mark.parametrize("value, wanted", [("reference", "reference"), ("", "strict"), (None, "strict")])
def test_the_environment_sets_it(value, wanted):
    environment = {name: text for name, text in os.environ.items() if name != "TENSORVET_POLICY"}
    if value is not None:
        environment["TENSORVET_POLICY"] = value
    command = [sys.executable, "-c", "import tensorvet; print(tensorvet.get_policy())"]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip() == wanted
