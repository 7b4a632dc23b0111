"""The shim: `import safetensors` gives tensorvet, submodules and metadata included, and nothing else changes."""

import os
import subprocess
import sys

import pytest

# What transformers, diffusers and huggingface_hub do with the package.
PROGRAM = """
import importlib.metadata, importlib.util, pickle, sys
import safetensors, safetensors.torch, safetensors.numpy
from safetensors import safe_open, SafetensorError, serialize, serialize_file, deserialize, TensorSpec
from safetensors.torch import load_file, save_file, storage_ptr, storage_size, _find_shared_tensors
from safetensors.numpy import save, load
from safetensors._safetensors_rust import SafetensorError as inner, safe_open as inner_open
import safetensors.torch as alias
import tensorvet, tensorvet.torch, tensorvet.numpy

assert safe_open is tensorvet.safe_open and inner_open is tensorvet.safe_open
assert inner is SafetensorError is tensorvet.SafetensorError
assert safetensors.torch is tensorvet.torch is alias and safetensors.numpy is tensorvet.numpy
assert tensorvet.torch.__name__ == tensorvet.torch.__spec__.name == "tensorvet.torch"
assert importlib.util.find_spec("safetensors") is not None and importlib.util.find_spec("safetensors.torch") is not None
assert importlib.util.find_spec("tensorvet.torch").name == "tensorvet.torch"
assert importlib.metadata.version("safetensors") == safetensors.__version__ == "0.8.0"
assert importlib.metadata.version("pytest")
assert any(d.metadata["Name"] == "safetensors" for d in importlib.metadata.distributions())
try:
    import safetensors.nothing
except ModuleNotFoundError as error:
    assert error.name == "safetensors.nothing"
else:
    raise AssertionError
tensorvet.install_as_safetensors()
import safetensors as again
assert again is safetensors and safetensors.safe_open is tensorvet.safe_open
print("good", sys.argv)
"""


def run(tmp_path, *arguments, **options):
    return subprocess.run([sys.executable, "-B", *arguments], cwd=tmp_path, capture_output=True, text=True, **options)


def test_a_script(tmp_path):
    (tmp_path / "beside.py").write_text("VALUE = 1\n")
    (tmp_path / "script.py").write_text(PROGRAM + "import beside\nassert __name__ == '__main__'\n")
    done = run(tmp_path, "-m", "tensorvet.shim", "script.py", "-x", "--help")
    assert (done.returncode, done.stdout) == (0, "good ['script.py', '-x', '--help']\n"), done.stderr


def test_by_a_call(tmp_path):
    done = run(tmp_path, "-c", "import tensorvet\ntensorvet.install_as_safetensors()\n" + PROGRAM)
    assert done.returncode == 0, done.stderr


def test_a_module_with_its_exit_status(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import safetensors.numpy, tensorvet.numpy\n"
        "def test_one(): assert safetensors.numpy is tensorvet.numpy\n"
        "def test_two(): assert False\n"
    )
    done = run(tmp_path, "-m", "tensorvet.shim", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr


def test_without_the_shim_nothing_changes(tmp_path):
    code = "import tensorvet.shim, tensorvet, safetensors; assert safetensors.safe_open is not tensorvet.safe_open"
    done = run(tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr


def test_the_reference_must_not_be_there_already(tmp_path):
    done = run(tmp_path, "-c", "import safetensors.numpy, tensorvet; tensorvet.install_as_safetensors()")
    assert "RuntimeError: safetensors" in done.stderr and "imported already" in done.stderr


def test_it_stands_for_a_package_that_is_not_installed(tmp_path):
    """-S and -I leave tensorvet and nothing else on the path."""
    code = f"import sys; sys.path[:0] = {os.environ['PYTHONPATH'].split(os.pathsep)!r}\n"
    code += "import tensorvet; tensorvet.install_as_safetensors()\nimport importlib.metadata, safetensors\n"
    code += "assert importlib.metadata.version('safetensors') == '0.8.0' and safetensors.safe_open is tensorvet.safe_open\n"
    done = run(tmp_path, "-I", "-S", "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments,status", [([], 2), (["--help"], 0)])
def test_usage(tmp_path, arguments, status):
    done = run(tmp_path, "-m", "tensorvet.shim", *arguments)
    assert done.returncode == status and "usage:" in done.stdout + done.stderr
