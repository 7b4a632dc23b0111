#!/usr/bin/env python3
"""The inert machine against CPython's own.

Generates pickles that hit every operation of protocols 0 to 5 (nothing in them exists, so nothing could run), lets
CPython's pure-Python Unpickler read them with inert recorders in the place of everything it would look up, and compares
the object graph, identities included, with what pickle_dump shows of the C machine's.

    pickle_oracle.py PICKLE_DUMP [COUNT [SEED]]
"""
import io
import pickle
import random
import re
import struct
import subprocess
import sys
import tempfile


class Inert:
    """Stands for a global, a call, an object or a persistent id, and notes what is done to it."""

    def __init__(self, how, *parts, kwargs=None):
        self.how, self.parts, self.kwargs = how, parts, kwargs or {}
        self.items, self.pairs, self.states = [], {}, []
        self.__new__ = lambda cls, *args, **kw: Inert("new", cls, *args, kwargs=kw)

    def __call__(self, *args):
        return Inert("call", self, *args)

    def append(self, item):
        self.items.append(item)

    def extend(self, items):
        self.items.extend(items)

    add = append

    def __setitem__(self, key, value):
        self.pairs[key] = value

    def __setstate__(self, state):
        self.states.append(state)
        if isinstance(state, dict):
            LateChange.copied.append(state)


class LateChange(Exception):
    """A dict is filled further after it was a state: real objects have copied it by then, so the machine refuses."""
    copied = []


def early(load):
    def checked(self):
        taken = self.stack[-3] if load is pickle._Unpickler.load_setitem else self.metastack[-1][-1]
        if any(taken is state for state in LateChange.copied):
            raise LateChange
        load(self)
    return checked


class Recorder(pickle._Unpickler):
    dispatch = {**pickle._Unpickler.dispatch, pickle.SETITEM[0]: early(pickle._Unpickler.load_setitem),
                pickle.SETITEMS[0]: early(pickle._Unpickler.load_setitems)}

    def find_class(self, module, name):
        return Inert("global", module, name)

    def persistent_load(self, pid):
        return Inert("pid", pid)


class Shown:
    """Writes a graph the way pickle_dump does."""

    def __init__(self):
        self.numbers, self.keep = {}, []

    def text(self, value):
        return value.encode("utf-8", "surrogatepass").hex()

    def plain(self, value):
        if value is None:
            return "N;"
        if isinstance(value, bool):
            return f"B{int(value)};"
        if isinstance(value, int):
            return f"I{value};"
        if isinstance(value, float):
            return f"F{struct.pack('>d', value).hex()};"
        if isinstance(value, str):
            return f"S{self.text(value)};"
        if isinstance(value, bytes):
            return f"Y{value.hex()};"
        if isinstance(value, bytearray):
            return f"A{value.hex()};"
        return None

    def pairs(self, value):
        return "".join(self.show(k, False) + "=" + self.show(v) for k, v in value.items())

    def inside(self, value, numbered):
        if isinstance(value, (tuple, list)):
            return "".join(self.show(item, numbered) for item in value)
        if isinstance(value, dict):
            return self.pairs(value)
        if isinstance(value, (set, frozenset)):
            return "".join(sorted(self.show(item, False) for item in value))
        parts = "".join(self.show(part) for part in value.parts)
        kwargs = "".join(f"S{self.text(k)};=" + self.show(v) for k, v in value.kwargs.items())
        items = "".join(self.show(item) for item in value.items)
        return f"{value.how}:{parts}|{kwargs}|{items}|{self.pairs(value.pairs)}|" + "".join(
            self.show(state) for state in value.states)

    def show(self, value, numbered=True):
        plain = self.plain(value)
        if plain is not None:
            return plain
        letter = {tuple: "t", list: "l", dict: "d", set: "s", frozenset: "f", Inert: "r"}[type(value)]
        number = ""
        if numbered and not (isinstance(value, (tuple, frozenset)) and not value):
            again = id(value) in self.numbers
            self.keep.append(value)
            number = str(self.numbers.setdefault(id(value), len(self.numbers) + 1))
            if again:
                return letter + number + ";"
        return f"{letter}{number}({self.inside(value, numbered)})"


