#!/usr/bin/env python3
"""Can the corpus fail? Disables each refusal of the reader, one at a time, in a copy of the sources, and runs the corpus
over each such mutant: mutate_refusals.py [-v] [--jobs N]. Every mutant must be noticed, by a verdict, a finding or a
crash; those that cannot be are listed in EXPLAINED with the reason. Exit status 1 if any other survives.

A refusal is an `if` whose statement refuses, or one of the expressions listed in EXPRESSIONS."""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "corpus/safetensors"))
import recipe  # noqa: E402

SOURCES = ["prefix.c", "utf8.c", "json.c", "json.h", "header.c", "names.c", "index.c", "layout.c"]
REFUSES = re.compile(r"\b(broken|broken_limit|tensor_broken|tensor_numbers|metadata_broken|not_an_integer|reject\w*|"
                     r"NOWHERE|JSON_BAD|JSON_TOO_DEEP|JSON_TRAILING|TV_FIND_(?!NONE)\w+|TV_REJECTED|NAME_TWICE|"
                     r"prefix_foreign|return false|return -1|return 0|return at;)")

# Refusals that are no `if`: (file, text, what it becomes).
EXPRESSIONS = [
    ("header.c", "== wanted ? at + 1 : NOWHERE", ">= 0 ? at + 1 : NOWHERE"),
    ("header.c", "return good ? string->end + 1 : NOWHERE", "return string->end + 1"),
    ("header.c", "return c == ',' || *over ? at + 1 : NOWHERE", "return at + 1"),
    ("header.c", "return at == r->text.size;", "return at <= r->text.size;"),
    ("header.c", "return check_tensor(r, &e) ? at : NOWHERE;", "return at;"),
    ("header.c", "string->plain && raw.size <= r->limits->name_bytes", "string->plain"),
    ("names.c", "facts.control = facts.control || utf8_is_control(code)", "(void)code"),
    ("names.c", "facts.size += utf8_put(code, bytes)", "(void)utf8_put(code, bytes)"),
    ("json.c", "return *at == text.size ? JSON_GOOD : JSON_TRAILING", "return JSON_GOOD"),
    ("json.c", "return scalar(text, at) ? JSON_GOOD : JSON_BAD", "return (void)scalar(text, at), JSON_GOOD"),
    ("json.c", "return key(text, at) ? JSON_GOOD : JSON_BAD", "return (void)key(text, at), JSON_GOOD"),
    ("json.c", "return *at > start;", "return true;"),
    ("utf8.c", "first == 0xe0 ? 0xa0 : 0x80", "0x80"),
    ("utf8.c", "first == 0xed ? 0x9f : 0xbf", "0xbf"),
    ("utf8.c", "first == 0xf0 ? 0x90 : 0x80", "0x80"),
    ("utf8.c", "first == 0xf4 ? 0x8f : 0xbf", "0xbf"),
    ("utf8.c", "return first < 0xf5 ? 4 : 0", "return 4"),
]

# Mutants that no file can tell from the original, and why. The key is the mutated condition or expression.
EXPLAINED = {
    "(first < 0)": "utf8_next at the end of its text: its callers stop before",
    "(at == NOWHERE)": "only saves time: what is read at NOWHERE fails as well, and a failure carries on",
    "(r->facts->count >= r->capacity)": "guards memory: the capacity is what the header's length allows, so it is not reached",
    "(!tv_span_u64(text, at, &word))": "the word is zeroes then, which are no digits",
    "(count == 0)": "keeps a shift defined: whoever asks for digits asks first whether there were any",
    "(next != NOWHERE)": "only saves time: the rules read the tensor from its start, and find the same",
    "(!facts->complete)": "a second lock: the grammar's judge has refused whatever the reader did not complete",
}


def statement_after(text, at):
    """The statement that begins at or after `at`: to its semicolon, or its closing brace."""
    depth = 0
    for end in range(at, len(text)):
        depth += text[end] == "{"
        depth -= text[end] == "}"
        if depth == 0 and (text[end] == ";" or text[end] == "}"):
            return text[at:end + 1]
    return text[at:]


def closing(text, opening):
    depth = 0
    for end in range(opening, len(text)):
        depth += text[end] == "("
        depth -= text[end] == ")"
        if depth == 0:
            return end
    raise ValueError("unbalanced")


