"""A small pickle assembler: each function gives the bytes of one value, as torch.save writes it at protocol 2 without memo.

Nothing is imported or run to make a pickle: a global is two lines of text.
"""
import struct

PROTO, MARK, STOP, NONE, TRUE, FALSE, EMPTY_TUPLE = b"\x80\x02", b"(", b".", b"N", b"\x88", b"\x89", b")"
REDUCE, BUILD, NEWOBJ, POP = b"R", b"b", b"\x81", b"0"


def text(value):
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name(module, attribute):
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def stack_name(module, attribute):
    return text(module) + text(attribute) + b"\x93"


def tuple_of(*items):
    return MARK + b"".join(items) + b"t" if items else EMPTY_TUPLE


def integers(values):
    return tuple_of(*(value if isinstance(value, bytes) else integer(value) for value in values))


def mapping(pairs):
    return b"}" + MARK + b"".join(text(key) + value for key, value in pairs) + b"u"


def call(module, attribute, *arguments):
    return name(module, attribute) + tuple_of(*arguments) + REDUCE


def storage(key="0", count=4, kind="FloatStorage", module="torch", location="cpu"):
    """A persistent id, as torch gives one to each storage."""
    key = key if isinstance(key, bytes) else text(key)
    return tuple_of(text("storage"), name(module, kind), key, text(location), integer(count)) + b"Q"


def tensor(size=(4,), stride=(1,), offset=0, source=None, **of_storage):
    """_rebuild_tensor_v2 over a storage; sizes, strides and offset may be bytes: any value at all."""
    return call("torch._utils", "_rebuild_tensor_v2", source or storage(**of_storage),
                offset if isinstance(offset, bytes) else integer(offset), integers(size), integers(stride), FALSE,
                call("collections", "OrderedDict"))


def program(*parts):
    return PROTO + b"".join(parts) + STOP
