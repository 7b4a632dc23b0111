"""safetensors for MLX: the names, arguments and results of ``safetensors.mlx``.

MLX itself decides what it keeps: F64 becomes float32, and 8-bit and 4-bit floats, which it has not, are an error.
"""

from __future__ import annotations

import os
from typing import Any, Optional, Union

import mlx.core as mx
import numpy as np

from tensorvet import _core
from tensorvet._common import checked, code_of, entries_of, everything
from tensorvet._errors import SafetensorError
from tensorvet._files import bytes_reader, open_reader, write_bytes, write_file
from tensorvet._open import BytesLoader, check_backend, safe_open
from tensorvet.numpy import array_of

__all__ = ["load", "load_file", "save", "save_file"]


def _plain(value: mx.array) -> np.ndarray:
    """Its bytes as they are to stand in the file. NumPy's buffers know no bfloat16."""
    return np.array(value.view(mx.uint16) if value.dtype == mx.bfloat16 else value, order="C")


def _entries(tensors: dict[str, mx.array]) -> tuple[list[tuple], list[np.ndarray]]:
    rows = checked(tensors, (mx.array,), "mlx.core.array")
    return entries_of((name, code_of(name, value.dtype), _plain(value)) for name, value in rows)


def save(tensors: dict[str, mx.array], metadata: Optional[dict[str, str]] = None) -> bytes:
    """The bytes of a safetensors file.

    Args:
        tensors: name -> array; nothing is changed.
        metadata: str -> str, or None.

    Raises ValueError (not a dict of arrays), SafetensorError (a dtype the format has not, a name or metadata that
    `tensorvet check` would refuse).
    """
    entries, kept = _entries(tensors)
    data = write_bytes(entries, metadata)
    del kept
    return data


def save_file(tensors: dict[str, mx.array], filename: Union[str, os.PathLike],
              metadata: Optional[dict[str, str]] = None) -> None:
    """Write a safetensors file, whole or not at all. Arguments and errors as `save`, and OSError."""
    entries, kept = _entries(tensors)
    write_file(entries, filename, metadata)
    del kept


def load(data: bytes, *, return_metadata: bool = False) -> Any:
    """The arrays of a file that is in memory, by name; with ``return_metadata=True``: (arrays, metadata or None).

    Raises SafetensorError where the file breaks a rule of the format or has a dtype that MLX has not.
    """
    return everything(_loader(bytes_reader(data), None, "pread"), return_metadata)


def load_file(filename: Union[str, os.PathLike], *, backend: str = "mmap", return_metadata: bool = False) -> Any:
    """The arrays of a file, by name, in the order of the file; results and errors as `load`, and OSError."""
    return everything(_loader(open_reader(filename), None, check_backend(backend)), return_metadata)


def _array_of(dtype: str, shape: tuple[int, ...], data: bytearray) -> mx.array:
    if dtype == "BF16":
        return mx.array(array_of("U16", shape, data)).view(mx.bfloat16)
    if dtype.startswith("F8") or dtype == "F4":
        raise SafetensorError(f"MLX has no dtype for {dtype}")
    return mx.array(array_of(dtype, shape, data))


def _loader(reader: _core.Reader, device: Any, backend: str) -> BytesLoader:
    return BytesLoader(reader, backend, _array_of)
