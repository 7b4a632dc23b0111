#!/usr/bin/env python3
"""How often tools take offence at files that do no harm: tensorvet beside its peers, over corpus/benign.

    python3 run.py TENSORVET [--scanners PYTHON] [--torch PYTHON] [--out RESULTS.md] [--details FILE.json]

TENSORVET is the command. PYTHON is that of a venv of requirements-scanners.txt, and of one with torch; without them their
columns stay empty. Exit status 1 if tensorvet calls a file dangerous or malformed, or does not convert one with tensors.
"""
import argparse
import collections
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", "..", "corpus", "benign"))
PEERS = ("picklescan", "modelscan", "fickling", "weights-only")
OUTCOMES = ("clean", "flagged", "failed")


def manifest():
    with open(os.path.join(ROOT, "manifest.json"), encoding="utf-8") as file:
        files = json.load(file)["files"]
    for entry in files:
        with open(os.path.join(ROOT, entry["file"]), "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != entry["sha256"]:
                sys.exit(f"{entry['file']}: not the file of the manifest")
    return {entry["file"]: entry for entry in files}


def lines(command):
    """The JSON lines of a command, whatever its exit status."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(tensorvet, files):
    return {line["path"]: line for line in lines([tensorvet, "check", "--format", "json", "--reproducible", *files])}


def outcome_of_check(line):
    """clean: accepted. flagged: rejected for what it names or holds. failed: not examined, or of a kind not judged."""
    if line["verdict"] == "accept":
        return "clean"
    return "flagged" if line["verdict"] == "reject" and line["class"] in ("inert-unknown", "dangerous", "malformed") else "failed"


def convert(tensorvet, entry, out):
    """One file; where it holds several groups of tensors and the command asks for a --key, the one of the manifest."""
    command = [tensorvet, "convert", "--format", "json", "--reproducible", "--overwrite", "-o", out, entry["file"]]
    line = lines(command)[-1]
    if line["verdict"] != "accept" and "key" in entry and "ambiguous-root" in ids(line):
        line = lines([*command, "--key", entry["key"]])[-1]
        line["with_key"] = True
    return line


def ids(line):
    return sorted({finding["id"] for finding in line["findings"] if finding["severity"] == "error"})


def conversion(entry, line):
    """How a conversion ended."""
    if line["verdict"] == "accept":
        return "converted, with --key" if line.get("with_key") else "converted"
    if not entry["has_tensors"] and ids(line) == ["no-tensors"]:
        return "without tensors"
    return "refused: " + ", ".join(ids(line))


def peers(arguments, files):
    for tool in PEERS:
        python = arguments.torch if tool == "weights-only" else arguments.scanners
        if python is None:
            continue
        start = time.monotonic()
        found = lines([python, os.path.join(HERE, "peers.py"), tool, *files])
        yield tool, {line["file"]: line for line in found}, time.monotonic() - start


def versions(arguments):
    """Who was asked."""
    said = {"tensorvet": subprocess.run([arguments.tensorvet, "--version"], stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]}
    script = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    for tool in PEERS:
        python, name = (arguments.torch, "torch") if tool == "weights-only" else (arguments.scanners, tool)
        if python is not None:
            out = subprocess.run([python, "-c", script, name], stdout=subprocess.PIPE, text=True).stdout.strip().split("+")[0]
            said[tool] = f"torch.load(weights_only=True) of torch {out}" if tool == "weights-only" else f"{tool} {out}"
    return said


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def table_of_tools(found, count):
    text = row(["tool", *OUTCOMES, "clean, of all"]) + row(["---"] * 5)
    for tool, results in found.items():
        counts = collections.Counter(results.values())
        text += row([tool, *(counts[outcome] for outcome in OUTCOMES), f"{100 * counts['clean'] / count:.1f} %"])
    return text


def table_of_groups(found, entries):
    groups = sorted({name.split("/")[0] for name in entries})
    text = row(["clean files of", *found]) + row(["---"] * (len(found) + 1))
    for group in groups:
        names = [name for name in entries if name.split("/")[0] == group]
        text += row([f"{group} ({len(names)})", *(sum(results[name] == "clean" for name in names) for results in found.values())])
    return text


def table_of_conversions(entries, converted):
    text = row(["", "files"]) + row(["---"] * 2)
    ends = collections.Counter(conversion(entries[name], line) for name, line in converted.items())
    for end, count in sorted(ends.items(), key=lambda item: (-item[1], item[0])):
        text += row([end, count])
    return text


def listed(names, about):
    return "".join(f"- `{name}`: {about(name)}\n" for name in names) or "None.\n"


def unknown_names(line):
    names = [finding["subject"] for finding in line["findings"] if finding["id"] in ("unknown-global", "dangerous-global")]
    return ", ".join(names[:4]) + (f", … {len(names) - 4} more" if len(names) > 4 else "")


def report(entries, checked, converted, found, said):
    classes = collections.Counter((line["verdict"], line["class"]) for line in checked.values())
    bad = [name for name, line in checked.items() if line["class"] in ("dangerous", "malformed")]
    unconverted = [name for name, line in converted.items() if entries[name]["has_tensors"] and line["verdict"] != "accept"]
    libraries = sorted({writer for entry in entries.values() for writer in entry["writer"]})
    text = "# False alarms\n\n"
    text += (f"{len(entries)} files that do no harm (corpus/benign), {sum(e['has_tensors'] for e in entries.values())} of them with "
             f"tensors, {sum('by_hand' in e for e in entries.values())} put together by hand in the shape of libraries that do not "
             f"install here. Written by {', '.join(libraries)}.\n\nAsked: {'; '.join(said.values())}. Made by run.py.\n\n")
    text += table_of_tools(found, len(entries)) + "\n"
    text += ("*clean*: accepted without complaint. *flagged*: said to be unsafe, or not known to be safe. *failed*: could not be "
             "examined, or is of a kind the tool does not take. What each means by it: peers.py and run.py. Loading with "
             "weights_only runs no foreign code but tells nothing of what it refuses.\n\n")
    text += table_of_groups(found, entries) + "\n"
    text += "tensorvet check, by verdict and class:\n\n" + row(["verdict", "class", "files"]) + row(["---"] * 3)
    text += "".join(row([*key, count]) for key, count in sorted(classes.items()))
    text += "\ntensorvet convert, without --disarm:\n\n" + table_of_conversions(entries, converted)
    text += "\n## Called dangerous or malformed\n\n" + listed(
        bad, lambda name: f"{checked[name]['class']}: {', '.join(ids(checked[name]))} ({unknown_names(checked[name])})")
    text += "\n## With tensors, and not converted\n\n" + listed(unconverted, lambda name: ", ".join(ids(converted[name])))
    text += "\n## Rejected for names that are not known\n\n" + listed(
        [name for name, line in checked.items() if line["class"] == "inert-unknown"], lambda name: unknown_names(checked[name]))
    return text, bool(bad or unconverted)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tensorvet")
    parser.add_argument("--scanners")
    parser.add_argument("--torch")
    parser.add_argument("--out", default=os.path.join(HERE, "RESULTS.md"))
    parser.add_argument("--details")
    arguments = parser.parse_args()
    arguments.tensorvet = os.path.abspath(arguments.tensorvet)
    entries = manifest()
    files = list(entries)
    checked = check(arguments.tensorvet, files)
    folder = tempfile.mkdtemp()
    try:
        converted = {name: convert(arguments.tensorvet, entry, os.path.join(folder, "out.safetensors")) for name, entry in entries.items()}
    finally:
        shutil.rmtree(folder)
    found = {"tensorvet check": {name: outcome_of_check(line) for name, line in checked.items()}}
    details = {"check": checked, "convert": converted}
    for tool, results, seconds in peers(arguments, files):
        print(f"{tool}: {seconds:.1f} s", file=sys.stderr)
        found[tool] = {name: results[name]["outcome"] for name in files}
        details[tool] = results
    text, is_bad = report(entries, checked, converted, found, versions(arguments))
    with open(arguments.out, "w", encoding="utf-8") as file:
        file.write(text)
    if arguments.details:
        with open(arguments.details, "w", encoding="utf-8") as file:
            json.dump(details, file, indent=1)
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
