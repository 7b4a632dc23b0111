"""The hostile checkpoints: each is an honest one but for one thing, and says which id that thing must get.

Harmless: where a payload would run, it would create an empty file `tensorvet-canary` in the current folder.
"""
import struct

from containers import Entry, archive, torch_entries
from pickles import (BUILD, FALSE, MARK, NEWOBJ, NONE, POP, PROTO, REDUCE, STOP, call, integer, integers, mapping, name,
                     program, stack_name, storage, tensor, text, tuple_of)

CASES = {}
FOUR = struct.pack("<4f", 1, 2, 3, 4)
WEIGHT = tensor()
GOOD = mapping([("w", WEIGHT)])
TOUCH = "touch tensorvet-canary"
PYTHON = "open('tensorvet-canary', 'w').close()"


class Case:
    def __init__(self, data, about, findings, expect):
        self.data, self.about, self.findings, self.expect = data, about, findings, expect


def case(file, about, findings, data, **expect):
    """A file, what it stands for, the ids check must report, its bytes. expect: worst (class), kind, check, convert,
    convert_findings, where they are not those of a plain refusal; tensors: {name: (dtype, shape, bytes)} that convert
    gives, with --disarm where it refuses without."""
    CASES[file] = Case(data, about, findings, expect)


def checkpoint(pickle, storages=None, lies=None, extra=(), without=(), root="archive", version=b"3\n", **whole):
    """A torch-zip whose data.pkl is this; storages: {"0": four floats} by default."""
    entries = torch_entries(pickle, {"0": FOUR} if storages is None else storages, root, version, lies, extra, without)
    return archive(entries, **whole)


def weights(value=GOOD, **options):
    return checkpoint(program(value), **options)


KEPT = {"w": ("F32", [4], FOUR)}


# Controls: the assembler's own files are accepted, so that what is refused is refused for what was changed.

case("control.pt", "an assembled checkpoint like torch's is accepted", [], weights(), check="accept", convert="accept",
     tensors=KEPT)
case("control-extra-values.pt", "values of every kind beside tensors", [], weights(mapping([
    ("w", WEIGHT), ("n", NONE), ("i", integer(-5)), ("big", integer(1 << 70)), ("t", tuple_of(integer(1), text("x")))])),
     check="accept", convert="accept", tensors=KEPT)


# Globals: what loading would have run

def dangerous(file, about, value, **expect):
    case(f"global-{file}.pt", about, ["dangerous-global"], weights(mapping([("w", WEIGHT), ("x", value)])),
         worst="dangerous", tensors=KEPT, **expect)


dangerous("os-system", "a shell command", call("os", "system", text(TOUCH)))
dangerous("posix-system", "the same by the name it has in pickles", call("posix", "system", text(TOUCH)))
dangerous("subprocess", "a process", call("subprocess", "Popen", text(TOUCH)))
dangerous("exec", "Python code", call("__builtin__", "exec", text(PYTHON)))
dangerous("eval-py3", "Python code, by Python 3's name", call("builtins", "eval", text(PYTHON)))
dangerous("import", "an import runs a module", call("builtins", "__import__", text("antigravity")))
dangerous("open", "opening a file", call("builtins", "open", text("tensorvet-canary"), text("w")))
dangerous("getattr", "getattr resolves any name", call("builtins", "getattr", name("os", "path"), text("os")))
dangerous("importlib", "an import by another name", call("importlib", "import_module", text("antigravity")))
dangerous("runpy", "a script", call("runpy", "run_path", text("tensorvet-canary")))
dangerous("pickle-loads", "a pickle in a pickle", call("_pickle", "loads", text("")))
dangerous("torch-load", "torch.load itself", call("torch.serialization", "load", text("x.pt")))
dangerous("torch-hub", "a download and its code", call("torch.hub", "load", text("a/b"), text("m")))
dangerous("jit-load", "compiled code", call("torch.jit._serialization", "load", text("x.pt")))
dangerous("fx-module", "torch.fx writes a module's Python code into the pickle, and runs it", call(
    "torch.fx.graph_module", "reduce_graph_module", mapping([("_code", text(PYTHON))]), text("import os")))
