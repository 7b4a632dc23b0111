#!/usr/bin/env python3
"""Writes the hand-made seeds of the fuzz targets whose inputs are no files of the corpus: fuzz/seeds/NAME/*.

They show each target what its input looks like. The same script writes the same bytes. Files whose names are 40 hex
digits were kept from fuzzing (fuzz/run --keep) and are left alone.
"""
import json
import struct
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent.parent / "corpus"


def write(target, name, data):
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)


# ---- headers: a file, then 4 bytes: how long it claims to be beyond what is here ----

def header(text, claimed=0):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw + struct.pack("<I", claimed)


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HEADERS = {
    "empty": header("{}"),
    "one": header(json.dumps({"a": tensor("F32", [2, 2], 0, 16)}), 16),
    "two-out-of-order": header(json.dumps({"b": tensor("U8", [3], 8, 11), "a": tensor("I64", [], 0, 8)}), 11),
    "metadata": header(json.dumps({"__metadata__": {"format": "pt", "x": "\u00e9"}, "a": tensor("F4", [4], 0, 2)}), 2),
    "escapes": header(r'{"\u0061\ud83d\ude00\/":{"dtype":"BO\u004fL","shape":[1],"data_offsets":[0,1]}}', 1),
    "zero-sized": header(json.dumps({"a": tensor("F64", [0, 7], 0, 0), "b": tensor("F6_E2M3", [4], 0, 3)}), 3),
    "padded": header(json.dumps({"a": tensor("C64", [1], 0, 8)}) + "     ", 8),
    "gap": header(json.dumps({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}), 3),
    "duplicate": header(r'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
                        r'"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "overflow": header(json.dumps({"a": tensor("U8", [1 << 32, 1 << 32], 0, 0)})),
}

# ---- bounds: a file, then 8 bytes: seed, failing allocation, memory, and the limits on tensors, metadata, names, rank and
# header, in the order that support/oracle.h's tail takes from the end; 255: all ----

FULL = {"seed": 0, "failing": 255, "memory": 255, "tensors": 255, "metadata": 255, "names": 255, "rank": 255, "header": 255}


def bounded(file, **tight):
    return file + bytes({**FULL, **tight}.values())


def safetensors(header, data=b"", length=None):
    raw = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def colliding(count, names=4):
    """Names that core's table, made for so many with the seed 0, puts all in one place (core/src/names.c)."""
    places, found, mask, number = count + count // 2 + 2, [], (1 << 64) - 1, 0

    def mix(value, word):
        value = (value ^ word) * 0x9e3779b97f4a7c15 & mask
        return value ^ value >> 32

    while len(found) < count:
        name = b"%0*x" % (names, number)
        number += 1
        value = mix(mix(0, int.from_bytes(name, "little")), len(name))
        if (value >> 32) * places >> 32 == 7:
            found.append(name.decode())
    return found


SMALL = {"__metadata__": {"k": "v", "format": "pt"}, "b": tensor("U8", [3], 16, 19), "a": tensor("F32", [2, 2], 0, 16)}
EMPTY = tensor("U8", [0], 0, 0)
SLOW = json.dumps({name: EMPTY for name in colliding(56)}, separators=(",", ":")).encode()
TWICE = SLOW[:-1] + b',"' + colliding(56)[20].encode() + b'":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
PAIRS = json.dumps({"__metadata__": {name: "" for name in colliding(160)}}, separators=(",", ":")).encode()
WHOLE = safetensors(SMALL, bytes(19))
BACKWARDS = safetensors(json.dumps({"t%02d" % i: tensor("U8", [1], 39 - i, 40 - i) for i in range(40)},
                                   separators=(",", ":")).encode(), bytes(40))

BOUNDS = {
    "whole": bounded(WHOLE), "slow-names": bounded(safetensors(SLOW)), "slow-twice": bounded(safetensors(TWICE)),
    "slow-keys": bounded(safetensors(PAIRS)),
    "over-25-mb": bounded(safetensors(SMALL, length=25000008)[:-19] + b"", seed=0xA5),
    "over-25-mb-unaligned": bounded(safetensors({}, length=25000003), seed=0xA5),
    "mz-not-a-header": bounded(b"MZ" + bytes(6) + b"x", seed=0xA5), "spaces": bounded(struct.pack("<Q", 0x8B1F), seed=0xA5),
    "gzip-by-length": bounded(struct.pack("<Q", 0x088B1F) + b"[", seed=0xA5), "empty": bounded(b""), "short": bounded(b"abc"),
    "members-without-fields": bounded(safetensors(b"{" + b",".join(b'"%d":{}' % i for i in range(40)) + b"}")),
    "two-members-one-place": bounded(safetensors(b'{"a":1,' * 30)),
    **{f"{name}-{value}": bounded(WHOLE, **{name: value}) for name, values in {
        "header": (0, 1, 5), "rank": (0, 1), "names": (0, 1), "metadata": (0, 1, 3), "tensors": (0, 1),
        "memory": (0, *range(1, 40, 2), 40, 254), "failing": (0, 1, 2, 3, 4, 5, 8, 17, 18, 34, 49, 50)}.items()
       for value in values},
    **{f"backwards-memory-{value}": bounded(BACKWARDS, memory=value) for value in (40, 44, 48, 52, 54, 60, 70, 76, 255)},
    **{f"slow-memory-{value}": bounded(safetensors(SLOW), memory=value) for value in range(1, 255, 6)},
}

# ---- frames: what a worker says, then two bytes of choices ----

READY, KIND, FINDING, TENSOR, METADATA, GLOBAL, SHARED, CONTIGUOUS, OBJECT, NOTE, OUTPUT, PROGRESS, RESULT, VIOLATION, OMITTED = range(1, 16)


def u32(n):
    return struct.pack("<I", n)


def u64(n):
    return struct.pack("<Q", n)


def text(s):
    raw = s if isinstance(s, bytes) else s.encode()
    return u32(len(raw)) + raw


def frame(kind, payload):
    return u32(kind) + u32(len(payload)) + payload


def finding(id_, subject, detail=b""):
    return frame(FINDING, u32(id_) + u64(9) + u64(1) + u64(2) + u32(len(subject)) + text(subject)
                 + u32(len(detail)) + text(detail))


def result(outcome, tensors=1, digest=True):
    return frame(RESULT, u32(outcome) + u64(tensors) + u64(64) + u32(digest) + bytes(32))


HELLO = frame(READY, text("fuzz") + u32(7) + u32(3) + text("") + u64(0)) + frame(KIND, u32(3))
ROWS = (frame(TENSOR, text("layer.0.weight") + u32(17) + text("float32") + u64(64) + u64(16) + u32(2) + u64(2) + u64(2))
        + frame(METADATA, text("format") + text("pt"))
        + frame(GLOBAL, text("os") + text("system") + u32(3) + u32(1) + u64(31))
        + frame(SHARED, text("b") + text("a") + u32(0)) + frame(CONTIGUOUS, text("a")) + frame(OBJECT, text("epoch") + text("int"))
        + frame(NOTE, text("chosen: state_dict")) + frame(PROGRESS, u64(5) + u64(10)))

FRAMES = {
    "done": HELLO + ROWS + result(0) + b"\0\0",
    "written": HELLO + frame(OUTPUT, u64(4096)) + ROWS + result(0) + b"\2\2",
    "rejected": HELLO + finding(1, b"\x1b[31mred\xff") + result(1) + b"\0\0",
    "every-finding": HELLO + b"".join(finding(i, b"a\"b\\c", b"\xe2\x80\xae") for i in range(1, 60)) + result(1) + b"\1\7",
    "omitted": HELLO + finding(1, b"x") * 64 + frame(OMITTED, u64(36)) + result(1) + b"\0\0",
    "hostile-texts": HELLO + frame(NOTE, text(b"\n\x9b\xc2\x9b\xed\xa0\x80\"}]")) + result(0) + b"\1\3",
    "unlocked": frame(READY, text("fuzz") + u32(1) + u32(0) + text("seccomp") + u64(0)) + b"\0\0",
    "other-build": frame(READY, text("else") + u32(7) + u32(0) + text("") + u64(0)) + b"\0\0",
    "cut": (HELLO + ROWS)[:-5] + b"\0\0",
}

# ---- jobs: arguments, each ended by NUL ----

JOBS = {
    "check": [b"tensorvet-worker", b"check"],
    "write": [b"tensorvet-worker", b"write", b"key=a%2Eb", b"ties=1", b"disarm=1", b"seed=18446744073709551615",
              b"discard=x", b"discard=%FF", b"limit.rank=8"],
    "inspect": [b"tensorvet-worker", b"inspect", b"want-rows=1", b"limit.memory_bytes=1"],
    "bad-escape": [b"tensorvet-worker", b"write", b"key=%0"],
    "bad-number": [b"tensorvet-worker", b"write", b"seed=18446744073709551616"],
}

TEXTS = {
    "plain": b"layer.0.weight",
    "controls": b"\x1b]0;x\x07\r\n\x7f\xc2\x9b\x00",
    "bidi": "a\u202eb\u2066c\u200bd".encode(),
    "broken": b"\xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
    "astral": "\U0001f600\U000e0041\uffff".encode(),
    "long": "\u00e9".encode() * 300,
}

WRITERS = {"recipe-%d" % i: bytes((i * 37 + j * (11 + i)) % 256 for j in range(60 + 20 * i)) for i in range(4)}


SLICES = {"recipe-%d" % i: bytes([17, 2 + i % 3, 1 + i % 4, 3, 4, 5]) + bytes((i * 29 + j * 7) % 256 for j in range(20))
          for i in range(6)}
# F4 of shape [2, 3], columns 0 and 1: the runs are whole bytes, the rows are not.
SLICES["half-bytes-between-rows"] = bytes([1, 2, 2, 2, 3, 1, 0, 0, 0, 33, 16, 18, 16])


# ---- indexes of shards ----

INDEXES = {
    "two-shards": b'{"metadata": {"total_size": 12}, "weight_map": {"a": "m-1.bin", "b.c": "m-2.bin"}}\n',
    "escapes": b'{"weight_map":{"\\u0061\\ud83d\\ude00":"\\u00e9.bin","\\n":"s"},"x":[{"y":[1,-2.5e3,true,null]}]}',
    "duplicate": b'{"weight_map":{"a":"1.bin","\\u0061":"2.bin"}}',
    "leaves-the-folder": b'{"weight_map":{"a":"../b"}}',
    "wrong-type": b'{"metadata":[],"weight_map":{"a":["b"]}}',
}

# ---- pickles: those inside the corpus' checkpoints ----

def pickles():
    for path in sorted((CORPUS / "checkpoints").glob("*/**/*.p*")):
        if path.suffix == ".pkl" and path.stat().st_size < 4096:
            yield path.stem, path.read_bytes()
        elif path.suffix == ".pt" and path.stat().st_size < 4096:
            try:
                with zipfile.ZipFile(path) as archive:
                    names = [n for n in archive.namelist() if n.endswith("/data.pkl")]
                    yield path.stem, archive.read(names[0])
            except (zipfile.BadZipFile, IndexError, NotImplementedError, RuntimeError, OSError, UnicodeError):
                continue  # broken on purpose: its pickle is in another file too


# ---- inflate: the size that is claimed, then a deflate stream ----

def deflated(data, level=9, strategy=0, parts=1):
    """parts > 1: that many times the data, in blocks that a reader can start again at."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    stream = b"".join(packer.compress(data) + (packer.flush(zlib.Z_FULL_FLUSH) if parts > 1 else b"") for _ in range(parts))
    return struct.pack("<I", len(data) * parts) + stream + packer.flush()


STREAMS = {
    "text": deflated(b"hello hello hello world" * 20),
    "stored": deflated(bytes(range(256)) * 3, 0),
    "fixed": deflated(b"abcabcabc" * 10, 9, zlib.Z_FIXED),
    "zeros": deflated(bytes(300000)),  # more than is unpacked at once
    "blocks": deflated(b"x" * 50000, 6, parts=6),
    "long": deflated(bytes(5 << 20)),  # more than is kept: read again from where it can start. Dear, and the only such
}


def main():
    for name, data in HEADERS.items():
        write("header", name, data)
    for name, data in FRAMES.items():
        write("frames", name, data)
        write("report", name, data)
    for name, arguments in JOBS.items():
        write("job", name, b"".join(a + b"\0" for a in arguments))
    for name, data in TEXTS.items():
        write("text", name, data)
    for name, data in WRITERS.items():
        write("writer", name, data)
    for name, data in SLICES.items():
        write("slices", name, data)
    for name, data in STREAMS.items():
        write("inflate", name, data)
    for name, data in INDEXES.items():
        write("index", name, data)
    for name, data in BOUNDS.items():
        write("bounds", name, data)
    write("identify", "mark-before-brace", struct.pack("<Q", 5) + b"\xef\xbb\xbf{}")
    for name, data in HEADERS.items():
        write("incremental", name, data)
    seen = set()
    for name, data in pickles():
        if data not in seen:
            write("pickle", name, data)
        seen.add(data)


if __name__ == "__main__":
    main()
