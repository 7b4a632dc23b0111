"""Writes a checkpoint with torch.save: make_checkpoint.py FILE TENSORS BYTES. Contiguous float32 matrices of one size,
each a storage of its own, no two alike."""
import sys

import torch

path, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
columns = 1024
rows = max(1, size // count // 4 // columns)
noise = torch.randn(rows * columns, generator=torch.Generator().manual_seed(7))
torch.save({f"layers.{i // 10}.part{i % 10}.weight": (noise + i).view(rows, columns) for i in range(count)}, path)
