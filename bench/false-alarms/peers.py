#!/usr/bin/env python3
"""What another tool says of files: one JSON object a line, {"file", "outcome": clean|flagged|failed, "why"}.

    python3 peers.py picklescan|modelscan|fickling|weights-only FILE...

Each is called as its own command does it, in one process for all files. Outcomes are the tool's own: its exit status 0, 1
or another for picklescan and modelscan, a severity of LIKELY_SAFE for fickling; torch.load with weights_only=True either
loads, refuses (UnpicklingError), or fails otherwise.
"""
import contextlib
import json
import logging
import os
import sys
import warnings
import zipfile


def by_picklescan():
    from picklescan.scanner import scan_file_path

    def scan(path):
        result = scan_file_path(path)
        names = sorted(f"{g.module}.{g.name}" for g in result.globals if g.safety.name == "Dangerous")
        others = sum(g.safety.name == "Suspicious" for g in result.globals)
        if result.scan_err:
            return "failed", "scan error"
        return ("flagged", " ".join(names)) if result.issues_count else ("clean", f"{others} suspicious" if others else "")
    return scan


def by_modelscan():
    from modelscan.modelscan import ModelScan

    def scan(path):
        tool = ModelScan()
        tool.scan(path)
        if not tool.scanned:
            return "failed", "no supported file"
        if tool.errors:
            return "failed", str(tool.errors[0])[:200]
        issues = tool.issues.all_issues
        return ("flagged", " ".join(sorted({f"{i.details.module}.{i.details.operator}" for i in issues}))) if issues else ("clean", "")
    return scan


def by_fickling():
    from fickling.analysis import Severity
    from fickling.loader import scan_file, scan_zip_archive

    def scan(path):
        results = list(scan_zip_archive(path).values()) if zipfile.is_zipfile(path) else [scan_file(path)]
        if not results:
            return "failed", "no pickle found"
        errors = [error for result in results for error in result.errors]
        if errors:
            return "failed", errors[0][:200]
        worst = max((result.severity for result in results), default=Severity.LIKELY_SAFE)
        return ("clean", "") if worst == Severity.LIKELY_SAFE else ("flagged", worst.name)
    return scan


def by_torch():
    import pickle

    import torch

    def scan(path):
        try:
            torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            return "flagged", str(error).split("\n")[0][:200]
        return "clean", ""
    return scan


TOOLS = {"picklescan": by_picklescan, "modelscan": by_modelscan, "fickling": by_fickling, "weights-only": by_torch}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in TOOLS:
        sys.exit(__doc__)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    scan = TOOLS[sys.argv[1]]()
    for path in sys.argv[2:]:
        try:
            with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                outcome, why = scan(path)
        except Exception as error:  # whatever a tool raises is its failure, and the next file is another matter
            outcome, why = "failed", f"{type(error).__name__}: {error}"[:200]
        print(json.dumps({"file": path, "outcome": outcome, "why": why}), flush=True)


if __name__ == "__main__":
    main()
