"""More hostile checkpoints: what hides in pickles, compressed entries, tar files and legacy streams, one lie a file."""
import struct
import zlib

from containers import Entry
from hostile_cases import EVIL, FOUR, GOOD, KEPT, MARK, TOUCH, UNREAD, WEIGHT, case, checkpoint, dangerous, malformed, other, weights, zipped
from pickles import (BUILD, FALSE, NEWOBJ, NONE, POP, PROTO, REDUCE, STOP, call, integer, integers, mapping, name, program, stack_name,
                     tensor, text, tuple_of)
from streams import (MAGIC, array, deflate, encoded, legacy, legacy_storage, listing, npy, protocol, raw_bytes, tar, tar_member, tar_storages,
                     tar_tensors, torch_tar, TAR_SYSTEM)

HOOKS = call("collections", "OrderedDict")


# Names and calls (classes P1 to P8, P18 to P20, P23 of the attack sheet)

dangerous("attrgetter", "a universal resolver", call("operator", "attrgetter", text("system")))
dangerous("methodcaller", "a call of any method", call("operator", "methodcaller", text("system"), text(TOUCH)))
dangerous("resolve-name", "a universal resolver", call("pkgutil", "resolve_name", text("os.system")))
dangerous("locate", "a universal resolver", call("pydoc", "locate", text("os.system")))
dangerous("partial", "a call kept for later", call("functools", "partial", name("os", "system"), text(TOUCH)))
dangerous("getattr-called", "an attribute that is called is no Enum's", call("builtins", "getattr", name(
    "my_project", "Color"), text("RED")) + tuple_of(text(TOUCH)) + REDUCE)
dangerous("getattr-dunder", "an attribute of Python's own", call("builtins", "getattr", name("my_project", "Color"), text(
    "__globals__")))
dangerous("getattr-of-result", "an attribute of what was looked up", call("builtins", "getattr", call(
    "builtins", "getattr", name("my_project", "a"), text("b")), text("c")))
dangerous("dotted-deep", "a dotted name that reaches two steps", stack_name("pathlib", "Path.write_text.__globals__"))
dangerous("dotted-called", "a dotted name that is called", stack_name("my_project", "Color.make") + tuple_of(text(TOUCH)) + REDUCE)
dangerous("code-type", "a function made of bytes", call("types", "CodeType", integer(0)))
dangerous("marshal", "code as data", call("marshal", "loads", text("x")))
dangerous("fickling", "a scanner's own hooks", call("fickling.hook", "run_hook"))
dangerous("collect-env", "a command by way of torch", call("torch.utils.collect_env", "run", text(TOUCH)))
dangerous("modules-build", "a state for sys.modules", name("sys", "modules") + mapping([("os", NONE)]) + BUILD)
dangerous("newobj-ex", "a call with keywords", name("subprocess", "Popen") + tuple_of(text(TOUCH)) + b"}" + b"\x92")


def unknown(file, about, value, **expect):
    """Inert, not known to be harmful: check refuses it, convert leaves it out."""
    case(f"unknown-{file}.pt", about, ["unknown-global"], weights(mapping([("w", WEIGHT), ("x", value)])),
         worst="inert-unknown", **dict(dict(convert="accept", convert_findings=[], tensors=KEPT), **expect))


unknown("enum", "Python 3.11 writes an Enum as getattr of its class: judged as the class is", call(
    "__builtin__", "getattr", name("my_project", "Color"), text("RED")))
unknown("enum-dotted", "the same as a dotted name", stack_name("my_project", "Color.RED"))
unknown("codec", "another codec is a module that is looked up by name", call("_codecs", "encode", text("x"), text("rot13")))
unknown("bytearray", "a number of zeros for the loader to make", call("__builtin__", "bytearray", integer(1 << 40)))
unknown("tensor-class", "a tensor of 2^40 numbers for the loader to make", call("torch", "FloatTensor", integer(1 << 40)))
unknown("space", "a name that ends in a blank is another name", name("collections", "OrderedDict "))
unknown("return", "a name that ends in a carriage return is another name", name("collections", "OrderedDict\r"))
unknown("homoglyph", "a letter that only looks like another", name("c\u043ellections", "OrderedDict"))
unknown("nul", "a name with a NUL", name("collections", "OrderedDict\0"))
case("nested-bytes.pt", "a pickle in bytes that nothing reads is data", [], checkpoint(protocol(3, mapping([
    ("w", WEIGHT), ("x", raw_bytes(EVIL))]))), check="accept", convert="accept", tensors=KEPT)


