"""safetensors for TensorFlow: the names, arguments and results of ``safetensors.tensorflow``.

Right where that is wrong: the caller's dict is left alone; bfloat16 and the 8-bit floats are read and written.
"""

from __future__ import annotations

import os
from typing import Any, Optional, Union

import numpy as np
import tensorflow as tf

from tensorvet import _core
from tensorvet import numpy as _numpy
from tensorvet._common import checked, everything
from tensorvet._errors import SafetensorError
from tensorvet._files import bytes_reader, open_reader
from tensorvet._open import BytesLoader, check_backend, safe_open

__all__ = ["load", "load_file", "save", "save_file"]

TensorLike = Union[tf.Tensor, tf.Variable]


def _to_numpy(tensors: dict[str, TensorLike]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value.numpy()) for name, value in checked(tensors, (tf.Tensor, tf.Variable), "tf.Tensor")}


def save(tensors: dict[str, TensorLike], metadata: Optional[dict[str, str]] = None) -> bytes:
    """The bytes of a safetensors file.

    Args:
        tensors: name -> eager tensor or variable; nothing is changed.
        metadata: str -> str, or None.

    Raises ValueError (not a dict of tensors), SafetensorError (a dtype the format has not, a name or metadata that
    `tensorvet check` would refuse).
    """
    return _numpy.save(_to_numpy(tensors), metadata)


def save_file(tensors: dict[str, TensorLike], filename: Union[str, os.PathLike],
              metadata: Optional[dict[str, str]] = None) -> None:
    """Write a safetensors file, whole or not at all. Arguments and errors as `save`, and OSError."""
    _numpy.save_file(_to_numpy(tensors), filename, metadata)


def load(data: bytes, *, return_metadata: bool = False) -> Any:
    """The tensors of a file that is in memory, by name; with ``return_metadata=True``: (tensors, metadata or None).

    Raises SafetensorError where the file breaks a rule of the format or has a dtype that TensorFlow has not.
    """
    return everything(_loader(bytes_reader(data), None, "pread"), return_metadata)


def load_file(filename: Union[str, os.PathLike], *, backend: str = "mmap", return_metadata: bool = False) -> Any:
    """The tensors of a file, by name, in the order of the file; results and errors as `load`, and OSError."""
    return everything(_loader(open_reader(filename), None, check_backend(backend)), return_metadata)


def _tensor_of(dtype: str, shape: tuple[int, ...], data: bytearray) -> tf.Tensor:
    array = _numpy.array_of(dtype, shape, data)
    try:
        return tf.convert_to_tensor(array)
    except (TypeError, ValueError) as error:
        raise SafetensorError(f"TensorFlow has no dtype for {dtype}: {error}") from None


def _loader(reader: _core.Reader, device: Any, backend: str) -> BytesLoader:
    return BytesLoader(reader, backend, _tensor_of)
