#!/usr/bin/env python3
"""Runs the jail bench: bench.py BUILD [ROUNDS]. Every layer interleaved on a small file, then on one with a large header;
then a folder of many files by the command, fresh workers and a batch in turn. The load is printed before each.

BUILD is a build folder; samples are left in the current folder, one CSV a run. As root, for the worker's VmHWM. With the
default of 1000 rounds it takes about a minute and a half on a quiet machine.
"""
import os
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

FILES = {"small": 100, "large": 200_000}  # tensors
MANY, TENSORS, TURNS = 1000, 10, 7  # files in the folder, tensors in each, runs of each kind


def write(path, tensors):
    rows = ",".join(f'"model.layers.{i}.weight":{{"dtype":"U8","shape":[1],"data_offsets":[{i},{i + 1}]}}' for i in range(tensors))
    header = ("{" + rows + "}").encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + bytes(tensors))


def load():
    return "load " + " ".join(f"{load:.1f}" for load in os.getloadavg())


def layers(build, folder, rounds):
    # The bench looks for the worker where the command does: beside its own folder.
    program = shutil.copy(os.path.join(build, "bench", "bench_jail"), os.path.join(build, "bin", "bench_jail"))
    try:
        for name, tensors in FILES.items():
            path = os.path.join(folder, name)
            write(path, tensors)
            print(f"\n{name} file, {tensors} tensors, {os.path.getsize(path)} bytes; {load()}", flush=True)
            few = rounds if name == "small" else max(1, rounds // 200)
            subprocess.run([program, path, str(few)], check=True)
            if os.path.exists("samples.csv"):
                os.replace("samples.csv", f"samples-{name}.csv")
    finally:
        os.remove(program)


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(build, folder):
    for i in range(MANY):
        write(os.path.join(folder, f"{i:04}.safetensors"), TENSORS)
    taken = {how: [] for how in ("file", "batch")}
    print(f"\ntensorvet check -q --isolation HOW, {MANY} files of {TENSORS} tensors in a folder; {load()}", flush=True)
    for _ in range(TURNS):
        for how, times in taken.items():
            wall, used = time.perf_counter(), processor_time()
            subprocess.run([os.path.join(build, "bin", "tensorvet"), "check", "-q", "--isolation", how, folder], check=True)
            times.append((time.perf_counter() - wall, processor_time() - used))
    for how, times in taken.items():
        wall, used = (statistics.median(column) / MANY * 1e6 for column in zip(*times))
        print(f"{how:6} {wall:6.0f} us a file by the clock, {used:6.0f} us of processor time of all processes (medians of {TURNS})")


def main(build, rounds="1000"):
    with tempfile.TemporaryDirectory() as folder:
        layers(build, folder, int(rounds))
    with tempfile.TemporaryDirectory() as folder:
        command(build, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
