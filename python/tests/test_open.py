"""safe_open: its methods, its slices, its errors; on every backend the same."""

import errno
import os

import numpy as np
import pytest
import torch

import tensorvet
import tensorvet.numpy
from tensorvet import SafetensorError, safe_open

ARRAYS = {
    "b": np.arange(60, dtype=np.float32).reshape(3, 4, 5),
    "a": np.arange(10, dtype=np.int64),
    "wide": np.arange(40000, dtype=np.float32).reshape(50, 800),
    "scalar": np.array(7, np.int32),
    "empty": np.zeros((0, 3), np.float32),
}
WAYS = [("np", "mmap"), ("np", "pread"), ("pt", "mmap"), ("pt", "pread")]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "m.safetensors"
    tensorvet.numpy.save_file(ARRAYS, path, {"k": "v"})
    return path


@pytest.mark.parametrize("framework, backend", WAYS)
def test_what_is_in_it(path, framework, backend):
    with safe_open(path, framework, backend=backend) as file:
        assert file.keys() == sorted(ARRAYS) == list(file)
        assert file.offset_keys() == ["a", "b", "empty", "wide", "scalar"]
        assert file.metadata() == {"k": "v"}
        assert "a" in file and "x" not in file and 3 not in file and len(file) == len(ARRAYS)
        assert list(file.get_tensors()) == file.offset_keys()
        for name, array in ARRAYS.items():
            assert np.array_equal(np.asarray(file.get_tensor(name)), array)
            part = file.get_slice(name)
            assert part.get_shape() == list(array.shape)
        assert file.get_slice("a").get_dtype() == "I64" and "I64" in repr(file.get_slice("a"))
        with pytest.raises(SafetensorError, match="File does not contain tensor x"):
            file.get_tensor("x")


def test_lists_and_dicts_are_the_callers_own(path):
    with safe_open(path, "np") as file:
        file.keys().clear()
        file.offset_keys().clear()
        file.metadata().clear()
        assert len(file.keys()) == len(file.offset_keys()) == len(ARRAYS) and file.metadata() == {"k": "v"}


S = np.s_
GOOD = {
    "b": [S[:], S[()], S[...], S[0], S[-1], S[np.int64(1)], S[1:], S[:-1], S[-2:], S[::2], S[1::2], S[5:2], S[2:2],
          S[10:], S[-99:99], S[:, 1], S[:, ::3], S[..., 0], S[0, ..., -1], S[:, :, 1:3], S[1, 2, 3], S[..., 1:1],
          S[2:, -1, ::2], S[: 2**70], S[-(2**70) :: 2], S[:: 2**62], S[1, 1 :: 2**70]],
    "a": [S[3], S[2:8:3], S[...], S[9:100], S[:: 2**63 - 1], S[-(2**70) : 2**70 : 2**65]],
    "wide": [S[:, 0], S[:, ::7], S[3:40, 5:9], S[::3, -1], S[:, :400]],
    "scalar": [S[()], S[...]],
    "empty": [S[:], S[0:0], S[:, 1], S[..., ::2]],
}  # fmt: skip
BAD = {
    "b": [(S[3], IndexError), (S[-4], IndexError), (S[0, 0, 0, 0], IndexError), (S[..., ...], IndexError),
          (S[::-1], ValueError), (S[::0], ValueError), (S[2**70], IndexError), (S[None], TypeError),
          (S[1.0], TypeError), (S["x"], TypeError), (S[True], TypeError), (S[[0, 1]], TypeError),
          (S[np.array([0, 1])], TypeError), (S[(0,) * 99], IndexError)],
    "scalar": [(S[0], IndexError), (S[:], IndexError)],
    "empty": [(S[0], IndexError)],
}  # fmt: skip


@pytest.mark.parametrize("framework, backend", WAYS)
def test_slices_equal_numpys_or_raise(path, framework, backend):
    with safe_open(path, framework, backend=backend) as file:
        for name, indices in GOOD.items():
            for index in indices:
                found, wanted = np.asarray(file.get_slice(name)[index]), ARRAYS[name][index]
                assert found.shape == wanted.shape and np.array_equal(found, wanted), (name, index)
        for name, cases in BAD.items():
            for index, error in cases:
                with pytest.raises(error):
                    file.get_slice(name)[index]


@pytest.mark.parametrize("backend", ["mmap", "pread"])
def test_slices_of_dtypes_smaller_than_a_byte(tmp_path, backend):
    path = tmp_path / "m"
    packed = torch.arange(24, dtype=torch.uint8).reshape(4, 6).view(torch.float4_e2m1fn_x2)
    import tensorvet.torch

    tensorvet.torch.save_file({"a": packed}, path)
    with safe_open(path, "pt", backend=backend) as file:
        part = file.get_slice("a")
        assert part.get_shape() == [4, 12]
        assert torch.equal(part[1:3, 2:6].view(torch.uint8), packed.view(torch.uint8)[1:3, 1:3])
        with pytest.raises(ValueError):
            part[:, 1:3]


@pytest.mark.parametrize("framework, backend", WAYS)
def test_closing(path, framework, backend):
    file = safe_open(path, framework, backend=backend)
    part, tensor = file.get_slice("a"), file.get_tensor("a")
    file.close()
    file.close()
    for use in (file.keys, file.metadata, file.get_tensors, file.__len__, lambda: file.get_tensor("a"),
                lambda: "a" in file, lambda: list(file), lambda: file.get_slice("a"), file.__enter__):
        with pytest.raises(SafetensorError, match="File is closed"):
            use()
    assert np.array_equal(np.asarray(part[:]), ARRAYS["a"]) and np.array_equal(np.asarray(tensor), ARRAYS["a"])


