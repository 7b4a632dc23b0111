"""Assembles what torch no longer writes: legacy streams, the tar files of torch 0.1, deflate streams, NumPy arrays.

Only what an honest writer would do; a lie is a keyword. Nothing here needs torch or NumPy, or depends on a zlib.
"""
import struct

from pickles import FALSE, NONE, PROTO, STOP, call, integer, name, program, text, tuple_of

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
SYSTEM = program(b"}(" + text("protocol_version") + integer(1001) + text("little_endian") + b"\x88" + text("type_sizes") +
                 b"}" + b"u")


def listing(items):
    return b"](" + b"".join(items) + b"e"


def raw_bytes(data):
    """A bytes object of protocol 3."""
    return b"B" + struct.pack("<I", len(data)) + data


def encoded(data):
    """The same as protocols up to 2 write it: text, each character a byte."""
    return call("_codecs", "encode", text(data.decode("latin-1")), text("latin1"))


# torch-legacy

def legacy_storage(key, count, kind="FloatStorage", module="torch", view=NONE, location="cpu"):
    return tuple_of(text("storage"), name(module, kind), text(key), text(location), integer(count), view) + b"Q"


def legacy(pickle, storages, keys=None, magic=MAGIC, protocol=program(integer(1001)), system=SYSTEM, tail=b""):
    """storages: {key: (number of elements, bytes)}, in order; keys: what the list of keys says instead."""
    listed = program(listing([text(key) for key in (storages if keys is None else keys)]))
    data = b"".join(struct.pack("<q", count) + raw for count, raw in storages.values())
    return magic + protocol + system + pickle + listed + data + tail


# torch-tar

def tar_member(member, data, kind=b"0", link=b"", size=None, sum_off=0, prefix=b""):
    header = bytearray(struct.pack("<100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x", member, b"0000644\0", b"0000000\0",
                                   b"0000000\0", b"%011o\0" % (len(data) if size is None else size), b"13000000000\0",
                                   b"        ", kind, link, b"ustar\x0000", b"", b"", b"0000000\0", b"0000000\0", prefix))
    header[148:156] = b"%06o\0 " % (sum(header) + sum_off)
    return bytes(header) + data + bytes(-len(data) % 512)


TAR_SYSTEM = program(b"}(" + text("protocol_version") + integer(1000) + text("little_endian") + b"\x88u")


def tar_storages(rows, views=b"]"):
    """rows: (key, class, number of elements, bytes)."""
    parts = [program(integer(len(rows)))]
    for key, kind, count, raw in rows:
        parts += [program(tuple_of(integer(key), text("cpu"), name("torch", kind))), struct.pack("<q", count), raw]
    return b"".join(parts) + program(views)


def tar_tensors(rows):
    """rows: (key, storage's key, class, sizes, strides, offset)."""
    parts = [program(integer(len(rows)))]
    for key, storage, kind, sizes, strides, offset in rows:
        parts += [program(tuple_of(integer(key), integer(storage), name("torch", kind))), struct.pack("<ii", len(sizes), 0),
                  struct.pack(f"<{len(sizes) * 2}q", *sizes, *strides), struct.pack("<q", offset)]
    return b"".join(parts)


def tar(members, end=bytes(1024)):
    return b"".join(members) + end


def torch_tar(storages, tensors, pickle, extra=()):
    return tar([tar_member(b"sys_info", TAR_SYSTEM), tar_member(b"storages", storages), tar_member(b"tensors", tensors),
                tar_member(b"pickle", pickle), *extra])


def tar_around(start, rest, spell, members):
    """A file that starts as `start` and whose first 512 bytes are a tar header too; then the members of that tar; then
    `rest`. start ends in a length that takes what follows up to rest. spell: the checksum of the header, given both sums."""
    head = bytearray(start + struct.pack("<I", 508 - len(start) + len(members)))
    head += bytes(512 - len(head))
    head[100:157] = b"0000644\0" + b"0000000\0" * 2 + b"00000000000\0" * 2 + b"        0"
    total = sum(head)
    stated = spell(total, total - 256 * sum(byte > 127 for byte in head))
    head[148:156] = stated + bytes(8 - len(stated))
    return bytes(head) + members + rest


# deflate, by hand: literals and runs of one byte, in one block of fixed codes

class Bits:
    def __init__(self):
        self.value, self.count, self.out = 0, 0, bytearray()

    def put(self, value, count):
        self.value |= value << self.count
        self.count += count
        while self.count >= 8:
            self.out.append(self.value & 255)
            self.value >>= 8
            self.count -= 8

    def code(self, value, count):
        """Huffman codes go highest bit first."""
        self.put(int(format(value, f"0{count}b")[::-1], 2), count)

    def done(self):
        if self.count:
            self.out.append(self.value)
        return bytes(self.out)


def literal(bits, byte):
    bits.code(*((0x30 + byte, 8) if byte < 144 else (0x190 + byte - 144, 9)))


def deflate(data):
    bits, at = Bits(), 0
    bits.put(3, 3)  # the last block, of fixed codes
    while at < len(data):
        literal(bits, data[at])
        byte, at = data[at:at + 1], at + 1
        while data[at:at + 258] == byte * 258:
            bits.code(0xC5, 8)  # 258 bytes …
            bits.code(0, 5)     # … from one byte before
            at += 258
    bits.code(0, 7)
    return bits.done()


# NumPy

def dtype(letters, order="<"):
    return call("numpy", "dtype", text(letters), FALSE, b"\x88") + tuple_of(
        integer(3), text(order), NONE, NONE, NONE, integer(-1), integer(-1), integer(0)) + b"b"


def array(data, sizes, letters, order="<", fortran=False, form=encoded, core="numpy.core.multiarray"):
    made = call(core, "_reconstruct", name("numpy", "ndarray"), tuple_of(integer(0)), form(b"b"))
    return made + tuple_of(integer(1), tuple_of(*map(integer, sizes)), dtype(letters, order), b"\x88" if fortran else FALSE,
                           form(data)) + b"b"


def npy(data, sizes, descr, fortran=False):
    shape = "(" + ", ".join(map(str, sizes)) + ("," if len(sizes) == 1 else "") + ")"
    head = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    head += " " * (-(11 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + data


def protocol(number, *parts):
    return PROTO[:1] + bytes([number]) + b"".join(parts) + STOP
