"""safetensors for NumPy: the names, arguments and results of ``safetensors.numpy``.

Right where that is wrong: arrays of any layout are stored as what they show (transposed, strided, reversed, broadcast,
big-endian); bfloat16 and the 8-bit and 4-bit floats are read and written where ml_dtypes is installed; nobody's dict is
changed. A reader's arrays are writable copies; reading never maps the file.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any, Callable, Optional, Union

import numpy as np

from tensorvet import _core
from tensorvet._errors import SafetensorError, printable
from tensorvet._files import bytes_reader, open_reader, write_bytes, write_file
from tensorvet._open import BytesLoader, check_backend, safe_open
from tensorvet._serialize import TensorSpec, deserialize, serialize, serialize_file

__all__ = ["load", "load_file", "save", "save_file"]

_NATIVE = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip
# NumPy has none of these by itself; ml_dtypes, which JAX and TensorFlow bring, adds them.
_ADDED = {
    "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz", "F8_E8M0": "float8_e8m0fnu", "F4": "float4_e2m1fn",
}  # fmt: skip
_TYPES: dict[str, np.dtype] = {code: np.dtype(name) for code, name in _NATIVE.items()}
_CODES: dict[np.dtype, str] = {dtype: code for code, dtype in _TYPES.items()}
_ADDED_CODES = {name: code for code, name in _ADDED.items()}


def _type_of(code: str) -> np.dtype:
    """NumPy's dtype for the format's, or SafetensorError with the way out."""
    known = _TYPES.get(code)
    if known is not None:
        return known
    if code not in _ADDED:
        raise SafetensorError(f"NumPy has no dtype for {code}, nor has ml_dtypes: `tensorvet inspect` shows the file")
    try:
        known = np.dtype(getattr(importlib.import_module("ml_dtypes"), _ADDED[code]))
    except (ImportError, AttributeError):
        raise SafetensorError(
            f"NumPy has no dtype for {code}: install ml_dtypes, which adds {_ADDED[code]}, or load the file with torch"
        ) from None
    _TYPES[code] = known
    return known


def _unpacked(data: bytearray) -> np.ndarray:
    """Two 4-bit floats a byte, the low half first, as one a byte."""
    packed = np.frombuffer(data, np.uint8)
    return np.stack((packed & 15, packed >> 4), -1).reshape(-1)


def _packed(array: np.ndarray) -> np.ndarray:
    """The other way; the last dimension is even, which core sees to where it is not."""
    odd: np.ndarray = np.zeros(array.size % 2, np.uint8)
    halves: np.ndarray = np.append(array.reshape(-1).view(np.uint8) & 15, odd)
    return (halves[0::2] | halves[1::2] << 4).astype(np.uint8)


def array_of(dtype: str, shape: tuple[int, ...], data: bytearray) -> np.ndarray:
    """The array over those bytes, which it takes over; `dtype` is the format's name, `shape` in elements."""
    kind = _TYPES.get(dtype) or _type_of(dtype)
    try:
        if dtype == "F4":
            return _unpacked(data).view(kind).reshape(shape)
        return np.ndarray(shape, kind, data)
    except ValueError as error:
        raise SafetensorError(f"NumPy cannot have an array of shape {list(shape)}: {error}") from None


def _code_of(name: str, dtype: np.dtype) -> str:
    code = _CODES.get(dtype) or _ADDED_CODES.get(dtype.name)
    if code is None and not dtype.isnative:
        code = _CODES.get(dtype.newbyteorder("="))
    if code is None:
        supported = ", ".join([*_NATIVE.values(), *_ADDED.values()])
        raise SafetensorError(f'Unknown dtype "{dtype.name}" of {printable(name)!r}. Supported dtypes: {supported}')
    return code


def _plain(name: str, value: Any) -> np.ndarray:
    """The array as its bytes are to stand in the file: contiguous, little-endian."""
    if not isinstance(value, (np.ndarray, np.generic)):
        raise ValueError(f"Key `{printable(str(name))}` is invalid, expected numpy.ndarray but received {type(value)}")
    array = np.asarray(value)
    if not array.dtype.isnative and array.dtype.kind != "V":
        array = array.astype(array.dtype.newbyteorder("="))
    return array if array.flags.c_contiguous else np.array(array, order="C")


def entries_of(tensors: dict[str, np.ndarray]) -> tuple[list[tuple], list[np.ndarray]]:
    """What `tensorvet._files.write_file` takes, and the arrays that must live until it has returned."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, numpy.ndarray] but received {type(tensors)}")
    entries, kept = [], []
    for name, value in tensors.items():
        if type(value) is np.ndarray and value.dtype in _CODES and value.flags.c_contiguous:
            array, code = value, _CODES[value.dtype]
        else:
            array = _plain(name, value)
            code = _code_of(name, array.dtype)
        shape = array.shape
        if code == "F4":
            array = _packed(array)
        kept.append(array)
        entries.append((name, code, shape, array.__array_interface__["data"][0] if array.size else 0, array.nbytes))
    return entries, kept


def _also_tensor_dict(function: Callable) -> Callable:
    """The reference's NumPy module calls `tensors` `tensor_dict`: as a keyword both are taken."""

    @functools.wraps(function)
    def either(*args: Any, **keywords: Any) -> Any:
        if "tensor_dict" in keywords and "tensors" not in keywords:
            keywords["tensors"] = keywords.pop("tensor_dict")
        return function(*args, **keywords)

    return either


@_also_tensor_dict
def save(tensors: dict[str, np.ndarray], metadata: Optional[dict[str, str]] = None) -> bytes:
    """The bytes of a safetensors file.

    Args:
        tensors: name -> array, of any layout and byte order; neither it nor the arrays are changed.
        metadata: str -> str, or None.

    Raises ValueError (not a dict of arrays), SafetensorError (a dtype the format has not, a name or metadata that
    `tensorvet check` would refuse).
    """
    entries, kept = entries_of(tensors)
    data = write_bytes(entries, metadata)
    del kept
    return data


@_also_tensor_dict
def save_file(tensors: dict[str, np.ndarray], filename: Union[str, os.PathLike],
              metadata: Optional[dict[str, str]] = None) -> None:
    """Write a safetensors file, whole or not at all. Arguments and errors as `save`, and OSError."""
    entries, kept = entries_of(tensors)
    write_file(entries, filename, metadata)
    del kept


def load(data: bytes, *, return_metadata: bool = False) -> Any:
    """The arrays of a file that is in memory, by name; with ``return_metadata=True``: (arrays, metadata or None).

    Raises SafetensorError where the file breaks a rule of the format.
    """
    return _all(bytes_reader(data), return_metadata)


def load_file(filename: Union[str, os.PathLike], *, backend: str = "mmap", return_metadata: bool = False) -> Any:
    """The arrays of a file, by name, in the order of the file; with ``return_metadata=True``: (arrays, metadata or None).

    Raises SafetensorError where the file breaks a rule of the format, OSError where it cannot be opened or read.
    """
    check_backend(backend)
    return _all(open_reader(filename), return_metadata)


def _all(reader: _core.Reader, return_metadata: bool) -> Any:
    tensors = BytesLoader(reader, "pread", array_of).tensors()
    return (tensors, reader.metadata()) if return_metadata else tensors


def _loader(reader: _core.Reader, device: Any, backend: str) -> BytesLoader:
    return BytesLoader(reader, backend, array_of)
