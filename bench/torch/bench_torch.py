"""Start-up, memory and batches of the torch engine: python bench/torch/bench_torch.py COMMAND [PYTHON ...]

For each Python: one small file, 100 of them in one run, and a large one of 512 MiB, each five times, interleaved. Prints
medians of the wall clock, processor time (the command with all its children), and the largest resident size of any one
process, as getrusage has them. Needs a Python with torch to run under; what is measured is the command.
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import torch

ROUNDS = 5


def once(arguments):
    """Wall clock, processor time and peak of one run; in a fork, whose children are the run's alone."""
    read, write = os.pipe()
    if os.fork() == 0:
        start = time.monotonic()
        status = subprocess.run(arguments, stdout=subprocess.DEVNULL).returncode
        wall = time.monotonic() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(write, f"{status} {wall} {used.ru_utime + used.ru_stime} {used.ru_maxrss}".encode())
        os._exit(0)
    os.close(write)
    os.wait()
    status, wall, cpu, peak = os.read(read, 1000).split()
    os.close(read)
    if status != b"0":
        raise SystemExit(f"{arguments} ended with {status}")
    return float(wall), float(cpu), int(peak) / 1024


def main():
    command, pythons = sys.argv[1], sys.argv[2:] or [sys.executable]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        small = [os.path.join(folder, f"m{i}.pt") for i in range(100)]
        for path in small:
            torch.save({"a": torch.randn(16, 16), "b": torch.randn(16)}, path)
        large = os.path.join(folder, "large.pt")
        torch.save({f"w{i}": torch.randn(16 << 20) for i in range(8)}, large)
        jobs = {"one": small[:1], "hundred": small, "512 MiB": [large]}
        found = {}
        for _ in range(ROUNDS):
            for python in pythons:
                for name, paths in jobs.items():
                    found.setdefault((python, name), []).append(
                        once([command, "convert", "--engine", "torch", "--python", python, "--overwrite", "-q",
                              "--out-dir", os.path.join(folder, "out"), *paths]))
        for (python, name), runs in found.items():
            wall, cpu, peak = (statistics.median(column) for column in zip(*runs))
            print(f"| {python} | {name} | {wall:.2f} s | {cpu:.2f} s | {peak:.0f} MiB |")
        print("load:", " ".join(f"{part:.1f}" for part in os.getloadavg()))


if __name__ == "__main__":
    main()
