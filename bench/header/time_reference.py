"""time_reference.py [--list] FILE: the same for the reference package, in a fresh process: what safe_open takes, once it
has opened a tiny file before (the first call imports NumPy, which is not to be counted)."""
import json
import struct
import sys
import tempfile
import time

from safetensors import safe_open


def peak_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


listing = sys.argv[1] == "--list"
path = sys.argv[-1]
with tempfile.NamedTemporaryFile() as tiny:
    tiny.write(struct.pack("<Q", 8) + b"{}      ")
    tiny.flush()
    safe_open(tiny.name, framework="np")
before = peak_kib()
start = time.perf_counter()
file = safe_open(path, framework="np")
opened = time.perf_counter() - start
if listing:
    for name in file.offset_keys():
        part = file.get_slice(name)
        print(" ".join([name, part.get_dtype(), *map(str, part.get_shape())]))
else:
    print(json.dumps({"whole": opened, "peak_kib": peak_kib() - before}))
