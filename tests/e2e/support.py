"""What the end-to-end tests share: the real command, the manifest, a naive reader of safetensors, skipping aloud.

CTest gives TV_COMMAND (the built `tensorvet`) and TV_SOURCE (the tree). Nothing here shares code with tensorvet.
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("TV_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND = os.environ.get("TV_COMMAND") or os.path.join(SOURCE, "build/release/bin/tensorvet")
CORPUS = os.path.join(SOURCE, "corpus", "checkpoints")
SKIPPED = 77
sys.path.insert(0, CORPUS)
sys.dont_write_bytecode = True


def skip(reason):
    """Leaves the whole test out, visibly: CTest counts exit status 77 as skipped."""
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def manifest(folder):
    """The manifest's entries below that folder, or those; never none."""
    with open(os.path.join(CORPUS, "manifest.json"), encoding="utf-8") as file:
        entries = [entry for entry in json.load(file)["files"] if entry["path"].startswith(folder)]
    if not entries:
        raise AssertionError(f"no corpus file below {folder}")
    return entries


def corpus_file(entry):
    return os.path.join(CORPUS, entry["path"])


def tensorvet(*arguments, cwd=None, prefix=(), limit=300, **options):
    """Runs the command to its end, behind a prefix such as setpriv; a hang is a failure."""
    return subprocess.run([*prefix, COMMAND, *arguments], cwd=cwd, stdin=options.pop("stdin", subprocess.DEVNULL),
                          capture_output=True, timeout=limit, **options)


def report(*arguments, cwd=None, **options):
    """Runs the command with --format json: exit status, and the object of each line."""
    done = tensorvet(*arguments, "--format", "json", cwd=cwd, **options)
    try:
        lines = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    except ValueError as error:
        raise AssertionError(f"{arguments}: {error} in {done.stdout!r}, stderr {done.stderr!r}") from error
    return done.returncode, lines


def one_report(*arguments, **options):
    """The same for a single file: exit status, and its object."""
    status, lines = report(*arguments, **options)
    if len(lines) != 1:
        raise AssertionError(f"{arguments}: {len(lines)} lines where one was due; exit status {status}")
    return status, lines[0]


def ids(line, severity=None):
    """The ids of a report's findings."""
    return [found["id"] for found in line["findings"] if severity in (None, found["severity"])]


def read_safetensors(path):
    """A safetensors file, read naively: metadata, and {name: {dtype, shape, sha256}}. Order of the header is kept."""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, row in header.items():
        begin, end = (8 + length + offset for offset in row["data_offsets"])
        tensors[name] = {"dtype": row["dtype"], "shape": row["shape"], "sha256": hashlib.sha256(data[begin:end]).hexdigest()}
    return metadata, tensors


class Case(unittest.TestCase):
    """A test case with a folder of its own, empty at the start and gone at the end."""
    maxDiff = 4000

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tensorvet-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, data):
        """A new file in the folder; returns its path."""
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def empty(self):
        """Takes what an earlier file left behind, so that it fails no later one."""
        for name in os.listdir(self.folder):
            os.unlink(self.path(name))

    def assert_only(self, *names):
        """Nothing else is in the folder: no output, no temporary file."""
        self.assertEqual(sorted(os.listdir(self.folder)), sorted(names))


def main():
    """Runs the tests of the calling module; exits 77 where every one of them was skipped."""
    if not os.access(COMMAND, os.X_OK):
        print(f"no command at {COMMAND}", file=sys.stderr)
        sys.exit(1)
    result = unittest.main(module="__main__", exit=False, verbosity=1).result
    if result.testsRun and len(result.skipped) == result.testsRun:
        skip("; ".join(sorted({reason for _, reason in result.skipped})))
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
