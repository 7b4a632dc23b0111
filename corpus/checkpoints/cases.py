"""The checkpoints that real torch writes for this corpus: one function a file, each with the promise it stands for.

Every number comes from a hash of its case's name, so that any torch that can write a case writes the same values;
NaNs, infinities and negative zeros are among them, because bits are compared and not numbers.
"""
import argparse
import hashlib
from collections import OrderedDict

import torch
from torch import nn

CASES = {}
PLAIN = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64"]
# Written through UntypedStorage and _rebuild_tensor_v3.
NEW = ["uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
       "float8_e8m0fnu", "float4_e2m1fn_x2"]


class Case:
    """One file. make: the object to save. save: arguments for torch.save. expect: what differs from a plain success."""

    def __init__(self, make, about, since, save, expect):
        self.make, self.about, self.since, self.save, self.expect = make, about, since, save, expect


def case(name, about, since=1, save=None, **expect):
    """Registers a function as the case `name`, for torch major version `since` and later.

    expect: kind, check (verdict), findings (ids of check), convert (verdict), convert_findings, key (--key), torch (the only releases that load it), and
    reference: "identical" where the reference's steps write the same bytes, else why they do not."""
    def register(make):
        CASES[name] = Case(make, about, since, save or {}, expect)
        return make
    return register


def fill(seed, dtype, *sizes):
    """A tensor with a storage of its own and bits that depend on the seed alone."""
    count = 1
    for size in sizes:
        count *= size
    raw = bytearray(hashlib.shake_128(seed.encode()).digest(max(count * torch.empty(0, dtype=dtype).element_size(), 1)))
    if dtype is torch.bool:
        raw = bytearray(byte & 1 for byte in raw)
    plain = torch.frombuffer(raw, dtype=torch.uint8).clone()
    return plain.view(dtype)[:count].reshape(sizes) if count else torch.empty(sizes, dtype=dtype)


def f32(seed, *sizes):
    return fill(seed, torch.float32, *sizes)


# Dtypes


def one_dtype(name, since):
    @case(f"dtype-{name.replace('_', '-')}", f"each plain dtype arrives with its bits: {name}", since=since)
    def make():
        dtype = getattr(torch, name)
        return {"a": fill(name + "a", dtype, 3, 4), "b": fill(name + "b", dtype, 5)}


for each in PLAIN:
    one_dtype(each, 1)
for each in NEW:
    one_dtype(each, 2)


@case("dtypes", "tensors of every plain dtype in one file are ordered as the reference orders them")
def dtypes():
    return {f"t.{name}": fill(name, getattr(torch, name), 2, 3) for name in PLAIN}


@case("dtypes-new", "plain and new dtypes in one file", since=2)
def dtypes_new():
    return {f"t.{name}": fill(name, getattr(torch, name), 2, 4) for name in NEW + PLAIN}


# Roots and nesting


@case("dict", "a plain dict of tensors")
def plain_dict():
    return {"weight": f32("w", 4, 3), "bias": f32("b", 4)}


@case("ordereddict", "an OrderedDict of tensors")
def ordered():
    return OrderedDict([("z", f32("z", 2, 2)), ("a", f32("a", 3)), ("m", f32("m", 1))])


@case("bare-tensor", "a bare tensor is named `tensor`")
def bare():
    return f32("bare", 3, 5)


@case("state-dict", "state_dict is taken, what lies beside it is dropped and listed")
def under_state_dict():
    return {"epoch": 7, "lr": 1e-3, "name": "r\u00e9sum\u00e9", "best": None, "betas": (0.9, 0.999), "amp": True,
            "state_dict": OrderedDict([("fc.weight", f32("fw", 3, 2)), ("fc.bias", f32("fb", 3))])}


@case("state-dict-twice", "a state_dict inside a state_dict is taken")
def state_dict_twice():
    return {"state_dict": {"state_dict": {"w": f32("w2", 2, 2)}, "step": 3}}


@case("nested", "nested mappings and sequences flatten with dots, integers are names too")
def nested():
    return {"model": {"layers": [{"w": f32("n0", 2)}, {"w": f32("n1", 2)}], "norm": {"g": f32("ng", 3)}},
            "extra": (f32("nt", 1), "text"), 5: f32("n5", 2)}


@case("training", "a model beside its optimizer's state is not chosen for the user",
      convert="reject", convert_findings=["ambiguous-root"])
def training():
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.arange(6.0).view(2, 3))
        model.bias.copy_(torch.arange(2.0))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 1}


@case("training-key", "with --key the group that was named is taken, and no other", key="model")
def training_key():
    return training()


@case("no-tensors", "a file without tensors is data, and there is nothing to convert",
      convert="reject", convert_findings=["no-tensors"])
