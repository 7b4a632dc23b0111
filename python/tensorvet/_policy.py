"""How strictly files are read, for the whole process.

"strict" (the default) refuses whatever `tensorvet check` refuses. "reference" is the way out for odd old files: what
the strict reader refuses is then read as the reference reads it (duplicate names: the last wins; unknown fields:
ignored; any JSON white space ...). Validity of sizes and offsets is never given up. The environment's TENSORVET_POLICY
sets the policy at import.
"""

from __future__ import annotations

import os

_POLICIES = ("strict", "reference")
_current = "strict"


def set_policy(name: str) -> None:
    """Set the policy of this process: "strict" or "reference". Raises ValueError for any other name."""
    global _current
    if name not in _POLICIES:
        raise ValueError(f"policy {name!r} is none of {', '.join(_POLICIES)}")
    _current = name


def get_policy() -> str:
    """The policy in force: "strict" or "reference"."""
    return _current


def is_reference() -> bool:
    return _current == "reference"


def syncs() -> bool:
    """Are files brought to the disk before a save returns? TENSORVET_FSYNC=0 turns that off."""
    return os.environ.get("TENSORVET_FSYNC", "1") != "0"


set_policy(os.environ.get("TENSORVET_POLICY") or "strict")
