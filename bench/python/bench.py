#!/usr/bin/env python3
"""The Python bench: bench.py OUT_FOLDER [ROUNDS] [OPERATION-PATTERN]

tensorvet beside the reference package, in one process, turn about, on three files: gpt2 as it is (548 MB of F32), 10 000
small tensors, a LoRA of 1 000 tensors. Page cache warm. Before anything is timed both sides are shown to give the same.
Each sample is wall-clock time and processor time (of the process, system calls included): the latter says more on a
machine that has other work. Peak memory is of a fresh process that does the operation once. Writes samples.json, table.md, plot.svg.
Run it with the package on the path: PYTHONPATH=BUILD/python."""
import ctypes
import gc
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

import tensorvet
import tensorvet.numpy
import tensorvet.torch

SIDES = {"tensorvet": tensorvet, "safetensors": safetensors}


def gpt2():
    shapes = {"wte.weight": (50257, 768), "wpe.weight": (1024, 768), "ln_f.weight": (768,), "ln_f.bias": (768,)}
    for i in range(12):
        layer = {"ln_1.weight": (768,), "ln_1.bias": (768,), "attn.bias": (1, 1, 1024, 1024), "attn.c_attn.weight": (768, 2304),
                 "attn.c_attn.bias": (2304,), "attn.c_proj.weight": (768, 768), "attn.c_proj.bias": (768,),
                 "ln_2.weight": (768,), "ln_2.bias": (768,), "mlp.c_fc.weight": (768, 3072), "mlp.c_fc.bias": (3072,),
                 "mlp.c_proj.weight": (3072, 768), "mlp.c_proj.bias": (768,)}  # fmt: skip
        shapes.update({f"h.{i}.{name}": shape for name, shape in layer.items()})
    return shapes


def lora():
    names = [f"model.layers.{i // 8}.self_attn.{'qkvo'[i // 2 % 4]}_proj.lora_{'AB'[i % 2]}.weight" for i in range(1000)]
    return {name: ((16, 768), (768, 16))[i % 2] for i, name in enumerate(names)}


def many():
    return {f"model.layers.{i // 10}.block.{i % 10}.weight": (8, 8) for i in range(10000)}


FILES = {"gpt2": gpt2, "10 000 tensors": many, "LoRA": lora}


def make(folder, name):
    path = os.path.join(folder, name.replace(" ", "") + ".safetensors")
    if not os.path.exists(path):
        numbers = np.random.default_rng(1)
        arrays = {n: numbers.standard_normal(s, dtype=np.float32) for n, s in FILES[name]().items()}
        safetensors.numpy.save_file(arrays, path)
    return path


def synced(path):
    """What tensorvet does by default and the reference leaves out."""
    for part in (path, os.path.dirname(path)):
        descriptor = os.open(part, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def save_file(module, tensors, path, sync):
    os.environ["TENSORVET_FSYNC"] = "1" if sync else "0"
    module.save_file(tensors, path)
    if sync and module.__name__.startswith("safetensors"):
        synced(path)


def part_of(side, path, framework, backend, name, index):
    with side.safe_open(path, framework, backend=backend) as file:
        return file.get_slice(name)[index]


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def operations(path, name):
    """title -> function of a side's name. What they need beforehand is made on first use, and shared."""
    cache = {}

    def kept(key, make_it):
        if key not in cache:
            cache[key] = make_it()
        return cache[key]

    def module(side, framework):
        return getattr(SIDES[side], framework)

    def data():
        return kept("bytes", lambda: pathlib.Path(path).read_bytes())

    def tensors(framework):
        return kept(framework, lambda: module("safetensors", framework).load_file(path, backend="pread"))

    result = {"open + keys": lambda side: SIDES[side].safe_open(path, "np").keys()}
    for framework in ("numpy", "torch"):
        for backend in ("mmap", "pread"):
            result[f"load_file {framework} {backend}"] = (
                lambda side, f=framework, b=backend: module(side, f).load_file(path, backend=b))
        result[f"load {framework}"] = lambda side, f=framework: module(side, f).load(data())
        result[f"save {framework}"] = lambda side, f=framework: module(side, f).save(tensors(f))
        for sync in (False, True):
            title = f"save_file {framework}" + (" + fsync" if sync else "")
            result[title] = lambda side, f=framework, s=sync: save_file(
                module(side, f), tensors(f), os.path.join(os.path.dirname(path), "out." + side), s)
    if name == "gpt2":
        for framework in ("numpy", "torch"):
            for backend in ("mmap", "pread"):
                for what, index in (("rows", np.s_[1000:5000]), ("columns", np.s_[:, :64])):
                    result[f"get_slice {what} {framework} {backend}"] = (
                        lambda side, f=framework, b=backend, i=index: part_of(SIDES[side], path, f, b, "wte.weight", i))
    return result


def timed(operation, side):
    """(wall-clock, processor) seconds."""
    gc.collect()
    start = time.perf_counter(), time.process_time()
    result = operation(side)
    taken = time.perf_counter() - start[0], time.process_time() - start[1]
    del result
    return taken


def repeats(seconds):
    """Short operations are done several times a round."""
    return max(1, min(20, int(0.02 / max(seconds, 1e-6))))


def measure(operation, rounds):
    samples = {side: [] for side in SIDES}
    count = repeats(max(timed(operation, side)[0] for side in SIDES))
    for number in range(rounds):
        for side in list(SIDES)[:: 1 if number % 2 else -1]:
            samples[side].append(min((timed(operation, side) for _ in range(count)), key=lambda taken: taken[1]))
    return samples


def memory_probe(folder, name, title, side):
    """Runs in a process of its own: prints by how many bytes doing the operation once raises the peak."""
    operation = operations(make(folder, name), name)[title]
    if title.startswith("load ") or title.startswith("save"):
        operation("tensorvet" if side == "safetensors" else "safetensors")  # makes what is shared; the peak is reset below
    else:
        part = operations(make(folder, "LoRA"), "LoRA").get(title)  # imports and first calls
        if part is not None:
            part(side)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not serve the operation unseen
    pathlib.Path("/proc/self/clear_refs").write_text("5")

    def status(field):
        return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(field))

    before = status("VmRSS")
    result = operation(side)
    print(status("VmHWM") - before)
    del result


