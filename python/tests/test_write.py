"""Files that are written: whole or not at all, with the right mode, on the disk; and the functions over raw bytes."""

import errno
import os
import resource
import stat
import threading

import numpy as np
import pytest
import safetensors

import tensorvet
import tensorvet.numpy
from tensorvet import SafetensorError, TensorSpec

ARRAY = np.arange(6, dtype=np.float32)


def spec(array=ARRAY, **changes):
    given = {"dtype": array.dtype.name, "shape": array.shape, "data_ptr": array.ctypes.data, "data_len": array.nbytes}
    return TensorSpec(**{**given, **changes})


def save(path, array=ARRAY):
    tensorvet.numpy.save_file({"a": array}, path)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_obeys_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        save(tmp_path / "m")
    finally:
        os.umask(before)
    assert mode(tmp_path / "m") == 0o666 & ~umask


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path):
    save(tmp_path / "m")
    os.chmod(tmp_path / "m", 0o640)
    save(tmp_path / "m")
    assert mode(tmp_path / "m") == 0o640


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    save(tmp_path / "there" / "m", ARRAY * 0)
    (tmp_path / "link").symlink_to("there/m")
    (tmp_path / "dangling").symlink_to("there/new")
    for name, target in (("link", "m"), ("dangling", "new")):
        save(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert np.array_equal(tensorvet.numpy.load_file(tmp_path / "there" / target)["a"], ARRAY)


def test_file_and_folder_are_brought_to_the_disk_before_and_after_the_name(tmp_path, monkeypatch):
    calls, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), sync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("name"), replace(a, b)))
    monkeypatch.delenv("TENSORVET_FSYNC", raising=False)
    save(tmp_path / "m")
    assert calls == ["file", "name", "folder"]
    monkeypatch.setenv("TENSORVET_FSYNC", "0")
    save(tmp_path / "m")
    assert calls == ["file", "name", "folder", "name"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_on_failure_nothing_has_changed(tmp_path, monkeypatch, broken):
    save(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device", "temporary")

    monkeypatch.setattr(os, broken, fail)
    monkeypatch.delenv("TENSORVET_FSYNC", raising=False)
    with pytest.raises(OSError, match="No space left on device") as error:
        save(tmp_path / "m", ARRAY * 2)
    assert error.value.filename == str(tmp_path / "m")
    assert os.listdir(tmp_path) == ["m"] and (tmp_path / "m").read_bytes() == before


def long_arrays():
    """Enough for several syncs while more is written: 72 MB, a few bytes, 72 MB, 40 MB."""
    numbers = np.arange(18 << 20, dtype=np.uint32)
    return {"a": numbers, "b": ARRAY, "c": numbers, "d": numbers[: 10 << 20]}


@pytest.mark.parametrize("syncs", ["0", "1"])
def test_what_is_synced_meanwhile_is_whole(tmp_path, monkeypatch, syncs):
    monkeypatch.setenv("TENSORVET_FSYNC", syncs)
    tensorvet.numpy.save_file(long_arrays(), tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == tensorvet.numpy.save(long_arrays())


@pytest.mark.parametrize("count", [1, 4], ids=["the last", "one before"])
def test_a_sync_that_fails_meanwhile_is_an_error(count):
    """A pipe takes writes and no sync. The system tells such an error once: the last sync may say that all is well."""
    entries, kept = tensorvet.numpy.entries_of(dict(list(long_arrays().items())[:count]))
    reading, writing = os.pipe()
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 1 << 20), b"")])
    drain.start()
    try:
        assert tensorvet._core.write(writing, entries, None) > sum(array.nbytes for array in kept)
        with pytest.raises(OSError) as error:
            tensorvet._core.write(writing, entries, None, True)
        assert error.value.errno == errno.EINVAL
    finally:
        os.close(writing)
        drain.join()
        os.close(reading)


