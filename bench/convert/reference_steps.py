"""What the reference converter does with one file, timed without the start of Python and the imports:
reference_steps.py IN OUT. torch.load, contiguous, save_file with {"format": "pt"}, load_file, compare; and the output
made durable as tensorvet does it. Prints one JSON line: seconds, and peak memory in bytes."""
import json
import os
import resource
import sys
import time

import torch
from safetensors.torch import load_file, save_file

source, target = sys.argv[1], sys.argv[2]
before = time.perf_counter()
loaded = torch.load(source, map_location="cpu", weights_only=True)
loaded = {name: tensor.contiguous() for name, tensor in loaded.items()}
save_file(loaded, target, metadata={"format": "pt"})
again = load_file(target)
for name, tensor in loaded.items():
    if not torch.equal(tensor, again[name]):
        sys.exit(f"{name} differs")
for path in (target, os.path.dirname(os.path.abspath(target))):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
seconds = time.perf_counter() - before
print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
