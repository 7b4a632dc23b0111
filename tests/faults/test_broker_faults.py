"""What goes wrong under the command itself: memory ends, calls come short, are interrupted or fail, the disk is full; at
every point that the scenarios reach, once each (broker_inject.c).

Promises: a short or interrupted call changes nothing; whatever else fails, either changes nothing, or the command says so
by exit status 3 and never by a verdict; a good file is never rejected, a bad one never accepted; what appears under an
output's name is whole, and nothing else is left: no file, no process, no descriptor; and it always ends.
"""
import ctypes
import json
import mmap
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

COMMAND, CORPUS = os.path.realpath(sys.argv[1]), sys.argv[2]
FAULTS = ("nothing", "one allocation fails", "allocations fail from here on", "a short read or write", "EINTR", "EIO", "ENOSPC")
SHORT, INTERRUPTED = 3, 4
HEAD, CALL, FRESH, POINTS, SIZE = 0, 12, 44, 56, 56 + 8 * 8192 * len(FAULTS)
WAIT = 60  # a run that takes longer hangs
GOOD = os.path.join(CORPUS, "checkpoints/hostile/control.pt")
BAD = os.path.join(CORPUS, "checkpoints/hostile/global-os-system.pt")
SAFE = os.path.join(CORPUS, "safetensors/accept")


class Plan:
    """The file that the command reads its plan from, and writes into what it met."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "plan")
        with open(self.path, "wb") as file:
            file.truncate(SIZE)
        self.file = open(self.path, "r+b")
        self.bytes = mmap.mmap(self.file.fileno(), SIZE)

    def set(self, fault):
        self.bytes[HEAD:FRESH] = struct.pack("<III", fault, 0, 0) + bytes(FRESH - CALL)
        if fault == 0:
            self.bytes[FRESH:FRESH + 8] = bytes(8)

    def fresh(self, fault):
        return self.bytes[FRESH + fault] != 0

    def struck(self):
        _, struck, _ = struct.unpack_from("<III", self.bytes, HEAD)
        return self.bytes[CALL:FRESH].split(b"\0")[0].decode() if struck else None

    def descriptors(self):
        return struct.unpack_from("<i", self.bytes, 8)[0]


def scenarios(inputs):
    """Name, arguments, what it may leave in `out`."""
    good, bad, safe, broken, model = (os.path.join(inputs, name) for name in ("good.pt", "bad.pt", "a.safetensors", "b.safetensors", "model"))
    return [
        ("check good", ["check", safe], []),
        ("check bad", ["check", broken], []),
        ("check a checkpoint", ["check", good], []),
        ("check a dangerous one", ["check", bad], []),
        ("check a folder", ["check", model], []),
        ("check a folder in one worker", ["check", model, "--isolation", "batch"], []),
        ("check with namespaces", ["check", good, "--namespaces"], []),
        ("inspect", ["inspect", good], []),
        ("convert", ["convert", good, "-o", "out/o.safetensors"], ["o.safetensors"]),
        ("convert with extras", ["convert", good, "-o", "out/o.safetensors", "--save-extras", "out/e.json"], ["o.safetensors", "e.json"]),
        ("convert a dangerous one", ["convert", bad, "-o", "out/o.safetensors"], []),
        ("convert safetensors", ["convert", safe, "-o", "out/o.safetensors"], ["o.safetensors"]),
        ("convert a folder", ["convert", model, "--out-dir", "out/made"], ["made/good.safetensors", "made/a.safetensors"]),
        ("diff", ["diff", good, good], []),
    ]


def prepare(folder):
    inputs = os.path.join(folder, "inputs")
    os.makedirs(os.path.join(inputs, "model"))
    accepted = sorted(os.listdir(SAFE))[0]
    for source, names in ((GOOD, ("good.pt", "model/good.pt")), (BAD, ("bad.pt",)),
                          (os.path.join(SAFE, accepted), ("a.safetensors", "model/a.safetensors"))):
        for name in names:
            shutil.copyfile(source, os.path.join(inputs, name))
    with open(os.path.join(inputs, "b.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", 8) + b'{"a":1} ')
    return inputs


def wait_for_orphans():
    """Those that the command left come to this process (a subreaper): they end with it, within moments, or stay."""
    for _ in range(500):
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
        except ChildProcessError:
            return True
    return False


def run(plan, fault, arguments, folder):
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.mkdir(out)
    plan.set(fault)
    environment = {"TENSORVET_FAULTS": plan.path, "PATH": "/nowhere", "TMPDIR": folder}
    process = subprocess.Popen([COMMAND, *arguments, "--format", "json", "--reproducible"] if arguments[0] != "diff" else [COMMAND, *arguments],
                               cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        said, told = process.communicate(timeout=WAIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"status": "hangs", "said": b"", "told": b"", "files": {}, "orphans": False, "descriptors": 0}
    files = {}
    for root, _, names in os.walk(out):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, out)] = file.read()
    return {"status": process.returncode, "said": said, "told": told, "files": files, "orphans": not wait_for_orphans(),
            "descriptors": plan.descriptors()}


def verdicts(said):
    """By path, where the report is whole."""
    found = {}
    for line in said.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if "path" in row and "verdict" in row:
            found[row["path"]] = (row["verdict"], row.get("output") is not None)
    return found


def less(before, now):
    """Is it the same but for nulls, which stand for what memory did not suffice for (gate/json.h)?"""
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(less, before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(less(before[key], now[key]) for key in before)
    return now is None or before == now


def differences(quiet, now):
    """Keys of the reports' lines that differ without the line saying that something found no room; more lines, or fewer."""
    before, after = ([json.loads(line) for line in ran["said"].splitlines()] for ran in (quiet, now))
    if len(before) != len(after):
        return ["lines"]
    found = []
    for a, b in zip(before, after):
        told = {key[:-8] for key in b if key.endswith("_omitted")}
        found += [key for key in {**a, **b} if not less(a.get(key), b.get(key)) and key not in told and not key.endswith("_omitted")]
        found += [key for key in ("path", "output") if a.get(key) != b.get(key)]
    return found


