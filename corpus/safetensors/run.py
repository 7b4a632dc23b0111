#!/usr/bin/env python3
"""Runs a reader over the corpus and prints how it fares:

    run.py [--expect] [--no-limits] [--recipes 0|1] [--save FILE] -- COMMAND...

COMMAND is run once for each file, with the limits of the manifest as --NAME=VALUE (left out with --no-limits: the files
that need them are then left out too) and the file's path behind it. It says what it thinks of the file either by one
JSON object on its output, {"verdict": "accept" or "reject", "message": ..., "findings": [...], "tensors": [...]}, all
but the verdict optional; or, if it prints no such thing, by its exit status: 0 accepts, anything else rejects.
--expect also compares findings (id, offset, subject), as only tensorvet itself can. --save keeps the answers.
Exit status: 1 if the reader accepts what must be rejected, or with --expect differs in anything."""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import recipe


def ask(command, case, path, with_limits):
    """(verdict, message, answer) of the reader."""
    options = [f"--{k}={v}" for k, v in case.get("limits", {}).items()] if with_limits else []
    done = subprocess.run([*command, *options, str(path)], capture_output=True, timeout=600)
    try:
        answer = json.loads(done.stdout.decode())
        return answer["verdict"], str(answer.get("message", "")), answer
    except (ValueError, KeyError, TypeError):
        died = f"died of signal {-done.returncode}" if done.returncode < 0 else ""
        return ("accept" if done.returncode == 0 else "crash" if died else "reject"), died, {}


def subject_of(finding):
    return bytes.fromhex(finding["subject_hex"]).decode("utf-8", "replace") if "subject_hex" in finding else finding.get("subject", "")


def differences(case, verdict, answer):
    """What --expect compares; subjects are cut at 256 bytes in a report."""
    if verdict != case["verdict"]:
        return f"{verdict}, not {case['verdict']}"
    findings = answer.get("findings", [])
    if [f["id"] for f in findings] != case["ids"]:
        return f"{[f['id'] for f in findings]}, not {case['ids']}"
    if verdict == "reject":
        wanted = (case["offset"], case["subject"].encode()[:256].decode("utf-8", "replace"))
        found = (findings[0]["offset"], subject_of(findings[0]))
        if found != wanted:
            return f"at {found}, not {wanted}"
    return ""


def table(counts):
    rows = [("what the corpus says", "rule", "files", "agrees", "disagrees")]
    for (verdict, rule), (good, bad) in sorted(counts.items()):
        rows.append((verdict, rule, good + bad, good, bad or ""))
    widths = [max(len(str(r[i])) for r in rows) for i in range(5)]
    lines = ["| " + " | ".join(str(c).ljust(w) for c, w in zip(r, widths)) + " |" for r in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--expect", action="store_true")
    parser.add_argument("--no-limits", action="store_true")
    parser.add_argument("--recipes", type=int, default=1)
    parser.add_argument("--save", type=pathlib.Path)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def main():
    args, counts, answers = arguments(), collections.defaultdict(lambda: [0, 0]), {}
    wrong = total = 0
    with tempfile.TemporaryDirectory() as folder:
        for line in (recipe.HERE / "manifest.jsonl").read_text().splitlines():
            case = json.loads(line)
            if (args.no_limits and "limits" in case) or (not args.recipes and "recipe" in case):
                continue
            path = recipe.path_of(case, folder)
            verdict, message, answer = ask(args.command, case, path, not args.no_limits)
            if "recipe" in case:
                path.unlink()
            difference = differences(case, verdict, answer) if args.expect else ""
            agrees = verdict == case["verdict"] and not difference
            counts[case["verdict"], case["file"].split("/")[1].split(".")[0]][0 if agrees else 1] += 1
            answers[case["file"]] = {"verdict": verdict, "message": message} if message else {"verdict": verdict}
            if difference or (not args.expect and not agrees and case["verdict"] == "reject") or verdict == "crash":
                wrong += 1
                print(f"{case['file']}: {difference or verdict}")
            total += 1
    print(table(counts))
    print(f"\n{total} files, {sum(c[1] for c in counts.values())} judged differently")
    if args.save:
        args.save.write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
