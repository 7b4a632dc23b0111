"""Checkpoints as older, other or rarer writers leave them, assembled by hand: all of them are accepted.

Numbers are few and known: each case says what tensors the file holds, with their bytes.
"""
import struct
import zlib

from containers import Entry, archive
from hostile_cases import Case, FOUR, weights
from pickles import (BUILD, FALSE, NEWOBJ, NONE, TRUE, call, integer, integers, mapping, name, program, storage, tensor, text,
                     tuple_of)
from streams import (array, deflate, encoded, legacy, legacy_storage, listing, npy, protocol, raw_bytes, tar_storages, tar_tensors,
                     torch_tar)

CASES = {}
SIX = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
TURNED = struct.pack("<6f", 1, 4, 2, 5, 3, 6)
HOOKS = call("collections", "OrderedDict")
OPTIONS = FALSE, HOOKS


def case(file, about, data, tensors, findings=(), **expect):
    """torch: False where no torch loads it. tensors: {name: (dtype, shape, bytes)}."""
    expect.setdefault("check", "accept")
    CASES[file] = Case(data, about, list(findings), dict(expect, convert="accept", tensors=tensors))


def zipped(file, about, value, tensors, storages=None, **expect):
    extra = expect.pop("extra", ())
    case(file, about, weights(value, extra=extra, **({} if storages is None else {"storages": storages})), tensors, **expect)


# torch 0.1: tar

TAR = {"kind": "torch-tar", "check": "reject", "findings": ["loader-executes"], "worst": None, "convert_findings": []}
ROWS = [(11, "FloatStorage", 6, SIX), (12, "LongStorage", 2, struct.pack("<2q", 7, -8))]


def in_tar(file, about, storages, tensors, pickle, holds):
    case(file, about, torch_tar(storages, tensors, pickle), holds, **TAR)


def by_key(key, as_text=False):
    return (text(str(key)) if as_text else integer(key)) + b"Q"


in_tar("tar.pt", "the tar of torch 0.1: tensors by key, one of them transposed", tar_storages(ROWS), tar_tensors([
    (21, 11, "FloatTensor", (2, 3), (3, 1), 0), (22, 11, "FloatTensor", (3, 2), (1, 3), 0),
    (23, 12, "LongTensor", (2,), (1,), 0)]), program(mapping([("a", by_key(21)), ("t", by_key(22)), ("n", by_key(23, True))])),
    {"a": ("F32", [2, 3], SIX), "t": ("F32", [3, 2], TURNED), "n": ("I64", [2], struct.pack("<2q", 7, -8))})
in_tar("tar-views.pt", "a storage that is a part of another", tar_storages(ROWS, listing([tuple_of(*map(
    integer, (13, 11, 2, 4)))])), tar_tensors([(21, 13, "FloatTensor", (3,), (1,), 1)]), program(mapping([("v", by_key(21))])),
    {"v": ("F32", [3], SIX[12:])})
in_tar("tar-parameter.pt", "a parameter around a tensor", tar_storages(ROWS[:1]), tar_tensors([
    (21, 11, "FloatTensor", (6,), (1,), 0)]), program(mapping([("p", name("torch.nn.parameter", "Parameter") + tuple_of(
        by_key(21)) + b"R" + tuple_of(TRUE, FALSE, HOOKS) + BUILD)])), {"p": ("F32", [6], SIX)})


# Legacy streams

def view_of(source, size, stride=(1,), offset=0, function="_rebuild_tensor_v2", tail=OPTIONS):
    return call("torch._utils", function, source, integer(offset), integers(size), integers(stride), *tail)


def old(value):
    """A text as Python 2 wrote it."""
    return b"U" + bytes([len(value)]) + value.encode()


PAIRS = name("collections", "OrderedDict") + tuple_of(listing([
    listing([old("a"), call("torch._utils", "_rebuild_tensor", tuple_of(
        old("storage"), name("torch.cuda", "FloatStorage"), old("97"), old("cuda:0"), integer(6), NONE) + b"Q", integer(2),
        integers((2, 2)), integers((2, 1)))])])) + b"R"
