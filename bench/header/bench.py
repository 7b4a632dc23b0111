#!/usr/bin/env python3
"""The header bench: bench.py TIME_HEADER REFERENCE_PYTHON OUT_FOLDER [ROUNDS]

For 1, 1 000, 100 000 and 1 000 000 tensors: makes a file (sparse data), shows that both sides list the same tensors,
then times them in turn, each sample in a fresh process with a warm page cache: each side once with plain pages, once with
huge ones (the reference by glibc's tunable, as a user would). Writes samples.json, table.md, plot.svg."""
import hashlib
import json
import math
import os
import pathlib
import platform
import statistics
import struct
import subprocess
import sys
import tempfile

COUNTS = [1, 1000, 100000, 1000000]
HERE = pathlib.Path(__file__).parent


def make(count, path):
    """The header of a model as the reference writes it: short names as of a transformer's layers, F16, in offset order."""
    parts = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "norm", "bias", "scale"]
    names = sorted(f"h.{i // 10}.{parts[i % 10]}" for i in range(count))
    entries = [f'"{n}":{{"dtype":"F16","shape":[8,8],"data_offsets":[{i * 128},{i * 128 + 128}]}}' for i, n in enumerate(names)]
    header = ("{" + ",".join(entries) + "}").encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + count * 128)


def run(*command, env=None):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, env=env).stdout


def same_tensors(ours, theirs, path):
    digests = [hashlib.sha256(run(*side, "--list", path)).hexdigest() for side in (ours, theirs)]
    if digests[0] != digests[1]:
        sys.exit(f"{path}: the two sides read different tensors")


def sample(ours, theirs, path, rounds):
    huge = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    turn = {"tensorvet": lambda: run(*ours, path, 5), "tensorvet, huge pages": lambda: run(*ours, "--huge", path, 5),
            "reference": lambda: run(*theirs, path), "reference, huge pages": lambda: run(*theirs, path, env=huge)}
    samples = {side: [] for side in turn}
    for _ in range(rounds):
        for side in turn:
            samples[side].append(json.loads(turn[side]()))
    return samples


def median(samples, side, key):
    return statistics.median(s[key] for s in samples[side])


def row(count, samples):
    size = samples["tensorvet"][0]["header_bytes"]
    parse = median(samples, "tensorvet, huge pages", "parse")
    whole = {side: median(samples, side, "whole") for side in samples}
    return {"tensors": count, "header_bytes": size, "whole": whole, "parse": parse, "gb_s": size / parse / 1e9,
            "plain": whole["reference"] / whole["tensorvet"],
            "huge": whole["reference, huge pages"] / whole["tensorvet, huge pages"],
            "memory": [median(samples, side, "peak_kib") / 1024 for side in samples]}


def table(rows, rounds, versions):
    lines = [f"{versions}; medians of {rounds} samples, in turn, each a fresh process, page cache warm.", "",
             "| tensors | header | tensorvet: the parse | open to index: tensorvet | reference | times | the same in huge pages: "
             "tensorvet | reference | times | peak memory, in the same order |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        ours, ours_huge, theirs, theirs_huge = (f"{s * 1e3:.3f} ms" for s in r["whole"].values())
        a, b, c, d = (f"{m:.1f}" for m in r["memory"])
        lines.append(f"| {r['tensors']:,} | {r['header_bytes'] / 1e6:.3f} MB | {r['parse'] * 1e3:.3f} ms ({r['gb_s']:.2f} GB/s) "
                     f"| {ours} | {theirs} | {r['plain']:.1f} | {ours_huge} | {theirs_huge} | {r['huge']:.1f} "
                     f"| {a}, {c}; {b}, {d} MiB |")
    return "\n".join(lines) + "\n"


def plot(rows):
    """Seconds over tensors, both axes logarithmic."""
    def place(count, seconds):
        return 70 + 100 * math.log10(count), 20 - 45 * (math.log10(seconds) - 1)

    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="720" height="360" font-family="sans-serif" font-size="12">',
           '<rect width="720" height="360" fill="white"/>']
    for power in range(-6, 2):
        y = place(1, 10 ** power)[1]
        out.append(f'<line x1="70" x2="680" y1="{y}" y2="{y}" stroke="#ddd"/><text x="8" y="{y + 4}">1e{power} s</text>')
    for power in range(0, 7):
        x = place(10 ** power, 1)[0]
        out.append(f'<text x="{x - 8}" y="352">1e{power}</text>')
    for name, seconds, color in (("reference: safe_open", lambda r: r["whole"]["reference"], "#b33"),
                                 ("tensorvet: open to index", lambda r: r["whole"]["tensorvet"], "#36b"),
                                 ("tensorvet: the same in huge pages", lambda r: r["whole"]["tensorvet, huge pages"], "#a6d"),
                                 ("tensorvet: parse alone", lambda r: r["parse"], "#393")):
        points = [place(r["tensors"], seconds(r)) for r in rows]
        out.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        out.append(f'<text x="{points[0][0] + 10:.1f}" y="{points[0][1] - 6:.1f}" fill="{color}">{name}</text>')
    return "\n".join([*out, '<text x="300" y="338">tensors</text>', "</svg>"]) + "\n"


def main():
    ours, theirs, out = [sys.argv[1]], [sys.argv[2], HERE / "time_reference.py"], pathlib.Path(sys.argv[3])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 11
    out.mkdir(parents=True, exist_ok=True)
    version = run(sys.argv[2], "-c", "import safetensors; print(safetensors.__version__, end='')").decode()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    rows, every = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            path = pathlib.Path(folder) / f"{count}.safetensors"
            make(count, path)
            same_tensors(ours, theirs, path)
            every[count] = sample(ours, theirs, path, rounds)
            rows.append(row(count, every[count]))
    (out / "samples.json").write_text(json.dumps(every, indent=0) + "\n")
    (out / "table.md").write_text(table(rows, rounds, f"{cpu}, {platform.system()}, safetensors {version}"))
    (out / "plot.svg").write_text(plot(rows))
    print((out / "table.md").read_text())


main()
