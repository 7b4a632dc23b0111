"""The wheel that `pip install .` makes: one for 3.10 and later, whole, and of use without any framework."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

SOURCE = pathlib.Path(os.environ.get("TV_SOURCE", pathlib.Path(__file__).parents[2]))
USE = """
import sys, tensorvet
data = tensorvet.serialize({}, {"a": "b"})
assert tensorvet.deserialize(data) == [] and tensorvet.__version__
assert not {"numpy", "torch", "jax"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("scikit_build_core")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(SOURCE / name, source)
    for name in ("cmake", "core", "python"):
        shutil.copytree(SOURCE / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index", "."]
    subprocess.run(command, cwd=source, check=True, timeout=600)
    (wheel,) = source.glob("*.whl")
    return wheel


def test_one_wheel_serves_3_10_and_later(wheel):
    assert wheel.name.startswith("tensorvet-") and "-cp310-abi3-" in wheel.name


def test_everything_is_in_it_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {f"tensorvet/{path.name}" for path in (SOURCE / "python" / "tensorvet").iterdir() if path.is_file()}
    assert names == package | {"tensorvet/_core.abi3.so"} | {name for name in names if ".dist-info/" in name}
    assert {"tensorvet/py.typed", "tensorvet/_core.pyi"} <= names


def test_it_works_alone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-S", "-c", USE], env=environment, cwd=tmp_path, check=True)


def test_the_binary_needs_the_c_library_alone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extract("tensorvet/_core.abi3.so", tmp_path)
    told = subprocess.run(["ldd", tmp_path / "tensorvet/_core.abi3.so"], capture_output=True, text=True, check=True).stdout
    needed = {line.split()[0].split("/")[-1].split(".")[0] for line in told.splitlines()}
    assert needed <= {"linux-vdso", "libc", "ld-linux-x86-64", "ld-linux-aarch64"}
