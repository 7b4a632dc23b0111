"""Threads: many at once get what one gets; the GIL is let go in the work; nothing is left behind."""

import gc
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch

import tensorvet
import tensorvet.numpy
import tensorvet.torch

ARRAYS = {f"layer.{i}": np.full((64, 64), i, np.float32) for i in range(40)}


def test_4_threads_times_50_loads_and_saves(tmp_path):
    tensorvet.numpy.save_file(ARRAYS, tmp_path / "shared")
    wrong = []

    def work(number):
        try:
            for i in range(50):
                path = tmp_path / f"{number}"
                tensorvet.numpy.save_file(ARRAYS, path)
                tensorvet.numpy.save_file(ARRAYS, tmp_path / "shared")
                for source in (path, tmp_path / "shared"):
                    for backend in ("mmap", "pread"):
                        loaded = tensorvet.torch.load_file(source, backend=backend)
                        assert all(loaded[name][0, 0].item() == int(name[6:]) for name in ARRAYS)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == [] and sorted(os.listdir(tmp_path)) == ["0", "1", "2", "3", "shared"]


def test_one_open_file_in_4_threads(tmp_path):
    tensorvet.numpy.save_file(ARRAYS, tmp_path / "m")
    wrong = []
    for framework in ("np", "pt"):
        file = tensorvet.safe_open(tmp_path / "m", framework)

        def work():
            try:
                for _ in range(50):
                    for name in file:
                        assert file.get_tensor(name)[0, 0] == int(name[6:]) == file.get_slice(name)[3, 5]
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert wrong == []


# In a process of its own: where the GIL is held, the other thread never runs, and the time limit tells.
GIL = """
    import sys, threading
    import numpy as np, torch
    import tensorvet, tensorvet.numpy, tensorvet.torch

    array = np.zeros((2048, 2048), np.float32)
    tensorvet.numpy.save_file({"a": array}, "m")
    data = open("m", "rb").read()
    reader = tensorvet._core.Reader(__import__("os").open("m", 0))
    entries = [("a", "F32", array.shape, array.ctypes.data, array.nbytes)]
    work = {
        "read": lambda: reader.read(0),
        "read_dlpack": lambda: reader.read_dlpack(0),
        "read_slice": lambda: reader.read_slice(0, (slice(None), slice(0, 900)), False),
        "serialize": lambda: tensorvet._core.serialize(entries, None),
    }[sys.argv[1]]
    sys.setswitchinterval(1e6)  # from here on another thread runs only while the GIL is let go
    ran = []
    thread = threading.Thread(target=ran.append, args=(1,))
    start = threading.Event()
    def wait_and_run():
        start.wait()
        ran.append(1)
    thread = threading.Thread(target=wait_and_run)
    thread.start()
    start.set()
    while not ran:
        work()
"""


@pytest.mark.parametrize("work", ["read", "read_dlpack", "read_slice", "serialize"])
def test_the_gil_is_let_go(work, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(GIL), work]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)


def test_the_gil_is_let_go_in_writing():
    """A pipe that is full blocks the writer until the other thread, which needs the GIL, has read it."""
    array = np.arange(1 << 20, dtype=np.float32)
    reading, writing = os.pipe()
    got = []

    def drain():
        while chunk := os.read(reading, 1 << 16):
            got.append(chunk)

    thread = threading.Thread(target=drain)
    thread.start()
    tensorvet._core.write(writing, [("a", "F32", array.shape, array.ctypes.data, array.nbytes)], None)
    os.close(writing)
    thread.join()
    os.close(reading)
    assert np.array_equal(tensorvet.numpy.load(b"".join(got))["a"], array)


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_nothing_is_left_behind_by_10000_opens(tmp_path):
    path, bad = tmp_path / "m", tmp_path / "bad"
    tensorvet.numpy.save_file({f"layer.{i}.weight": np.zeros(512, np.float32) for i in range(30)}, path, {"a": "b"})
    data = path.read_bytes()
    bad.write_bytes(data[:-1])

    def one():
        with tensorvet.safe_open(path, "pt") as file:
            file.keys(), file.metadata(), file.get_tensors(), file.get_slice("layer.1.weight")[::2]
        with tensorvet.safe_open(path, "np") as file:
            file.get_tensor("layer.3.weight"), file.get_slice("layer.1.weight")[::2]
        tensorvet.torch.load(data)
        tensorvet.numpy.save(ARRAY)
        for wrong in (lambda: tensorvet.safe_open(bad, "np"), lambda: tensorvet.numpy.load(data[:-1]),
                      lambda: tensorvet.safe_open(path, "np", device="cuda:0")):
            with pytest.raises(tensorvet.SafetensorError):
                wrong()

    ARRAY = {"a": np.zeros(512, np.float32)}
    for _ in range(200):
        one()
    gc.collect()
    descriptors, memory = os.listdir("/proc/self/fd"), resident()
    for _ in range(2500):  # four opens each
        one()
    gc.collect()
    assert os.listdir("/proc/self/fd") == descriptors
    assert resident() - memory < 4 << 20
    with open("/proc/self/maps") as maps:
        assert str(path) not in maps.read()