dangerous("persistence", "StyleGAN's pickles hold the source of their classes", call(
    "torch_utils.persistence", "_reconstruct_persistent_obj", mapping([("module_src", text(PYTHON))])))
dangerous("webbrowser", "a connection", call("webbrowser", "open", text("http://localhost/")))
dangerous("ctypes", "native code", call("ctypes", "CDLL", text("libc.so.6")))
dangerous("shutil", "removal of files", call("shutil", "rmtree", text("tensorvet-canary")))
dangerous("socket", "a connection", call("socket", "create_connection", tuple_of(text("localhost"), integer(1))))
dangerous("never-called", "naming os.system is enough: loading imports it", name("os", "system"))
dangerous("popped", "a call whose result is thrown away still counts", call("os", "system", text(TOUCH)) + POP + NONE)
dangerous("as-function", "a function handed to a harmless callable counts as called",
          call("collections", "defaultdict", name("os", "getcwd")))
dangerous("method-handed", "a method handed to a constructor that calls what it is given: a reviewed class vouches for its "
          "objects, not for what they can do", call("numpy.random._pickle", "__generator_ctor", call(
              "pathlib", "PosixPath", text("tensorvet-canary")), call("__builtin__", "getattr", name(
                  "pathlib", "PosixPath"), text("touch"))))
dangerous("build", "a call hidden in the state of an object", name("my_project", "Config") + b")" + NEWOBJ +
          mapping([("x", call("os", "system", text(TOUCH)))]) + BUILD)
dangerous("dict-key", "a call as a dictionary key", b"}" + MARK + call("os", "getpid") + NONE + b"u")
dangerous("stack-global", "a name that is put together on the stack",
          stack_name("os", "system") + tuple_of(text(TOUCH)) + REDUCE)
dangerous("dotted", "a dotted name reaches into a module", stack_name("torch._utils", "os.system") +
          tuple_of(text(TOUCH)) + REDUCE)
dangerous("newobj", "an object of a class that does something when it is made",
          name("subprocess", "Popen") + tuple_of(text(TOUCH)) + NEWOBJ)
dangerous("inst", "INST calls as REDUCE does", MARK + text(TOUCH) + b"ios\nsystem\n")
dangerous("obj", "OBJ calls as REDUCE does", MARK + name("os", "system") + text(TOUCH) + b"o")

case("global-unknown.pt", "a class nobody knows is inert: check refuses it, convert leaves it out", ["unknown-global"],
     weights(mapping([("w", WEIGHT), ("x", name("my_project.models", "Config") + b")" + NEWOBJ +
                                      mapping([("lr", integer(3))]) + BUILD)])), worst="inert-unknown",
     convert="accept", convert_findings=[], tensors=KEPT)
case("global-case.pt", "a name that differs in one letter is not the known one", ["unknown-global"],
     weights(mapping([("w", WEIGHT), ("x", name("torch._Utils", "_rebuild_tensor_v2"))])), worst="inert-unknown",
     convert="accept", convert_findings=[], tensors=KEPT)
case("global-truncated.pt", "what was named before a pickle breaks off is still told",
     ["dangerous-global", "pickle-truncated"],
     checkpoint(program(call("os", "system", text(TOUCH)) + POP + GOOD)[:-2]), worst="dangerous")
case("plain-os-system.pkl", "a plain pickle that runs a command", ["dangerous-global"],
     program(call("os", "system", text(TOUCH))), kind="pickle", worst="dangerous")
case("plain-os-system-p0.pkl", "the same, as text", ["dangerous-global"], b"cos\nsystem\n(V" + TOUCH.encode() + b"\ntR.",
     kind="pickle", worst="dangerous")


# The pickle itself

def malformed(file, about, finding, pickle, **expect):
    case(f"pickle-{file}.pt", about, finding and [finding], checkpoint(pickle), **expect)