# The machine (P4, P7, P9, P14 to P17, P19, P24)

UNSUPPORTED = {"worst": "unsupported"}
malformed("stack-global-number", "STACK_GLOBAL of a number", "pickle-type-mismatch", protocol(4, text("os") + integer(1) + b"\x93"))
malformed("stack-global-memo", "STACK_GLOBAL of a slot that was never filled", "pickle-memo-missing",
          protocol(4, text("os") + b"h\x05\x93"))
malformed("memoize-put", "MEMOIZE counts the slots that are filled, as Python does", "dangerous-global", protocol(4, (
    text("os") + b"q\x05" + POP + text("system") + b"\x94" + POP + b"h\x05h\x01\x93" + tuple_of(text(TOUCH)) + REDUCE)),
          worst="dangerous", convert_findings=["dangerous-global"])
malformed("frame-in-frame", "a frame inside a frame", "pickle-frame-mismatch",
          b"\x80\x04\x95" + struct.pack("<Q", 11) + b"\x95" + struct.pack("<Q", 2) + NONE + STOP)
malformed("frame-hides", "a frame that ends inside bytes, behind which another reader finds a call", "pickle-frame-mismatch",
          b"\x80\x04\x95" + struct.pack("<Q", 5) + b"B" + struct.pack("<I", len(EVIL)) + EVIL + STOP)
malformed("frame-short", "a frame shorter than the operations that it announces", "pickle-frame-mismatch",
          b"\x80\x04\x95" + struct.pack("<Q", 1) + integer(5) + STOP)
malformed("proto-again", "PROTO in the middle", "pickle-protocol", PROTO + PROTO + GOOD + STOP)
malformed("ext2", "EXT2", "pickle-opcode-unsupported", program(b"\x83\1\0"), **UNSUPPORTED)
malformed("ext4", "EXT4", "pickle-opcode-unsupported", program(b"\x84\1\0\0\0"), **UNSUPPORTED)
malformed("next-buffer", "NEXT_BUFFER", "pickle-opcode-unsupported", protocol(5, b"\x97"), **UNSUPPORTED)
malformed("readonly-buffer", "READONLY_BUFFER", "pickle-opcode-unsupported", protocol(5, NONE + b"\x98"), **UNSUPPORTED)
malformed("persid", "a persistent id that is a line of text", "persistent-id-invalid", program(b"P../../etc/passwd\n"))
malformed("pid-module", "a class with its source as persistent id, which torch-zip has not", "persistent-id-invalid", program(tuple_of(
    text("module"), name("my_project", "Net"), text("net.py"), text("import os")) + b"Q"))
malformed("long4-negative", "LONG4 of a negative length", "pickle-argument-invalid", program(b"\x8b\xff\xff\xff\xff"))
malformed("string-unquoted", "STRING without quotes", "pickle-argument-invalid", program(b"Sabc\n"))
malformed("append-record", "APPEND to a tensor", "unknown-global", program(WEIGHT + NONE + b"a"), worst="inert-unknown",
          convert_findings=["no-tensors"])
malformed("tuple-in-itself", "a list in a tuple in that list is legal, and is walked once", "storage-unused", program(
    b"]q\x00(h\x00tq\x01a0h\x01"), check="accept", convert_findings=["no-tensors"])


# Zip (Z1, Z2, Z9 to Z13)

def packed(data, **lies):
    return Entry(b"archive/data/1", deflate(data), **dict(dict(method=8, crc=zlib.crc32(data), size=len(data)), **lies))


BOTH = mapping([("w", WEIGHT), ("z", tensor(key="1"))])


def compressed(file, about, finding, entry, value=BOTH, **expect):
    case(f"zip-{file}.pt", about, [finding], weights(value, extra=[entry]), **expect)


compressed("deflate-size", "a compressed entry that unpacks to less than it says", "zip-stream-invalid", packed(FOUR, size=17), mapping([
    ("z", tensor(key="1", count=17, kind="ByteStorage"))]))
compressed("deflate-more", "one that unpacks to more", "zip-stream-invalid", packed(FOUR + FOUR, size=16))
compressed("deflate-behind", "bytes hidden behind the end of a stream", "zip-stream-invalid", Entry(
    b"archive/data/1", deflate(FOUR) + b"hidden", method=8, crc=zlib.crc32(FOUR), size=16))
