#!/usr/bin/env python3
"""Writes the checkpoints of hostile_cases.py and assembled_cases.py, and their entries of the manifest. Any Python 3.9 will do.

    python3 hostile.py [ROOT]

ROOT is this folder by default; the files go to ROOT/hostile/ and ROOT/assembled/. The same bytes every time.
"""
import os
import sys

import manifest
from assembled_cases import CASES as ASSEMBLED
from hostile_cases import CASES as HOSTILE

import hostile_states  # noqa: F401, adds to those
import hostile_streams  # noqa: F401, adds to those

FOLDERS = {"hostile": HOSTILE, "assembled": ASSEMBLED}


def entry(folder, file, case):
    """What the manifest says of one file. `findings` are ids that must be among those reported; null: any error."""
    expect = dict(case.expect)
    loads = expect.pop("torch", None)
    findings = case.findings
    check = {"verdict": expect.pop("check", "reject"), "findings": findings}
    worst = expect.pop("worst", "malformed" if check["verdict"] == "reject" else "data-only")
    if worst is not None:
        check["class"] = worst
    convert = {"verdict": expect.pop("convert", "reject"), "findings": expect.pop("convert_findings", findings)}
    tensors = {name: {"dtype": dtype, "shape": shape, "sha256": manifest.sha256(data)}
               for name, (dtype, shape, data) in expect.pop("tensors", {}).items()}
    if convert["verdict"] == "accept":
        convert.update(tensors=tensors, aliases={})
    elif tensors:
        convert["disarmed"] = tensors
    kind = expect.pop("kind", "torch-zip")
    if expect:
        raise ValueError(f"{file}: unknown expectations {sorted(expect)}")
    loaded = {} if loads is None else {"torch": loads}
    return {"path": f"{folder}/{file}", "about": case.about, "writer": "hostile.py", "kind": kind, "check": check,
            "convert": convert, **loaded}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else manifest.HERE
    for name, cases in FOLDERS.items():
        folder = manifest.fresh_folder(root, name)
        for file, case in cases.items():
            with open(os.path.join(folder, file), "wb") as out:
                out.write(case.data)
        manifest.replace_folder(root, name, [entry(name, file, case) for file, case in cases.items()])
        print(f"{len(cases)} files in {name}")


if __name__ == "__main__":
    main()
