#!/usr/bin/env python3
"""Writes the seeds of the targets worker, diff, config and names, fuzz/seeds/NAME/*. The worker's are small files, each
with a job that it is for (fuzz/support/asked.h). The checkpoints come from the assembler of the corpus. The same script
writes the same bytes."""
import json
import struct
import sys
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent.parent / "corpus"
sys.path.insert(0, str(CORPUS / "checkpoints"))
sys.dont_write_bytecode = True

from containers import Entry, archive, torch_entries  # noqa: E402
from pickles import (BUILD, EMPTY_TUPLE, FALSE, MARK, NEWOBJ, NONE, REDUCE, TRUE, call, integer, integers, mapping,  # noqa: E402
                     name, program, storage, tensor, text, tuple_of)

BYTES = bytes(range(256)) * 16


def job(source, *words, other=b""):
    """A source and what is asked for. Texts of words are percent-encoded behind '=', as the broker writes them."""
    said = []
    for word in words:
        field, equals, value = word.partition("=")
        said.append((field + equals + quote(value, safe="._/-")).encode() + b"\0")
    arguments = b"w\0" + b"".join(said)
    return source + other + arguments + struct.pack("<HH", len(arguments), len(other)) + b"JOB!"


def checkpoint(*parts, storages=None, extra=(), lies=None, root="a"):
    storages = {"0": BYTES[:16]} if storages is None else storages
    return archive(torch_entries(program(*parts), storages, root=root, extra=extra, lies=lies))


def listing(*items):
    return b"]" + MARK + b"".join(items) + b"e"


def real(value):
    return b"G" + struct.pack(">d", value)


def weights(**names):
    return mapping([(key, value) for key, value in names.items()])


def safetensors(header, data=b""):
    raw = header.encode() if isinstance(header, str) else json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + data


FLOATS = tensor((4,), (1,))
OTHER = tensor((2, 2), (2, 1), key="1", count=4)
TWO = {"0": BYTES[:16], "1": BYTES[64:80]}
MODEL = weights(w=FLOATS, v=OTHER)
GROUPS = mapping([("model", MODEL), ("ema", MODEL), ("optimizer", mapping([("s", FLOATS)])), ("own", FLOATS)])
ODD = mapping([('a"b\\c\n', MODEL), ("-x", MODEL), ("", MODEL), ("ema", MODEL), ("[", MODEL), ("\u00e9", MODEL)])
DOTTED = mapping([("a.b", MODEL), ("a", mapping([("b", weights(x=FLOATS)), ("c", integer(1))])), ("n", integer(3))])
TIED = mapping([("b", FLOATS), ("a", FLOATS), ("c", tensor((2,), (1,))), ("z", tensor((0,), (1,)))])
STATE = weights(state_dict=MODEL)

DEEP = b"]"
for _ in range(40):
    DEEP = listing(DEEP)
# A list in itself, and a dictionary in itself: memo 1 and 2.
LOOP = b"]q\x01h\x01a"
LOOPED = b"}q\x02" + text("me") + b"h\x02s"
VALUES = mapping([
    ("w", FLOATS), ("none", NONE), ("yes", TRUE), ("no", FALSE), ("int", integer(-7)), ("long", integer(1 << 80)),
    ("minus", integer(-(1 << 90))), ("decimal", b"L123456789012345678901234567890L\n"), ("float", real(0.5)),
    ("nan", real(float("nan"))), ("infinite", real(float("-inf"))), ("text", text("h\u00e9\u202e\0")),
    ("surrogate", text("\ud800")), ("bytes", b"C\x03abc"), ("array", b"\x96" + struct.pack("<Q", 2) + b"xy"),
    ("tuple", tuple_of(integer(1), tuple_of(), listing(integer(2)))), ("set", b"\x8f(K\x01K\x02K\x03\x90"),
    ("frozen", b"(K\x01X\x01\0\0\0a\x91"), ("deep", DEEP), ("loop", LOOP), ("looped", LOOPED), ("name", name("os", "system")),
    ("object", call("my.project", "Config", integer(1))), ("ordered", call("collections", "OrderedDict")),
    ("$type", integer(1)), ("empty", b"}"), ("long text", text("x" * 300))])
KEYED = b"}(" + integer(3) + FLOATS + real(1.5) + integer(1) + tuple_of(integer(1)) + integer(2) + NONE + integer(3) + \
    TRUE + integer(4) + b"C\x02ab" + integer(5) + integer(1 << 70) + integer(6) + b"u"