compressed("deflate-cut", "a stream cut short", "zip-stream-invalid", Entry(
    b"archive/data/1", deflate(FOUR)[:-2], method=8, crc=zlib.crc32(FOUR), size=16))
compressed("deflate-noise", "a stream that is none", "zip-stream-invalid", Entry(b"archive/data/1", b"\xff" * 9, method=8, size=16))
compressed("deflate-crc", "a compressed entry with another checksum", "zip-crc-mismatch", packed(FOUR, crc=5))
compressed("deflate-bomb", "zeros, a hundred and fifty times the archive", "zip-inflation", packed(bytes(1 << 24) + b"x"))
zipped("folder-storage", "a folder under a storage's name", "zip-duplicate-name", extra=[Entry(b"archive/data/0/", b"")])
zipped("patched", "an entry of patches", "zip-flags", lies={"data/0": {"flags": 0x0820}})
zipped("masked", "masked headers", "zip-flags", lies={"data/0": {"flags": 0x2800}})
zipped("wide-missing", "a size that is in a field which is not there", "zip-extra-field", lies={"data/0": {"size": 0xffffffff,
                                                                                                        "packed": 0xffffffff}})
zipped("wide-short", "a zip64 field that is too short", "zip-extra-field", lies={"data/0": {
    "size": 0xffffffff, "packed": 0xffffffff, "extra": struct.pack("<HHQ", 1, 8, 16)}})
zipped("wide-idle", "a zip64 field that nothing asks for", "zip-extra-field", lies={"data/0": {
    "extra": struct.pack("<HHQ", 1, 8, 16)}})
zipped("wide-overflow", "a size of 2^64 - 1", None, lies={"data/0": {
    "size": 0xffffffff, "packed": 0xffffffff, "extra": struct.pack("<HHQQ", 1, 16, (1 << 64) - 1, (1 << 64) - 1)}})
zipped("duplicate-far", "a second data.pkl at the end", "zip-duplicate-name", extra=[Entry(b"archive/data.pkl", EVIL)])
case("zip-prefix.pt", "a pickle before the archive", None, weights(prefix=EVIL), kind="pickle", worst="dangerous")
case("zip-wrong-order.npz", "an array of Python objects is a pickle", ["tensor-unsupported"], npy(EVIL, (1,), "|O"), kind="numpy",
     worst="unsupported")


# Tar (L7)

GOODS = tar_storages([(1, "FloatStorage", 4, FOUR)])
ROW = (2, 1, "FloatTensor", (4,), (1,), 0)
OBJECT = program(mapping([("w", integer(2) + b"Q")]))
FIRST = [tar_member(b"sys_info", TAR_SYSTEM), tar_member(b"storages", GOODS), tar_member(b"tensors", tar_tensors([ROW]))]
WHOLE = [*FIRST, tar_member(b"pickle", OBJECT)]


def tarred(file, about, finding, data, **expect):
    case(f"tar-{file}.pt", about, [finding], data, **dict(dict(kind="torch-tar", worst=None, convert_findings=[finding]), **expect))


def in_tar(file, about, finding, storages=GOODS, rows=(ROW,), tensors=None, pickle=OBJECT, **expect):
    tarred(file, about, finding, torch_tar(storages, tar_tensors(rows) if tensors is None else tensors, pickle), **expect)


tarred("symlink", "a link named storages, which torch follows", "tar-member", tar([
    FIRST[0], tar_member(b"storages", b"", kind=b"2", link=b"/etc/passwd"), *WHOLE[2:]]))
tarred("hardlink", "a hard link", "tar-member", tar([FIRST[0], tar_member(b"storages", b"", kind=b"1", link=b"sys_info"), *WHOLE[2:]]))
tarred("twice", "a member twice", "tar-member", tar([*WHOLE, WHOLE[3]]))
tarred("missing", "a member too few", "tar-member", tar([WHOLE[0], *WHOLE[2:]]))
tarred("extra", "a member that is no part of a checkpoint", "tar-member", tar([*WHOLE, tar_member(b"run.py", b"x = 1")]))
tarred("absolute", "a member with the name of a file of the machine", "tar-member", tar([*WHOLE, tar_member(b"/tmp/pickle", b"")]))
tarred("device", "a device", "tar-member", tar([*WHOLE, tar_member(b"pickle", b"", kind=b"3")]))
tarred("pax-size", "a header that resizes the next member for some", "tar-invalid", tar([
    tar_member(b"x", b"11 size=10\n", kind=b"x"), *WHOLE]))