def test_arguments(path):
    for framework in ("np", "numpy", "pt", "torch", "pytorch"):
        safe_open(str(path), framework).close()
    for arguments, text in [
        ({"framework": "xx"}, "framework xx is invalid"),
        ({"framework": "np", "device": "cuda:0"}, "Device cuda:0 is not supported for framework numpy"),
        ({"framework": "pt", "backend": "x"}, 'backend "x" is invalid'),
    ]:
        with pytest.raises(SafetensorError, match=text):
            safe_open(path, **arguments)
    with pytest.raises(TypeError):
        safe_open(os.fsencode(path), "np")


# ---- the true cause -------------------------------------------------------------------------------------------------


def test_errors_of_the_system_are_told_as_they_are(tmp_path, path):
    (tmp_path / "loop").symlink_to("loop")
    for name, error, code in [
        ("nothing", FileNotFoundError, errno.ENOENT),
        ("", IsADirectoryError, errno.EISDIR),
        ("m.safetensors/x", NotADirectoryError, errno.ENOTDIR),
        ("loop", OSError, errno.ELOOP),
    ]:
        with pytest.raises(error) as caught:
            safe_open(os.path.join(tmp_path, name), "np")
        assert caught.value.errno == code and str(tmp_path) in str(caught.value)
    with pytest.raises(OSError, match="Not a regular file"):
        safe_open("/dev/null", "np")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="Not a regular file"):
        safe_open(tmp_path / "fifo", "np")  # and does not wait for a writer


def test_permission_denied_is_not_no_such_file(path):
    path.chmod(0)
    for folder in list(path.parents)[:3]:
        folder.chmod(0o755)
    child = os.fork()
    if child == 0:
        status = 2
        try:
            if os.geteuid() == 0:
                os.seteuid(65534)
            safe_open(path, "np")
        except PermissionError:
            status = 0
        except BaseException:
            status = 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


FOREIGN = {
    "git-lfs-pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "html-page": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "empty-file": (b"", "header too small"),
    "file-too-short": (b"abc", "header too small"),
}


@pytest.mark.parametrize("finding", FOREIGN)
def test_a_foreign_file_is_named(tmp_path, finding):
    data, text = FOREIGN[finding]
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    with pytest.raises(SafetensorError, match=text) as error:
        safe_open(path, "np")
    assert error.value.id == finding and str(path) in str(error.value)


def test_checkpoints_are_named_with_the_command_that_helps(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.ones(3)}, path)
    with pytest.raises(SafetensorError, match=r"this is a PyTorch checkpoint.*`tensorvet convert .*model.safetensors`"):
        safe_open(path, "np")
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(SafetensorError, match="tensorvet convert"):
        safe_open(path, "np")
    with open(path, "wb") as file:
        np.savez(file, a=np.ones(3))
    with pytest.raises(SafetensorError, match="NumPy archive"):
        safe_open(path, "np")
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(SafetensorError, match="GGUF"):
        safe_open(path, "np")


def test_a_truncated_download_says_how_much_is_there(path):
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    with pytest.raises(SafetensorError, match="incomplete metadata.*truncated") as error:
        safe_open(path, "np")
    assert error.value.id == "offsets-out-of-range"


def test_messages_cannot_move_the_cursor(tmp_path):
    path = tmp_path / "a\x1b[31mb"
    path.write_bytes(b"abc")
    with pytest.raises(SafetensorError) as error:
        safe_open(path, "np")
    assert "\x1b" not in str(error.value)


def test_the_error_can_be_pickled():
    import pickle

    with pytest.raises(SafetensorError) as error:
        tensorvet.numpy.load(b"abc")
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value) and again.id == "file-too-short"


# ---- one descriptor -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework, backend", WAYS)
def test_what_was_validated_is_what_is_read(path, tmp_path, framework, backend):
    file = safe_open(path, framework, backend=backend)
    other = tmp_path / "other"
    tensorvet.numpy.save_file({"a": np.zeros(10, np.int64)}, other)
    os.replace(other, path)
    assert np.array_equal(np.asarray(file.get_tensor("a")), ARRAYS["a"])


@pytest.mark.parametrize("framework, backend", WAYS)
def test_a_handle_is_read_itself_and_not_its_name(path, framework, backend):
    with open(path, "rb") as handle:
        path.unlink()
        file = tensorvet._safe_open_handle(handle, framework, backend=backend)
    assert np.array_equal(np.asarray(file.get_tensor("a")), ARRAYS["a"])


@pytest.mark.parametrize("framework, backend", [("np", "mmap"), ("np", "pread"), ("pt", "pread")])
def test_a_file_that_is_cut_off_later_is_an_error(path, framework, backend):
    file = safe_open(path, framework, backend=backend)
    os.truncate(path, path.stat().st_size - 40000)
    for read in (lambda: file.get_tensor("wide"), file.get_tensors, lambda: file.get_slice("wide")[:]):
        with pytest.raises(SafetensorError, match="Could not read tensor 'wide' from file: it was cut off"):
            read()


def test_a_file_that_is_cut_off_before_it_is_mapped_is_an_error(path):
    file = safe_open(path, "pt")
    os.truncate(path, path.stat().st_size - 40000)
    with pytest.raises(SafetensorError, match="cut off"):
        file.get_tensor("wide")


def test_descriptors_are_not_inherited_and_are_given_back(path):
    before = set(os.listdir("/proc/self/fd"))
    file = safe_open(path, "np")
    for name in set(os.listdir("/proc/self/fd")) - before:
        try:
            assert not os.get_inheritable(int(name))
        except OSError:
            pass  # the one that listed the folder
    del file
    assert set(os.listdir("/proc/self/fd")) == before