def turned(kind, width, rows, columns, offset=0):
    """A matrix column by column."""
    size = rows * columns
    return checkpoint(weights(t=tensor((rows, columns), (1, rows), offset, kind=kind, count=size + offset)),
                      storages={"0": BYTES[:(size + offset) * width]})


def permuted(kind, width, shape, stride):
    count = 1 + sum((n - 1) * s for n, s in zip(shape, stride))
    return checkpoint(weights(t=tensor(shape, stride, kind=kind, count=count)), storages={"0": BYTES[:count * width]})


HEADER = {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
          "b": {"dtype": "U8", "shape": [3], "data_offsets": [16, 19]}}
ALIASED = {"__metadata__": {"format": "pt", "c": "a", "d": "nowhere"}, **HEADER}
SAFE = safetensors(HEADER, BYTES[:19])
SAFE_ALIASED = safetensors(ALIASED, BYTES[:19])

SEEDS = {}
PLAIN = {"diff": {}, "config": {}, "names": {}}  # of the targets that take no job


def seed(title, *words, source, other=b""):
    assert title not in SEEDS and len(job(source, *words, other=other)) <= 8192, title
    SEEDS[title] = job(source, *words, other=other)


def choices():
    groups, dotted = checkpoint(GROUPS, storages=TWO), checkpoint(DOTTED, storages=TWO)
    for title, words in {
            "ambiguous": [], "model": ["key=model"], "array": ['key=["model"]'], "array-deep": ['key=["model","w"]'],
            "nowhere": ["key=other"], "array-nowhere": ['key=["model","x"]'], "array-of-numbers": ["key=[1]"],
            "array-open": ['key=["model"'], "all": ["key=."], "all-array": ["key=[]"], "bare": ["key=own"]}.items():
        seed(f"key-{title}", "write", "want-rows=1", *words, source=groups)
    for number, key in enumerate(("a.b", "a.b.x", "a.c", "n", "a.", '["a","b"]', '["a","b","x"]', '["a.b"]', '[""]')):
        seed(f"dotted-{number}", "write", f"key={key}", source=dotted)
        PLAIN["names"][f"path-{number}"] = key.encode() + b"\0a"
    seed("key-inspect", "inspect", "want-values=1", source=groups)
    seed("key-odd", "write", source=checkpoint(ODD, storages=TWO))
    seed("key-escaped", "write", 'key=["a\\"b\\\\c\\n"]', source=checkpoint(ODD, storages=TWO))
    seed("state-dict", "write", source=checkpoint(weights(state_dict=STATE, epoch=integer(1)), storages=TWO))
    for title, names in {"optimizer": ("state", "param_groups"), "scheduler": ("last_epoch", "_step_count"),
                         "generators": ("python", "numpy", "cpu"), "none": ("state", "x")}.items():
        seed(f"training-{title}", "write", "only-models=1", source=checkpoint(weights(**{n: FLOATS for n in names})))
    seed("training-list", "write", "only-models=1", source=checkpoint(listing(FLOATS)))


def selections():
    source = checkpoint(mapping([("module.w", FLOATS), ("module.b", FLOATS), ("module.", FLOATS), ("module.__metadata__", FLOATS),
                                 ("v1", FLOATS), ("module.v1", FLOATS), ("\u00e9t\u00e9", FLOATS)]))
    for number, words in enumerate([  # each is a pattern of the names target too
            ["include=module.?"], ["include=*1", "exclude=v*"], ["include=[m-v]*[0-9]"], ["include=[!m]*"], ["include=[]]"],
            ["include=[m"], ["include=\u00e9?\u00e9"], ["include=*[!a-z]t*"], ["exclude=*"], ["include=nothing", "include=v1"],
            ["strip-prefix=module."], ["strip-prefix=module.", "include=module.w"], ["strip-prefix=module.", "include=module.__*"],
            ["strip-prefix=module.", "include=*v1"], ["strip-prefix=x"], ["include=m*.*b"], ["include=[a-]*"], ["include=[!]*"]]):
        seed(f"selected-{number:02}", "write", "ties=1", "want-rows=1", *words, source=source)
        PLAIN["names"][f"pattern-{number:02}"] = words[-1].partition("=")[2].encode() + b"\0" + b"module.w"
    seed("wrapped", "write", source=checkpoint(mapping([("module.w", FLOATS), ("module.b", OTHER)]), storages=TWO))