def test_a_disk_that_is_full_while_it_is_synced_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("TENSORVET_FSYNC", raising=False)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 20, limits[1]))
    try:
        with pytest.raises(OSError) as error:
            tensorvet.numpy.save_file(long_arrays(), tmp_path / "m")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.errno == errno.EFBIG and error.value.filename == str(tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_errors_name_the_path_that_was_asked_for(tmp_path):
    for path, error in [(tmp_path / "none" / "m", FileNotFoundError), (tmp_path, IsADirectoryError)]:
        with pytest.raises(error) as caught:
            save(path)
        assert caught.value.filename == str(path)
    with pytest.raises(OSError, match="Not a regular file"):
        save("/dev/null")
    with pytest.raises(TypeError):
        save(os.fsencode(tmp_path / "m"))


def test_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SafetensorError, match="name-reserved"):
        tensorvet.numpy.save_file({"__metadata__": ARRAY}, tmp_path / "m")
    with pytest.raises(TypeError, match="str to str"):
        tensorvet.numpy.save_file({"a": ARRAY}, tmp_path / "m", {"a": 1})
    assert os.listdir(tmp_path) == []


def test_serialize_and_deserialize(tmp_path):
    data = tensorvet.serialize({"a": spec()}, {"k": "v"})
    theirs = {"a": safetensors.TensorSpec(dtype="float32", shape=[6], data_ptr=ARRAY.ctypes.data, data_len=24)}
    assert data == safetensors.serialize(theirs, {"k": "v"})
    tensorvet.serialize_file({"a": spec()}, tmp_path / "m", metadata={"k": "v"})
    assert (tmp_path / "m").read_bytes() == data
    assert tensorvet.deserialize(bytes=data) == safetensors.deserialize(data)
    assert type(tensorvet.deserialize(data)[0][1]["data"]) is bytearray
    for wrong in (bytearray(data), memoryview(data), "x"):
        with pytest.raises(TypeError):
            tensorvet.deserialize(wrong)


def test_tensor_spec():
    one = spec()
    assert (one.dtype, one.shape, one.data_ptr, one.data_len) == ("F32", [6], ARRAY.ctypes.data, 24)
    assert repr(TensorSpec(dtype="float32", shape=[4], data_ptr=1, data_len=16)) == repr(
        safetensors.TensorSpec(dtype="float32", shape=[4], data_ptr=1, data_len=16))
    assert TensorSpec(dtype="float4_e2m1fn_x2", shape=[3, 2], data_ptr=1, data_len=6).shape == [3, 4]
    assert TensorSpec(dtype="float4_e2m1fn_x2", shape=[], data_ptr=1, data_len=1).shape == []
    with pytest.raises(AttributeError):
        one.dtype = "F64"
    with pytest.raises(TypeError):
        TensorSpec("float32", [4], 1, 16)
    with pytest.raises(SafetensorError, match='Unknown dtype "F32". Supported dtypes: bool, int8'):
        spec(dtype="F32")
    for what in ("shape", "data_ptr", "data_len"):
        for number in (-1, 2**64):
            with pytest.raises(OverflowError):
                spec(**{what: [number] if what == "shape" else number})
        for other in (1.5, "x", None):
            with pytest.raises(TypeError):
                spec(**{what: [other] if what == "shape" else other})
    with pytest.raises(TypeError):
        spec(dtype=None)
    with pytest.raises(SafetensorError, match="doubled"):
        TensorSpec(dtype="float4_e2m1fn_x2", shape=[2**63], data_ptr=1, data_len=1)


def test_sizes_that_disagree_are_refused():
    with pytest.raises(SafetensorError, match="Error while serializing: invalid shape, data type, or offset for tensor"):
        tensorvet.serialize({"a": spec(data_len=20)})
    with pytest.raises(TypeError, match="'dict' object is not an instance of 'TensorSpec'"):
        tensorvet.serialize({"a": {"dtype": "float32"}})
    with pytest.raises(TypeError, match="'list' object is not an instance of 'dict'"):
        tensorvet.serialize([])


def test_metadata_order_does_not_depend_on_the_callers():
    a = tensorvet.numpy.save({"a": ARRAY}, {"x": "1", "b": "2"})
    assert a == tensorvet.numpy.save({"a": ARRAY}, {"b": "2", "x": "1"})
