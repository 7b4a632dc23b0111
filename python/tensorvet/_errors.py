"""Errors of the package, and the texts that users see: what is wrong, where, and what to do next.

Texts of a broken rule begin with the reference's own words where it has words for the rule, because programs look for
them; the finding id, which is stable, is in the exception's ``id``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tensorvet import _core
from tensorvet._core import SafetensorError

__all__ = ["JailUnavailable", "SafetensorError", "explained", "printable"]


class JailUnavailable(RuntimeError):
    """Raised by `check`, `inspect` and `convert` where no jail confines the parser: they do nothing without one.

    The message names the way out: on Linux, the tensorvet command with its worker (a system package or a build of this
    repository); elsewhere, Linux in WSL2 or a container. `results` holds what the command said, if it got that far.
    """

    def __init__(self, reason: str, results: Iterable[Any] = ()) -> None:
        if sys.platform.startswith("linux"):
            way = ("install the tensorvet command with its worker (its Debian package, or a build of the repository), on PATH "
                   "or named in TENSORVET_COMMAND, and ask `tensorvet doctor`")
        else:
            way = "the jail needs Linux: run this in WSL2 or in a container, where the tensorvet command is installed"
        super().__init__(f"{reason}: {way}. Loading and saving safetensors files needs none of it")
        self.results = tuple(results)


# The reference's words for the rule, by finding id.
_WORDS = {
    "empty-file": "header too small",
    "file-too-short": "header too small",
    "git-lfs-pointer": "header too large",
    "html-page": "header too large",
    "pickle-in-disguise": "header too large",
    "archive-in-disguise": "header too large",
    "unsupported-kind": "header too large",
    "header-too-large": "header too large",
    "header-length-beyond-file": "invalid header length",
    "header-invalid-utf8": "invalid UTF-8 in header",
    "size-mismatch": "invalid shape, data type, or offset for tensor",
    "shape-overflow": "overflow computing buffer size from shape and/or element type",
    "offsets-out-of-range": "incomplete metadata, file not fully covered",
    "trailing-data": "incomplete metadata, file not fully covered",
    "offsets-overlap": "invalid offset for tensor",
    "offsets-gap": "invalid offset for tensor",
    "offsets-reversed": "invalid offset for tensor",
    "sub-byte-misaligned": "invalid shape, data type, or offset for tensor",
}
_FOREIGN = {"git-lfs-pointer", "html-page", "pickle-in-disguise", "archive-in-disguise", "unsupported-kind", "empty-file"}


def printable(text: str) -> str:
    """The text with everything that could move a cursor or turn the writing direction escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _kind(head: bytes, size: int) -> str | None:
    """What foreign bytes are, in words, with what to run; None where nothing can be said."""
    name, what = _core.identify(head, size)
    if name == "zip" and (b"/data.pkl" in head or b"data.pklPK" in head or b"/version" in head[:300]):
        what, name = "a PyTorch checkpoint", "torch-zip"
    elif name == "zip" and b".npy" in head[:300]:
        what, name = "a NumPy archive (npz)", "npz"
    if name in ("torch-zip", "torch-legacy", "torch-tar", "torchscript", "pickle", "npz", "numpy"):
        return f"this is {what}: `tensorvet convert %s` makes a safetensors file of it without running what it holds"
    if name in ("unknown", "empty", "safetensors", "git-lfs-pointer", "html"):
        return None
    return f"this is {what}, not a safetensors file"


def explained(error: SafetensorError, doing: str, path: str | None = None, head: bytes = b"",
              size: int = 0) -> SafetensorError:
    """The error with its whole text: "Error while `doing`: ...". Attributes id, offset, subject and todo are kept."""
    finding = getattr(error, "id", None)
    text = str(error)
    if finding in _FOREIGN and head:
        told = _kind(head, size)
        if told is not None:
            text = told % (path or "FILE") if "%s" in told else told
    if finding in _WORDS:
        text = f"{_WORDS[finding]}: {text}"
    elif finding is not None and doing.startswith("deserializing"):
        text = f"invalid JSON in header: {text}"
    if path is not None:
        text = f"{text} (in {path})"
    if finding is not None:
        text = f"{text} [{finding}]"
    full = SafetensorError(printable(f"Error while {doing}: {text}"))
    full.__dict__.update(error.__dict__)
    return full