case("legacy-python2.pth", "Python 2: byte strings, an OrderedDict of pairs, _rebuild_tensor, a storage of torch.cuda",
     legacy(program(PAIRS), {"97": (6, SIX)}), {"a": ("F32", [2, 2], SIX[8:])}, kind="torch-legacy")
case("legacy-view.pth", "a storage that is a part of another, by its metadata", legacy(program(mapping([("v", view_of(
    legacy_storage("97", 6, view=tuple_of(text("98"), integer(1), integer(4))), (2,), (1,), 1))])), {"97": (6, SIX)}),
     {"v": ("F32", [2], SIX[8:16])}, kind="torch-legacy")
case("legacy-class.pth", "torch.FloatTensor built with its storage, as torch 0.1.10 wrote it", legacy(program(mapping([(
    "w", name("torch", "FloatTensor") + b")R" + tuple_of(legacy_storage("97", 6), integer(0), integers((3, 2)), integers(
        (1, 3))) + BUILD), ("x", name("torch.autograd.variable", "Variable") + b")" + NEWOBJ + tuple_of(name(
            "torch", "FloatTensor") + b")R" + tuple_of(legacy_storage("97", 6), integer(4), integers((2,)), integers((
                1,))) + BUILD, NONE, HOOKS, TRUE, FALSE) + BUILD)])), {"97": (6, SIX)}),
     {"w": ("F32", [3, 2], TURNED), "x": ("F32", [2], SIX[16:])}, kind="torch-legacy", torch=False)


# Plain pickles

ONE = legacy(program(legacy_storage("5", 6)), {"5": (6, SIX)})


def alone(form):
    return view_of(call("torch.storage", "_load_from_bytes", form(ONE)), (3, 2), (1, 3))


def nested(form):
    return mapping([("w", alone(form))])


PLAIN = {"kind": "pickle", "torch": False}
case("plain-p2.pkl", "a pickled tensor: its storage is a stream of its own, as text", program(nested(encoded)),
     {"w": ("F32", [3, 2], TURNED)}, **PLAIN)
case("plain-p3.pkl", "the same, as bytes", protocol(3, nested(raw_bytes)), {"w": ("F32", [3, 2], TURNED)}, **PLAIN)
NUMPY = dict(PLAIN, worst="reviewed", findings=["reviewed-global"])
case("arrays-p2.pkl", "NumPy arrays: row by row, column by column, big-endian, and none at all", program(mapping([
    ("f", array(SIX, (2, 3), "f4")), ("t", array(TURNED, (2, 3), "f4", fortran=True)),
    ("b", array(struct.pack(">3h", 1, -2, 3), (3,), "i2", ">")), ("z", array(b"", (0, 4), "f8")),
    ("y", array(b"", (3, 0), "f4", ">"))])),
     {"f": ("F32", [2, 3], SIX), "t": ("F32", [2, 3], SIX), "b": ("I16", [3], struct.pack("<3h", 1, -2, 3)),
      "z": ("F64", [0, 4], b""), "y": ("F32", [3, 0], b"")}, **NUMPY)
case("arrays-p3.pkl", "arrays of NumPy 2, as bytes", protocol(3, mapping([("c", array(struct.pack(">4f", 1, 2, 3, 4), (
    2,), "c8", ">", form=raw_bytes, core="numpy._core.multiarray"))])), {"c": ("C64", [2], FOUR)}, **NUMPY)


def over_buffer(*how):
    return name("numpy._core.numeric", "_frombuffer") + tuple_of(b"\x96" + struct.pack("<Q", 24) + SIX, call(
        "numpy", "dtype", text("f4"), FALSE, TRUE) + tuple_of(integer(3), text("<"), NONE, NONE, NONE, integer(
            -1), integer(-1), integer(0)) + BUILD, *how) + b"R"


