"""Types: what the stubs and annotations say of every module is what is there when it runs, by mypy's own comparer."""

import pathlib
import subprocess
import sys

import mypy.stubtest

HERE = pathlib.Path(__file__).parent


def test_annotations_and_runtime_agree():
    """It type-checks the package on the way: an error there ends it, too."""
    options = ["--mypy-config-file", HERE / "mypy.ini", "--allowlist", HERE / "stubtest-allowed.txt",
               "--ignore-unused-allowlist"]
    done = subprocess.run([sys.executable, "-m", mypy.stubtest.__name__, "tensorvet", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Success: no issues found in 2"), done.stdout
