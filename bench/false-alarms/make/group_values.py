"""Checkpoints with the values that people put beside their tensors: configurations of every make, paths, dates, enums,
NumPy arrays and numbers; and what Python and NumPy write without torch."""
import argparse
import collections
import datetime
import decimal
import fractions
import functools
import io
import pathlib
import pickle
import types
import typing
import uuid

import numpy
import torch

import corpus
import settings
import tiny


def with_model(**values):
    """A checkpoint of a tiny model with these values beside it."""
    corpus.seed()
    return {"state_dict": tiny.mlp().state_dict(), **values}


def python_values():
    Point = settings.Point
    yield "namespace", "argparse.Namespace", {"args": argparse.Namespace(lr=0.1, layers=[1, 2], name="run", resume=None)}
    yield "simplenamespace", "types.SimpleNamespace", {"cfg": types.SimpleNamespace(a=1, b=types.SimpleNamespace(c=2))}
    yield "pathlib", "paths", {"out": pathlib.Path("runs/1"), "data": pathlib.PurePosixPath("data")}
    yield "datetime", "dates and times", {"at": datetime.datetime(2024, 1, 2, 3, 4, 5, 6), "day": datetime.date(2024, 1, 2),
                                          "took": datetime.timedelta(1, 2), "utc": datetime.datetime(
                                              2024, 1, 2, tzinfo=datetime.timezone.utc)}
    yield "enum", "enums of the user's own", {"mode": settings.Mode.FAST, "flags": settings.Flags.A | settings.Flags.B,
                                              "level": settings.Level.HIGH}
    yield "dataclass", "dataclasses of the user's own", {"config": settings.Config()}
    yield "frozen-dataclass", "a frozen dataclass with slots", {"config": settings.Frozen(3)}
    yield "namedtuple", "a named tuple of the user's own", {"at": Point(1, 2)}
    yield "collections", "collections", {"od": collections.OrderedDict(a=1), "dd": collections.defaultdict(list, {"a": [1]}),
                                         "n": collections.Counter("aab"), "q": collections.deque([1, 2], maxlen=5)}
    yield "defaultdict-nested", "a defaultdict of ints", {"d": collections.defaultdict(int, {"a": 1})}
    yield "numbers", "numbers of every kind", {"c": 1 + 2j, "d": decimal.Decimal("0.1"), "f": fractions.Fraction(1, 3),
                                               "big": 2 ** 100, "neg": -2 ** 70, "inf": float("inf"), "none": None}
    yield "sets", "sets, slices, ranges, bytes", {"s": {1, 2}, "f": frozenset("ab"), "sl": slice(1, 2), "r": range(3),
                                                  "b": b"\0\xff", "ba": bytearray(b"ab"), "e": ...}
    yield "uuid", "a UUID", {"run": uuid.UUID(int=5)}
    yield "types", "types as values", {"t": int, "l": list, "m": torch.nn.Linear, "a": typing.Any, "d": torch.float16}
    yield "function", "functions of the user's own and of torch, by name", {"f": settings.schedule, "relu": torch.relu,
                                                                            "fn": torch.nn.functional.gelu}
    yield "exception", "an exception that was caught", {"error": ValueError("loss was nan")}
    yield "unicode", "text in many scripts", {"名前": "モデル", "emoji": "\N{ROCKET}", "rtl": "שלום", "nul": "a\0b"}
    yield "partial", "partial functions, as configurations leave them", {
        "optimizer": functools.partial(torch.optim.AdamW, lr=0.1), "norm": functools.partial(torch.nn.LayerNorm, eps=1e-6)}
    yield "slots", "an object with slots", {"s": settings.Slotted()}
    yield "tracker", "an object with __getstate__ and __setstate__", {"t": settings.Tracker()}


def numpy_values():
    yield "scalar", "NumPy scalars, as a metric leaves them", {"fitness": numpy.float64(0.5), "n": numpy.int64(3),
                                                               "ok": numpy.bool_(True), "f": numpy.float32(1.5)}
    yield "array", "NumPy arrays", {"mean": numpy.arange(3.0), "index": numpy.arange(4).reshape(2, 2)}
    yield "fortran", "a Fortran-ordered array and one of bytes", {"a": numpy.asfortranarray(numpy.eye(2)), "b": numpy.zeros(2, "u1")}
    yield "strings", "an array of text", {"classes": numpy.array(["cat", "dog"])}
    yield "objects", "an array of objects", {"names": numpy.array(["a", None, 3], dtype=object)}
    yield "structured", "a structured array", {"t": numpy.array([(1, 2.0)], dtype=[("i", "i4"), ("x", "f8")])}
    yield "datetime64", "dates", {"d": numpy.array(["2024-01-02"], dtype="datetime64[D]")}
    yield "dtype", "dtypes and scalar types as values", {"d": numpy.dtype("float32"), "t": numpy.float32}
    yield "masked", "a masked array", {"m": numpy.ma.masked_array([1.0, 2.0], [False, True])}
    yield "history", "losses kept as arrays in a dict of lists", {"loss": [numpy.float32(1.0)] * 3, "acc": [numpy.float64(0.1)]}


