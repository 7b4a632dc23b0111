"""torch's .contiguous() on one core, over the views of bench_gather.c: name, bytes, best and median seconds."""
import time

import torch

ROUNDS = 9
SIZE = 4 * 8192 * 8192
VIEWS = [
    ("transpose float32", torch.float32, (8192, 8192), (1, 8192)),
    ("transpose float16", torch.float16, (8192, 16384), (1, 8192)),
    ("transpose uint8", torch.uint8, (16384, 16384), (1, 16384)),
    ("transpose float64", torch.float64, (4096, 8192), (1, 4096)),
    ("transpose float32, odd sides", torch.float32, (4001, 16001), (1, 4001)),
    ("channels_last images", torch.float32, (64, 256, 56, 56), (802816, 1, 14336, 256)),
    ("channels_last kernels", torch.float32, (2048, 2048, 3, 3), (18432, 1, 6144, 2048)),
    ("left half of rows", torch.float32, (8192, 4096), (8192, 1)),
    ("every second column", torch.float32, (8192, 4096), (8192, 2)),
    ("rows repeated", torch.float32, (8192, 8192), (0, 1)),
    ("columns repeated", torch.float32, (8192, 8192), (1, 0)),
    ("reversed dimensions", torch.float32, (400, 300, 200), (1, 400, 120000)),
]

torch.set_num_threads(1)
flat = torch.arange(SIZE // 4, dtype=torch.int32).view(torch.uint8)
for name, dtype, shape, stride in VIEWS:
    view = flat.view(dtype).as_strided(shape, stride)
    seconds = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        made = view.contiguous()
        seconds.append(time.perf_counter() - before)
        del made
    seconds.sort()
    print(f"{name}\t{view.numel() * view.element_size()}\t{seconds[0]:.4f}\t{seconds[ROUNDS // 2]:.4f}")
