"""One checkpoint: lock, say HELLO, load, say what it holds, stream its tensors.

Until the lock this is ours. What happens after torch.load may be anybody's, if the file's code was allowed to run.
"""
import ctypes
import os
import re
import struct
import types
import warnings

import torch

import tv_wire
from tv_structure import Structure
from tv_tensors import Exotic, Refused

OTHERS = {0, 1, 2, 3, 5}  # all descriptors there are


def alone():
    """Is it, before the lock, one thread with its own descriptors? Says what is wrong."""
    threads = len(os.listdir("/proc/self/task"))
    listing = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
    there = {int(name) for name in os.listdir(listing)} - {listing}
    os.close(listing)
    there = {number for number in there if number in OTHERS or is_open(number)}
    if threads != 1:
        return f"{threads} threads where one was due"
    return None if there == OTHERS else f"descriptors {sorted(there)}"


def is_open(number):
    """The descriptor that listed the others is closed by now."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def describe(error):
    """An exception as (code, subject, detail) of the wire."""
    text = str(error)
    if isinstance(error, MemoryError) or "allocate memory" in text:
        return tv_wire.MEMORY, "", text
    refused = re.search(r"(?:Unsupported (?:global|class)|GLOBAL|class) ?:? ?(?:GLOBAL )?'?([\w.]+\.[\w.]+)", text)
    if type(error).__name__ == "UnpicklingError" and "eights" in text + repr(error.__context__):
        reason = re.search(r"WeightsUnpickler error: ([^\n]+?)(?:\. Please|\n|$)", text)  # after advice how to load it all the same
        return tv_wire.CLASS_REFUSED, refused.group(1) if refused else "", reason.group(1) if reason else text.split("\n")[0]
    if isinstance(error, ImportError) and error.name:
        return tv_wire.MODULE_MISSING, error.name, text
    if isinstance(error, AttributeError) and isinstance(getattr(error, "obj", None), types.ModuleType):
        return tv_wire.MODULE_MISSING, f"{error.obj.__name__}.{error.name}", text
    return tv_wire.LOAD_FAILED, "", f"{type(error).__name__}: {text}".split("\n")[0]


def send(wire, structure):
    """Table, decisions, structure, and each storage's bytes."""
    wire.frame(tv_wire.TABLE, b"".join(struct.pack("<QI", view.bytes, view.flags) for view in structure.views))
    for number, text in structure.decisions:
        wire.frame(tv_wire.DECISION, struct.pack("<I", number) + text.encode("utf-8", "replace")[:tv_wire.TEXT])
    wire.frame(tv_wire.STRUCTURE, structure.pickle())
    for view in structure.views:
        tensor = view.tensor.contiguous()
        payload = (ctypes.c_char * view.bytes).from_address(tensor.data_ptr()) if view.bytes else b""
        wire.frame(tv_wire.DATA, payload)
    wire.frame(tv_wire.END)


def convert(wire, source, settings):
    """Loads and streams. A failure that Python can tell of is told, once."""
    exotic = Exotic(densify=settings.get("densify") == "1", dequantize=settings.get("dequantize") == "1")
    try:
        value = torch.load(source, map_location="cpu", weights_only=settings.get("code") != "1")
        structure = Structure(exotic)
        structure.write(value)
        send(wire, structure)
    except Refused as refused:
        wire.fail(refused.code, refused.subject, refused.detail, refused.number)
    except BrokenPipeError:  # whoever listened has heard enough
        pass
    except BaseException as error:
        wire.fail(*describe(error))


def run(lock, settings, keeper):
    """The exit status; 0 says nothing of the file."""
    telling = settings.get("telling") == "1"
    wire = tv_wire.Wire(silent=telling)
    wrong = alone()
    source = open(3, "rb", closefd=False)
    os.lseek(3, 0, os.SEEK_SET)
    form = None
    if wrong is None:
        form = lock.close(int(settings["memory"]), int(settings["seconds"]), keeper, telling)
        wrong = form.failed_at.decode() if form.layers == 0 else None
    if wrong is not None:
        wire.fail(tv_wire.UNLOCKED, "", wrong)
        return 71
    if settings.get("probe") is not None:
        return probe(settings["probe"])
    wire.hello(form.layers, form.landlock_abi)
    warnings.simplefilter("ignore")
    convert(wire, source, settings)
    return 0


def probe(what):
    """For `doctor`: 0 where a file cannot be opened; and a socket, which must be the end."""
    if what == "1":
        try:
            os.open("/etc/passwd", os.O_RDONLY)
        except PermissionError:
            return 0
        return 72
    import _socket
    _socket.socket()
    return 73
