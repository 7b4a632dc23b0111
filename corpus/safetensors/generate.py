#!/usr/bin/env python3
"""Makes the corpus: generate.py [--check]. Standard library only; the same bytes every time.

Every case is written down here with what it must get, stated from the rule and not from any reader's answer. In the
text of a header the mark \u00a4 stands before the byte that the finding must point to; it is taken out of the file.
Files too large to keep (recipes) are made by run.py when they are needed. --check: fails if what lies here differs."""
import json
import pathlib
import sys

import cases_layout
import cases_names
import cases_tensor
import cases_text
from cases import CASES, real

HERE = pathlib.Path(__file__).parent
MODULES = [cases_text, cases_names, cases_tensor, cases_layout]


def manifest_line(case, reference):
    line = {"file": case.path, "verdict": case.verdict, "ids": case.ids}
    if case.verdict == "reject":
        line["offset"] = case.offset
        line["subject"] = case.subject
    if case.limits:
        line["limits"] = case.limits
    if case.recipe:
        line["recipe"] = case.recipe
    line["rule"] = case.rule
    line["neighbours"] = case.neighbours
    line["reference"] = reference.get(case.path, "not measured")
    return json.dumps(line, ensure_ascii=True)


def wanted_files():
    """Everything that belongs here: path -> bytes. The real files and the reference's answers are given, not made."""
    for module in MODULES:
        module.add()
    add_real()
    answers = HERE / "reference.json"
    reference = json.loads(answers.read_text())["answers"] if answers.exists() else {}
    files = {c.path: c.content for c in CASES if c.content is not None}
    lines = [manifest_line(c, reference) for c in CASES]
    assert len(files) == len([c for c in CASES if c.content is not None]), "two cases of one name"
    files["manifest.jsonl"] = ("\n".join(lines) + "\n").encode()
    return files


# Releases up to 0.3.0 padded the header wrongly or not at all (0.2.8 did not sort tensors by size either).
UNALIGNED = {
    "0.2.8.many": ["header-unaligned", "tensor-misaligned"],
    "0.2.8.metadata": ["header-unaligned", "tensor-misaligned"],
    "0.2.8.plain": ["header-unaligned", "tensor-misaligned"],
    "0.3.0.many": ["header-unaligned"],  # its tensors need 2 bytes, and its length is even
    "0.3.0.metadata": ["header-unaligned", "tensor-misaligned"],
}


def add_real():
    """Files that releases of the reference package wrote (make_real.py)."""
    for path in sorted((HERE / "real").glob("*.safetensors")):
        real(f"real/{path.name}", UNALIGNED.get(path.name.removesuffix(".safetensors"), []))


def stray_files(files):
    kept = {"reference.json"} | {f"real/{p.name}" for p in (HERE / "real").glob("*")}
    for path in HERE.rglob("*"):
        name = path.relative_to(HERE).as_posix()
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in name and name not in files and name not in kept:
            yield path


def main():
    files = wanted_files()
    stray = list(stray_files(files))
    if sys.argv[1:] == ["--check"]:
        wrong = [n for n, b in files.items() if not (HERE / n).exists() or (HERE / n).read_bytes() != b]
        for name in wrong + [str(p) for p in stray]:
            print("differs:", name)
        print(f"{len(files) - 1} files, {sum(map(len, files.values()))} bytes, {len(CASES)} cases")
        return 1 if wrong or stray else 0
    for path in stray:
        path.unlink()
    for name, content in files.items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_bytes(content)
    print(f"{len(CASES)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
