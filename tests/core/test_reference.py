"""core against the reference package, in one process: libtensorvet.so by ctypes, safetensors by import.

Promises: the writer's bytes are the reference's; whatever core accepts, the reference accepts and reads as the same
tensors. Usage: python test_reference.py LIBTENSORVET [SECONDS]. Exit 77 where the package is missing."""
import ctypes
import pathlib
import random
import struct
import sys
import time

try:
    import safetensors
except ImportError:
    print("skipped: this Python has no safetensors package (TV_PYTHON_REFERENCE chooses another)")
    sys.exit(77)

U64, U32, U16, U8 = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint16, ctypes.c_uint8
OK, REJECTED = 0, 1


class Span(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_size_t)]


class Arena(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t), ("used", ctypes.c_size_t)]


class Tensor(ctypes.Structure):
    _fields_ = [("begin", U64), ("end", U64), ("name_at", U32), ("name_size", U32), ("shape_at", U32), ("rank", U16),
                ("dtype", U8), ("name_escaped", U8)]


class Index(ctypes.Structure):
    _fields_ = [("header", Span), ("data_start", U64), ("data_size", U64), ("tensors", ctypes.POINTER(Tensor)),
                ("count", U64), ("metadata_at", U32), ("metadata_count", U32)]


class Entry(ctypes.Structure):
    _fields_ = [("name", Span), ("shape", ctypes.POINTER(U64)), ("rank", U16), ("dtype", ctypes.c_int), ("begin", U64),
                ("end", U64)]


class Pair(ctypes.Structure):
    _fields_ = [("key", Span), ("value", Span)]


DTYPES = ("BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ I16 U16 F16 BF16 I32 U32 F32 "
          "C64 F64 I64 U64").split()
BITS = dict(zip(DTYPES, [8, 4, 6, 6] + [8] * 7 + [16] * 4 + [32] * 3 + [64] * 4))
# what the reference's TensorSpec calls them, and how many logical elements one of its elements is
SPEC = {"BOOL": "bool", "F4": "float4_e2m1fn_x2", "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2",
        "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz",
        "F8_E5M2FNUZ": "float8_e5m2fnuz", "I16": "int16", "U16": "uint16", "F16": "float16", "BF16": "bfloat16",
        "I32": "int32", "U32": "uint32", "F32": "float32", "C64": "complex64", "F64": "float64", "I64": "int64",
        "U64": "uint64"}


