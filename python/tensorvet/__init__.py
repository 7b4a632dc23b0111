"""tensorvet: the API of ``safetensors``, on a strict reader.

Change one import: ``import tensorvet.torch`` does what ``safetensors.torch`` does, ``tensorvet`` what ``safetensors``
does. Files are parsed in the caller's process by a small C library that refuses whatever is ambiguous; `check` and
`convert` run in a jail.

`check`, `inspect` and `convert` run the `tensorvet` command; `install_as_safetensors` lets programs that import
`safetensors` have tensorvet. What costs time to import is imported when it is first used.

For those who add a framework's module: `tensorvet._files` opens, reads and writes; `tensorvet._open.BytesLoader` makes
a loader of one function; see `tensorvet.numpy`, which is the shortest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tensorvet._core import __version__
from tensorvet._errors import JailUnavailable, SafetensorError
from tensorvet._open import _safe_open_handle, safe_open
from tensorvet._policy import get_policy, set_policy
from tensorvet._serialize import TensorSpec, deserialize, serialize, serialize_file

if TYPE_CHECKING:
    from tensorvet import remote as remote
    from tensorvet._results import CheckResult, CommandError, ConvertResult, Finding, InspectResult
    from tensorvet._vet import check, convert, inspect
    from tensorvet.shim import install_as_safetensors

__all__ = [
    "CheckResult",
    "CommandError",
    "ConvertResult",
    "Finding",
    "InspectResult",
    "JailUnavailable",
    "SafetensorError",
    "TensorSpec",
    "__version__",
    "_safe_open_handle",
    "check",
    "convert",
    "deserialize",
    "get_policy",
    "inspect",
    "install_as_safetensors",
    "safe_open",
    "serialize",
    "serialize_file",
    "set_policy",
]

_LATER = {
    "CheckResult": "_results",
    "CommandError": "_results",
    "ConvertResult": "_results",
    "Finding": "_results",
    "InspectResult": "_results",
    "check": "_vet",
    "convert": "_vet",
    "inspect": "_vet",
    "install_as_safetensors": "shim",
}


def __getattr__(name: str) -> Any:
    if name == "remote":  # needs no framework, so it may be had without an import of its own
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, "remote"})
