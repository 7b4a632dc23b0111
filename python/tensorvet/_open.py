"""safe_open, and the loaders through which a framework gives a reader's bytes its own form.

A framework's module (tensorvet.numpy, tensorvet.flax, ...) has a function ``_loader(reader, device, backend)``. Most
return a `BytesLoader`, made from one function: ``from_bytes(dtype code, shape, bytearray) -> tensor``.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable, Iterator, Optional, Union

from tensorvet import _core
from tensorvet._errors import SafetensorError, printable
from tensorvet._files import open_reader, reader_of

# What the reference calls them -> the module of ours.
_MODULES = {
    "pt": "torch", "torch": "torch", "pytorch": "torch",
    "np": "numpy", "numpy": "numpy",
    "tf": "tensorflow", "tensorflow": "tensorflow",
    "jax": "flax", "flax": "flax",
    "mlx": "mlx", "paddle": "paddle",
}  # fmt: skip
_WITH_DEVICES = ("torch", "paddle")
_BACKENDS = ("mmap", "pread")


class BytesLoader:
    """The loader of a framework that copies: every tensor is read from the file, then given its form.

    It never touches a map but for slices with backend="mmap", so that a file that is cut off is an error, not SIGBUS.
    """

    def __init__(self, reader: _core.Reader, backend: str, from_bytes: Callable[[str, tuple, bytearray], Any]) -> None:
        self.reader, self.mapped, self.from_bytes = reader, backend == "mmap", from_bytes

    def tensor(self, position: int) -> Any:
        _, dtype, shape, _, _ = self.reader.row(position)
        return self.from_bytes(dtype, shape, self.reader.read(position))

    def slice(self, position: int, index: Any) -> Any:
        dtype = self.reader.row(position)[1]
        shape, data = self.reader.read_slice(position, index, self.mapped)
        return self.from_bytes(dtype, shape, data)

    def tensors(self) -> dict[str, Any]:
        read, from_bytes = self.reader.read, self.from_bytes
        return {row[0]: from_bytes(row[1], row[2], read(i)) for i, row in enumerate(self.reader.table())}


def check_backend(backend: str) -> str:
    if backend not in _BACKENDS:
        raise SafetensorError(f'backend "{backend}" is invalid (expected one of: "mmap", "pread")')
    return backend


def module_of(framework: str) -> str:
    """The name of our module for what a caller calls the framework."""
    module = _MODULES.get(framework) if isinstance(framework, str) else None
    if module is None:
        kind = SafetensorError if isinstance(framework, str) else TypeError
        raise kind(f"framework {framework} is invalid")
    return module


def loader_of(reader: _core.Reader, framework: str, device: Any, backend: str) -> Any:
    """The framework's loader over that reader. SafetensorError where framework, device or backend is none of ours."""
    module = module_of(framework)
    check_backend(backend)
    if module not in _WITH_DEVICES and device is not None and str(device) != "cpu":
        raise SafetensorError(f"Device {device} is not supported for framework {module}")
    return importlib.import_module(f"tensorvet.{module}")._loader(reader, device, backend)


class PySafeSlice:
    """One tensor of an open file, of which parts can be read: ``f.get_slice(name)[2:5, ..., -1]``.

    Indexing takes integers, slices with a positive step, and ``...``; the result equals NumPy's, on every framework and
    backend alike, or it raises: IndexError (out of range, too many), TypeError (anything else between the brackets),
    ValueError (a step that is not positive; a sub-byte dtype cut inside a byte).
    """

    __slots__ = ("_loader", "_position")

    def __init__(self, loader: Any, position: int) -> None:
        self._loader, self._position = loader, position

    def get_shape(self) -> list[int]:
        """The tensor's dimensions, in elements, outermost first."""
        return list(self._loader.reader.row(self._position)[2])

    def get_dtype(self) -> str:
        """The format's name of the dtype: "F32", "BF16", ..."""
        return self._loader.reader.row(self._position)[1]

    def __getitem__(self, index: Any) -> Any:
        return self._loader.slice(self._position, index)

    def __repr__(self) -> str:
        name, dtype, shape, _, _ = self._loader.reader.row(self._position)
        return f"PySafeSlice({printable(name)!r}, {dtype}, {list(shape)})"


