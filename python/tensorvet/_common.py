"""What the thin framework modules (flax, tensorflow, paddle, mlx) share: checks of arguments, entries, whole files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tensorvet._errors import SafetensorError, printable
from tensorvet._serialize import DTYPE_NAMES

__all__ = ["checked", "code_of", "entries_of", "everything"]


def checked(tensors: Any, kinds: tuple[type, ...], called: str) -> Iterator[tuple[str, Any]]:
    """The items of a dict whose values are of those types, which errors call `called`. ValueError for anything else."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, {called}] but received {type(tensors)}")
    for name, value in tensors.items():
        if not isinstance(value, kinds):
            raise ValueError(f"Key `{printable(str(name))}` is invalid, expected {called} but received {type(value)}")
        yield name, value


def code_of(name: str, dtype: Any) -> str:
    """The format's name of a framework's dtype, by that dtype's own name ("paddle.float32"). SafetensorError without."""
    code = DTYPE_NAMES.get(str(dtype).rpartition(".")[2])
    if code is None:
        raise SafetensorError(f'Unknown dtype "{dtype}" of {printable(str(name))!r}')
    return code


def entries_of(rows: Iterable[tuple[str, str, np.ndarray]]) -> tuple[list[tuple], list[np.ndarray]]:
    """Of (name, code, contiguous array of those bytes): what `tensorvet._files.write_file` takes, and the arrays, which
    must live until it has returned."""
    entries, kept = [], []
    for name, code, array in rows:
        kept.append(array)
        entries.append((name, code, array.shape, array.ctypes.data if array.size else 0, array.nbytes))
    return entries, kept


def everything(loader: Any, return_metadata: bool) -> Any:
    """All tensors of a loader by name; with return_metadata (tensors, metadata or None)."""
    tensors = loader.tensors()
    return (tensors, loader.reader.metadata()) if return_metadata else tensors
