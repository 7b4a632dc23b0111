"""Tensors that safetensors has no form for, as plain ones: what is done to each is a decision, and is told."""
import torch

import tv_wire

STRIDED = torch.strided
QUANTIZED_PER_TENSOR = (torch.per_tensor_affine, torch.per_tensor_symmetric)


class Refused(Exception):
    """This tensor is not written, and here is what to do."""

    def __init__(self, code, subject, detail, number=0):
        super().__init__(detail)
        self.code, self.subject, self.detail, self.number = code, subject, detail, number


class Parts(dict):
    """Several tensors in place of one: {name: tensor}, and why."""

    def __init__(self, parts, why):
        super().__init__(parts)
        self.why = why


def size_of(tensor):
    """Bytes that it would take as a dense one."""
    count = 1
    for dimension in tensor.shape:
        count *= dimension
    return count * tensor.element_size()


class Exotic:
    def __init__(self, densify, dequantize):
        self._densify, self._dequantize = densify, dequantize

    def plain(self, tensor, path):
        """(a strided tensor of plain numbers or Parts, what was decided or None)."""
        with torch.no_grad(), torch._C.DisableTorchFunction():
            return self._plain(tensor, path)

    def _plain(self, tensor, path):
        kind = type(tensor)
        decision = None
        if kind not in (torch.Tensor, torch.nn.Parameter) and not is_own(kind):
            if hasattr(tensor, "__tensor_flatten__"):
                names, _ = tensor.__tensor_flatten__()
                return Parts({name: getattr(tensor, name) for name in names},
                             f"a {kind.__name__}, which wraps other tensors: those are written"), None
            decision = f"of the class {kind.__module__}.{kind.__qualname__}: its numbers are written, its class is not"
        tensor = torch.Tensor.detach(tensor)
        if kind is not torch.Tensor and decision is not None:
            tensor = tensor.as_subclass(torch.Tensor)
        if getattr(tensor, "is_nested", False):
            parts = {str(number): part for number, part in enumerate(tensor.unbind())}
            return Parts(parts, f"a nested tensor: its {len(parts)} parts are written"), None
        if tensor.layout is not STRIDED:
            return self._dense(tensor, path)
        if tensor.is_quantized:
            return self._numbers(tensor)
        if tensor.is_conj() or is_negated(tensor):
            return resolve(tensor), "a conjugated or negated view, written as the numbers that it shows"
        return tensor, decision

    def _dense(self, tensor, path):
        layout = str(tensor.layout).replace("torch.", "")
        if not self._densify:
            raise Refused(tv_wire.NEEDS_DENSIFY, path, layout, size_of(tensor))
        if layout == "sparse_coo":
            tensor = tensor.coalesce() if not tensor.is_coalesced() else tensor
        dense = tensor.to_dense()
        return dense, f"{layout}, written dense: {dense.numel() * dense.element_size()} bytes"

    def _numbers(self, tensor):
        dtype, scheme = str(tensor.dtype).replace("torch.", ""), tensor.qscheme()
        name = str(scheme).replace("torch.", "")
        if self._dequantize:
            return tensor.dequantize(), f"quantized ({dtype}, {name}), written as floats"
        if scheme in QUANTIZED_PER_TENSOR:
            parts = {"scale": torch.tensor(tensor.q_scale(), dtype=torch.float64),
                     "zero_point": torch.tensor(tensor.q_zero_point(), dtype=torch.int64)}
        else:
            parts = {"scale": tensor.q_per_channel_scales(), "zero_point": tensor.q_per_channel_zero_points(),
                     "axis": torch.tensor(tensor.q_per_channel_axis(), dtype=torch.int64)}
        return Parts({"int_repr": tensor.int_repr(), **parts},
                     f"quantized ({dtype}, {name}), written as integers with scale and zero point"), None


def is_own(kind):
    """torch's own names for a tensor that is one: Parameter, Buffer, UninitializedParameter."""
    return kind.__module__ == "torch.nn.parameter"


def is_negated(tensor):
    return tensor.is_neg() if hasattr(tensor, "is_neg") else False


def resolve(tensor):
    tensor = tensor.resolve_conj()
    return tensor.resolve_neg() if hasattr(tensor, "resolve_neg") else tensor