def peaks(folder, name, title):
    """Both at once: nothing is timed here."""
    command = [sys.executable, __file__, "--memory", folder, name, title]
    probes = {side: subprocess.Popen([*command, side], stdout=subprocess.PIPE, text=True) for side in SIDES}
    return {side: int(probe.communicate()[0]) for side, probe in probes.items()}


def middle(row, side, which):
    """Median in milliseconds; which: 0 wall clock, 1 processor."""
    return statistics.median(sample[which] for sample in row["samples"][side]) * 1e3


def ratio(row, which):
    return middle(row, "tensorvet", which) / max(middle(row, "safetensors", which), 1e-9)


def table(rows):
    lines = ["| file | operation | wall clock: tensorvet | safetensors | ratio | processor: tensorvet | safetensors | ratio | peak memory: tensorvet | safetensors |",
             "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        cells = [f"{row['file']} | {row['operation']}"]
        for which in (0, 1):
            cells += [f"{middle(row, side, which):.2f} ms" for side in SIDES] + [f"{ratio(row, which):.2f}"]
        cells += [f"{row['peak'][side] / 1e6:.1f} MB" for side in SIDES]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(rows):
    """A bar for each operation: its processor time over the reference's; the line is 1.0."""
    left, width, step = 330, 400, 18
    height = step * len(rows) + 60
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{height}" font-family="sans-serif" font-size="12">',
             f'<rect width="100%" height="100%" fill="white"/><text x="{left}" y="20">processor time of tensorvet over that of safetensors {safetensors.__version__} (shorter is better)</text>']
    for i, row in enumerate(rows):
        share = ratio(row, 1)
        y = 36 + i * step
        parts.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{row["file"]}: {row["operation"]}</text>'
                     f'<rect x="{left}" y="{y + 2}" width="{min(share, 1.25) * width / 1.25:.1f}" height="{step - 5}" fill="{"#2a6f97" if share <= 1 else "#bc4749"}"/>'
                     f'<text x="{left + min(share, 1.25) * width / 1.25 + 4:.1f}" y="{y + 12}">{share:.2f}</text>')
    at = left + width / 1.25
    parts.append(f'<line x1="{at}" y1="30" x2="{at}" y2="{height - 16}" stroke="black" stroke-dasharray="3,3"/></svg>')
    return "\n".join(parts) + "\n"


def report(out, rounds, rows):
    """Written anew after each row, so that a run that is broken off leaves what it has."""
    facts = {"machine": platform.platform(), "processors": os.cpu_count(), "load": os.getloadavg(), "rounds": rounds,
             "torch": torch.__version__, "numpy": np.__version__, "safetensors": safetensors.__version__,
             "tensorvet": tensorvet.__version__, "rows": rows}  # fmt: skip
    out.mkdir(exist_ok=True)
    (out / "samples.json").write_text(json.dumps(facts))
    (out / "table.md").write_text(table(rows))
    (out / "plot.svg").write_text(plot(rows))


def main(out, rounds, pattern):
    out = pathlib.Path(out)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            path = make(folder, name)
            for title, operation in operations(path, name).items():
                if not re.search(pattern, f"{name}: {title}"):
                    continue
                ours, theirs = operation("tensorvet"), operation("safetensors")
                assert title.startswith("save_file") or same(ours, theirs), title
                del ours, theirs
                row = {"file": name, "operation": title, "samples": measure(operation, rounds), "peak": peaks(folder, name, title)}
                row["load"] = os.getloadavg()[0]
                rows.append(row)
                report(out, rounds, rows)
                print(table([row]).splitlines()[-1], flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--memory":
        memory_probe(*sys.argv[2:])
    else:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9, sys.argv[3] if len(sys.argv) > 3 else ".")