class Core:
    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.findings = ctypes.create_string_buffer(1 << 16)

        class Limits(ctypes.Structure):
            _fields_ = [("values", U64 * 64)]  # at least as large as tv_limits: it is returned through memory

        self.lib.tv_limits_default.restype = Limits
        self.limits = self.lib.tv_limits_default()
        for name in ("tv_index_memory", "tv_tensor_name"):
            getattr(self.lib, name).restype = U64
        self.lib.tv_dtype_name.restype = ctypes.c_char_p
        self.lib.tv_index_memory.argtypes = [U64]
        self.lib.tv_index_parse.argtypes = [Span, U64, ctypes.c_void_p, U64, ctypes.c_void_p, ctypes.c_void_p,
                                            ctypes.c_void_p]
        self.lib.tv_header_write.argtypes = [ctypes.c_void_p, U64, ctypes.c_void_p, U64, ctypes.c_bool, ctypes.c_void_p,
                                             ctypes.c_char_p, U64, ctypes.c_void_p, ctypes.c_void_p]
        self.lib.tv_layout.argtypes = [ctypes.c_void_p, U64, ctypes.c_void_p]
        self.lib.tv_tensor_name.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        self.lib.tv_tensor_shape.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        assert [self.lib.tv_dtype_name(i).decode() for i in range(22)] == DTYPES

    def parse(self, data, seed=0):
        """None where rejected, else {name: (dtype, shape, bytes)}."""
        ctypes.memset(self.findings, 0, len(self.findings))
        room = self.lib.tv_index_memory(len(data))
        memory = ctypes.create_string_buffer(room + 16)
        base = (ctypes.addressof(memory) + 15) // 16 * 16
        arena, index = Arena(base, room, 0), Index()
        status = self.lib.tv_index_parse(Span(data, len(data)), len(data), ctypes.byref(self.limits), seed,
                                         ctypes.byref(arena), ctypes.byref(index), self.findings)
        if status == REJECTED:
            return None
        assert status == OK, status
        tensors = {}
        for i in range(index.count):
            t = index.tensors[i]
            size = self.lib.tv_tensor_name(ctypes.byref(index), ctypes.byref(t), None, 0)
            name = ctypes.create_string_buffer(size + 1)
            self.lib.tv_tensor_name(ctypes.byref(index), ctypes.byref(t), name, size)
            shape = (U64 * (t.rank + 1))()
            self.lib.tv_tensor_shape(ctypes.byref(index), ctypes.byref(t), shape)
            key = name.raw[:size].decode()
            assert key not in tensors
            start = index.data_start
            tensors[key] = (DTYPES[t.dtype], list(shape)[:t.rank], data[start + t.begin:start + t.end])
        return tensors

    def write(self, tensors, metadata):
        """None where refused, else the bytes of the whole file."""
        ctypes.memset(self.findings, 0, len(self.findings))
        entries, keep = (Entry * max(1, len(tensors)))(), []
        for entry, (name, (dtype, shape, _)) in zip(entries, tensors.items()):
            dims = (U64 * max(1, len(shape)))(*shape)
            raw = name.encode()
            keep += [dims, raw]
            entry.name, entry.shape, entry.rank = Span(raw, len(raw)), dims, len(shape)
            entry.dtype = DTYPES.index(dtype)
        if self.lib.tv_layout(entries, len(tensors), self.findings) != OK:
            return None
        pairs = (Pair * max(1, len(metadata or {})))()
        for pair, (key, value) in zip(pairs, (metadata or {}).items()):
            key, value = key.encode(), value.encode()
            keep += [key, value]
            pair.key, pair.value = Span(key, len(key)), Span(value, len(value))
        out, size = ctypes.create_string_buffer(1 << 20), U64()
        status = self.lib.tv_header_write(entries, len(tensors), pairs, len(metadata or {}), metadata is not None,
                                          ctypes.byref(self.limits), out, len(out), ctypes.byref(size), self.findings)
        if status != OK:
            return None
        names = [ctypes.string_at(entries[i].name.data, entries[i].name.size).decode() for i in range(len(tensors))]
        return out.raw[:size.value] + b"".join(tensors[n][2] for n in names)


NAME_PARTS = ["a", "weight", ".", "layers.0.", "é", "日本", "😀", '"', "\\", "/", " ", "{", "~", "B", "__metadata__x"]


def random_name(rng):
    return "".join(rng.choice(NAME_PARTS) for _ in range(rng.randrange(1, 6)))