def ties():
    tied = checkpoint(TIED)
    for title, words in {"plain": [], "copied": ["ties=1"], "discard": ["discard=a"], "discard-both": ["discard=a", "discard=b"],
                         "hint": ["hint=a"], "both": ["discard=b", "hint=a"], "planned": ["plan-only=1"],
                         "two-parts": ["parts=1"], "three-parts": ["parts=2", "ties=1"]}.items():
        seed(f"tied-{title}", "write", *words, source=tied)
    seed("tied-inspect", "inspect", source=tied)
    seed("tied-format", "write", source=checkpoint(mapping([("format", FLOATS), ("a", FLOATS)])))
    seed("named-metadata", "write", source=checkpoint(mapping([("__metadata__", FLOATS), ("a", OTHER)]), storages=TWO))
    seed("named-long", "write", "limit.name_bytes=3", source=checkpoint(mapping([("abcd", FLOATS)])))
    seed("same-name", "write", source=checkpoint(mapping([("a.b", FLOATS), ("a", mapping([("b", OTHER)]))]), storages=TWO))
    seed("no-tensors", "write", source=checkpoint(mapping([("a", integer(1))])))
    seed("bare-tensor", "write", source=checkpoint(FLOATS))


def layouts():
    kinds = {"ByteStorage": 1, "HalfStorage": 2, "FloatStorage": 4, "DoubleStorage": 8, "ComplexDoubleStorage": 16,
             "ComplexFloatStorage": 8}
    for kind, width in kinds.items():
        side = {1: 48, 2: 36, 4: 24, 8: 20, 16: 12}[width]
        seed(f"turned-{kind}", "write", source=turned(kind, width, side, side + 3, 1))
        seed(f"tall-{kind}", "write", "skip-unsupported=1", source=turned(kind, width, 100 // width + 3, 3))
        seed(f"permuted-{kind}", "write", source=permuted(kind, width, (3, 4, 5), (1, 15, 3)))
    for number, (shape, stride) in enumerate([
            ((3, 4, 5), (40, 1, 8)), ((4, 4), (0, 1)), ((4, 4), (1, 0)), ((2, 3, 2, 3), (1, 4, 2, 12)), ((5,), (3,)), ((7, 3), (2, 5)),
            ((3, 0, 2), (1, 1, 1)), ((1, 6, 1), (9, 2, 9)), ((2, 2, 2, 2, 2, 2), (32, 1, 16, 2, 8, 4)), ((3, 5, 7), (1, 3, 15)),
            ((2, 40), (1, 2)), ((40, 2), (1, 40)), ((3, 3), (2, 2)), ((6, 5, 4), (4, 24, 1))]):
        seed(f"strided-{number:02}", "write", source=permuted("FloatStorage", 4, shape, stride))
        seed(f"strided-bytes-{number:02}", "write", "parts=1", source=permuted("ByteStorage", 1, shape, stride))
    wide = checkpoint(weights(t=tensor((20, 20), (0, 1), count=20)), storages={"0": BYTES[:80]})
    for limit in ("expansion=1", "expansion=0", "expansion=18446744073709551615", "output_bytes=100", "rank=1", "tensors=1", "name_bytes=1",
                  "pickle_ops=20", "pickle_objects=5", "pickle_memo=1", "pickle_depth=1", "pickle_bytes=30", "zip_entries=2",
                  "memory_bytes=30000", "memory_bytes=5000", "header_bytes=20"):
        seed("limit-" + limit.replace("=", "-"), "write", f"limit.{limit}", source=wide)
    for limit in ("tensors=1", "rank=1", "metadata_bytes=3", "header_bytes=64", "memory_bytes=1000", "name_bytes=0"):
        seed("limit-safetensors-" + limit.replace("=", "-"), "write", f"limit.{limit}", source=SAFE_ALIASED)
    seed("limit-many", "write", "limit.tensors=1", source=checkpoint(MODEL, storages=TWO))
    seed("limit-depth", "write", "limit.pickle_depth=2", source=checkpoint(mapping([("a", mapping([("b", STATE)]))]), storages=TWO))


def containers():
    lie = {"data/0": {"crc": 5}}
    extra = [Entry(b"a/other", b"xyz")]
    for title, words in {"refused": [], "allowed": ["allow-crc=1"]}.items():
        seed(f"crc-{title}", "write", *words, source=checkpoint(MODEL, storages=TWO, lies=lie))
        seed(f"crc-check-{title}", "check", *words, source=checkpoint(MODEL, storages=TWO, lies=lie))
    for title, words in {"refused": [], "allowed": ["allow-extra=1"]}.items():
        seed(f"extra-{title}", "write", *words, source=checkpoint(MODEL, storages=TWO, extra=extra))
    missing = checkpoint(weights(w=tensor(key="9")))
    seed("storage-missing", "write", source=missing)
    seed("container-only", "check", "container-only=1", source=checkpoint(MODEL, storages=TWO))
    seed("skipped", "write", "skip-unsupported=1", source=checkpoint(mapping([
        ("q", tensor(kind="QInt8Storage")), ("w", FLOATS), ("x", tensor(kind="QInt32Storage", key="1"))]), storages=TWO))
    seed("skipped-listed", "inspect", source=checkpoint(mapping([("q", tensor(kind="QInt8Storage")), ("w", FLOATS)])))
    danger = checkpoint(mapping([("w", FLOATS), ("x", call("os", "system", text("x")))]))
    for kind in ("check", "inspect", "write"):
        seed(f"danger-{kind}", kind, "want-values=1", "want-rows=1", source=danger)
    seed("danger-disarmed", "write", "disarm=1", "want-rows=1", source=danger)
    for title, words in {"batch": ["batch=1"], "called": ["called-safetensors=1"], "rows": ["want-rows=1"]}.items():
        for what, source in {"safetensors": SAFE_ALIASED, "zip": danger, "noise": b"no file at all", "short": b"{"}.items():
            seed(f"{title}-{what}", "check", *words, source=source)
    npy = b"\x93NUMPY\x01\0" + struct.pack("<H", 54) + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"[:53].ljust(53) + b"\n"
    seed("npz-too-many", "write", "limit.tensors=1", source=archive([Entry(b"a.npy", npy + BYTES[:8]), Entry(b"b.npy", npy + BYTES[:8])]))
    seed("npz-other", "write", source=archive([Entry(b"a.npy", npy + BYTES[:8]), Entry(b"readme", b"x")]))
    seed("npy-object", "write", source=npy.replace(b"<f4", b"|O8"))


def values():
    for title, words in {"inspect": ["inspect"], "write": ["write"], "few": ["inspect", "limit.pickle_ops=300"],
                         "little": ["inspect", "limit.memory_bytes=60000"]}.items():
        seed(f"values-{title}", *words, "want-values=1", "want-rows=1", source=checkpoint(VALUES))
    seed("values-keyed", "inspect", "want-values=1", source=checkpoint(KEYED))
    seed("values-root-list", "inspect", "want-values=1", source=checkpoint(listing(integer(1), FLOATS, text("x"))))
    seed("values-root-number", "inspect", "want-values=1", source=checkpoint(integer(1)))
    module = name("my.net", "Net") + EMPTY_TUPLE + NEWOBJ + mapping([
        ("_parameters", mapping([("weight", FLOATS), ("bias", NONE)])), ("_buffers", mapping([("running", OTHER)])),
        ("_non_persistent_buffers_set", call("builtins", "set")), ("training", TRUE),
        ("_modules", mapping([("sub", call("collections", "OrderedDict"))]))]) + BUILD
    for kind in ("inspect", "write"):
        seed(f"module-{kind}", kind, "want-values=1", source=checkpoint(module, storages=TWO))


def pairs():
    one = checkpoint(MODEL, storages=TWO)
    others = {"same": one, "bits": checkpoint(MODEL, storages={"0": BYTES[1:17], "1": TWO["1"]}),
              "shape": checkpoint(weights(w=tensor((2, 2), (2, 1)), v=OTHER), storages=TWO),
              "dtype": checkpoint(weights(w=tensor(kind="IntStorage"), v=OTHER), storages=TWO),
              "names": checkpoint(weights(a=FLOATS, w=FLOATS, z=OTHER), storages=TWO),
              "turned": checkpoint(weights(w=FLOATS, v=tensor((2, 2), (1, 2), key="1")), storages=TWO),
              "unsupported": checkpoint(weights(w=tensor(kind="QInt8Storage"), v=OTHER), storages=TWO),
              "safetensors": SAFE, "noise": b"noise", "empty": b"", "scalar": checkpoint(weights(w=tensor((), ())), storages=TWO)}
    for title, other in others.items():
        seed(f"diff-{title}", "diff", source=one, other=other)
        PLAIN["diff"][title] = one + other + struct.pack("<H", len(other))
    seed("diff-turned-twice", "diff", source=others["turned"], other=others["turned"])
    seed("diff-aliased", "diff", source=SAFE_ALIASED, other=SAFE)
    seed("diff-headers", "diff", source=safetensors({}), other=SAFE_ALIASED)
    seed("diff-noise-first", "diff", source=b"noise", other=one)
    seed("compare-safetensors", "compare", source=SAFE_ALIASED, other=SAFE_ALIASED)
    mine = {"__metadata__": {"format": "pt"}, "v": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
            "w": {"dtype": "F32", "shape": [4], "data_offsets": [16, 32]}}
    data = TWO["1"] + TWO["0"]

    def compared(title, data=data, words=(), **changes):
        header = json.loads(json.dumps(mine))
        for key, value in changes.items():
            if value is None:
                del header[key]
            elif isinstance(value, dict) and key in header:
                header[key].update(value)
            else:
                header[key] = value
        seed(f"compare-{title}", "compare", *words, source=one, other=safetensors(header, data))

    compared("same")
    compared("bits", data[:-1] + b"\xff")
    compared("dtype", w={"dtype": "I32"})
    compared("rank", w={"shape": [4, 1]})
    compared("shape", v={"shape": [4, 1]})
    compared("size", w={"shape": [2], "data_offsets": [16, 24]}, data=data[:24])
    compared("missing", data[:16], w=None)
    compared("another", x={"dtype": "U8", "shape": [0], "data_offsets": [32, 32]})
    compared("format", __metadata__={"format": "tf"})
    compared("no-format", __metadata__=None)
    compared("alias-of-none", __metadata__={"x": "w"})
    compared("alias-of-other", data[:16], w=None, __metadata__={"w": "v"})
    compared("alias-to-nowhere", data[:16], w=None, __metadata__={"w": "y"})
    compared("alias-and-tensor", __metadata__={"w": "v"})
    compared("alias-unasked", words=["ties=1"], __metadata__={"w": "v"})
    compared("cut", data[:-1])
    seed("compare-noise", "compare", source=one, other=b"noise")
    seed("compare-metadata", "compare", source=SAFE_ALIASED, other=SAFE)
    seed("compare-metadata-value", "compare", source=SAFE_ALIASED,
         other=safetensors({**ALIASED, "__metadata__": {"format": "pt", "c": "b", "d": "nowhere"}}, BYTES[:19]))


def others():
    for number, config in enumerate([
            '{"architectures":["GPT2LMHeadModel"]}', '{"a":{"b":[1]},"architectures":["A_1","B"],"z":null}', '{"architectures":"A"}',
            '{"architectures":[]}', '{"architectures":["a b"]}', '{"architectures":["A",1]}', '{"architectures":["A"],"architectures":["B"]}',
            '{}', '[]', '{"architectures":["\\u0041"]}', ' {"architectures" : [ "A" , "B" ] } ', '{"architectures":["A"]',
            '{"architectures":[""]}', '{"architectures":["' + "A" * 129 + '"]}']):
        seed(f"config-{number:02}", "config", source=config.encode())
        PLAIN["config"][f"{number:02}"] = config.encode()
    index = b'{"weight_map":{"a":"1.bin","b":"2.bin"}}'
    seed("index", "index", source=index)
    for limit in ("header_bytes=10", "tensors=1", "name_bytes=0"):
        seed("index-" + limit.replace("=", "-"), "index", f"limit.{limit}", source=index)
    seed("judge", "judge", source=SAFE_ALIASED)
    seed("judge-noise", "judge", source=b"noise")
    seed("selftest", "selftest", source=b"")
    for path in sorted((HERE / "feed").iterdir()):
        for words in (["feed-kind=3"], ["feed-kind=3", "ties=1", "key=model"], ["feed-kind=4", "plan-only=1"]):
            seed("feed-" + path.name + "-" + str(len(words)) + words[0][-1], "write", "feed=1", *words, source=path.read_bytes())


def main():
    for make in (choices, selections, ties, layouts, containers, values, pairs, others):
        make()
    for target, seeds in {"worker": SEEDS, **PLAIN}.items():
        (HERE / target).mkdir(exist_ok=True)
        for title, data in seeds.items():
            (HERE / target / title).write_bytes(data)


if __name__ == "__main__":
    main()