tarred("pax-path", "a header that renames the next member for some", "tar-invalid", tar([
    *WHOLE[:2], tar_member(b"x", b"15 path=pickle\n", kind=b"x"), *WHOLE[2:]]))
tarred("prefix", "a name in two parts", "tar-member", tar([*WHOLE[:3], tar_member(b"pickle", OBJECT, prefix=b"a")]))
tarred("behind", "bytes behind the end", "tar-invalid", tar(WHOLE, bytes(1024) + b"x" * 512))
tarred("no-end", "no blocks of zeros at the end", "tar-invalid", tar(WHOLE, b""))
tarred("sum", "a wrong checksum", "tar-invalid", tar([*WHOLE[:3], tar_member(b"pickle", OBJECT, sum_off=1)]))
tarred("beyond", "a member longer than the file", "tar-invalid", tar([*WHOLE[:3], tar_member(b"pickle", OBJECT, size=1 << 30)]))
in_tar("tensor-beyond", "a tensor beyond its storage", "tensor-out-of-bounds", rows=[(2, 1, "FloatTensor", (5,), (1,), 0)])
in_tar("tensor-type", "a tensor of another type than its storage", "legacy-invalid", rows=[(2, 1, "LongTensor", (2,), (1,), 0)])
in_tar("tensor-lost", "a tensor of no storage", "legacy-invalid", rows=[(2, 9, "FloatTensor", (4,), (1,), 0)])
in_tar("stride-negative", "a negative stride", "legacy-invalid", rows=[(2, 1, "FloatTensor", (4,), (-1,), 3)])
in_tar("rank", "a tensor of 2^31 - 1 dimensions", "legacy-invalid", tensors=program(integer(1)) + program(tuple_of(
    integer(2), integer(1), name("torch", "FloatTensor"))) + struct.pack("<ii", (1 << 31) - 1, 0))
in_tar("rank-negative", "a tensor of -1 dimensions", "legacy-invalid", tensors=program(integer(1)) + program(tuple_of(
    integer(2), integer(1), name("torch", "FloatTensor"))) + struct.pack("<ii", -1, 0))
in_tar("storage-cut", "a storage cut short", "legacy-invalid", storages=program(integer(1)) + program(tuple_of(
    integer(1), text("cpu"), name("torch", "FloatStorage"))) + struct.pack("<q", 1 << 40))
in_tar("key-twice", "one key for two tensors", "legacy-invalid", rows=[ROW, ROW])
in_tar("view-beyond", "a part of a storage beyond its end", "legacy-invalid", storages=tar_storages(
    [(1, "FloatStorage", 4, FOUR)], listing([tuple_of(*map(integer, (3, 1, 2, 3)))])))
in_tar("key-lost", "an object that refers to no tensor", "persistent-id-invalid", pickle=program(integer(7) + b"Q"))
in_tar("os-system", "a command in the object", "dangerous-global", pickle=program(mapping([("w", integer(2) + b"Q"), (
    "x", call("os", "system", text(TOUCH)))])), worst="dangerous")
in_tar("os-system-storages", "a command among the storages", "dangerous-global", storages=program(integer(1)) + program(tuple_of(
    integer(1), text("cpu"), call("os", "system", text(TOUCH)))) + struct.pack("<q", 4) + FOUR + program(b"]"), worst="dangerous",
       convert_findings=["dangerous-global", "legacy-invalid"])


# Legacy streams (P11, P22, L2 to L5)

VIEW = call("torch._utils", "_rebuild_tensor_v2", legacy_storage("9", 4), integer(0), integers((4,)), integers((1,)), FALSE, HOOKS)
HELD = {"9": (4, FOUR)}


def old(file, about, finding, pickle=program(mapping([("w", VIEW)])), storages=None, **lies):
    expect = {key: lies.pop(key) for key in ("worst", "kind", "convert_findings") if key in lies}
    case(f"legacy-{file}.pth", about, [finding], legacy(pickle, HELD if storages is None else storages, **lies),
         **dict(dict(kind="torch-legacy"), **expect))


