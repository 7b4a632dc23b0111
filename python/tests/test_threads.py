"""Threads: many at once get what one gets; the GIL is let go in the work; nothing is left behind."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import zlib

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


# Large enough for two threads to share the reading; nothing divides its size.
LARGE = {"small": np.arange(7, dtype=np.float64), "wide": np.random.default_rng(8).integers(0, 256, (9 << 20) + 5, np.uint8)}


@pytest.fixture
def large(tmp_path):
    tensorvet.numpy.save_file(LARGE, tmp_path / "large")
    return tmp_path / "large"


@pytest.mark.parametrize("module", [tensorvet.numpy, tensorvet.torch])
def test_what_two_threads_read_is_the_tensor(module, large):
    data = large.read_bytes()
    for loaded in (module.load_file(large, backend="pread"), module.load_file(large), module.load(data)):
        assert all(np.array_equal(np.asarray(loaded[name]), LARGE[name]) for name in LARGE)


@pytest.mark.parametrize("backend", ["mmap", "pread"])
def test_what_two_threads_read_is_the_slice(backend, large):
    part = tensorvet.safe_open(large, "np", backend=backend).get_slice("wide")
    for index in (np.s_[:], np.s_[3:-1], np.s_[1 << 20 :]):
        assert np.array_equal(part[index], LARGE["wide"][index])


@pytest.mark.parametrize("left", [1 << 20, 6 << 20], ids=["in the first half", "in the second half"])
def test_a_file_that_is_cut_off_under_two_threads_is_an_error(left, large):
    files = [tensorvet.safe_open(large, framework, backend="pread") for framework in ("np", "pt")]
    os.truncate(large, left)
    for file in files:
        with pytest.raises(tensorvet.SafetensorError, match="Could not read tensor 'wide' from file: it was cut off"):
            file.get_tensor("wide")


def test_one_thread_does_it_all_where_there_is_no_other(large):
    """Stacks larger than the machine's addresses: no thread can be started in such a process."""
    program = """
        import sys, threading, zlib
        import tensorvet.numpy
        try:
            threading.Thread(target=print).start()
        except RuntimeError:
            for loaded in (tensorvet.numpy.load_file(sys.argv[1]), tensorvet.numpy.load(open(sys.argv[1], "rb").read())):
                print(zlib.crc32(loaded["wide"]))
    """
    command = ["prlimit", f"--stack={1 << 50}", sys.executable, "-c", textwrap.dedent(program), large]
    done = subprocess.run(command, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.stdout.split() == [str(zlib.crc32(LARGE["wide"]))] * 2, done.stdout + done.stderr


def test_an_interrupt_ends_the_loading_and_leaves_no_thread(large):
    threads = len(os.listdir("/proc/self/task"))
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            while True:
                tensorvet.numpy.load_file(large)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    while len(os.listdir("/proc/self/task")) > threads:
        pass  # one that was joined leaves this list a moment later


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
