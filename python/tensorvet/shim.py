"""`import safetensors` that gives tensorvet, on request: for programs that are not to be changed.

    python -m tensorvet.shim pytest tests        runs a module, as `python -m pytest tests` would
    python -m tensorvet.shim script.py           runs a script
    tensorvet.install_as_safetensors()           does it for the running process

Afterwards `safetensors`, `safetensors.torch`, `.numpy`, `.flax`, `.tensorflow`, `.paddle` and `.mlx` are tensorvet's, and
`importlib.metadata.version('safetensors')` answers with the version whose API that is, whether or not the reference is
installed. No file is written, and other processes, those this one starts included, see nothing of it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import runpy
import sys
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional

import tensorvet

__all__ = ["REFERENCE_VERSION", "install_as_safetensors", "main"]

REFERENCE_VERSION = "0.8.0"
"""The release of safetensors whose API tensorvet has."""

_NAME = "safetensors"
_MODULES = ("torch", "numpy", "flax", "tensorflow", "paddle", "mlx")
_INNER = "_safetensors_rust"
"""Where the reference keeps what it exports; some programs import from there."""
_EXPORTS = (
    "SafetensorError",
    "TensorSpec",
    "_safe_open_handle",
    "deserialize",
    "safe_open",
    "serialize",
    "serialize_file",
)


def _fill(module: types.ModuleType) -> None:
    for name in _EXPORTS:
        setattr(module, name, getattr(tensorvet, name))
    module.__version__ = REFERENCE_VERSION  # type: ignore[attr-defined]
    module.__doc__ = tensorvet.__doc__
    module.__all__ = [*_EXPORTS, "__version__"]  # type: ignore[attr-defined]


class _Loader(importlib.abc.Loader):
    """Loads `safetensors` as a module of its own, and its submodules as the very modules of tensorvet."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Optional[types.ModuleType]:
        inner = spec.name.partition(".")[2]
        if inner not in _MODULES:
            return None
        module = importlib.import_module(f"tensorvet.{inner}")
        self._own = module.__spec__  # import replaces it by the alias's
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__.startswith(_NAME):
            _fill(module)
        else:
            module.__spec__ = self._own


class _Distribution(importlib.metadata.Distribution):
    """What importlib.metadata says of `safetensors`."""

    def read_text(self, filename: str) -> Optional[str]:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: {_NAME}\nVersion: {REFERENCE_VERSION}\nSummary: tensorvet's shim\n"

    def locate_file(self, path: object) -> Path:
        return Path(__file__).resolve().parent


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `safetensors` and what is in it, before any other finder does. What is not in it does not exist."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[types.ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        package, _, inner = fullname.partition(".")
        if package != _NAME:
            return None
        if inner and inner != _INNER and inner not in _MODULES:
            raise ModuleNotFoundError(f"tensorvet's {_NAME} has no module {inner!r}", name=fullname)
        return importlib.machinery.ModuleSpec(fullname, _Loader(), origin=__file__, is_package=not inner)

    def find_distributions(
        self, context: importlib.metadata.DistributionFinder.Context = importlib.metadata.DistributionFinder.Context()
    ) -> Iterable[importlib.metadata.Distribution]:
        """Asked by importlib.metadata; it looks here by this name."""
        return [_Distribution()] if (context.name or _NAME).lower() == _NAME else []


def install_as_safetensors() -> None:
    """From now on `import safetensors` gives tensorvet in this process. Twice does no harm.

    RuntimeError where the reference is imported already: those who have its names would keep them. Do it first.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    loaded = [name for name in sys.modules if name.partition(".")[0] == _NAME]
    if loaded:
        raise RuntimeError(f"{', '.join(sorted(loaded))}: imported already; install_as_safetensors() has to come before")
    sys.meta_path.insert(0, _Finder())
    importlib.import_module(_NAME)


_USAGE = "usage: python -m tensorvet.shim MODULE|SCRIPT.py [ARGUMENT...]"


def main(arguments: Sequence[str]) -> int:
    """Runs the module or script with the arguments that follow it. Returns 2 without one."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    what = arguments[0]
    install_as_safetensors()
    sys.argv = list(arguments)
    if what.endswith(".py"):
        sys.path[0] = str(Path(what).resolve().parent)
        runpy.run_path(what, run_name="__main__")
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":  # as itself, not as __main__: one finder for all
    sys.exit(importlib.import_module("tensorvet.shim").main(sys.argv[1:]))
