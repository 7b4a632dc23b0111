"""transformers, diffusers, peft, accelerate and huggingface_hub run on the shim unchanged: the same files, the same
tensors as with the reference, and none of its code in memory; but a header that can be read two ways is refused.

What they do is in ecosystem.py; it runs in processes of its own, once with either package.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).with_name("ecosystem.py")
LIBRARIES = ("transformers", "diffusers", "peft", "accelerate", "hub")
BY_CALL = f"import runpy, sys, tensorvet; tensorvet.install_as_safetensors(); sys.argv[0] = {str(PROGRAM)!r}; "
BY_CALL += "runpy.run_path(sys.argv[0], run_name='__main__')"


def run(folder, *start, ways=()):
    """Runs the program, started so, in a new folder. Returns the folder and its report."""
    folder.mkdir()
    home = str(folder.with_name(f"{folder.name}-home"))  # nothing of this user's settings and caches
    environment = {**os.environ, "HOME": home, "HF_HOME": home, "PYTHONHASHSEED": "0"}  # peft writes sets into metadata
    done = subprocess.run([sys.executable, "-B", *start, folder, *ways], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, json.loads((folder / "report.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("ecosystem")


@pytest.fixture(scope="module")
def theirs(base):
    return run(base / "theirs", PROGRAM)


@pytest.fixture(scope="module")
def ours(base):
    return run(base / "ours", "-m", "tensorvet.shim", PROGRAM)


def weights(folder):
    """Every file of weights and every index, by its path in the folder."""
    kinds = ("*.safetensors", "*.safetensors.index.json")
    return {path.relative_to(folder): path for kind in kinds for path in sorted(folder.rglob(kind))}


def contents(path):
    """Its bytes; but the reference writes two and more metadata keys in random order, so then they count unordered."""
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        end = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:end])
        if len(header.get("__metadata__", ())) > 1:
            return end, header, list(header), data[end:]
    return data


def test_it_is_the_one_package_and_not_the_other(theirs, ours):
    """By what the process has mapped, so that no name in sys.modules can lie."""
    assert theirs[1]["native"]["tensorvet"] == [] and len(theirs[1]["native"]["reference"]) == 1
    assert ours[1]["native"]["reference"] == [] and len(ours[1]["native"]["tensorvet"]) == 1


def test_each_library_has_its_ways(ours):
    assert {name.partition("_")[0] for name in ours[1]["ways"]} == set(LIBRARIES)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_files(library, theirs, ours):
    one, other = ({name: path for name, path in weights(side[0]).items() if name.parts[0].startswith(library)}
                  for side in (theirs, ours))
    assert one.keys() == other.keys() and one
    for name in one:
        assert contents(one[name]) == contents(other[name]), name


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_tensors(library, theirs, ours):
    for name, way in ours[1]["ways"].items():
        if name.startswith(library):
            assert "failed" not in way, f"{name}: {way['failed']}"
            assert way["whole"] == {"loaded": way["saved"]}, name
            assert way["saved"] == theirs[1]["ways"][name]["saved"], name


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_can_be_read_two_ways_is_refused_and_they_say_why(library, theirs, ours):
    for name, way in ours[1]["ways"].items():
        if name.startswith(library):
            said = way["spoiled"].get("refused", [])
            assert any(line.startswith("SafetensorError:") and '"format" occurs twice' in line for line in said), (name, way)
            assert theirs[1]["ways"][name]["spoiled"] == {"loaded": way["saved"]}, name


def test_by_a_call(base, ours):
    """install_as_safetensors() in a running program, instead of a start under the shim."""
    chosen = ("transformers_one_file", "diffusers_one_file")
    _, report = run(base / "called", "-c", BY_CALL, ways=chosen)
    assert report["native"] == ours[1]["native"]
    for name in chosen:
        one, other = report["ways"][name], ours[1]["ways"][name]
        assert one["whole"] == other["whole"] == {"loaded": one["saved"]} and "refused" in one["spoiled"]