malformed("no-stop", "a pickle without STOP", "pickle-truncated", program(GOOD)[:-1])
malformed("empty", "an empty pickle", "pickle-truncated", b"")
malformed("half", "a pickle cut in half", "pickle-truncated", program(GOOD)[:100])
malformed("text-beyond-end", "a text longer than the pickle", "pickle-truncated", PROTO + b"X\xff\xff\xff\xff" + b"abc" + STOP)
malformed("bytes8-beyond-end", "2^63 bytes announced", "pickle-truncated", PROTO + b"\x8e" + b"\xff" * 7 + b"\x7f" + STOP)
malformed("after-stop", "bytes after STOP", "pickle-trailing-bytes", program(GOOD) + b"X")
malformed("second", "a second pickle after the first", "pickle-trailing-bytes",
          program(GOOD) + program(call("os", "system", text(TOUCH))))
malformed("two-values", "STOP with two values left", "pickle-leftover", program(NONE + GOOD))
malformed("underflow", "REDUCE on an empty stack", "pickle-stack-underflow", program(REDUCE))
malformed("no-mark", "TUPLE without MARK", "pickle-mark-missing", program(NONE + b"t"))
malformed("no-memo", "a memo slot that was never filled", "pickle-memo-missing", program(b"h\x07"))
malformed("memo-huge", "a memo slot of 2^32 - 1 does not take 64 GiB, and is read as any other", None,
          program(NONE + b"r\xff\xff\xff\xff" + b"0j\xff\xff\xff\xff"))
malformed("odd-items", "SETITEMS with a key too much", "pickle-odd-items", program(b"}" + MARK + text("a") + b"u"))
malformed("append-tuple", "APPEND to a tuple", "pickle-type-mismatch", program(b")" + NONE + b"a"))
malformed("setitem-tensor", "SETITEM into a tensor (CVE-2026-24747) is no known use of one", "unknown-global",
          program(WEIGHT + integer(0) + integer(1) + b"s"), worst="inert-unknown", convert_findings=["no-tensors"])
malformed("list-key", "a list as dictionary key", "pickle-type-mismatch", program(b"}" + b"]" + NONE + b"s"))
malformed("protocol-6", "a protocol that does not exist", "pickle-protocol", b"\x80\x06" + GOOD + STOP)
malformed("unknown-opcode", "a byte that is no operation", "pickle-opcode-unknown", program(b"\xfe"))
malformed("ext", "EXT1 looks names up in the loading program", "pickle-opcode-unsupported", program(b"\x82\x01"),
          worst="unsupported")
malformed("frame-beyond", "a frame longer than the pickle", "pickle-truncated",
          b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + NONE + STOP)
malformed("frame-inside", "a frame that ends inside a text", "pickle-frame-mismatch",
          b"\x80\x04\x95" + struct.pack("<Q", 4) + text("hidden") + STOP)
malformed("bad-utf8", "a name that is no UTF-8", "pickle-argument-invalid", program(b"}" + text(b"\xff\xfe") + WEIGHT + b"s"))
malformed("negative-length", "a negative length", "pickle-argument-invalid", program(b"T\xff\xff\xff\xff" + NONE))
malformed("reduce-text", "calling a text", "pickle-type-mismatch", program(text("x") + b")" + REDUCE))


def nested(levels):
    return program(NONE + b"\x85" * levels)


def doubling(levels):
    """Each step is a pair of the step before: 2^levels values to a reader that copies, levels to one that refers."""
    body = b"".join(b"q" + bytes([level]) + b"h" + bytes([level]) + b"\x86" for level in range(levels))
    return program(text("lol") + body)


malformed("nested", "twenty thousand tuples in each other", "limit-pickle", nested(20000))
malformed("doubling", "a value of 2^60 parts, to a reader that walks it", None, doubling(60))
case("pickle-self.pt", "a dict that contains itself is legal, and is walked once", [], checkpoint(
    program(b"}q\x00" + MARK + text("a") + b"h\x00" + text("w") + WEIGHT + b"u")), check="accept", convert="accept",
     tensors=KEPT)