def make_configs(group):
    import addict
    import box
    import easydict
    import ml_collections
    import munch
    import omegaconf
    import yacs.config
    values = {"model": {"name": "net", "width": 4, "layers": [1, 2]}, "lr": 0.1, "resume": None}
    conf = omegaconf.OmegaConf.create(values)
    group.save("config-omegaconf.pt", with_model(cfg=conf), "an OmegaConf DictConfig", ["omegaconf", "torch"])
    structured = omegaconf.OmegaConf.structured(settings.Config)
    group.save("config-omegaconf-structured.pt", with_model(cfg=structured), "a structured one", ["omegaconf", "torch"])
    group.save("config-omegaconf-interpolation.pt", with_model(cfg=omegaconf.OmegaConf.create({"a": 1, "b": "${a}", "c": "???"})),
               "one with interpolations", ["omegaconf", "torch"])
    group.save("config-omegaconf-list.pt", with_model(cfg=omegaconf.OmegaConf.create([1, {"a": 2}])), "a ListConfig",
               ["omegaconf", "torch"])
    group.save("config-yacs.pt", with_model(cfg=yacs.config.CfgNode(values)), "a yacs CfgNode", ["yacs", "torch"])
    group.save("config-easydict.pt", with_model(cfg=easydict.EasyDict(values)), "an EasyDict", ["easydict", "torch"])
    group.save("config-addict.pt", with_model(cfg=addict.Dict(values)), "an addict Dict", ["addict", "torch"])
    group.save("config-munch.pt", with_model(cfg=munch.munchify(values)), "a Munch", ["munch", "torch"])
    group.save("config-box.pt", with_model(cfg=box.Box(values)), "a Box", ["python-box", "torch"])
    group.save("config-ml-collections.pt", with_model(cfg=ml_collections.ConfigDict(values)), "a ConfigDict",
               ["ml-collections", "torch"])


def make_plain(group):
    """Without torch.save."""
    arrays = {"w": numpy.arange(6.0).reshape(2, 3), "b": numpy.zeros(3, "f4")}
    for protocol in (2, 3, 4, 5):
        group.put(f"arrays-protocol-{protocol}.pkl", pickle.dumps(arrays, protocol), f"a dict of arrays, protocol {protocol}",
                  ["numpy", "python"])
    corpus.seed()
    state = dict(tiny.mlp().state_dict())
    group.put("tensors.pkl", pickle.dumps(state), "a dict of tensors by pickle.dump: a checkpoint for each in it")
    group.put("module.pkl", pickle.dumps(tiny.mlp()), "a whole module by pickle.dump")
    group.put("values.pkl", pickle.dumps({"epoch": 3, "args": argparse.Namespace(lr=0.1)}), "values", ["python"])
    group.put("dataclass-protocol-5.pkl", pickle.dumps(settings.Config(), 5), "a dataclass", ["python"])
    for name, save in (("array.npy", lambda f: numpy.save(f, arrays["w"])), ("arrays.npz", lambda f: numpy.savez(f, **arrays)),
                       ("compressed.npz", lambda f: numpy.savez_compressed(f, **arrays))):
        file = io.BytesIO()
        save(file)
        group.put(name, file.getvalue(), "as NumPy writes it", ["numpy"])


def make():
    group = corpus.Group("values", ["torch"])
    for name, about, values in python_values():
        group.save(f"python-{name}.pt", with_model(**values), f"a model and {about}")
    for name, about, values in numpy_values():
        group.save(f"numpy-{name}.pt", with_model(**values), f"a model and {about}", ["torch", "numpy"])
    group.save("numpy-array-protocol-4.pt", with_model(a=numpy.arange(3.0)), "arrays, protocol 4", ["torch", "numpy"], pickle_protocol=4)
    group.save("python-enum-protocol-4.pt", with_model(mode=settings.Mode.FAST), "an enum, protocol 4", pickle_protocol=4)
    make_configs(group)
    make_plain(group)
    group.close()
