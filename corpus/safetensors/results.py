#!/usr/bin/env python3
"""Prints ../RESULTS.md: what the reference package does with the corpus, from reference.json and the manifest."""
import collections
import json

import recipe

INTRO = """# The corpus and the reference package

What {package} does with the files of `corpus/safetensors`, as measured by `read_reference.py --all` (made by
`results.py`, do not edit). A file of the corpus is rejected either because it is broken or because two readers could
take it for two things; the reference is a loader and no gate, so where it is more lenient that need not be a mistake of
its own. No file that the corpus accepts is refused by it.

"""


def main():
    package = json.loads((recipe.HERE / "reference.json").read_text())["package"]
    rules, lenient = collections.OrderedDict(), []
    for line in (recipe.HERE / "manifest.jsonl").read_text().splitlines():
        case = json.loads(line)
        verdict, message = case["reference"].split(": ", 1)
        rule = case["file"].split("/")[1].split(".")[0] if not case["file"].startswith("real/") else "real files"
        count = rules.setdefault(rule, collections.Counter())
        count["files"] += 1
        if "limits" in case:
            count["limits"] += 1
        else:
            count[case["verdict"], verdict] += 1
            if case["verdict"] == "reject" and verdict == "accept":
                lenient.append((case["file"].split("/")[1].removesuffix(".safetensors"), case["ids"][0]))
    print(INTRO.format(package=package), end="")
    print("| rule | files | accepted by both | refused by both | refused by the corpus alone | needs a limit |")
    print("|---|---|---|---|---|---|")
    for rule, count in rules.items():
        print(f"| {rule} | {count['files']} | {count['accept', 'accept']} | {count['reject', 'reject']} | "
              f"{count['reject', 'accept'] or ''} | {count['limits'] or ''} |")
    print(f"\n## The {len(lenient)} files that it accepts and the corpus refuses\n")
    for name, id in lenient:
        print(f"- `{name}`: {id}")


main()