def no_tensors():
    return {"epoch": 3, "names": ["a", "b"], "rate": 0.5, "none": None, "big": 1 << 80, "neg": -5, "t": (1, 2, 3, 4)}


@case("empty-dict", "an empty dict is data, and there is nothing to convert",
      convert="reject", convert_findings=["no-tensors"])
def empty_dict():
    return {}


# Names


@case("names", "names are any text: spaces, quotes, slashes, beyond ASCII, beyond the basic plane")
def names():
    texts = ["with space", 'quote"d', "back\\slash", "a/b/../c", "\u00fcn\u00efc\u00f6d\u00eb", "\u540d\u524d", "\U0001f98a.w",
             "x" * 300, "e\u0301", "\u00e9"]
    return {text: f32(text, 1 + index) for index, text in enumerate(texts)}


@case("name-control", "a name with a control character is refused, as check refuses it in an output",
      convert="reject", convert_findings=["name-control-character"])
def name_control():
    return {"a\nb": f32("nl", 1), "plain": f32("pl", 1)}


@case("name-metadata", "a tensor named __metadata__ is refused, not lost",
      convert="reject", convert_findings=["tensor-name-invalid"])
def name_metadata():
    return {"__metadata__": f32("md", 1), "plain": f32("pl", 1)}


@case("name-clash", "two leaves that flatten to one name are refused",
      convert="reject", convert_findings=["tensor-name-clash"])
def name_clash():
    return {"a.b": f32("c1", 1), "a": {"b": f32("c2", 2)}}


@case("many-keys", "a dict longer than one batch of SETITEMS, memo slots beyond one byte")
def many_keys():
    flat = fill("many", torch.int16, 1500)
    return {f"k{index:04d}": flat[index:index + 1] for index in range(1500)}


# Views


@case("transposed", "transposed tensors are written row by row")
def transposed():
    return {"t": f32("t", 3, 5).t(), "p": f32("p", 2, 3, 4).permute(2, 0, 1), "c": f32("c", 2, 2)}


@case("channels-last", "channels_last tensors are written row by row")
def channels_last():
    return {"conv": f32("cl", 2, 3, 4, 5).contiguous(memory_format=torch.channels_last), "bias": f32("clb", 2)}


@case("slice-offset", "a slice starts at its offset and takes its part of the storage alone")
def slice_offset():
    return {"mid": f32("so", 10, 4)[3:6], "tail": f32("so2", 64)[60:], "column": f32("so3", 6, 6)[:, 2:4]}


@case("expanded", "expanded tensors are written in full")
def expanded():
    return {"ids": torch.arange(6).expand(3, 6), "row": f32("ex", 4, 1).expand(4, 3), "w": f32("exw", 2, 2)}


@case("strided", "steps, and strides of dimensions of size one that mean nothing")
def strided():
    return {"step": f32("st", 20)[1::3], "one": torch.as_strided(f32("st1", 6), (1, 6), (99, 1)),
            "diag": f32("std", 5, 5).diagonal()}


@case("windows", "windows that overlap themselves are written in full")
def windows():
    return {"w": torch.as_strided(f32("wi", 10), (4, 4), (2, 1))}


@case("scalars", "tensors without dimensions have one element")
def scalars():
    return {"f": fill("sf", torch.float32), "i": fill("si", torch.int64), "b": fill("sb", torch.bool),
            "steps": [fill("s0", torch.float64), fill("s1", torch.float64)]}


@case("zero-size", "tensors without elements have no bytes")
def zero_size():
    return {"none": torch.empty(0), "mid": torch.empty(3, 0, 2, dtype=torch.int32), "w": f32("zw", 2),
            "slice": f32("zs", 4)[4:]}


@case("rank", "seven dimensions")
def rank():
    return {"r": f32("rank", 1, 2, 1, 3, 1, 2, 2).transpose(1, 6), "q": f32("q", 1, 1, 1, 1, 1, 1, 1, 1)}


# Shared storages


@case("tied", "two names of one tensor are written once, under the smaller name")
def tied():
    shared = f32("tied", 6, 4)
    return {"wte.weight": shared, "lm_head.weight": shared, "other": f32("to", 2)}


@case("tied-three", "three names of one tensor, and a second pair, out of order")
def tied_three():
    one, two = f32("t3", 3, 3), f32("t2", 4)
    return {"c": one, "y": two, "a": one, "b": one, "x": two}


@case("tied-views", "two disjoint halves of one storage are both written")
def tied_views():
    whole = f32("tv", 8, 2)
    return {"head": whole[:4], "tail": whole[4:]}


@case("partial-overlap", "views that overlap without being identical are each written in full",
      reference="drops a name whose bytes differ, or refuses")