old("protocol", "another version of the stream", "legacy-invalid", protocol=program(integer(1002)))
old("magic-called", "the magic number as the result of a call", "dangerous-global", magic=program(call(
    "__builtin__", "eval", text("0x1950a86a20f9469cfc6c"))), kind="pickle", worst="dangerous",
    convert_findings=["dangerous-global"])
old("system-called", "a call in the description of the system", "dangerous-global", system=program(call(
    "os", "system", text(TOUCH))), worst="dangerous")
old("key-missing", "a storage that the list does not have: torch leaves its memory as it is", "storage-missing", storages={})
old("key-extra", "a storage that nothing refers to", "legacy-invalid", storages={"9": (4, FOUR), "8": (4, FOUR)})
old("key-twice", "a storage twice", "legacy-invalid", keys=["9", "9"])
old("size-more", "a storage with more numbers than the object says", "storage-size-mismatch", storages={"9": (8, FOUR + FOUR)})
old("size-less", "a storage with fewer numbers", "storage-size-mismatch", storages={"9": (2, FOUR[:8])})
old("cut", "a storage cut short", "legacy-invalid", storages={"9": (4, FOUR[:10])})
old("behind", "bytes behind the last storage", "legacy-invalid", tail=b"more")
old("view-beyond", "a part of a storage beyond its end", "persistent-id-invalid", program(mapping([("w", call(
    "torch._utils", "_rebuild_tensor_v2", legacy_storage("9", 4, view=tuple_of(text("7"), integer(2), integer(3))), integer(0),
    integers((3,)), integers((1,)), FALSE, HOOKS))])))


# Storages inside pickles

def nested(stream, form=encoded):
    return call("torch._utils", "_rebuild_tensor_v2", call("torch.storage", "_load_from_bytes", form(stream)), integer(0), integers(
        (4,)), integers((1,)), FALSE, HOOKS)


INNER = legacy(program(legacy_storage("9", 4)), HELD)
case("nested-os-system.pkl", "a command inside a storage's own stream", ["dangerous-global"], program(mapping([("w", nested(
    legacy(program(call("os", "system", text(TOUCH))), {})))])), kind="pickle", worst="dangerous", convert_findings=["dangerous-global"])
case("nested-twice.pkl", "a stream inside a stream inside a pickle", ["legacy-invalid"], program(mapping([("w", nested(
    legacy(program(nested(INNER)), {})))])), kind="pickle", convert_findings=["legacy-invalid"])
case("nested-no-storage.pkl", "a stream that is no storage", ["legacy-invalid"], program(mapping([("w", nested(
    legacy(program(integer(5)), {})))])), kind="pickle", convert_findings=["legacy-invalid"])
case("nested-beyond-latin1.pkl", "bytes written as text that is none", ["legacy-invalid"], program(mapping([("w", call(
    "torch._utils", "_rebuild_tensor_v2", call("torch.storage", "_load_from_bytes", call("_codecs", "encode", text("\u0100"), text(
        "latin1"))), integer(0), integers((4,)), integers((1,)), FALSE, HOOKS))])), kind="pickle", convert_findings=["legacy-invalid"])
case("array-short.pkl", "an array of fewer bytes than its shape", [], program(mapping([("w", array(FOUR, (5,), "f4"))])),
     kind="pickle", check="accept", worst="reviewed", convert_findings=["tensor-unsupported"])
case("array-overflow.pkl", "an array of 2^62 rows of 8", [], program(mapping([("w", array(FOUR, (1 << 62, 8), "f4"))])),
     kind="pickle", check="accept", worst="reviewed", convert_findings=["tensor-unsupported"])
case("array-objects.pkl", "an array of Python objects", [], program(mapping([("w", array(b"", (1,), "O8", "|"))])),
     kind="pickle", check="accept", worst="reviewed", convert_findings=["tensor-unsupported"])


def read_again(value, times=300):
    """One bytes object of 64 KiB that is put into the memo, and `times` values made of it: value(form)."""
    forms = [lambda data: raw_bytes(data) + b"q\x07"] + (times - 1) * [lambda data: b"h\x07"]
    return protocol(3, mapping([(f"w{i}", value(lambda data, form=form: raw_bytes(data) if data == b"b" else form(data)))
                                for i, form in enumerate(forms)]))


