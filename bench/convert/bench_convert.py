#!/usr/bin/env python3
"""Times `tensorvet convert` beside the reference converter's steps and `cp` with fsync, interleaved.

    bench_convert.py --tensorvet COMMAND --torch-python PYTHON [--folder DIR] [--tensors 500] [--bytes 2147483648]
                     [--rounds 5] [--samples FILE.json]

First shows that all give the same bytes, then times. Prints a table; writes every sample to FILE.json. The folder needs
four times the bytes; what is made there is removed. Seconds are of the whole command for tensorvet and cp; for the
reference they leave out the start of Python and its imports.

Each round begins with another side, and before each run three times the bytes of memory are touched and let go: a virtual
machine that hands free memory back to its host pays for a page's first use again, several seconds for 2 GiB, and that
must not fall to whoever comes after a pause."""
import argparse
import filecmp
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tensorvet", required=True)
    parser.add_argument("--torch-python", required=True)
    parser.add_argument("--folder")
    parser.add_argument("--tensors", type=int, default=500)
    parser.add_argument("--bytes", type=int, default=2 << 30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples")
    return parser.parse_args()


class WorkerWatch(threading.Thread):
    """Looks at VmHWM of every jailed worker below the command, every millisecond."""

    def __init__(self, parent):
        super().__init__(daemon=True)
        self.parent, self.peak, self.over = parent, 0, False

    def run(self):
        while not self.over:
            try:
                pids = []
                for task in os.listdir(f"/proc/{self.parent}/task"):
                    with open(f"/proc/{self.parent}/task/{task}/children") as handle:
                        pids += handle.read().split()
                for pid in pids:
                    with open(f"/proc/{pid}/status") as handle:
                        lines = dict(line.split(":", 1) for line in handle if ":" in line)
                    if lines["Name"].strip() != "tensorvet":  # between vfork and exec it is still the command
                        self.peak = max(self.peak, int(lines["VmHWM"].split()[0]) * 1024)
            except (OSError, KeyError, ValueError):
                pass
            time.sleep(0.001)


def remove(path):
    if os.path.exists(path):
        os.remove(path)


def time_tensorvet(options, source, target, *more):
    remove(os.path.join(options.folder, target))
    before = time.perf_counter()
    process = subprocess.Popen([options.tensorvet, "convert", *more, source, "-o", target], cwd=options.folder,
                               stdout=subprocess.PIPE, text=True)
    watch = WorkerWatch(process.pid)
    watch.start()
    output = process.communicate()[0]
    seconds = time.perf_counter() - before
    watch.over = True
    watch.join()
    if process.returncode != 0:
        raise SystemExit(output)
    return {"seconds": seconds, "peak": watch.peak}


def time_two_jobs(options, source, target):
    return time_tensorvet(options, source, target, "--jobs", "2")


def time_reference(options, source, target):
    remove(os.path.join(options.folder, target))
    done = subprocess.run([options.torch_python, os.path.join(HERE, "reference_steps.py"), source, target],
                          cwd=options.folder, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def time_cp(options, source, target):
    remove(os.path.join(options.folder, target))
    before = time.perf_counter()
    subprocess.run(["cp", "--reflink=never", source, target], cwd=options.folder, check=True)
    subprocess.run(["sync", target], cwd=options.folder, check=True)
    return {"seconds": time.perf_counter() - before}


SIDES = {"tensorvet convert": time_tensorvet, "with --jobs 2": time_two_jobs, "torch + safetensors": time_reference, "cp and fsync": time_cp}
FILES = {"tensorvet convert": "ours.safetensors", "with --jobs 2": "two.safetensors", "torch + safetensors": "theirs.safetensors", "cp and fsync": "copy.pt"}


TOUCH = """
import mmap, sys
pieces = [mmap.mmap(-1, int(sys.argv[1])) for _ in range(3)]
for piece in pieces:
    for at in range(0, len(piece), 4096):
        piece[at] = 1
"""


def settle(options):
    """Nothing of the last run may be left to write, and free memory is the machine's own."""
    os.sync()
    subprocess.run([sys.executable, "-c", TOUCH, str(options.bytes)], check=True)


def measure(options):
    os.makedirs(options.folder, exist_ok=True)
    subprocess.run([options.torch_python, os.path.join(HERE, "make_checkpoint.py"), "in.pt", str(options.tensors),
                    str(options.bytes)], cwd=options.folder, check=True)
    samples = {side: [] for side in SIDES}
    for side in SIDES:
        SIDES[side](options, "in.pt", FILES[side])
    for ours in ("tensorvet convert", "with --jobs 2"):
        if not filecmp.cmp(os.path.join(options.folder, FILES[ours]),
                           os.path.join(options.folder, FILES["torch + safetensors"]), shallow=False):
            raise SystemExit("the outputs differ: nothing to time")
    for side in SIDES:
        remove(os.path.join(options.folder, FILES[side]))
    sides = list(SIDES)
    for turn in range(options.rounds):
        for side in sides[turn % len(sides):] + sides[:turn % len(sides)]:
            settle(options)
            samples[side].append(SIDES[side](options, "in.pt", FILES[side]))
            remove(os.path.join(options.folder, FILES[side]))
    return samples


def mebibytes(runs):
    peaks = [run["peak"] for run in runs if "peak" in run]
    return f"{max(peaks) / 2**20:.0f} MiB" if peaks else ""


def table(options, samples):
    gigabytes = options.bytes / 1e9
    ours = statistics.median(run["seconds"] for run in samples["tensorvet convert"])
    print("| side | min | median | max | GB/s | against tensorvet | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for side, runs in samples.items():
        seconds = sorted(run["seconds"] for run in runs)
        middle = statistics.median(seconds)
        print(f"| {side} | {seconds[0]:.2f} s | {middle:.2f} s | {seconds[-1]:.2f} s | {gigabytes / middle:.2f} | "
              f"{middle / ours:.2f} | {mebibytes(runs)} |")


def main():
    options = arguments()
    made = options.folder is None
    options.folder = options.folder or tempfile.mkdtemp(prefix="tensorvet-bench-")
    options.tensorvet = os.path.abspath(options.tensorvet)
    try:
        samples = measure(options)
    finally:
        for name in ["in.pt", *FILES.values()]:
            remove(os.path.join(options.folder, name))
        if made:
            shutil.rmtree(options.folder, ignore_errors=True)
    table(options, samples)
    if options.samples:
        with open(options.samples, "w") as handle:
            json.dump({"tensors": options.tensors, "bytes": options.bytes, "cpus": os.cpu_count(),
                       "kernel": platform.release(), "samples": samples}, handle, indent=1)
            handle.write("\n")


main()
