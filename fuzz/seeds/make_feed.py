"""Writes the seeds of fuzz_feed: python fuzz/seeds/make_feed.py, with a Python that has torch.

Each is what the harness sends for a small checkpoint (converter/harness), and one is a failure."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "converter", "harness"))

import torch

import tv_child
import tv_wire
from tv_structure import Structure
from tv_tensors import Exotic

LAYERS = 0x3f


def capture(name, act):
    """What act(wire) writes, into the seed of that name; the stream's descriptor is the file."""
    kept = os.dup(tv_wire.STREAM) if tv_wire.STREAM in open_descriptors() else -1
    file = os.open(os.path.join(HERE, "feed", name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, tv_wire.STREAM)
    wire = tv_wire.Wire(silent=False)
    wire.hello(LAYERS, 7)
    act(wire)
    os.close(tv_wire.STREAM)
    if file != tv_wire.STREAM:
        os.close(file)
    if kept >= 0:
        os.dup2(kept, tv_wire.STREAM)


def open_descriptors():
    return {int(name) for name in os.listdir("/proc/self/fd")}


def value(wire, root):
    structure = Structure(Exotic(densify=True, dequantize=False))
    structure.write(root)
    tv_child.send(wire, structure)


def main():
    os.makedirs(os.path.join(HERE, "feed"), exist_ok=True)
    a = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    roots = {
        "plain": {"a": a, "b": torch.zeros(0), "epoch": 3},
        "tied": {"a": a, "b": a, "c": a.t(), "d": a.expand(2, 2, 3)},
        "nested": {"state_dict": {"x": [a, {"y": a[0]}], "z": None}},
        "module": torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1)),
        "exotic": {"s": a.to_sparse(), "q": torch.quantize_per_tensor(a, 0.5, 1, torch.quint8)},
        "dtypes": {str(number): torch.ones(2).to(dtype) for number, dtype in
                   enumerate((torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.bool, torch.complex64))},
    }
    for name, root in roots.items():
        capture(name, lambda wire, root=root: value(wire, root))
    capture("failure", lambda wire: wire.fail(tv_wire.MODULE_MISSING, "my_project.models", "No module named 'my_project'"))


if __name__ == "__main__":
    main()
