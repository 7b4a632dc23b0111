"""What torch does only at its first use (imports, caches, warnings), done before the lock, on bytes of our own."""
import io
import warnings

import torch

from tv_tensors import Exotic


def checkpoints():
    """Small checkpoints in both containers, and with the tensors that need most code."""
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    everything = {"plain": tensor, "view": tensor.t(), "parameter": torch.nn.Parameter(tensor),
                  "bfloat16": tensor.to(torch.bfloat16), "sparse": tensor.to_sparse(),
                  "csr": tensor.to_sparse_csr(),
                  "quantized": torch.quantize_per_tensor(tensor, 0.5, 1, torch.quint8),
                  "channels": torch.quantize_per_channel(tensor, torch.ones(2), torch.zeros(2), 0, torch.qint8)}
    for value in ({"a": tensor}, everything, torch.nn.Linear(2, 2)):
        for zipped in (True, False):
            buffer = io.BytesIO()
            torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
            yield buffer


def warm():
    warnings.simplefilter("ignore")
    from tv_structure import Structure
    for buffer in checkpoints():
        for weights_only in (True, False):
            buffer.seek(0)
            try:
                value = torch.load(buffer, map_location="cpu", weights_only=weights_only)
            except Exception:  # weights_only refuses some of these
                continue
            for dequantize in (False, True):
                Structure(Exotic(densify=True, dequantize=dequantize)).write(value)