class Maker:
    """Writes one random pickle, operation by operation."""

    def __init__(self, rng):
        self.rng, self.ops, self.memo, self.hashable = rng, [], {}, {}
        self.protocol = rng.randrange(6)

    def op(self, byte, data=b""):
        self.ops.append(byte + data)

    def make(self):
        self.value(4)
        body = self.ops + [b"."]
        if self.protocol >= 4 and self.rng.random() < 0.7:
            body = self.framed(body)
        start = b"\x80" + bytes([self.protocol]) if self.protocol >= 2 else b""
        return start + b"".join(body)

    def framed(self, body):
        out = []
        while body:
            count = self.rng.randrange(1, len(body) + 1)
            inside, body = b"".join(body[:count]), body[count:]
            out.append(b"\x95" + struct.pack("<Q", len(inside)) + inside if self.rng.random() < 0.8 else inside)
        return out

    # plain values

    def number(self):
        r = self.rng
        n = r.choice([r.randrange(256), r.randrange(65536), r.randrange(-2**31, 2**31), r.randrange(-2**80, 2**80)])
        forms = ["text", "long", "long1", "long4"]
        forms += ["K"] * (0 <= n < 256) + ["M"] * (0 <= n < 65536) + ["J"] * (-2**31 <= n < 2**31)
        form = r.choice(forms)
        data = n.to_bytes(n.bit_length() // 8 + 1 + r.randrange(3), "little", signed=True)
        if form == "text":
            self.op(b"I", b"%d\n" % n)
        elif form == "long":
            self.op(b"L", b"%d%s\n" % (n, r.choice([b"L", b""])))
        elif form == "long1":
            self.op(b"\x8a", bytes([len(data)]) + data)
        elif form == "long4":
            self.op(b"\x8b", struct.pack("<i", len(data)) + data)
        else:
            self.op(form.encode(), struct.pack({"K": "<B", "M": "<H", "J": "<i"}[form], n))

    def constant(self):
        r = self.rng
        byte = r.choice([b"N", b"\x88", b"\x89", b"I01\n", b"I00\n", b")"])
        self.op(byte[:1], byte[1:])

    def real(self):
        r = self.rng
        x = r.choice([0.0, -0.0, 1.5, float("inf"), float("-inf"), r.uniform(-1e9, 1e9), 5e-324, 1.7976931348623157e308])
        if r.random() < 0.5:
            self.op(b"F", repr(x).encode() + b"\n")
        else:
            self.op(b"G", struct.pack(">d", x))

    def some_text(self):
        r = self.rng
        return "".join(r.choice(["a", "b", "Z", "9", ".", " ", "'", '"', "\\", "\n", "\t", "\x00", "\xe9", "\u20ac",
                                 "\U0001f600"]) for _ in range(r.randrange(6)))

    def text(self):
        r, s = self.rng, self.some_text()
        form = r.choice("STUVX456")
        if r.random() < 0.05 and form not in "STU":
            s += "\ud800"
        data = s.encode("utf-8", "surrogatepass")
        if form == "S":
            self.op(b"S", ascii(data)[1:].encode() + b"\n")
        elif form == "V":
            line = s.replace("\\", "\\u005c").replace("\n", "\\u000a").replace("\0", "\\u0000").replace("\x1a", "\\u001a")
            self.op(b"V", line.encode("raw-unicode-escape") + b"\n")
        else:
            byte, size = {"T": (b"T", "<i"), "U": (b"U", "<B"), "X": (b"X", "<I"), "4": (b"\x8c", "<B"),
                          "5": (b"\x8d", "<Q"), "6": (b"X", "<I")}[form]
            self.op(byte, struct.pack(size, len(data)) + data)

    def some_bytes(self):
        r = self.rng
        byte, size = r.choice([(b"B", "<I"), (b"C", "<B"), (b"\x8e", "<Q")])
        data = r.randbytes(r.randrange(8))
        self.op(byte, struct.pack(size, len(data)) + data)

    def some_bytearray(self):
        data = self.rng.randbytes(self.rng.randrange(8))
        self.op(b"\x96", struct.pack("<Q", len(data)) + data)

    # names and calls

    def name(self):
        return self.rng.choice(["no_such_module", "no.such.module", "nö_module"]), self.rng.choice(["Thing", "made", "Ünit"])

    def some_global(self):
        module, name = (part.encode() for part in self.name())
        if self.rng.random() < 0.5:
            self.op(b"c", module + b"\n" + name + b"\n")
        else:
            self.op(b"\x8c", bytes([len(module)]) + module)
            self.op(b"\x8c", bytes([len(name)]) + name)
            self.op(b"\x93")

    def arguments(self, depth):
        for _ in range(self.rng.randrange(3)):
            self.value(depth - 1)

    def args_tuple(self, depth):
        self.op(b"(")
        self.arguments(depth)
        self.op(b"t")

    def call(self, depth):
        r = self.rng
        form = r.choice(["R", "new", "new_ex", "inst", "obj"])
        if form == "inst":
            module, name = (part.encode("ascii", "ignore") for part in self.name())
            self.op(b"(")
            self.arguments(depth)
            self.op(b"i", module + b"\n" + name + b"\n")
        elif form == "obj":
            self.op(b"(")
            self.some_global()
            self.arguments(depth)
            self.op(b"o")
        else:
            self.some_global()
            self.args_tuple(depth)
            if form == "new_ex":
                self.op(b"}")
                for key in r.sample(["one", "two"], r.randrange(3)):
                    self.op(b"U", bytes([len(key)]) + key.encode())
                    self.value(depth - 1)
                    self.op(b"s")
            self.op({"R": b"R", "new": b"\x81", "new_ex": b"\x92"}[form])
        if r.random() < 0.5:
            self.memoise(True)
        for _ in range(r.randrange(3)):
            self.do_to_object(depth)

    def do_to_object(self, depth):
        form = self.rng.choice(["build", "append", "appends", "setitem", "setitems", "additems"])
        if form == "build":
            self.value(depth - 1)
            self.op(b"b")
        elif form == "append":
            self.value(depth - 1)
            self.op(b"a")
        elif form == "appends":
            self.op(b"(")
            self.arguments(depth)
            self.op(b"e")
        elif form == "additems":
            self.op(b"(")
            self.key()
            self.op(b"\x90")
        elif form == "setitem":
            self.key()
            self.value(depth - 1)
            self.op(b"s")
        else:
            self.op(b"(")
            for _ in range(self.rng.randrange(3)):
                self.key()
                self.value(depth - 1)
            self.op(b"u")

    def persistent(self, depth):
        if self.rng.random() < 0.3:
            self.op(b"P", b"some id 7\n")
        else:
            self.value(depth - 1)
            self.op(b"Q")

    # containers; memoised before they are filled, so that they may hold themselves

    def key(self):
        """A key: hashable, and never equal to one of another type."""
        self.rng.choice([self.text, self.text, self.big_key, self.some_bytes, self.tuple_key])()

    def big_key(self):
        self.op(b"J", struct.pack("<i", self.rng.randrange(1000, 1010)))

    def tuple_key(self):
        self.text()
        self.big_key()
        self.op(b"\x86")

    def tuple(self, depth):
        r = self.rng
        count = r.randrange(5)
        marked = count == 0 or count > 3 or r.random() < 0.3
        if marked:
            self.op(b"(")
        for _ in range(count):
            self.value(depth - 1)
        self.op(b"t" if marked else {1: b"\x85", 2: b"\x86", 3: b"\x87"}[count])

    def twice(self, depth):
        self.value(depth - 1)
        self.op(b"2")
        self.op(b"\x86")

    def list(self, depth):
        r = self.rng
        if r.random() < 0.3:
            self.op(b"(")
            self.arguments(depth)
            self.op(b"l")
        else:
            self.op(b"]")
        if r.random() < 0.6:
            self.memoise(False)
        for _ in range(r.randrange(3)):
            if r.random() < 0.5:
                self.value(depth - 1)
                self.op(b"a")
            else:
                self.op(b"(")
                self.arguments(depth)
                self.op(b"e")

    def dict(self, depth):
        r = self.rng
        if r.random() < 0.3:
            self.op(b"(")
            for _ in range(r.randrange(3)):
                self.key()
                self.value(depth - 1)
            self.op(b"d")
        else:
            self.op(b"}")
        if r.random() < 0.6:
            self.memoise(False)
        for _ in range(r.randrange(3)):
            marked = r.random() < 0.5
            if marked:
                self.op(b"(")
            for _ in range(r.randrange(3) if marked else 1):
                self.key()
                self.value(depth - 1)
            self.op(b"u" if marked else b"s")

    def set(self, depth):
        frozen = self.rng.random() < 0.5
        if not frozen:
            self.op(b"\x8f")
            if self.rng.random() < 0.5:
                self.memoise(False)
        self.op(b"(")
        for _ in range(self.rng.randrange(4)):
            self.key()
        self.op(b"\x91" if frozen else b"\x90")

    # the memo and the stack

    def memoise(self, hashable):
        r = self.rng
        form = r.choice(["put", "binput", "long", "memoize"])
        index = len(self.memo) if form == "memoize" else r.choice([len(self.memo), r.randrange(250)])
        self.memo[index] = hashable
        if form == "put":
            self.op(b"p", b"%d\n" % index)
        elif form == "binput":
            self.op(b"q", bytes([index % 256])) if index < 256 else self.op(b"r", struct.pack("<I", index))
        elif form == "long":
            self.op(b"r", struct.pack("<I", index))
        else:
            self.op(b"\x94")

    def again(self):
        index = self.rng.choice(list(self.memo))
        form = self.rng.choice(["get", "binget", "long"])
        if form == "get":
            self.op(b"g", b"%d\n" % index)
        elif form == "binget" and index < 256:
            self.op(b"h", bytes([index]))
        else:
            self.op(b"j", struct.pack("<I", index))

    def junk(self, depth):
        form = self.rng.choice(["pop", "pop_mark", "mark_pop"])
        if form == "pop":
            self.value(depth - 1)
            self.op(b"0")
        elif form == "pop_mark":
            self.op(b"(")
            self.arguments(depth)
            self.op(b"1")
        else:
            self.op(b"(")
            self.op(b"0")

    def value(self, depth):
        r = self.rng
        if r.random() < 0.05:
            self.junk(min(depth, 2))
        if self.memo and r.random() < 0.15:
            self.again()
            return
        plain = [self.number, self.constant, self.real, self.text, self.some_bytes, self.some_bytearray, self.some_global]
        nested = [self.tuple, self.list, self.dict, self.set, self.call, self.persistent, self.twice]
        if depth <= 0 or r.random() < 0.35:
            r.choice(plain)()
        else:
            r.choice(nested)(depth)
        if r.random() < 0.3:
            self.memoise(False)


def expected(data):
    LateChange.copied.clear()
    try:
        value = Recorder(io.BytesIO(data), encoding="utf-8", errors="strict").load()
    except LateChange:
        return "!pickle-late-change"
    return Shown().show(value)


def normalised(line):
    """Long integers are shown as they were written; here they become numbers."""
    line = re.sub(r"L([0-9a-f]+);", lambda m: f"I{int.from_bytes(bytes.fromhex(m[1]), 'little', signed=True)};", line)
    return re.sub(r"D([+-]?[0-9]+);", lambda m: f"I{int(m[1])};", line)


def run(dump, pickles):
    with tempfile.NamedTemporaryFile() as file:
        for data in pickles:
            file.write(struct.pack("<I", len(data)) + data)
        file.flush()
        out = subprocess.run([dump, file.name], capture_output=True, check=True).stdout
    return out.decode("ascii").split("\n")[:-1]


# What only a loading program could answer is refused by name, never guessed.
REFUSED = {b"\x82\x01": "EXT1", b"\x83\x01\x00": "EXT2", b"\x84\x01\x00\x00\x00": "EXT4", b"\x97": "NEXT_BUFFER",
           b"N\x98": "READONLY_BUFFER"}


def main():
    dump = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 20260101
    rng = random.Random(seed)
    makers = [Maker(rng) for _ in range(count)]
    pickles = [maker.make() for maker in makers]
    used = {op[:1] for maker in makers for op in maker.ops} | {b"."}
    used |= {b"\x80", b"\x95"} | {bytes([key[-1 if key[:1] == b"N" else 0]]) for key in REFUSED}
    import pickletools
    missing = [info.name for info in pickletools.opcodes if info.code.encode("latin-1") not in used]
    if missing:
        sys.exit(f"the generator never writes {missing}")
    bad = 0
    for data, line in zip(pickles, run(dump, pickles), strict=True):
        want = expected(data)
        if normalised(line) != want:
            bad += 1
            if bad <= 3:
                print(f"pickle   {data!r}\nCPython  {want}\nmachine  {line}")
    lines = run(dump, [b"\x80\x05" + op + b"." for op in REFUSED])
    bad += sum(line != "!pickle-opcode-unsupported" for line in lines)
    print(f"{count} pickles, {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
