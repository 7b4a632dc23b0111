"""The functions that know no framework: bytes in, bytes out."""

from __future__ import annotations

import operator
import os
from typing import Any, Optional, Union

from tensorvet import _core
from tensorvet._errors import SafetensorError
from tensorvet._files import bytes_reader, write_bytes, write_file

# The constructor names of dtypes, as frameworks spell them -> the format's.
DTYPE_NAMES = {
    "bool": "BOOL", "int8": "I8", "uint8": "U8", "int16": "I16", "uint16": "U16", "int32": "I32", "uint32": "U32",
    "int64": "I64", "uint64": "U64", "float16": "F16", "float32": "F32", "float64": "F64", "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0", "float4_e2m1fn_x2": "F4", "complex64": "C64",
}  # fmt: skip
_LARGEST = 2**64 - 1


def _unsigned(what: str, value: Any) -> int:
    """The number, which 64 bits hold. TypeError for what is no whole number, OverflowError for one that is too large."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise TypeError(f"argument '{what}': {error}") from None
    if number < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if number > _LARGEST:
        raise OverflowError("int too big to convert")
    return number


def _shape(shape: Any, doubled: bool) -> tuple[int, ...]:
    """Dimensions in elements. A float4_e2m1fn_x2 holds two, so that its last dimension counts twice."""
    dims = tuple(_unsigned("shape", length) for length in shape)
    if doubled and dims:
        if dims[-1] * 2 > _LARGEST:
            raise SafetensorError(f"F4 last-dim {dims[-1]} doubled to logical shape overflows usize")
        dims = dims[:-1] + (dims[-1] * 2,)
    return dims


class TensorSpec:
    """Where a tensor's bytes are, for `serialize`: nothing is copied, and the memory must outlive the call.

    Args:
        dtype: the dtype's name as frameworks spell it: "float32", "bfloat16", "float8_e4m3fn", "bool", ...
        shape: its dimensions, in elements of that dtype, outermost first.
        data_ptr: the address of its first byte; contiguous, little-endian.
        data_len: its size in bytes.

    Frozen; ``dtype`` reads as the format's name ("F32"), ``shape`` as a list of elements (of float4_e2m1fn_x2, which
    packs two: twice the last dimension). Raises SafetensorError for an unknown dtype, TypeError for what is no whole
    number, OverflowError for one that 64 unsigned bits do not hold.
    """

    __slots__ = ("_dtype", "_shape", "_data_ptr", "_data_len")
    _dtype: str
    _shape: tuple[int, ...]
    _data_ptr: int
    _data_len: int

    def __init__(self, *, dtype: str, shape: Any, data_ptr: int, data_len: int) -> None:
        if not isinstance(dtype, str):
            raise TypeError(f"argument 'dtype': a str, not {type(dtype).__name__}")
        code = DTYPE_NAMES.get(dtype)
        if code is None:
            raise SafetensorError(f'Unknown dtype "{dtype}". Supported dtypes: {", ".join(DTYPE_NAMES)}')
        object.__setattr__(self, "_dtype", code)
        object.__setattr__(self, "_shape", _shape(shape, code == "F4"))
        object.__setattr__(self, "_data_ptr", _unsigned("data_ptr", data_ptr))
        object.__setattr__(self, "_data_len", _unsigned("data_len", data_len))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"attribute '{name}' of 'TensorSpec' objects is not writable")

    @property
    def dtype(self) -> str:
        """The format's name of the dtype."""
        return self._dtype

    @property
    def shape(self) -> list[int]:
        """Dimensions in elements, outermost first."""
        return list(self._shape)

    @property
    def data_ptr(self) -> int:
        """Address of the first byte."""
        return self._data_ptr

    @property
    def data_len(self) -> int:
        """Size in bytes."""
        return self._data_len

    def __repr__(self) -> str:
        return (f"TensorSpec(dtype='{self._dtype}', shape={list(self._shape)}, data_ptr={self._data_ptr}, "
                f"data_len={self._data_len})")


def _entries(tensor_dict: dict[str, TensorSpec]) -> list[tuple]:
    if not isinstance(tensor_dict, dict):
        raise TypeError(f"argument 'tensor_dict': '{type(tensor_dict).__name__}' object is not an instance of 'dict'")
    entries = []
    for name, spec in tensor_dict.items():
        if not isinstance(spec, TensorSpec):
            raise TypeError(f"argument 'tensor_dict': '{type(spec).__name__}' object is not an instance of 'TensorSpec'")
        entries.append((name, spec._dtype, spec._shape, spec._data_ptr, spec._data_len))
    return entries


def serialize(tensor_dict: dict[str, TensorSpec], metadata: Optional[dict[str, str]] = None) -> bytes:
    """The bytes of a safetensors file.

    Args:
        tensor_dict: name -> `TensorSpec`.
        metadata: str -> str, or None.

    Raises SafetensorError for whatever `tensorvet check` would refuse (names, sizes, metadata).
    """
    return write_bytes(_entries(tensor_dict), metadata)


def serialize_file(tensor_dict: dict[str, TensorSpec], filename: Union[str, os.PathLike],
                   metadata: Optional[dict[str, str]] = None) -> None:
    """Write a safetensors file, whole or not at all; arguments and errors as `serialize`, and OSError.

    A new file's mode follows the umask; a symlink's target is replaced, not the link; file and folder are synced.
    """
    write_file(_entries(tensor_dict), filename, metadata)


def deserialize(bytes: bytes) -> list[tuple[str, dict[str, Any]]]:
    """What is in a file that is in memory: ``[(name, {"shape": [...], "dtype": "F32", "data": bytearray}), ...]``, in
    the order of the file. Raises SafetensorError where it breaks a rule of the format, TypeError for anything but bytes.
    """
    reader: _core.Reader = bytes_reader(bytes)
    return [(name, {"shape": list(shape), "dtype": dtype, "data": reader.read(i)})
            for i, (name, dtype, shape, _, _) in enumerate(reader.table())]
