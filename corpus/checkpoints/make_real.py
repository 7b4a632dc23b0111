#!/usr/bin/env python3
"""Writes the checkpoints of cases.py with the torch of the Python that runs it, and their entries of the manifest.

    python3 make_real.py [ROOT]

ROOT is this folder by default; the files go to ROOT/real/torch-MAJOR.MINOR/. The same torch writes the same bytes.
"""
import io
import os
import sys

import torch

import manifest
from cases import CASES
from expect import outcome

MAJOR, MINOR = (int(part) for part in torch.__version__.split(".")[:2])
FOLDER = f"real/torch-{MAJOR}.{MINOR}"


def write(root_object, path, buffer=False, no_crc=False, alignment=None, **arguments):
    """torch.save with the options of a case; torch takes the archive's root name from the path."""
    if no_crc:
        torch.serialization.set_crc32_options(False)
    if alignment:
        from torch.utils.serialization import config
        before, config.save.storage_alignment = config.save.storage_alignment, alignment
    try:
        if buffer:
            memory = io.BytesIO()
            torch.save(root_object, memory, **arguments)
            with open(path, "wb") as file:
                file.write(memory.getvalue())
        else:
            torch.save(root_object, path, **arguments)
    finally:
        if no_crc:
            torch.serialization.set_crc32_options(True)
        if alignment:
            config.save.storage_alignment = before


def entry(name, case, root_object):
    """What the manifest says of one file: stated from the rules, before any reader of ours has seen it."""
    expect = dict(case.expect)
    check = {"verdict": expect.pop("check", "accept"), "findings": expect.pop("findings", [])}
    convert = {"verdict": expect.pop("convert", "accept"), "findings": expect.pop("convert_findings", check["findings"])}
    key = expect.pop("key", None)
    loads = expect.pop("torch", None)
    if key is not None:
        convert["key"] = key
    if convert["verdict"] == "accept":
        convert.update(outcome(root_object, key))
        convert["reference"] = expect.pop("reference", "identical")
    if expect:
        raise ValueError(f"{name}: unknown expectations {sorted(expect)}")
    return {"path": f"{FOLDER}/{name}.pt", "about": case.about, "writer": f"torch {torch.__version__}",
            "kind": "torch-zip", "check": check, "convert": convert, **({} if loads is None else {"torch": loads})}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else manifest.HERE
    folder = manifest.fresh_folder(root, FOLDER)
    entries = []
    for name, case in CASES.items():
        if case.since > MAJOR:
            continue
        root_object = case.make()
        write(root_object, os.path.join(folder, name + ".pt"), **case.save)
        entries.append(entry(name, case, root_object))
    manifest.replace_folder(root, FOLDER, entries)
    print(f"{len(entries)} files in {FOLDER}")


if __name__ == "__main__":
    main()
