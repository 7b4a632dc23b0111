"""Hostile checkpoints that torch reads otherwise than their tensors look: states that replace numbers, containers that
grow after they were copied, keys that stand for two things."""
import struct

from containers import Entry, archive
from hostile_cases import FOUR, KEPT, WEIGHT, case, checkpoint, weights
from pickles import BUILD, FALSE, NONE, REDUCE, TRUE, call, integer, integers, mapping, name, program, storage, tensor, text, tuple_of
from streams import (MAGIC, array, legacy, legacy_storage, listing, npy, protocol, raw_bytes, tar_around, tar_storages, tar_tensors,
                     torch_tar)

NINE = struct.pack("<4f", 9, 9, 9, 9)
TWO = {"0": FOUR, "1": NINE}
OTHER = tensor(key="1")
HOOKS = call("collections", "OrderedDict")
PUT, GET = b"q\x07", b"h\x07"


def rebuilt(state):
    return call("torch._utils", "_rebuild_parameter_with_state", WEIGHT, FALSE, HOOKS, state)


def typed(state):
    return call("torch._tensor", "_rebuild_from_type_v2", name("torch._utils", "_rebuild_tensor_v2"), name(
        "torch.nn.parameter", "Parameter"), tuple_of(storage(), integer(0), integers((4,)), integers((1,)), FALSE, HOOKS), state)


def otherwise(file, about, finding, value, **expect):
    """torch gives w other numbers than the storage that w is a view of, or w is hidden from us."""
    case(f"otherwise-{file}.pt", about, finding and [finding], weights(mapping([("w", value)]), storages=TWO), **expect)


# States: torch sets each item as an attribute, and some attributes are the numbers

otherwise("state-data", "a state whose attribute data is another tensor", "tensor-malformed", rebuilt(mapping([("data", OTHER)])))
otherwise("state-imag", "a state that writes the imaginary parts", "tensor-malformed", rebuilt(mapping([("imag", OTHER)])))
otherwise("state-slots", "the same among the slots", "tensor-malformed", rebuilt(tuple_of(NONE, mapping([("data", OTHER)]))))
otherwise("state-class", "a state that changes the class", "tensor-malformed", rebuilt(mapping([("__class__", name(
    "torch.nn.parameter", "Buffer"))])))
otherwise("state-list", "a state that is none", "tensor-malformed", rebuilt(listing([])))
otherwise("type-data", "the same of a tensor behind its type", "tensor-malformed", typed(mapping([("data", OTHER)])))
otherwise("type-real", "a state that writes the real parts", "tensor-malformed", typed(mapping([("real", OTHER)])))
case("otherwise-state-plain.pt", "a state of other attributes is one that torch writes", [], weights(mapping([(
    "w", rebuilt(mapping([("optim", integer(1)), ("data_format", text("nchw"))])))])), check="accept", convert="accept",
     tensors=KEPT, torch="2")


def built(file, about, state):
    """Parameter(w) and then a state: check leaves it to the loader, convert does not guess."""
    otherwise(f"built-{file}", about, [], call("torch.nn.parameter", "Parameter", WEIGHT, FALSE) + state + BUILD,
              check="accept", convert_findings=["tensor-unsupported"])


built("storage", "a parameter that is then set to another storage", tuple_of(
    storage("1"), integer(0), integers((4,)), integers((1,))))
built("data", "a parameter that is then given other data", tuple_of(OTHER, NONE, HOOKS, FALSE, FALSE))


# Dictionaries: what a constructor is given, and when

otherwise("pairs-grow", "a list of pairs that grows after its copy was made", "pickle-late-change", name(
    "collections", "OrderedDict") + tuple_of(b"]" + PUT) + REDUCE + text("x") + GET + tuple_of(text("v"), OTHER) + b"a",
          convert_findings=["pickle-late-change"])
otherwise("metadata-grows", "signs that change after the tensor was made", "pickle-late-change", call(
    "torch._utils", "_rebuild_tensor_v2", storage(), integer(0), integers((4,)), integers((1,)), FALSE, HOOKS, b"}" + PUT) +
          text("x") + GET + text("neg") + TRUE + b"s", convert_findings=["pickle-late-change"])
otherwise("state-grows", "a state that grows after it was set", "pickle-late-change", rebuilt(b"}" + PUT) + text("x") + GET +
          text("data") + OTHER + b"s", convert_findings=["pickle-late-change"])


def hidden(file, about, value, **expect):
    """Python's dictionary holds w, under a key that no reader of pairs would see."""
    case(f"hidden-{file}.pt", about, ["unknown-global"], weights(mapping([("w", WEIGHT), ("m", value)]), storages=TWO),
         worst="inert-unknown", convert="accept", convert_findings=[], tensors=KEPT, **expect)


hidden("in-dict", "an OrderedDict made from an OrderedDict", call("collections", "OrderedDict", HOOKS + text("v") + OTHER + b"s"))
hidden("in-default", "a defaultdict with its items beside the factory", call(
    "collections", "defaultdict", NONE, mapping([("v", OTHER)])))
