#!/usr/bin/env python3
"""Zips the seeds of one fuzz target: seed_corpus.py TARGET LIST ZIP, where LIST names its folders and files, one a line.

Files longer than the target's longest input (fuzz/targets) stay out. The same seeds give the same bytes.
"""
import hashlib
import sys
import zipfile
from pathlib import Path

TARGETS = Path(__file__).resolve().parent.parent / "targets"


def longest(target):
    rows = [line.split() for line in TARGETS.read_text(encoding="ascii").splitlines()]
    return next(int(row[2]) for row in rows if row and row[0] == target)


def main(target, listed, out):
    most, seeds = longest(target), {}
    for line in Path(listed).read_text(encoding="utf-8").split("\n"):
        for path in [Path(line), *Path(line).rglob("*")] if line else []:
            if path.is_file() and path.stat().st_size <= most:
                data = path.read_bytes()
                seeds[hashlib.sha1(data).hexdigest()] = data
    if not seeds:
        sys.exit(f"{target} has no seeds")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(seeds):
            archive.writestr(zipfile.ZipInfo(name), seeds[name], zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(*sys.argv[1:])