def trouble(quiet, now, fault, may_leave):
    """What is wrong with how a struck run ended; None where nothing is."""
    if now["status"] == "hangs":
        return "it hangs"
    if now["orphans"]:
        return "a process stays"
    for name, data in now["files"].items():
        if name not in may_leave and name not in quiet["files"]:
            return f"it leaves {name}"
        if name in quiet["files"] and data != quiet["files"][name]:
            return f"{name} is not whole"
    same = (now["status"], now["said"], now["files"]) == (quiet["status"], quiet["said"], quiet["files"])
    if same:
        return None
    if fault in (SHORT, INTERRUPTED):
        return "a call that only has to be made again changes the outcome"
    if now["status"] == 0 and quiet["status"] == 0 and quiet["said"].startswith(b"{"):
        different = differences(quiet, now)
        return f"exit status 0, and the report has another {', '.join(different)}" if different else None
    if now["status"] == 0 and b"?" in now["said"]:  # text, where a path found no room
        return None
    if now["status"] not in (1, 3) or (now["status"] == 1 and quiet["status"] == 0):
        return "the exit status is wrong"
    before = verdicts(quiet["said"])
    for path, (verdict, _) in verdicts(now["said"]).items():
        if path in before and verdict not in (before[path][0], "undecided"):
            return f"{path} is said to be {verdict}"
    return None


def main():
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    counts, failures = [0] * len(FAULTS), []
    with tempfile.TemporaryDirectory() as folder:
        plan, inputs = Plan(folder), prepare(folder)
        chosen = re.compile(sys.argv[3] if len(sys.argv) > 3 else "")
        for name, arguments, may_leave in scenarios(inputs):
            if not chosen.search(name):
                continue
            run(plan, 0, arguments, folder)
            quiet = run(plan, 0, arguments, folder)
            expected = 1 if "bad" in name or "dangerous" in name else 0
            assert quiet["status"] == expected, (name, quiet)
            assert quiet["descriptors"] == 0, f"{name}: {quiet['descriptors']} descriptors stay open"
            fresh = [plan.fresh(fault) for fault in range(len(FAULTS))]
            for fault in range(1, len(FAULTS)):
                while fresh[fault]:
                    now = run(plan, fault, arguments, folder)
                    call = plan.struck()
                    if call is None:
                        break
                    counts[fault] += 1
                    wrong = trouble(quiet, now, fault, may_leave)
                    if wrong is None and now["descriptors"] > 0 and now["status"] >= 0:
                        wrong = f"{now['descriptors']} descriptors stay open"
                    if wrong:
                        failures.append(f"{name}: {FAULTS[fault]} at {call}: {wrong} (exit status {now['status']}; {now['told'][:200]!r} {now['said'][250:1200]!r})")
                        print("FAILED", failures[-1], flush=True)
    for fault in range(1, len(FAULTS)):
        print(f"# {FAULTS[fault]}: at {counts[fault]} points")
        if counts[fault] == 0 and not sys.argv[3:]:
            failures.append(f"{FAULTS[fault]} never happened")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
