"""Strict JSON for what is not a header: a key that stands twice, NaN, what follows the value, all are errors."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["loads"]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def loads(data: bytes) -> Any:
    """The value that the UTF-8 text is. ValueError for anything but one JSON text, and for one that is nested too deeply."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
