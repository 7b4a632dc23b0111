"""What a conversion must give, stated in plain Python from the rules of the design, for objects torch has in memory.

This is the naive side of the comparison: it shares nothing with the converter but the rules (choice of the root,
flattening with dots, identical views once under the smallest name). It needs torch, and reads no file.
"""
import ctypes
import hashlib
from collections.abc import Mapping

import torch
from torch import nn

# torch's name of a dtype -> safetensors' name. torch names the version has not are left out.
DTYPES = {
    getattr(torch, ours): theirs
    for ours, theirs in {
        "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
        "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "complex64": "C64", "uint16": "U16",
        "uint32": "U32", "uint64": "U64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
        "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0",
        "float4_e2m1fn_x2": "F4",
    }.items()
    if hasattr(torch, ours)
}


def bits(tensor):
    """The bytes of a tensor, row-major."""
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return ctypes.string_at(flat.data_ptr(), flat.nelement() * flat.element_size()) if flat.nelement() else b""


def shape(tensor):
    """The shape a safetensors header gives it: torch counts pairs of four-bit values, the header counts values."""
    sizes = list(tensor.shape)
    if DTYPES[tensor.dtype] == "F4":
        sizes[-1] *= 2
    return sizes


def plain(root):
    """A whole module is what its state_dict() says."""
    return root.state_dict() if isinstance(root, nn.Module) else root


def chosen_path(root, key=None):
    """Where the part that is converted lies: the key that was asked for, else state_dict, twice if nested twice."""
    if key is not None:
        return [key]
    path = []
    while len(path) < 2 and isinstance(root, Mapping) and isinstance(root.get("state_dict"), Mapping):
        root = root["state_dict"]
        path.append("state_dict")
    return path


def chosen(root, key=None):
    """The part of the root that is converted."""
    for step in chosen_path(root, key):
        root = root[step]
    return root


def left_beside(root, path):
    """The names beside the chosen path, at each of its levels: dropped as they are, whatever is in them."""
    names = []
    for depth, step in enumerate(path):
        names += [".".join([*path[:depth], str(name)]) for name in root if name != step]
        root = root[step]
    return names


def flatten(root):
    """(name, tensor) pairs in order of the source, and the names of all other leaves."""
    if isinstance(root, torch.Tensor):
        return [("tensor", root)], []
    tensors, others = [], []
    stack = [("", root)]
    while stack:
        prefix, value = stack.pop()
        if isinstance(value, torch.Tensor):
            tensors.append((prefix, value))
        elif isinstance(value, (Mapping, list, tuple)):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            named = [(f"{prefix}.{key}" if prefix else str(key), each) for key, each in items]
            stack.extend(reversed(named))
        else:
            others.append(prefix)
    return tensors, others


def view_of(tensor):
    """Two tensors are the same view where this is equal; None where there are no bytes to share."""
    if tensor.nelement() == 0:
        return None
    return (tensor.dtype, tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride()), tensor.is_conj(), tensor.is_neg())


def ties(tensors):
    """dropped name -> kept name: of identical views the smallest name by UTF-8 bytes is kept."""
    groups = {}
    for name, tensor in tensors:
        view = view_of(tensor)
        if view is not None:
            groups.setdefault(view, []).append(name)
    dropped = {}
    for names in groups.values():
        keep = min(names, key=lambda name: name.encode("utf-8"))
        dropped.update({name: keep for name in names if name != keep})
    return dropped


def outcome(root, key=None):
    """What convert must give for this root: tensors of the output, aliases, and the names of what is dropped."""
    path = chosen_path(root, key)
    tensors, others = flatten(plain(chosen(root, key)))
    dropped = ties(tensors)
    rows = {
        name: {"dtype": DTYPES[tensor.dtype], "shape": shape(tensor), "sha256": hashlib.sha256(bits(tensor)).hexdigest()}
        for name, tensor in tensors
        if name not in dropped
    }
    objects = left_beside(root, path) + [".".join([*path, name]) for name in others]
    return {"tensors": rows, "aliases": dropped, "dropped_objects": objects}