def without_comments(text):
    """The same text with blanks for comments: contracts repeat what the code says."""
    return re.sub(r"/\*.*?\*/", lambda comment: re.sub(r"[^\n]", " ", comment[0]), text, flags=re.DOTALL)


def mutants():
    """(file, line, what is disabled, the mutated text)."""
    for name in SOURCES:
        text = without_comments((ROOT / "core/src" / name).read_text())
        for found in re.finditer(r"\bif \(", text):
            opening = found.end() - 1
            end = closing(text, opening)
            if REFUSES.search(statement_after(text, end + 1)):
                condition = text[opening:end + 1]
                label = " ".join(condition.split())
                yield name, text.count("\n", 0, opening) + 1, label, text[:opening] + f"(0 && {condition})" + text[end + 1:]
    for name, old, new in EXPRESSIONS:
        text = without_comments((ROOT / "core/src" / name).read_text())
        if old not in text:
            sys.exit(f"{name} has no longer: {old}")
        yield name, text.count("\n", 0, text.index(old)) + 1, old, text.replace(old, new, 1)


class Corpus:
    def __init__(self, folder):
        cases = [json.loads(line) for line in (recipe.HERE / "manifest.jsonl").read_text().splitlines()]
        self.names = [c["file"] for c in cases]
        lines = []
        for case in cases:
            options = [f"--{k}={v}" for k, v in case.get("limits", {}).items()]
            lines.append(" ".join([*options, str(recipe.path_of(case, folder))]))
        self.input = "\n".join(lines) + "\n"

    def answers(self, program):
        """One answer for each file, without its messages; None where the program died."""
        try:
            done = subprocess.run([program, "--batch"], input=self.input, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.splitlines() if done.returncode == 0 else None


def compile_objects(build, source, names):
    flags = ["-std=c17", "-O1", "-w", f"-I{ROOT}/core/include", f"-I{source}", '-DTV_VERSION="0"']
    for name in names:
        done = subprocess.run(["cc", *flags, "-c", str(name), "-o", str(build / (name.stem + ".o"))], capture_output=True)
        if done.returncode != 0:
            return False
    return True


def link(build, others):
    """A program of the objects in `build`, the missing ones taken from `others`."""
    objects = {p.name: p for p in others.glob("*.o")} | {p.name: p for p in build.glob("*.o")}
    subprocess.run(["cc", *map(str, objects.values()), "-o", str(build / "vet_file")], check=True)
    return build / "vet_file"


def judge(mutant, folder, base, corpus, wanted):
    name, line, label, text = mutant
    work = pathlib.Path(tempfile.mkdtemp(dir=folder))
    source = work / "src"
    shutil.copytree(ROOT / "core/src", source)
    (source / name).write_text(text)
    changed = [source / name] if name.endswith(".c") else list(source.glob("*.c"))
    if not compile_objects(work, source, changed):
        return mutant, "does not compile"
    found = corpus.answers(link(work, base))
    shutil.rmtree(work)
    if found is None:
        return mutant, "crash or hang"
    kinds = collections.Counter()
    for old, new in zip(wanted, found):
        if old != new:
            kinds["verdict" if json.loads(old)["verdict"] != json.loads(new)["verdict"] else "finding"] += 1
    return mutant, ", ".join(f"{n} x {k}" for k, n in sorted(kinds.items(), reverse=True)) or "survived"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder) / "base"
        base.mkdir()
        names = [*(ROOT / "core/src").glob("*.c"), ROOT / "tests/core/vet_file.c"]
        assert compile_objects(base, ROOT / "core/src", names)
        corpus = Corpus(folder)
        wanted = corpus.answers(link(base, base))
        counts, survivors = collections.Counter(), []
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for (name, line, label, _), how in pool.map(lambda m: judge(m, folder, base, corpus, wanted), mutants()):
                kind = how if how in ("survived", "does not compile", "crash or hang") else how.split(" x ")[1].split(",")[0]
                counts[kind] += 1
                if args.v or kind in ("survived", "does not compile"):
                    print(f"{name}:{line}: {label}: {how}" + (f" ({EXPLAINED[label]})" if label in EXPLAINED else ""))
                if kind in ("survived", "does not compile") and label not in EXPLAINED:
                    survivors.append(label)
    print(f"{sum(counts.values())} refusals disabled: " + ", ".join(f"{n} {k}" for k, n in counts.items()))
    return 1 if survivors or sum(counts.values()) < 80 else 0


if __name__ == "__main__":
    sys.exit(main())
