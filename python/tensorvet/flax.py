"""safetensors for JAX and Flax: the names, arguments and results of ``safetensors.flax``.

Right where that is wrong: the caller's dict is left alone; bfloat16, the 8-bit and the 4-bit floats are read and written;
integers that JAX would silently cut to 32 bits are an error. Results are `jax.Array`s on the default device.
"""

from __future__ import annotations

import os
from typing import Any, Optional, Union

import jax
import jax.numpy as jnp
import numpy as np

from tensorvet import _core
from tensorvet import numpy as _numpy
from tensorvet._common import checked, everything
from tensorvet._errors import SafetensorError
from tensorvet._files import bytes_reader, open_reader
from tensorvet._open import BytesLoader, check_backend, safe_open

__all__ = ["load", "load_file", "save", "save_file"]

ArrayLike = Union[jax.Array, np.ndarray, np.generic, bool, int, float]


_KINDS = (jax.Array, np.ndarray, np.generic, bool, int, float)


def _to_numpy(tensors: dict[str, ArrayLike]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in checked(tensors, _KINDS, "jax.Array")}


def save(tensors: dict[str, ArrayLike], metadata: Optional[dict[str, str]] = None) -> bytes:
    """The bytes of a safetensors file.

    Args:
        tensors: name -> JAX or NumPy array, or a number, which becomes an array without dimensions; nothing is changed.
        metadata: str -> str, or None.

    Raises ValueError (not a dict of arrays), SafetensorError (a dtype the format has not, a name or metadata that
    `tensorvet check` would refuse).
    """
    return _numpy.save(_to_numpy(tensors), metadata)


def save_file(tensors: dict[str, ArrayLike], filename: Union[str, os.PathLike],
              metadata: Optional[dict[str, str]] = None) -> None:
    """Write a safetensors file, whole or not at all. Arguments and errors as `save`, and OSError."""
    _numpy.save_file(_to_numpy(tensors), filename, metadata)


def load(data: bytes, *, return_metadata: bool = False) -> Any:
    """The arrays of a file that is in memory, by name; with ``return_metadata=True``: (arrays, metadata or None).

    JAX without ``jax_enable_x64`` has no 64-bit types: F64 is rounded to float32; an integer that does not fit 32 bits
    is a SafetensorError, as is a file that breaks a rule of the format.
    """
    return everything(_loader(bytes_reader(data), None, "pread"), return_metadata)


def load_file(filename: Union[str, os.PathLike], *, backend: str = "mmap", return_metadata: bool = False) -> Any:
    """The arrays of a file, by name, in the order of the file; results and errors as `load`, and OSError."""
    return everything(_loader(open_reader(filename), None, check_backend(backend)), return_metadata)


def _check_fits(array: np.ndarray) -> None:
    """Without 64-bit types JAX keeps the lower half of an integer and says nothing."""
    kept = jax.dtypes.canonicalize_dtype(array.dtype)
    if kept == array.dtype or array.dtype.kind not in "iu" or array.size == 0:
        return
    bounds = np.iinfo(kept)
    if array.min() < bounds.min or array.max() > bounds.max:
        raise SafetensorError(
            f"a tensor of {array.dtype} holds integers that do not fit JAX's {kept}: "
            "jax.config.update('jax_enable_x64', True) lets it keep them")


def _array_of(dtype: str, shape: tuple[int, ...], data: bytearray) -> jax.Array:
    array = _numpy.array_of(dtype, shape, data)
    _check_fits(array)
    return jnp.asarray(array)


def _loader(reader: _core.Reader, device: Any, backend: str) -> BytesLoader:
    return BytesLoader(reader, backend, _array_of)
