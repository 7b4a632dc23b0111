"""safetensors for PyTorch: the names, arguments and results of ``safetensors.torch``.

With backend="mmap" tensors are private views of the file, read when they are touched (writing to them never reaches the
file; a file that is cut off meanwhile kills the process with SIGBUS, as with every map). With backend="pread" they are
copies, and a file that is cut off is an error.
"""

from __future__ import annotations

import operator
import os
from typing import Any, Optional, Union

import torch
import torch.utils.dlpack

from tensorvet import _core
from tensorvet._errors import SafetensorError, printable
from tensorvet._files import bytes_reader, open_reader, write_bytes, write_file
from tensorvet._open import check_backend, safe_open
from tensorvet._serialize import DTYPE_NAMES, TensorSpec, deserialize, serialize, serialize_file
from tensorvet._torch_shared import (
    _end_ptr,
    _filter_shared_not_shared,
    _find_shared_tensors,
    _is_complete,
    _remove_duplicate_names,
    storage_ptr,
    storage_size,
)

__all__ = ["load", "load_file", "load_model", "save", "save_file", "save_model"]

# The format's dtypes that this torch has.
_TYPES: dict[str, torch.dtype] = {code: getattr(torch, name) for name, code in DTYPE_NAMES.items() if hasattr(torch, name)}
_CODES: dict[torch.dtype, str] = {dtype: code for code, dtype in _TYPES.items()}
_SIZE: dict[torch.dtype, int] = {dtype: max(_core.DTYPE_BITS[code] // 8, 1) for dtype, code in _CODES.items()}
# What DLPack carries as itself; the others arrive as their bytes, in one dimension.
_DIRECT = {"U8", "I8", "I16", "I32", "I64", "F16", "F32", "F64", "BF16", "C64"}
_from_dlpack = getattr(torch._C, "_from_dlpack", None) or torch.utils.dlpack.from_dlpack
_SHARED_DOCS = "https://huggingface.co/docs/safetensors/torch_shared_tensors"
_DEVICES = ("cuda", "musa", "mps", "npu", "xpu", "xla", "mlu", "hpu", "meta")


def _getdtype(dtype_str: str) -> torch.dtype:
    """torch's dtype for the format's name, or SafetensorError."""
    dtype = _TYPES.get(dtype_str)
    if dtype is None:
        raise SafetensorError(f"Dtype not understood: torch {torch.__version__} has none for {dtype_str}")
    return dtype


def _device(device: Any) -> Optional[torch.device]:
    """The device, or None for the CPU. SafetensorError where it is none."""
    if device is None or device == "cpu":
        return None
    if isinstance(device, torch.device):
        return None if device.type == "cpu" else device
    if isinstance(device, str) and device.startswith("mps") and device not in ("mps", "mps:0"):
        raise SafetensorError(f"device {device} is invalid: only mps or mps:0 is supported")
    known = isinstance(device, int) and not isinstance(device, bool) and device >= 0
    if known or (isinstance(device, str) and device.split(":")[0] in _DEVICES):
        try:
            return torch.device(device)
        except RuntimeError as error:
            raise SafetensorError(f"device {device} is invalid: {error}") from None
    raise SafetensorError(f"device {device!r} is invalid")


def _shaped(flat: torch.Tensor, dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor of that dtype and shape over its bytes. float4_e2m1fn_x2 holds two elements of the last dimension."""
    if dtype == "F4":
        if shape[-1] % 2 != 0:
            raise SafetensorError(f"torch packs two F4 an element: a last dimension of {shape[-1]} is not even")
        shape = (*shape[:-1], shape[-1] // 2)
    return flat.view(_getdtype(dtype)).reshape(shape)


def _tensor_of(dtype: str, shape: tuple[int, ...], data: bytearray) -> torch.Tensor:
    """A tensor over those bytes, which it takes over."""
    flat = torch.frombuffer(data, dtype=torch.uint8) if len(data) > 0 else torch.empty(0, dtype=torch.uint8)
    return _shaped(flat, dtype, shape)


def _view2torch(safeview: Any) -> dict[str, torch.Tensor]:
    """What `tensorvet.deserialize` returns, as tensors."""
    return {name: _tensor_of(view["dtype"], tuple(view["shape"]), view["data"]) for name, view in safeview}


def _bounded(subscript: Any, length: int) -> Any:
    """A subscript of one dimension in numbers that torch takes, too: it adds steps up without looking for overflow."""
    if not isinstance(subscript, slice):
        return operator.index(subscript)
    start, stop, step = subscript.indices(length)
    return slice(start, stop, min(step, max(length, 1)))


def _indexed(tensor: torch.Tensor, index: Any) -> torch.Tensor:
    """tensor[index], for an index that core has found good."""
    parts = index if isinstance(index, tuple) else (index,)
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    behind = len(parts) - at - 1
    before = tuple(map(_bounded, parts[:at], tensor.shape))
    after = tuple(map(_bounded, parts[at + 1 :], tensor.shape[tensor.dim() - behind :])) if behind > 0 else ()
    return tensor[(*before, ..., *after)]


class _Loader:
    """The loader of torch: DLPack capsules over the file's map or over copies."""

    def __init__(self, reader: _core.Reader, device: Any, backend: str) -> None:
        self.reader, self.device, self.mapped = reader, _device(device), backend == "mmap"
        self._make = reader.map_dlpack if self.mapped else reader.read_dlpack

    def _placed(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if self.device is None else tensor.to(self.device)

    def tensor(self, position: int) -> torch.Tensor:
        _, dtype, shape, _, _ = self.reader.row(position)
        tensor = _from_dlpack(self._make(position))
        return self._placed(tensor if dtype in _DIRECT else _shaped(tensor, dtype, shape))

    def slice(self, position: int, index: Any) -> torch.Tensor:
        _, dtype, shape, _, _ = self.reader.row(position)
        if self.mapped and dtype != "F4":  # a view, in which nothing is read yet
            self.reader.slice_shape(position, index)
            tensor = _from_dlpack(self._make(position))
            return self._placed(_indexed(tensor if dtype in _DIRECT else _shaped(tensor, dtype, shape), index))
        shape, data = self.reader.read_slice(position, index, False)
        return self._placed(_tensor_of(dtype, shape, data))

    def tensors(self) -> dict[str, torch.Tensor]:
        make, take, direct, device = self._make, _from_dlpack, _DIRECT, self.device
        result = {}
        for position, (name, dtype, shape, _, _) in enumerate(self.reader.table()):
            tensor = take(make(position))
            if dtype not in direct:
                tensor = _shaped(tensor, dtype, shape)
            result[name] = tensor if device is None else tensor.to(device)
        return result


def _loader(reader: _core.Reader, device: Any, backend: str) -> _Loader:
    return _Loader(reader, device, backend)


def load(data: bytes, *, return_metadata: bool = False) -> Any:
    """The tensors of a file that is in memory, by name; with ``return_metadata=True``: (tensors, metadata or None).

    Raises SafetensorError where the file breaks a rule of the format.
    """
    reader = bytes_reader(data)
    tensors = _Loader(reader, None, "pread").tensors()
    return (tensors, reader.metadata()) if return_metadata else tensors


def load_file(filename: Union[str, os.PathLike], device: Any = "cpu", *, backend: str = "mmap",
              return_metadata: bool = False) -> Any:
    """The tensors of a file, by name, in the order of the file; with ``return_metadata=True``: (tensors, metadata).

    Args:
        filename: path of the file.
        device: "cpu", "cuda:0", ..., a number, or a torch.device.
        backend: "mmap" (private views of the file) or "pread" (copies).

    Raises SafetensorError where the file breaks a rule of the format, OSError where it cannot be opened or read.
    """
    check_backend(backend)
    where = _device(device)
    reader = open_reader(filename)
    tensors = _Loader(reader, where, backend).tensors()
    return (tensors, reader.metadata()) if return_metadata else tensors


def _check_kinds(tensors: Any) -> None:
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    sparse = []
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
        if tensor.layout is not torch.strided:
            sparse.append(name)
    if sparse:
        raise ValueError(
            f"You are trying to save a sparse tensors: `{sparse}` which this library does not support."
            " You can make it a dense tensor before saving with `.to_dense()` but be aware this might"
            " make a much larger file than needed."
        )


def _evaluate_tensors_for_save(tensors: dict[str, torch.Tensor]) -> None:
    """Raises what `save` raises for tensors that cannot be stored as they are: ValueError or RuntimeError."""
    _check_kinds(tensors)
    failing = [names for names in _find_shared_tensors(tensors) if len(names) > 1]
    if failing:
        raise RuntimeError(f"""
            Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading them again: {failing}.
            A potential way to correctly save your model is to use `save_model`.
            More information at {_SHARED_DOCS}
            """)
    for name, tensor in tensors.items():
        if not tensor.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either means you"
                " are trying to save tensors which are reference of each other in which case it's recommended to save"
                " only the full tensors, and reslice at load time, or simply call `.contiguous()` on your tensor to"
                " pack it before saving."
            )


def _entry(name: str, tensor: torch.Tensor, kept: list[torch.Tensor]) -> tuple:
    """What write_file takes of one strided, contiguous tensor; the memory it names is in `kept`."""
    code = _CODES.get(tensor.dtype)
    if code is None:
        supported = ", ".join(str(dtype) for dtype in _CODES)
        raise SafetensorError(f"Unknown dtype {tensor.dtype} of {printable(str(name))!r}. Supported dtypes: {supported}")
    if not tensor.is_cpu:
        tensor = tensor.cpu()
    if tensor.is_neg() or (code == "C64" and tensor.is_conj()):  # flags that the memory does not show
        tensor = tensor.resolve_conj().resolve_neg()
    kept.append(tensor)
    address, size, shape = tensor.data_ptr(), tensor.nbytes, tuple(tensor.shape)
    if address == 0 and size != 0:
        raise ValueError(f"Key `{printable(str(name))}` is a {type(tensor).__name__} without memory of its own: save what it wraps")
    if code == "F4" and shape:
        shape = (*shape[:-1], shape[-1] * 2)
    return name, code, shape, address, size


def _disjoint(entries: list[tuple]) -> bool:
    """No two of them show the same byte?"""
    end = 0
    for start, size in sorted([(entry[3], entry[4]) for entry in entries if entry[4] != 0]):
        if start < end:
            return False
        end = start + size
    return True


def _entries(tensors: dict[str, torch.Tensor]) -> tuple[list[tuple], list[torch.Tensor]]:
    """What write_file takes, and the tensors that must live until it has returned. Errors as `save`."""
    _check_kinds(tensors)
    kept: list[torch.Tensor] = []
    if not all(tensor.is_cpu and tensor.is_contiguous() for tensor in tensors.values()):
        _evaluate_tensors_for_save(tensors)
        return [_entry(name, tensor, kept) for name, tensor in tensors.items()], kept
    entries = [_entry(name, tensor, kept) for name, tensor in tensors.items()]
    if not _disjoint(entries):
        _evaluate_tensors_for_save(tensors)
    return entries, kept


def _flatten_as_ptr(tensors: dict[str, torch.Tensor], keep_alive_buffer: list) -> dict[str, TensorSpec]:
    """name -> `TensorSpec`, for `serialize`; what the specs point to goes into `keep_alive_buffer`."""
    _evaluate_tensors_for_save(tensors)
    result = {}
    for name, tensor in tensors.items():
        *_, address, size = _entry(name, tensor, keep_alive_buffer)
        dtype = str(tensor.dtype).removeprefix("torch.")
        result[name] = TensorSpec(dtype=dtype, shape=tensor.shape, data_ptr=address, data_len=size)
    return result


def _tobytes(tensor: torch.Tensor, name: str) -> bytes:
    """The bytes of one tensor as they would stand in a file. Errors as `save`."""
    _evaluate_tensors_for_save({name: tensor})
    kept: list[torch.Tensor] = []
    _entry(name, tensor, kept)
    return kept[0].reshape(-1).view(torch.uint8).numpy().tobytes()


def _to_ndarray(tensor: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """The tensor's bytes as a NumPy array of one dimension, and the tensor that they belong to."""
    plain = tensor.detach().cpu().contiguous().resolve_conj().resolve_neg()
    return plain.reshape(-1).view(torch.uint8).numpy(), plain


def save(tensors: dict[str, torch.Tensor], metadata: Optional[dict[str, str]] = None) -> bytes:
    """The bytes of a safetensors file.

    Args:
        tensors: name -> tensor: strided, contiguous, none sharing memory with another. Those on other devices are copied.
        metadata: str -> str, or None.

    Raises ValueError (not a dict of tensors, sparse, not contiguous), RuntimeError (shared memory), SafetensorError (a
    dtype the format has not, a name or metadata that `tensorvet check` would refuse).
    """
    entries, kept = _entries(tensors)
    data = write_bytes(entries, metadata)
    del kept
    return data


def save_file(tensors: dict[str, torch.Tensor], filename: Union[str, os.PathLike],
              metadata: Optional[dict[str, str]] = None) -> None:
    """Write a safetensors file, whole or not at all. Arguments and errors as `save`, and OSError."""
    entries, kept = _entries(tensors)
    write_file(entries, filename, metadata)
    del kept


def save_model(model: torch.nn.Module, filename: Union[str, os.PathLike], metadata: Optional[dict[str, str]] = None,
               force_contiguous: bool = True) -> None:
    """Write a model's state dict; of names that share memory one is kept, the others go into the metadata
    (name -> kept name), where `load_model` finds its way without them.

    Args:
        model: any module.
        filename: path of the file.
        metadata: str -> str, or None; it is not changed.
        force_contiguous: pack tensors that are not contiguous, instead of refusing them.
    """
    state_dict = dict(model.state_dict())
    noted = dict(metadata or {})
    for kept, names in _remove_duplicate_names(state_dict).items():
        for name in names:
            noted.setdefault(name, kept)
            del state_dict[name]
    if force_contiguous:
        state_dict = {name: tensor.contiguous() for name, tensor in state_dict.items()}
    try:
        save_file(state_dict, filename, noted or metadata)
    except ValueError as error:
        raise ValueError(f"{error} Or use save_model(..., force_contiguous=True), read the docs for potential caveats.") from None


def load_model(model: torch.nn.Module, filename: Union[str, os.PathLike], strict: bool = True, device: Any = "cpu", *,
               backend: str = "mmap") -> tuple[set[str], list[str]]:
    """Load a file into a model, names that the model shares included.

    Returns (missing names, unexpected names). Raises RuntimeError where ``strict`` and either is not empty; otherwise as
    `load_file`.
    """
    loaded = load_file(filename, device, backend=backend)
    shared = _remove_duplicate_names(dict(model.state_dict()), preferred_names=loaded.keys())
    result = model.load_state_dict(loaded, strict=False)
    missing, unexpected = set(result.missing_keys), list(result.unexpected_keys)
    for name in (name for names in shared.values() for name in names):
        if name in missing:
            missing.remove(name)
        else:
            unexpected.append(name)
    if strict and (missing or unexpected):
        raise RuntimeError(_state_dict_error(type(model).__name__, missing, unexpected))
    return missing, unexpected


def _state_dict_error(kind: str, missing: set[str], unexpected: list[str]) -> str:
    text = f"Error(s) in loading state_dict for {kind}:"
    for title, names in (("Missing", missing), ("Unexpected", unexpected)):
        if names:
            text += f"\n    {title} key(s) in state_dict: " + ", ".join(f'"{name}"' for name in sorted(names))
    return text