case("buffer-p5.pkl", "arrays over buffers: protocol 5, the last as NumPy 2.4 writes an array that is turned", protocol(
    5, mapping([("f", over_buffer(integers((2, 3)), text("C"))),
                ("t", over_buffer(integers((1, 2, 3)), text("K"), integers((2, 0, 1))))])),
     {"f": ("F32", [2, 3], SIX), "t": ("F32", [3, 1, 2], TURNED)}, **NUMPY)


# Zip archives: other machines, other tools

BIG = [Entry(b"archive/byteorder", b"big")]
WORDS = struct.pack(">4H", 1, 2, 3, 65535)
zipped("big-endian.pt", "numbers of a big-endian machine are swapped by the type of each tensor", mapping([
    ("f", tensor()), ("c", tensor(size=(2,), key="1", count=2, kind="ComplexFloatStorage")),
    ("e", tensor(size=(0, 2), stride=(2, 1), key="4", count=0)), ("b", tensor(size=(3,), key="2", count=3, kind="BoolStorage")), ("h", tensor(size=(2, 2), stride=(1, 2), key="3",
                                                                               kind="ShortStorage"))]),
       {"f": ("F32", [4], FOUR), "c": ("C64", [2], FOUR), "b": ("BOOL", [3], b"\1\0\1"),
        "h": ("I16", [2, 2], struct.pack("<4h", 1, 3, 2, 4)), "e": ("F32", [0, 2], b"")},
       storages={"0": struct.pack(">4f", 1, 2, 3, 4), "1": struct.pack(">4f", 1, 2, 3, 4), "2": b"\1\0\1",
                 "3": struct.pack(">4h", 1, 2, 3, 4), "4": b""}, extra=BIG, findings=["big-endian"], torch="2")
zipped("big-endian-uint16.pt", "a tensor of uint16 over a storage of bytes: torch leaves it unswapped", mapping([(
    "u", view_of(storage(count=8, kind="UntypedStorage", module="torch.storage"), (4,), function="_rebuild_tensor_v3",
                 tail=(FALSE, HOOKS, name("torch", "uint16"))))]), {"u": ("U16", [4], struct.pack("<4H", 1, 2, 3, 65535))},
       storages={"0": WORDS}, extra=BIG, findings=["big-endian"], torch=False)


def packed(entry, data):
    return Entry(entry, deflate(data), method=8, crc=zlib.crc32(data), size=len(data))


ZEROS = bytes(4096)
REZIPPED = [packed(b"archive/data.pkl", program(mapping([("w", tensor()), ("z", tensor(size=(4, 256), stride=(
    1, 4), key="1", count=1024))]))), packed(b"archive/data/0", FOUR), packed(b"archive/data/1", ZEROS),
            packed(b"archive/version", b"3\n")]
case("rezipped.pt", "a zip tool has compressed every entry, and wrote one for the folder", archive(
    [Entry(b"archive/", b""), *REZIPPED]), {"w": ("F32", [4], FOUR), "z": ("F32", [4, 256], ZEROS)},
     findings=["zip-deflated", "zip-folder-entry"])
case("compressed.npz", "savez_compressed", archive([packed(b"a.npy", npy(SIX, (2, 3), "<f4")), Entry(
    b"b.npy", npy(struct.pack(">2i", 1, -2), (2,), ">i4"))]), {"a": ("F32", [2, 3], SIX), "b": (
        "I32", [2], struct.pack("<2i", 1, -2))}, findings=["zip-deflated", "big-endian"], kind="npz", torch=False)
case("fortran.npy", "an array column by column", npy(TURNED, (2, 3), "<f4", True), {"tensor": ("F32", [2, 3], SIX)},
     kind="numpy", torch=False)
