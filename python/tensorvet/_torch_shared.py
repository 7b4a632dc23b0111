"""Which tensors of a state dict share memory, and which of their names is to be kept: what `save_model` rests on, and
what other libraries import from `tensorvet.torch` under these names.

Right where the reference is wrong: an interval that holds others keeps holding those that come after a shorter one, and
a view that is no plain row-major block has an end, too.
"""

from __future__ import annotations

from typing import Iterable, Optional

import torch


def storage_ptr(tensor: torch.Tensor) -> int:
    """Address of the first byte of the tensor's storage; 0 where it has none (meta, wrappers)."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):
        return 0


def storage_size(tensor: torch.Tensor) -> int:
    """Size in bytes of the tensor's storage."""
    try:
        return tensor.untyped_storage().nbytes()
    except NotImplementedError:
        return tensor.nelement() * tensor.element_size()


def _end_ptr(tensor: torch.Tensor) -> int:
    """Address behind the last byte that the tensor shows, whatever its strides."""
    if tensor.nelement() == 0:
        return tensor.data_ptr()
    last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride()))
    return tensor.data_ptr() + (last + 1) * tensor.element_size()


def _is_complete(tensor: torch.Tensor) -> bool:
    """Does the tensor show its whole storage?"""
    size = tensor.nelement() * tensor.element_size()
    return tensor.data_ptr() == storage_ptr(tensor) and size == storage_size(tensor)


def _filter_shared_not_shared(tensors: list[set[str]], state_dict: dict[str, torch.Tensor]) -> list[set[str]]:
    """Splits groups of one storage each into groups whose bytes really overlap."""
    result: list[set[str]] = []
    for group in tensors:
        if len(group) < 2:
            result.append(group)
            continue
        ranges = sorted((state_dict[name].data_ptr(), _end_ptr(state_dict[name]), name) for name in group)
        reach = None
        for start, stop, name in ranges:
            if reach is None or start >= reach:
                result.append({name})
                reach = stop
            else:
                result[-1].add(name)
                reach = max(reach, stop)
    return result


def _find_shared_tensors(state_dict: dict[str, torch.Tensor]) -> list[set[str]]:
    """Groups of names whose tensors show some of the same bytes; a tensor that shares nothing is a group of its own.
    Tensors without memory (meta, empty storage) are in no group."""
    groups: dict[tuple, set[str]] = {}
    for name, tensor in state_dict.items():
        if not isinstance(tensor, torch.Tensor) or tensor.device.type == "meta":
            continue
        pointer, size = storage_ptr(tensor), storage_size(tensor)
        if pointer != 0 and size != 0:
            groups.setdefault((tensor.device, pointer, size), set()).add(name)
    return _filter_shared_not_shared(list(groups.values()), state_dict)


def _remove_duplicate_names(state_dict: dict[str, torch.Tensor], *, preferred_names: Optional[Iterable[str]] = None,
                            discard_names: Optional[Iterable[str]] = None) -> dict[str, list[str]]:
    """For each group that shares memory: the name to keep -> the names to leave out, sorted.

    Kept is the first name in sorted order that shows its whole storage, names that are not in `discard_names` before
    others, those in `preferred_names` before all. Raises RuntimeError where none shows its whole storage.
    """
    preferred, discard = set(preferred_names or ()), set(discard_names or ())
    removed: dict[str, list[str]] = {}
    for shared in _find_shared_tensors(state_dict):
        complete = {name for name in shared if _is_complete(state_dict[name])}
        if not complete:
            raise RuntimeError(
                "Error while trying to find names to remove to save state dict, but found no suitable name to keep for"
                f" saving amongst: {shared}. None is covering the entire storage. Refusing to save/load the model since"
                " you could be storing much more memory than needed: clone() the part that is wanted, or keep the whole"
                " tensor. See https://huggingface.co/docs/safetensors/torch_shared_tensors."
            )
        kept = min(complete, key=lambda name: (name not in preferred, name in discard, name))
        if len(shared) > 1:
            removed[kept] = sorted(name for name in shared if name != kept)
    return removed