class safe_open:
    """A safetensors file, open: its names, its metadata, and its tensors one by one.

    Args:
        filename: path of the file (str or PathLike).
        framework: what the tensors are to be: "pt" ("torch", "pytorch"), "np" ("numpy"), "flax" ("jax"), "tf"
            ("tensorflow"), "mlx" or "paddle".
        device: where they are to be, for torch and paddle: "cpu", "cuda:0", a number, a torch.device.
        backend: "mmap" (torch: tensors are views of the file, read when they are touched) or "pread" (copies; a file
            that is cut off meanwhile is an error and never a signal).

    Raises:
        SafetensorError: the file breaks a rule of the format (attribute ``id`` says which), or an argument is invalid.
        OSError: the file cannot be opened, for the reason it tells.

    The descriptor that was validated is the one that tensors are read from; it is closed when this object and all
    slices made by it are gone, or were closed. Safe to use from several threads.

        >>> with safe_open("model.safetensors", framework="pt", device="cpu") as f:
        ...     for name in f:
        ...         tensor = f.get_tensor(name)
    """

    def __init__(self, filename: Union[str, os.PathLike], framework: str, device: Any = "cpu", *,
                 backend: str = "mmap") -> None:
        module_of(framework)  # a mistake of the caller is said before one of the file
        check_backend(backend)
        self._loader: Any = loader_of(open_reader(filename), framework, device, backend)

    @classmethod
    def _over(cls, reader: _core.Reader, framework: str, device: Any, backend: str) -> "safe_open":
        self = cls.__new__(cls)
        self._loader = loader_of(reader, framework, device, backend)
        return self

    def _opened(self) -> Any:
        loader = self._loader
        if loader is None:
            raise SafetensorError("File is closed")
        return loader

    def _found(self, name: str) -> tuple[Any, int]:
        loader = self._opened()
        if not isinstance(name, str):
            raise TypeError(f"a tensor's name is a str, not {type(name).__name__}")
        position = loader.reader.find(name)
        if position is None:
            raise SafetensorError(f"File does not contain tensor {printable(name)}")
        return loader, position

    def keys(self) -> list[str]:
        """All names, sorted."""
        names = self._opened().reader.names()
        names.sort()
        return names

    def offset_keys(self) -> list[str]:
        """All names, in the order in which their tensors stand in the file."""
        return self._opened().reader.names()

    def metadata(self) -> Optional[dict[str, str]]:
        """The file's metadata, or None where it has none."""
        return self._opened().reader.metadata()

    def get_tensor(self, name: str) -> Any:
        """That tensor. SafetensorError where there is none of the name."""
        loader, position = self._found(name)
        return loader.tensor(position)

    def get_tensors(self) -> dict[str, Any]:
        """All tensors by name, in the order of the file."""
        return self._opened().tensors()

    def get_slice(self, name: str) -> PySafeSlice:
        """That tensor, to be read in parts. SafetensorError where there is none of the name."""
        return PySafeSlice(*self._found(name))

    def close(self) -> None:
        """Let the file go. Tensors and slices that were taken keep working. Closing twice is no error."""
        self._loader = None

    def __enter__(self) -> "safe_open":
        self._opened()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.close()

    def __contains__(self, name: object) -> bool:
        return self._opened().reader.find(name) is not None if isinstance(name, str) else False

    def __len__(self) -> int:
        return len(self._opened().reader)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


def _safe_open_handle(f: Any, framework: str, device: Any = "cpu", *, backend: str = "mmap") -> safe_open:
    """`safe_open` over an open binary file (anything with ``fileno``): its very descriptor, not its name, is read."""
    descriptor = os.dup(f.fileno())
    return safe_open._over(reader_of(descriptor, str(getattr(f, "name", "<file>"))), framework, device, backend)