def partial_overlap():
    whole = f32("po", 8)
    return {"all": whole, "first": whole[:5], "last": whole[3:]}


@case("tied-transpose", "a tensor and its transpose are two tensors", reference="refuses")
def tied_transpose():
    weight = f32("tt", 3, 4)
    return {"w": weight, "wt": weight.t()}


@case("tied-reshape", "one storage under two shapes is two tensors", reference="drops the name of another shape")
def tied_reshape():
    weight = f32("tr", 3, 4)
    return {"flat": weight.view(12), "w": weight}


# Parameters and modules


@case("parameters", "parameters, trained or frozen, are tensors")
def parameters():
    return {"p": nn.Parameter(f32("pp", 3, 2)), "frozen": nn.Parameter(f32("pf", 2), requires_grad=False),
            "grad": f32("pg", 2).requires_grad_()}


@case("module-small", "the state dict of a real module, with its _metadata")
def module_small():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    return filled(model).state_dict()


@case("module-transformer", "an encoder layer, an embedding and its tied head")
def module_transformer():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(11, 8)
            self.block = nn.TransformerEncoderLayer(8, 2, 16)
            self.head = nn.Linear(8, 11, bias=False)
            self.head.weight = self.embed.weight
            self.register_buffer("mask", torch.ones(4, 4, dtype=torch.bool).tril())
    return filled(Model()).state_dict()


@case("module-lstm", "a recurrent module")
def module_lstm():
    return filled(nn.LSTM(3, 4, num_layers=2)).state_dict()


def filled(model):
    """The module with values that depend on the names alone."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(fill(name, parameter.dtype, *parameter.shape))
    return model


# How it was saved


@case("buffer-root", "saved to a Python file object: the root of the archive is `archive`", save={"buffer": True})
def buffer_root():
    return plain_dict()


@case("dots.in.name", "saved to a path with dots: the root of the archive is cut at the last one")
def dotted_root():
    return plain_dict()


@case("protocol-4", "protocol 4: frames, MEMOIZE, STACK_GLOBAL", save={"pickle_protocol": 4},
      reference="refuses protocol 4")
def protocol_4():
    return under_state_dict()


@case("protocol-3", "protocol 3", save={"pickle_protocol": 3}, reference="refuses protocol 3")
def protocol_3():
    return under_state_dict()


@case("protocol-5", "protocol 5", save={"pickle_protocol": 5}, reference="refuses protocol 5")
def protocol_5():
    return under_state_dict()


@case("conj-neg", "conjugate and negative bits are applied", since=2, reference="does not resolve them", torch="2")
def conj_neg():
    pairs = fill("cj", torch.complex64, 3, 4)
    return {"c": pairs.conj(), "i": fill("ci", torch.complex64, 2, 3).conj().imag, "n": torch._neg_view(f32("ng", 5)), "t": pairs.conj().t(),
            "w": torch._neg_view(fill("ni", torch.int64, 3)), "plain": pairs}


@case("dtype-float4-turned", "pairs of four-bit values stay together in whatever order a view takes them", since=2,
      reference="cannot flatten turned views that share a storage")
def float4_turned():
    def packed(view):
        return view.view(torch.float4_e2m1fn_x2)
    numbers = fill("f4t", torch.uint8, 3, 4, 5)
    return {"turned": packed(numbers.permute(2, 1, 0)), "stepped": packed(numbers[1:, :, ::2]), "wide": packed(numbers[0, :, 1:2].expand(4, 3)),
            "column": packed(numbers[:, :, 3:4]), "rows": packed(numbers[:, 1:3]), "none": packed(numbers[:0].permute(2, 1, 0))}


@case("module-whole", "a whole pickled module gives its state dict, without its class",
      findings=["reviewed-global"] * 3, reference="refuses a module")
def module_whole():
    return filled(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))


@case("lightning", "a training checkpoint as Lightning writes it: its state_dict is taken", findings=["reviewed-global"],
      reference="does not load a Namespace")
def lightning():
    return {"epoch": 3, "global_step": 7, "pytorch-lightning_version": "2.5.0", "state_dict": module_small(), "loops": {},
            "callbacks": {}, "optimizer_states": [{"state": {0: {"exp_avg": f32("ea", 4)}}, "param_groups": []}],
            "lr_schedulers": [], "hparams_name": "args", "hyper_parameters": argparse.Namespace(lr=0.1, layers=[1, 2])}


@case("no-crc", "a writer that skips checksums is believed, with a warning", since=2, save={"no_crc": True},
      findings=["zip-crc-missing"])
def no_crc():
    return plain_dict()


@case("alignment-4096", "storages aligned to 4096 bytes", since=2, save={"alignment": 4096})
def alignment():
    return plain_dict()