# Storages

def storages(file, about, finding, **options):
    case(f"storage-{file}.pt", about, [finding], weights(**options))


storages("missing", "a tensor whose storage is not there", "storage-missing", storages={})
storages("short", "a storage shorter than declared: old torch reads foreign memory", "storage-size-mismatch",
         storages={"0": FOUR[:8]})
storages("long", "a storage longer than declared hides bytes", "storage-size-mismatch", storages={"0": FOUR + FOUR})
storages("two-types", "one storage as floats and as integers", "storage-inconsistent",
         value=mapping([("a", WEIGHT), ("b", tensor(kind="IntStorage"))]))
storages("two-sizes", "one storage of two sizes", "storage-size-mismatch",
         value=mapping([("a", WEIGHT), ("b", tensor(size=(2,), count=2))]))
storages("key-parent", "a key that is a path", "storage-missing", value=mapping([("w", tensor(key="../data/0"))]))
storages("key-number", "a key that is no text", "persistent-id-invalid", value=mapping([("w", tensor(key=integer(0)))]))
storages("kind-unknown", "a class that is no storage", "persistent-id-invalid",
         value=mapping([("w", tensor(kind="StrangeStorage"))]))
storages("pid-short", "a persistent id of four parts", "persistent-id-invalid", value=mapping([("w", tensor(
    source=tuple_of(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu")) + b"Q"))]))
storages("pid-text", "a persistent id that is a text", "persistent-id-invalid", value=mapping([("w", tensor(
    source=text("0") + b"Q"))]))
storages("negative", "a negative number of elements", "persistent-id-invalid", value=mapping([("w", tensor(count=-4))]))


# Tensors

def tensors(file, about, finding, **options):
    case(f"tensor-{file}.pt", about, [finding], weights(mapping([("w", tensor(**options))])))


tensors("beyond-by-one", "one element beyond the storage", "tensor-out-of-bounds", size=(5,))
tensors("beyond-by-offset", "an offset beyond the storage", "tensor-out-of-bounds", offset=1)
tensors("beyond-by-stride", "a stride beyond the storage", "tensor-out-of-bounds", size=(2,), stride=(4,))
tensors("offset-huge", "an offset of 2^63 - 1", "tensor-out-of-bounds", offset=(1 << 63) - 1)
tensors("stride-overflow", "strides whose sum wraps around", "tensor-too-large", size=(3, 3), stride=(1 << 62, 1 << 62))
tensors("shape-overflow", "2^32 x 2^32 elements", "tensor-too-large", size=(1 << 32, 1 << 32), stride=(0, 0))
tensors("expansion-bomb", "2^42 bytes out of sixteen", "tensor-expanded", size=(1 << 20, 1 << 20), stride=(0, 0))
tensors("rank-mismatch", "two dimensions and one stride", "tensor-malformed", size=(2, 2))
tensors("rank-huge", "100 dimensions", "tensor-too-large", size=(1,) * 100, stride=(1,) * 100)
tensors("negative-size", "a negative dimension", "tensor-malformed", size=(-1,))
tensors("negative-stride", "a negative stride", "tensor-malformed", stride=(-1,))
tensors("negative-offset", "a negative offset", "tensor-malformed", offset=-1)
tensors("bool-offset", "True as an offset", "tensor-malformed", offset=b"\x88")
tensors("float-size", "a float as a dimension", "tensor-malformed", size=(b"G" + struct.pack(">d", 4.0),))
case("tensor-args.pt", "a rebuild function with an argument too few", ["tensor-malformed"], weights(mapping([("w", call(
    "torch._utils", "_rebuild_tensor_v2", storage(), integer(0), integers((4,)), integers((1,)), FALSE))])))
case("tensor-no-storage.pt", "a rebuild function over a text", ["tensor-malformed"],
     weights(mapping([("w", tensor(source=text("0")))])))
case("tensor-complex128.pt", "a dtype that safetensors has not is named, not dropped", [], weights(
    mapping([("w", tensor(size=(1,), count=1, kind="ComplexDoubleStorage"))])), check="accept",
    convert_findings=["tensor-unsupported"])


# The zip archive

def zipped(file, about, finding, worst="malformed", **options):
    case(f"zip-{file}.pt", about, finding and [finding], weights(**options), worst=worst)


ROW = b"archive/"
EVIL = program(call("os", "system", text(TOUCH)))
zipped("duplicate", "two entries of one name", "zip-duplicate-name", extra=[Entry(ROW + b"data.pkl", EVIL)])
zipped("duplicate-case", "two entries whose names differ in case alone", "zip-duplicate-name",
       extra=[Entry(ROW + b"DATA.PKL", EVIL)])
zipped("local-name", "the local header has another name", "zip-header-mismatch",
       lies={"data/0": {"local_name": b"archive/data/9"}})
zipped("local-method", "the local header has another method", "zip-header-mismatch", lies={"data/0": {"local_method": 8}})
zipped("crc-data", "a storage whose checksum is wrong", "zip-crc-mismatch", lies={"data/0": {"crc": 0x12345678}})
zipped("crc-pickle", "a pickle whose checksum is wrong", "zip-crc-mismatch", lies={"data.pkl": {"crc": 0x12345678}})
zipped("crc-one-zero", "one checksum of zero among real ones is a wrong one", "zip-crc-mismatch",
       lies={"data/0": {"crc": 0}})
zipped("descriptor", "a data descriptor with another size", "zip-descriptor-mismatch",
       lies={"data/0": {"descriptor_size": 15}})
zipped("two-sizes", "a stored entry with two sizes", "zip-size-mismatch", lies={"data/0": {"size": 12}})
zipped("trailing", "bytes after the archive", "zip-trailing-data", suffix=b"tail")
zipped("comment", "a comment", "zip-comment", comment=b"hello")
zipped("comment-end", "a second end record inside the comment", None, comment=b"PK\5\6" + bytes(18))
zipped("gap-front", "bytes between the entries", "zip-gap", lies={"data.pkl": {"hidden": b"hidden bytes"}})
zipped("gap-end", "bytes before the directory", "zip-gap", before_end=b"hidden bytes")
zipped("shared", "two rows for one entry", None, storages={}, extra=[Entry(ROW + b"data/0", FOUR, shares="archive/data.pkl")])
zipped("offset-beyond", "a row that points beyond the file", None, lies={"data/0": {"at": 1 << 30}})
zipped("encrypted", "an encrypted entry", "zip-flags", lies={"data/0": {"flags": 0x0801}})
zipped("bzip2", "an entry said to be compressed with bzip2", "zip-method", lies={"data/0": {"method": 12}}, worst="unsupported")
zipped("disk", "an entry on another disk", "zip-multi-disk", lies={"data/0": {"disk": 1}})
zipped("end-disk", "an end record on another disk", "zip-multi-disk", disk=1)
zipped("entries-said", "an entry that the end record does not count", "zip-directory-invalid", entries_said=2)
zipped("directory-size", "a directory that is larger than it says", "zip-gap", directory_size=150)
zipped("directory-at", "a directory that starts elsewhere", None, directory_at=10)
zipped("locator", "a locator that points elsewhere", None, end_at=7)
zipped("outside-root", "an entry outside the archive's one folder", "zip-root-mismatch", extra=[Entry(b"__MACOSX/x", b"x")])
zipped("two-roots", "two folders", "zip-root-mismatch", extra=[Entry(b"other/data.pkl", EVIL)])
zipped("root-parent", "a root named ..", "zip-name-invalid", root="..")
zipped("root-empty", "a root without a name", "zip-name-invalid", root="")
zipped("backslash", "a backslash in a name", "zip-name-invalid", extra=[Entry(ROW + b"a\\b", b"x")])
zipped("parent", "a name that climbs", "zip-name-invalid", extra=[Entry(ROW + b"../x", b"x")])
zipped("control", "a control character in a name", "zip-name-invalid", extra=[Entry(ROW + b"a\nb", b"x")])
zipped("not-utf8", "a name that is no UTF-8", "zip-name-invalid", extra=[Entry(ROW + b"\xff\xfe", b"x")])
zipped("stray", "an entry that is no part of a checkpoint", "zip-extra-entry", extra=[Entry(ROW + b"payload.py", b"x")])
zipped("unicode-path", "an extra field that renames the entry for some", "zip-extra-field",
       lies={"data/0": {"extra": b"up" + struct.pack("<HBI", 13, 1, 0) + b"renamed8"}})
zipped("no-version", "no version record", "record-missing", without=("version",))
zipped("version-11", "a version that does not exist", "record-invalid", version=b"11\n")
zipped("version-text", "a version that is no number", "record-invalid", version=b"3; rm\n")
zipped("byteorder-odd", "a byte order that does not exist", "record-invalid", extra=[Entry(ROW + b"byteorder", b"middle")])

case("zip-truncated.pt", "an archive cut short", ["zip-end-missing"], weights()[:-30])
case("zip-concatenated.pt", "two archives in one file", None, weights() + weights())


# Parts of a distributed checkpoint, which is a folder

def in_dcp(class_, state, module="torch.distributed.checkpoint.metadata"):
    return name(module, class_) + b")" + NEWOBJ + state + BUILD


case("dcp-metadata.pkl", "the table of a distributed checkpoint: where the parts of each tensor lie",
     ["distributed-checkpoint", "unknown-global"], program(in_dcp("Metadata", mapping([(
         "state_dict_metadata", mapping([("w", in_dcp("TensorStorageMetadata", mapping([("size", integers((4,)))])))]))]))),
     kind="pickle", worst="unsupported", convert_findings=["distributed-checkpoint"])
case("dcp-dangerous.pkl", "such a table that would run a command is told as what it is", ["dangerous-global",
     "distributed-checkpoint", "unknown-global"], program(in_dcp("Metadata", mapping([
         ("planner_data", call("os", "system", text(TOUCH)))]))), kind="pickle", worst="dangerous",
     convert_findings=["dangerous-global", "distributed-checkpoint"])


# Other files under a checkpoint's name

def other(file, about, finding, data, kind, convert=None, worst=None):
    case(file, about, [finding], data, kind=kind, worst=worst, convert_findings=[convert or finding])


other("empty.pt", "an empty file", "empty-file", b"", "empty")
other("lfs-pointer.bin", "a git-lfs pointer", "git-lfs-pointer", b"version https://git-lfs.github.com/spec/v1\n"
      b"oid sha256:" + b"0" * 64 + b"\nsize 12345\n", "git-lfs-pointer")
other("page.bin", "an HTML page", "html-page", b"<!DOCTYPE html><html><body>Sign in</body></html>\n", "html")
UNREAD = {"convert": "convert-refused", "worst": "unsupported"}
other("gzip.pt", "gzip data", "unsupported-kind", b"\x1f\x8b\x08" + bytes(40), "gzip", **UNREAD)
other("seven.pt", "a 7z archive", "unsupported-kind", b"7z\xbc\xaf\x27\x1c" + bytes(40), "7z", **UNREAD)
other("gguf.bin", "a GGUF model", "unsupported-kind", b"GGUF\x03" + bytes(40), "gguf", **UNREAD)
other("hdf5.bin", "an HDF5 file", "unsupported-kind", b"\x89HDF\r\n\x1a\n" + bytes(40), "hdf5", **UNREAD)
other("noise.bin", "bytes of no kind", "unsupported-kind", bytes(range(200, 256)) * 3, "unknown", **UNREAD)
case("torchscript.pt", "a TorchScript archive: its loader runs code, its tensors can be had without", ["loader-executes"],
     weights(extra=[Entry(b"archive/constants.pkl", program(b")")), Entry(b"archive/code/__torch__.py", b"x = 1\n")]),
     kind="torchscript", worst=None, convert="accept", convert_findings=[], tensors=KEPT)
