"""The zygote: imports torch once, never reads a checkpoint, forks one child for each.

Speaks with the broker in short lines over a SOCK_SEQPACKET pair, whose other end trusts it; each child closes it.

    we say                                   and are told
    ready PYTHON TORCH                       run KEY=NUMBER ...    with two descriptors: source, stream
    failed missing|broken WHAT               again                 start a new interpreter
    started              with its pidfd
    ended STATUS MICROSECONDS KIBIBYTES
"""
import importlib
import os
import socket
import sys

import tv_prepare

CONTROL = 3
FAR = 64  # descriptors out of the way of 3 to 6
MANY = 8  # children after which there will probably be more (tv_pages.py)

# What decoding needs sooner or later, and torch has not imported by itself: afterwards nothing more can be.
EARLY = ("encodings.latin_1", "encodings.ascii", "encodings.utf_8", "encodings.utf_16", "encodings.idna", "_codecs",
         "argparse", "gettext", "uuid", "decimal", "fractions", "pathlib", "datetime", "collections", "enum", "types",
         "dataclasses", "functools", "operator", "copyreg", "copy", "pickle", "io", "linecache", "traceback", "warnings",
         "struct", "ctypes", "numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.random",
         "torch._utils", "torch._tensor", "torch.storage", "torch.serialization", "torch._weights_only_unpickler",
         "torch.utils.serialization", "torch.utils.serialization.config", "torch.nn", "torch.optim", "torch.sparse",
         "torch.nested", "torch.ao.quantization", "torch.nn.parameter", "torch.utils._python_dispatch")


def say(control, text, descriptors=()):
    socket.send_fds(control, [text.encode("utf-8", "replace")[:1000]], list(descriptors))


def import_all(modules):
    """Imports torch, what it may need later, and what the user trusts; says what went wrong, or nothing."""
    try:
        tv_prepare.settle(modules)
        import torch
    except ModuleNotFoundError as error:
        return f"missing {error.name} is not installed for {sys.executable}"
    except Exception as error:  # a broken installation raises anything
        return f"broken import torch: {type(error).__name__}: {error}"
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    for name in EARLY:
        try:
            importlib.import_module(name)
        except Exception:  # of another version of torch or numpy, or without: then nothing will ask for it
            pass
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            return f"broken --preload {name}: {type(error).__name__}: {error}"
    try:
        import tv_warm
        tv_warm.warm()
    except Exception as error:
        return f"broken a first use of torch: {type(error).__name__}: {error}"
    return None


def child(lock, text, descriptors, keeper):
    """In the fork: only the two descriptors, in their places, and then the job. Never returns."""
    import fcntl
    status = 70
    try:
        source, stream = (fcntl.fcntl(number, fcntl.F_DUPFD, FAR) for number in descriptors)
        os.closerange(CONTROL, FAR)
        os.dup2(source, 3)
        os.dup2(stream, 5)
        os.closerange(6, 4096)
        import tv_child
        status = tv_child.run(lock, dict(part.split("=") for part in text.split()), keeper)
    finally:
        os._exit(status)


def run(control, lock, text, descriptors):
    """One child from fork to reaping: the broker watches it through its pidfd, and may kill it."""
    keeper = os.getpid()
    number = os.fork()
    if number == 0:
        child(lock, text, descriptors, keeper)
    for descriptor in descriptors:
        os.close(descriptor)
    pidfd = os.pidfd_open(number)
    say(control, "started", [pidfd])
    os.close(pidfd)
    _, status, usage = os.wait4(number, 0)
    seconds = usage.ru_utime + usage.ru_stime
    say(control, f"ended {status} {int(seconds * 1e6)} {usage.ru_maxrss}")


def serve(lock_path, modules):
    control = socket.socket(fileno=CONTROL)
    failure = import_all(modules)
    if failure is None:
        import tv_lock
        try:
            lock = tv_lock.Lock(lock_path)
        except (OSError, AttributeError, ValueError) as error:
            failure = f"broken the lock: {error}"
    if failure is not None:
        say(control, f"failed {failure}")
        return
    import torch
    import tv_pages
    say(control, f"ready {sys.version.split()[0]} {torch.__version__}")
    children = 0
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 4096, 2)
        verb, _, text = data.decode("ascii").partition(" ")
        if verb == "run" and len(descriptors) == 2:
            run(control, lock, text, descriptors)
            children += 1
            if children == MANY:
                tv_pages.collapse()
        elif verb == "again":
            # -I -S -B -X utf8 FOLDER: as it was started, and the control socket stays open.
            os.set_inheritable(CONTROL, True)
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", "-X", "utf8", sys.path[0], lock_path, *modules])
        else:
            return