ROW, STREAM = bytes(1 << 16), legacy(program(legacy_storage("9", 1 << 14)), {"9": (1 << 14, bytes(1 << 16))})
case("array-again.pkl", "300 arrays of the same bytes, and an output of as many", ["tensor-expanded"], read_again(
    lambda form: array(ROW, (1 << 14,), "f4", form=form)), kind="pickle", convert_findings=["tensor-expanded"])
case("nested-again.pkl", "300 storages of the same stream", ["tensor-expanded"], read_again(lambda form: call(
    "torch._utils", "_rebuild_tensor_v2", call("torch.storage", "_load_from_bytes", form(STREAM)), integer(0), integers((1 << 14,)),
    integers((1,)), FALSE, HOOKS)), kind="pickle", convert_findings=["tensor-expanded"])


# What safetensors cannot hold, by name

def unheld(file, about, value):
    case(f"unheld-{file}.pt", about, [], weights(mapping([("w", WEIGHT), ("x", value)])), check="accept",
         convert_findings=["tensor-unsupported"])


SPARSE = call("torch.serialization", "_get_layout", text("torch.sparse_coo"))
unheld("quantized", "a quantized tensor", call("torch._utils", "_rebuild_qtensor", NONE))
unheld("sparse", "a sparse tensor", call("torch._utils", "_rebuild_sparse_tensor", SPARSE, tuple_of()))
unheld("nested", "a nested tensor", call("torch._utils", "_rebuild_nested_tensor", WEIGHT, WEIGHT, WEIGHT, WEIGHT))
unheld("meta", "a tensor without data", call("torch._utils", "_rebuild_meta_tensor_no_storage", name("torch", "float32"), integers(
    (2,)), integers((1,)), FALSE))
unheld("wrapper", "a tensor of a subclass without data", call("torch._utils", "_rebuild_wrapper_subclass", NONE))
unheld("uninitialized", "a parameter that was never given data", call("torch.nn.parameter", "UninitializedParameter", FALSE))
unheld("cast", "a tensor of another device stored as another type", call("torch._utils", "_rebuild_device_tensor_from_cpu_tensor", WEIGHT,
                                                                        name("torch", "float16"), text("cpu"), FALSE))


# Other files under a checkpoint's name: each is named for what it is

for file, data, kind in [
        ("xz.pt", b"\xfd7zXZ\0" + bytes(40), "xz"), ("zstd.pt", b"\x28\xb5\x2f\xfd" + bytes(40), "zstd"),
        ("lz4.pt", b"\x04\x22\x4d\x18" + bytes(40), "lz4"), ("bzip2.pt", b"BZh91AY&SY" + bytes(40), "bzip2"),
        ("rar.pt", b"Rar!\x1a\x07\1\0" + bytes(40), "rar"), ("ggml.bin", b"lmgg" + bytes(40), "ggml"),
        ("onnx.bin", b"\x08\x07\x12\x07pytorch" + bytes(40), "onnx"), ("executorch.pt", bytes(4) + b"ET12" + bytes(40), "executorch"),
        ("mobile.pt", bytes(4) + b"PTMF" + bytes(40), "torch-mobile"), ("preview.pt", b"PYTORCH1" + bytes(40), "torch-preview")]:
    other(file, "named for what it is", "unsupported-kind", data, kind, **UNREAD)


def foreign(file, entries, kind):
    from containers import archive
    other(file, "named for what it is", "unsupported-kind", archive([Entry(part, b"x") for part in entries]), kind, **UNREAD)


foreign("package.pt", [b"p/.data/extern_modules", b"p/.data/version", b"p/model/model.pkl"], "torch-package")
foreign("pt2.pt", [b"m/archive_format", b"m/version", b"m/models/model.json"], "pt2")
foreign("mar.pt", [b"MAR-INF/MANIFEST.json", b"model.py"], "mar")
foreign("plain-zip.pt", [b"a/readme.txt"], "zip")
EMPTY = b'{"__metadata__":{"format":"pt"}}'.ljust(32)
case("safetensors.bin", "a safetensors file under a checkpoint's name", [], struct.pack("<Q", len(EMPTY)) + EMPTY, kind="safetensors",
     check="accept", worst=None, convert="accept", tensors={})
case("polyglot.safetensors", "a safetensors file that ends in a zip archive", ["polyglot"], struct.pack(
    "<Q", 64) + (b'{"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(weights()), len(weights()))).ljust(64) + weights(),
     kind="safetensors", worst="dangerous", convert_findings=["polyglot"])
