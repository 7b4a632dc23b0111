"""The stream: frames {u32 type, u64 size, payload} on descriptor 5, little-endian, in this order:

    HELLO      u32 version, u32 layers in force, u32 Landlock ABI: written before the first byte is read
    TABLE      for each storage: u64 bytes, u32 flags (1: it was not contiguous)
    DECISION   u32 storage, text: what was done to a tensor so that it could be written; any number
    STRUCTURE  a pickle of the values, with tensors over the storages (tv_structure.py)
    DATA       one for each storage: its bytes
    END
    FAIL       in place of any of these, and the last: u32 code, u64 number, u32 size, subject, u32 size, detail

What reads it (stream.c, in a worker of its own) believes nothing of it but its HELLO.
"""
import os
import struct

STREAM = 5
VERSION = 1
HELLO, TABLE, DECISION, STRUCTURE, DATA, END, FAIL = range(1, 8)
MODULE_MISSING, CLASS_REFUSED, MEMORY, LOAD_FAILED, NEEDS_DENSIFY, UNSUPPORTED, UNLOCKED = range(1, 8)
PIECE = 1 << 20
TEXT = 256


class Wire:
    """Writes frames. A silent one (for a run that is only to be repeated) writes nothing."""

    def __init__(self, silent):
        self._silent = silent

    def _put(self, data):
        view = memoryview(data).cast("B")
        while not self._silent and len(view) > 0:
            view = view[os.write(STREAM, view[:PIECE]):]

    def frame(self, kind, payload=b""):
        view = memoryview(payload).cast("B") if len(payload) else b""
        self._put(struct.pack("<IQ", kind, len(view)))
        if len(view):
            self._put(view)

    def hello(self, layers, abi):
        self.frame(HELLO, struct.pack("<III", VERSION, layers, abi))

    def fail(self, code, subject="", detail="", number=0):
        texts = b"".join(struct.pack("<I", len(text)) + text for text in
                         (str(part).encode("utf-8", "replace")[:TEXT] for part in (subject, detail)))
        self.frame(FAIL, struct.pack("<IQ", code, number) + texts)