case("empty-key.pkl", "names with empty parts are names", protocol(3, mapping([("", alone(raw_bytes)), ("a", mapping([(
    "", alone(raw_bytes))])), ("b", mapping([("", mapping([("c", alone(raw_bytes))]))]))])), {
        "": ("F32", [3, 2], TURNED), "a.": ("F32", [3, 2], TURNED), "b..c": ("F32", [3, 2], TURNED)}, **PLAIN)
zipped("no-crc.pt", "an archive without checksums", mapping([("w", tensor())]), {"w": ("F32", [4], FOUR)},
       findings=["zip-crc-missing"])
CASES["no-crc.pt"].data = weights(lies={part: {"crc": 0} for part in ("data.pkl", "data/0", "version")})


# Ways to rebuild a tensor

def rebuilt(file, about, value, holds=("F32", [4], FOUR), **expect):
    zipped(f"rebuild-{file}.pt", about, mapping([("w", value)]), {"w": holds}, **expect)


ARGUMENTS = tuple_of(storage(), integer(0), integers((4,)), integers((1,)), *OPTIONS)
SUBCLASS = name("torch._utils", "_rebuild_tensor_v2"), name("torch", "Tensor"), ARGUMENTS, b"}"
rebuilt("type-v2", "a tensor of a subclass", call("torch._tensor", "_rebuild_from_type_v2", *SUBCLASS))
rebuilt("type-v2-parameter", "a parameter of a subclass", call("torch._tensor", "_rebuild_from_type_v2", name(
    "torch._utils", "_rebuild_parameter"), name("torch.nn.parameter", "Parameter"), tuple_of(tensor(), TRUE, HOOKS), b"}"))
rebuilt("type-module", "the same, by the module's older name", call("torch.tensor", "_rebuild_from_type_v2", *SUBCLASS),
        torch="1.13")
rebuilt("type-v1", "the function of torch 1.7", call("torch._tensor", "_rebuild_from_type", *SUBCLASS))
rebuilt("parameter-state", "a parameter with attributes", call("torch._utils", "_rebuild_parameter_with_state", tensor(), TRUE,
                                                               HOOKS, mapping([("note", integer(1))])), torch="2")
rebuilt("fastai", "a tensor as fastai exports it", call("fastai.torch_core", "_fa_rebuild_tensor", name(
    "torch", "Tensor"), storage(), integer(0), integers((4,)), integers((1,)), *OPTIONS), worst="reviewed",
        findings=["reviewed-global"], torch=False)
rebuilt("xla", "a tensor of another device, as a NumPy array", call("torch._utils", "_rebuild_device_tensor_from_numpy", array(
    FOUR, (4,), "f4"), name("torch", "float32"), text("cpu"), FALSE), worst="reviewed", findings=["reviewed-global"],
        torch="2", storages={})
rebuilt("xla-bfloat16", "bfloat16 of another device lies there as float32", call(
    "torch._utils", "_rebuild_xla_tensor", array(FOUR, (2, 2), "f4"), name("torch", "bfloat16"), text("cpu"), FALSE),
        ("BF16", [2, 2], b"".join(FOUR[at + 2:at + 4] for at in range(0, 16, 4))), worst="reviewed",
        findings=["reviewed-global"], torch="2", storages={})
rebuilt("cpu", "a tensor of another device, as a plain one", call("torch._utils", "_rebuild_device_tensor_from_cpu_tensor",
                                                                  tensor(), name("torch", "float32"), text("cpu"), FALSE),
        torch="2")
rebuilt("parameter-class", "a parameter that its class makes", call("torch.nn.parameter", "Parameter", tensor(), FALSE))
CONJ = mapping([("conj", TRUE), ("neg", TRUE)])
rebuilt("conj-neg", "conjugate and negative bits are applied", view_of(storage(count=2, kind="ComplexFloatStorage"), (2,),
                                                                       tail=(FALSE, HOOKS, CONJ)),
        ("C64", [2], struct.pack("<4f", -1, 2, -3, 4)), torch="2")