def random_tensors(rng, dtypes):
    tensors = {}
    for _ in range(rng.randrange(0, 12)):
        dtype = rng.choice(dtypes)
        shape = [rng.choice([0, 1, 2, 3, 4, 8]) for _ in range(rng.randrange(0, 4))]
        if BITS[dtype] < 8:
            shape.append(4)
        count = 1
        for n in shape:
            count *= n
        tensors[random_name(rng)] = (dtype, shape, rng.randbytes(count * BITS[dtype] // 8))
    return tensors


def reference_write(tensors, metadata):
    specs, keep = {}, []
    for name, (dtype, shape, data) in tensors.items():
        buffer = ctypes.create_string_buffer(data, max(1, len(data)))
        keep.append(buffer)
        shape = list(shape)
        if dtype == "F4":
            shape[-1] //= 2
        specs[name] = safetensors.TensorSpec(dtype=SPEC[dtype], shape=shape, data_ptr=ctypes.addressof(buffer),
                                             data_len=len(data))
    return bytes(safetensors.serialize(specs, metadata))


def check_writer(core, rng, rounds):
    for i in range(rounds):
        tensors = random_tensors(rng, sorted(SPEC))
        metadata = rng.choice([None, {"format": "pt"}, {random_name(rng): "v\n\t\u0001\x7f" + random_name(rng)}])
        if metadata == {} or "__metadata__" in tensors:
            continue
        ours, theirs = core.write(tensors, metadata), reference_write(tensors, metadata)
        if metadata and any(ord(c) < 32 for k in metadata for c in k):
            continue
        assert ours == theirs, (tensors, metadata, ours, theirs)
        assert core.parse(ours) == tensors
    print(f"writer: {rounds} random dictionaries, the reference's bytes")


def reference_read(data):
    try:
        return {name: (t["dtype"], list(t["shape"]), bytes(t["data"])) for name, t in safetensors.deserialize(data)}
    except safetensors.SafetensorError:
        return None


TOKENS = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\n", b"0", b"1", b"-", b".", b"e", b"null", b"true",
          b'"a"', b'"dtype"', b'"shape"', b'"data_offsets"', b'"F32"', b'"U8"', b'"__metadata__"', b"\\u0061", b"\xff",
          b"18446744073709551615", b"9223372036854775808", b'"x":1,', b"\x00", b"\xc3\xa9", b"\\ud83d", b"1.0", b"[]",
          b"{}"]


def mutate(rng, header):
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at, kind = rng.randrange(len(header) + 1), rng.randrange(5)
        end = min(len(header), at + rng.choice([1, 1, 2, 5, 12]))
        if kind == 0:
            header = header[:at] + rng.choice(TOKENS) + header[at:]
        elif kind == 1:
            header = header[:at] + rng.choice(TOKENS) + header[end:]
        elif kind == 2:
            header = header[:at] + header[end:]
        elif kind == 3:
            header = header[:at] + header[at:end] * 2 + header[end:]
        elif header:
            at = rng.randrange(len(header))
            header = header[:at] + bytes([rng.randrange(256)]) + header[at + 1:]
    return header


def check_reader(core, rng, seconds):
    counts = {"both accept": 0, "both refuse": 0, "only the reference accepts": 0}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tensors = random_tensors(rng, DTYPES)
        whole = core.write(tensors, rng.choice([None, {"k": "v"}]))
        length = struct.unpack("<Q", whole[:8])[0]
        for _ in range(20):
            header = mutate(rng, whole[8:8 + length])
            file = struct.pack("<Q", len(header)) + header + whole[8 + length:]
            ours, theirs = core.parse(file, rng.getrandbits(64)), reference_read(file)
            if ours is not None:
                assert ours == theirs, (file, ours, theirs)
            kind = "both accept" if ours is not None else "both refuse" if theirs is None else "only the reference accepts"
            counts[kind] += 1
    print("reader:", counts)
    assert all(counts.values()), counts


def check_corpus(core, folder):
    """Every accepted file of the corpus, every byte of its first 400 changed in four ways, and cut at every byte."""
    flips = accepted = 0
    for path in sorted(pathlib.Path(folder).glob("accept/*.safetensors")):
        whole = path.read_bytes()
        ours = core.parse(whole)
        if ours is None:
            continue  # under other limits only
        assert ours == reference_read(whole), path
        header_end = 8 + struct.unpack("<Q", whole[:8])[0]
        for at in range(min(header_end, 400)):
            for change in (0x01, 0x20, 0x80, 0xff):
                file = whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1:]
                flipped, flips = core.parse(file), flips + 1
                if flipped is not None:
                    accepted += 1
                    assert flipped == reference_read(file), (path, at, change)
        for size in range(min(len(whole), 400)):
            assert core.parse(whole[:size]) is None, (path, size)
    print(f"corpus: {flips} changed bytes, {accepted} of them harmless, as the reference reads them")
    assert accepted > 0


def main():
    core, rng = Core(sys.argv[1]), random.Random(20260101)
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    print("safetensors", safetensors.__version__)
    check_writer(core, rng, 3000)
    check_reader(core, rng, seconds)
    check_corpus(core, pathlib.Path(__file__).parents[2] / "corpus/safetensors")


main()