hidden("in-text", "pairs that are texts of two letters", call("collections", "OrderedDict", listing([text("ab"), text("cd")])))
hidden("in-object", "a class that is called, not made: its constructor runs", b"(" + name(
    "torch.nn.modules.linear", "Linear") + integer(3) + integer(4) + b"o")
hidden("in-instance", "the same by INST: a class of settings whose constructor sets up devices and connects", b"(" + text(
    "out") + b"itransformers.training_args\nTrainingArguments\n")
case("otherwise-dict-copied.pt", "an OrderedDict made from a dict holds what that holds", [], weights(mapping([(
    "m", call("collections", "OrderedDict", mapping([("w", WEIGHT)])))])), check="accept", convert="accept",
     tensors={"m.w": KEPT["w"]})
otherwise("sign-false", "a sign that is False, which torch takes for True", "tensor-malformed", call(
    "torch._utils", "_rebuild_tensor_v2", storage(), integer(0), integers((4,)), integers((1,)), FALSE, HOOKS, mapping([("neg", FALSE)])))


# Keys of legacy streams, and streams in archives of big-endian machines

def viewed(key, first, of="0"):
    return tensor((2,), source=legacy_storage(of, 4, view=tuple_of(text(key), integer(first), integer(2))))


for file, about, pairs in (
        ("twice", "one key for two parts of a storage: torch takes the first for both", [("a", viewed("v", 0)), ("b", viewed("v", 2))]),
        ("of-root", "the key of a part is that of a whole storage", [("a", tensor(source=legacy_storage("1", 4))), (
            "b", viewed("1", 2))])):
    case(f"otherwise-view-{file}.pth", about, ["legacy-invalid"], legacy(program(mapping([
        *pairs, ("c", tensor(source=legacy_storage("0", 4)))])), {key: (4, raw) for key, raw in TWO.items()} if file == "of-root"
        else {"0": (4, FOUR)}), kind="torch-legacy")

INNER = legacy(program(legacy_storage("9", 4)), {"9": (4, FOUR)})
case("otherwise-nested-big.pt", "a stream in an archive of a big-endian machine is little-endian all the same", ["legacy-invalid"],
     checkpoint(protocol(3, mapping([("w", tensor(source=call("torch.storage", "_load_from_bytes", raw_bytes(INNER))))])),
                storages={}, extra=[Entry(b"archive/byteorder", b"big")]))


# A tar header before all else: torch.load opens a file as tar first, and Python reads its checksum in many spellings

TAR = torch_tar(tar_storages([(7, "FloatStorage", 4, NINE)]), tar_tensors([(8, 7, "FloatTensor", (4,), (1,), 0)]),
                program(mapping([("w", text("8") + b"Q")])))
SPELLINGS = {"plain": lambda total, _: b"%06o\0 " % total, "signed": lambda _, total: b"%06o\0 " % total,
             "plus": lambda total, _: b"+%o" % total, "prefix": lambda total, _: b"0o%o" % total,
             "underscore": lambda total, _: b"%o_%03o" % (total >> 9, total & 511), "tab": lambda total, _: b"\t%o" % total,
             "wide": lambda total, _: b"\x80" + total.to_bytes(7, "big"), "junk": lambda total, _: b"%o\0jk" % total}
for spelling, spell in SPELLINGS.items():
    case(f"tar-first-{spelling}.pth", f"a legacy stream to one reader, a tar to torch.load ({spelling})", ["loader-executes"], tar_around(
        MAGIC + program(integer(1001)) + b"\x80\x02}(" + text("a") + b"T", text("protocol_version") + integer(1001) + text(
            "little_endian") + TRUE + text("type_sizes") + b"}u." + program(mapping([("w", tensor(source=legacy_storage(
                "0", 4)))])) + program(listing([text("0")])) + struct.pack("<q", 4) + FOUR, spell, TAR),
         kind="torch-tar", convert_findings=None, worst=None)
case("tar-first.pkl", "a pickle to one reader, a tar to torch.load", ["loader-executes"], tar_around(b"\x80\x03B", b"0" + array(
    FOUR, (4,), "f4", form=raw_bytes) + b".", SPELLINGS["wide"], TAR), kind="torch-tar", convert_findings=None, worst=None)


# NumPy

case("otherwise-order.pkl", "an order that is the machine's, whatever the type's text says", [], protocol(3, mapping([("w", array(
    FOUR, (4,), ">f4", "=", form=raw_bytes))])), kind="pickle", worst="reviewed", check="accept", convert="accept", tensors=KEPT,
     torch=False)
case("otherwise-names.npz", "an array called like the entry of another", ["zip-name-invalid"], archive([
    Entry(b"a.npy", npy(FOUR, (4,), "<f4")), Entry(b"a.npy.npy", npy(NINE, (4,), "<f4"))]), kind="npz")
