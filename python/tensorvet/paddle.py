"""safetensors for Paddle: the names, arguments and results of ``safetensors.paddle``.

Right where that is wrong: a U16 tensor is an error and is not read as bfloat16, which is what Paddle makes of NumPy's
uint16. Paddle has no 16-, 32- and 64-bit unsigned integers and of the small floats only float8_e4m3fn and float8_e5m2;
the others are an error that says so.
"""

from __future__ import annotations

import os
from typing import Any, Optional, Union

import numpy as np
import paddle

from tensorvet import _core
from tensorvet._common import checked, code_of, entries_of, everything
from tensorvet._errors import SafetensorError
from tensorvet._files import bytes_reader, open_reader, write_bytes, write_file
from tensorvet._open import BytesLoader, check_backend, safe_open
from tensorvet.numpy import array_of

__all__ = ["load", "load_file", "save", "save_file"]

_AS_ARE = frozenset({"BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "F32", "F64", "C64"})
# The format's dtype -> (NumPy's stand-in of that size, the dtype that Paddle is told it is; None: Paddle knows by itself)
_STAND_INS = {"BF16": ("U16", None), "F8_E4M3": ("U8", "float8_e4m3fn"), "F8_E5M2": ("U8", "float8_e5m2")}


def _entries(tensors: dict[str, paddle.Tensor]) -> tuple[list[tuple], list[np.ndarray]]:
    rows = checked(tensors, (paddle.Tensor,), "paddle.Tensor")
    return entries_of((name, code_of(name, value.dtype), np.array(value.detach().numpy(), order="C")) for name, value in rows)


def save(tensors: dict[str, paddle.Tensor], metadata: Optional[dict[str, str]] = None) -> bytes:
    """The bytes of a safetensors file.

    Args:
        tensors: name -> tensor, of any layout and device; nothing is changed.
        metadata: str -> str, or None.

    Raises ValueError (not a dict of tensors), SafetensorError (a dtype the format has not, a name or metadata that
    `tensorvet check` would refuse).
    """
    entries, kept = _entries(tensors)
    data = write_bytes(entries, metadata)
    del kept
    return data


def save_file(tensors: dict[str, paddle.Tensor], filename: Union[str, os.PathLike],
              metadata: Optional[dict[str, str]] = None) -> None:
    """Write a safetensors file, whole or not at all. Arguments and errors as `save`, and OSError."""
    entries, kept = _entries(tensors)
    write_file(entries, filename, metadata)
    del kept


def load(data: bytes, device: Any = "cpu", *, return_metadata: bool = False) -> Any:
    """The tensors of a file that is in memory, by name; with ``return_metadata=True``: (tensors, metadata or None).

    `device` is what Paddle calls a place: "cpu", "gpu:0"; an int is a GPU's number. Raises SafetensorError where the
    file breaks a rule of the format or has a dtype that Paddle has not.
    """
    return everything(_loader(bytes_reader(data), device, "pread"), return_metadata)


def load_file(filename: Union[str, os.PathLike], device: Any = "cpu", *, backend: str = "mmap",
              return_metadata: bool = False) -> Any:
    """The tensors of a file, by name, in the order of the file; results and errors as `load`, and OSError."""
    return everything(_loader(open_reader(filename), device, check_backend(backend)), return_metadata)


def _place(device: Any) -> Any:
    if device is None:
        return "cpu"
    if isinstance(device, int):
        return f"gpu:{device}"
    return device.replace("cuda", "gpu") if isinstance(device, str) else device


def _tensor_of(place: Any, dtype: str, shape: tuple[int, ...], data: bytearray) -> paddle.Tensor:
    stand_in, told = _STAND_INS.get(dtype, (dtype, None))
    if dtype not in _STAND_INS and dtype not in _AS_ARE:
        raise SafetensorError(f"Paddle has no dtype for {dtype}")
    tensor = paddle.to_tensor(array_of(stand_in, shape, data), place=place)
    return tensor if told is None else tensor.view(told)


def _loader(reader: _core.Reader, device: Any, backend: str) -> BytesLoader:
    place = _place(device)
    return BytesLoader(reader, backend, lambda dtype, shape, data: _tensor_of(place, dtype, shape, data))
