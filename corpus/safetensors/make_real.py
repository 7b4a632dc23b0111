#!/usr/bin/env python3
"""Made the files in real/: with NumPy and one release of the package at a time,

    pip install --no-deps --target DIR safetensors==0.3.1
    PYTHONPATH=DIR python3 make_real.py 0.3.1 real

Not deterministic (releases before 0.3.1 order tensors at random), so the files are kept and never made again."""
import sys

import numpy as np
import safetensors.numpy as sn

release, out = sys.argv[1:]
tensors = {"model.embed": np.arange(12, dtype=np.float32).reshape(3, 4), "ids": np.arange(3, dtype=np.uint8),
           "mask": np.array([True, False]), "h": np.arange(4, dtype=np.float16), "n": np.array(7, dtype=np.int64),
           "empty": np.zeros((0, 2), dtype=np.float64)}
sn.save_file(tensors, f"{out}/{release}.plain.safetensors")
sn.save_file(tensors, f"{out}/{release}.metadata.safetensors", metadata={"format": "np"})
many = {f"layer.{i}.weight \u00e9": np.full((2, i), i, dtype=np.int16) for i in range(5)}
sn.save_file(many, f"{out}/{release}.many.safetensors", metadata={"note": 'line\nbreak "quoted" \u00e9'})
