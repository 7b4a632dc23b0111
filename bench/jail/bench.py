#!/usr/bin/env python3
"""Runs the jail bench: bench.py BUILD [ROUNDS]. Two files, a small caller and one that holds 1 GiB, the load before each.

BUILD is a build folder; samples are left in the current folder, one CSV a run. As root, for the worker's VmHWM.
"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

FILES = {"small": 100, "large": 200_000}  # tensors


def write(path, tensors):
    rows = ",".join(f'"model.layers.{i}.weight":{{"dtype":"U8","shape":[1],"data_offsets":[{i},{i + 1}]}}' for i in range(tensors))
    header = ("{" + rows + "}").encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + bytes(tensors))


def main(build, rounds="2000"):
    with tempfile.TemporaryDirectory() as folder:
        # The bench looks for the worker where the command does: beside its own folder.
        program = shutil.copy(os.path.join(build, "bench", "bench_jail"), os.path.join(build, "bin", "bench_jail"))
        try:
            for name, tensors in FILES.items():
                path = os.path.join(folder, name)
                write(path, tensors)
                for held in ("0", "1024") if name == "small" else ("0",):
                    print(f"\n{name} file, {tensors} tensors, {os.path.getsize(path)} bytes; load "
                          + " ".join(f"{load:.1f}" for load in os.getloadavg()), flush=True)
                    few = rounds if name == "small" else str(max(1, int(rounds) // 20))
                    subprocess.run([program, path, few, held], check=True)
                    if os.path.exists("samples.csv"):
                        os.replace("samples.csv", f"samples-{name}-{held}.csv")
        finally:
            os.remove(program)


if __name__ == "__main__":
    main(*sys.argv[1:])
