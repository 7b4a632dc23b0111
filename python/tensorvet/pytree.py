"""JAX pytrees in safetensors files: each leaf under the path that leads to it.

A path is written as the package pytree2safetensors writes it, so files go both ways between the two: `.name` for an
attribute (the first dot of a path is left off), `@key` for a key of a dict, `#index` for a place in a sequence:
`layers#10@query`, `#2.layers#10@query`.

What becomes of the rest:

- Dict keys are str or int. An int is written in digits (`@0`) and comes back as the str `'0'` from `load_pytree`, since the
  file cannot tell; `set_weights` and `load_into_pytree` keep the tree's own keys. A dict with both 0 and '0' is refused.
- Keys and names that contain `.`, `@` or `#` are refused when a tree is written: no reader could tell them from a path.
- Lists and tuples are both `#`; `load_pytree` makes lists of both. Dataclasses, named tuples and modules of Flax and
  Equinox are `.`, and come back as `PyTreeContainer`s. `load_into_pytree` keeps every type.
- None is no leaf but an empty subtree, as are {}, [] and (): none of them is written. Of a list, `load_pytree` fills gaps
  with None, so that a list with None inside comes back as it was, but for None at its end.
- Numbers (bool, int, float) are written as arrays of no dimensions. Functions, which modules hold as leaves, are
  code and not weights: they are never written, and stay as they are in the tree that is loaded into.
- A bare leaf has the empty name.

Trusts nothing in a file's names: they are compared with the tree's own paths, or become keys of fresh dicts, lists and
`PyTreeContainer`s; no attribute of an object is ever looked up or set by them. Depth and gaps are bounded.
"""

from __future__ import annotations

import numbers
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Union

import jax
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from tensorvet.flax import load_file, save_file

__all__ = [
    "PyTreeContainer",
    "dict2pytree",
    "keypath2string",
    "load_file",
    "load_into_pytree",
    "load_pytree",
    "pytree2dict",
    "save_pytree",
    "set_weights",
    "string2keypath",
]

KeyEntry = Union[DictKey, GetAttrKey, SequenceKey]
KeyPath = tuple[KeyEntry, ...]
PyTree = Any

MAX_DEPTH = 256
"""Keys of one path. JAX walks trees by recursion, so a name must not decide how deep."""
MAX_GAPS = 65_536
"""None's that `dict2pytree` puts into lists, in all: `#999999999` must not decide how much memory it takes."""

_SEPARATORS = ".@#"


class PyTreeContainer:
    """A node of a pytree with named children: what `dict2pytree` makes where a path has an attribute.

    Children are attributes: `PyTreeContainer({'w': x}).w`, and `vars` gives all of them. Its leaves come in the order of
    their names, so that trees with the same names have the same structure.
    """

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        self.__dict__.update(attrs or {})

    def __repr__(self) -> str:
        return f"PyTreeContainer({vars(self)!r})"


def _children(container: PyTreeContainer) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    names = tuple(sorted(vars(container)))
    return tuple(vars(container)[name] for name in names), names


def _keyed_children(container: PyTreeContainer) -> tuple[tuple[tuple[GetAttrKey, Any], ...], tuple[str, ...]]:
    values, names = _children(container)
    return tuple((GetAttrKey(name), value) for name, value in zip(names, values)), names


def _container_of(names: tuple[str, ...], values: Iterable[Any]) -> PyTreeContainer:
    return PyTreeContainer(dict(zip(names, values)))


jax.tree_util.register_pytree_with_keys(PyTreeContainer, _keyed_children, _container_of, _children)


# Names


def _part(entry: Any) -> str:
    """One key as it is written, whatever characters it holds."""
    if isinstance(entry, GetAttrKey):
        return "." + entry.name
    if isinstance(entry, SequenceKey):
        return f"#{entry.idx}"
    if isinstance(entry, DictKey) and isinstance(entry.key, str):
        return "@" + entry.key
    if isinstance(entry, DictKey) and isinstance(entry.key, int) and not isinstance(entry.key, bool):
        return f"@{int(entry.key)}"
    if isinstance(entry, DictKey):
        raise TypeError(f"a dict key must be a str or an int to be part of a name, not {entry.key!r}")
    raise TypeError(
        f"{entry!r} has no name: register its node with jax.tree_util.register_pytree_with_keys, "
        "with DictKey, GetAttrKey or SequenceKey"
    )


def _checked_part(entry: Any) -> str:
    part = _part(entry)
    if any(separator in part[1:] for separator in _SEPARATORS):
        raise ValueError(
            f"the key {part[1:]!r} contains '.', '@' or '#', which separate the keys of a path: rename it, or save a flat "
            "dict of names with tensorvet.flax.save_file"
        )
    if part == ".":
        raise ValueError("an attribute must have a name")
    return part


def _joined(parts: list[str]) -> str:
    name = "".join(parts)
    return name[1:] if name.startswith(".") else name


def keypath2string(path: Iterable[Any]) -> str:
    """The name of the leaf at that path of JAX keys: `(GetAttrKey('layers'), SequenceKey(10), DictKey('query'))` is
    `'layers#10@query'`. The empty path, of a bare leaf, is `''`.

    ValueError for a key with a separator in it, an empty attribute, more than 256 keys; TypeError for a key of another
    kind (`FlattenedIndexKey`) and a dict key that is neither str nor int.
    """
    parts = [_checked_part(entry) for entry in path]
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"a path of {len(parts)} keys; {MAX_DEPTH} are allowed")
    return _joined(parts)


def _index(digits: str, name: str) -> SequenceKey:
    canonical = digits.isascii() and digits.isdigit() and (digits == "0" or not digits.startswith("0"))
    if not canonical or len(digits) > 9:  # JAX keeps an index in a C int
        raise ValueError(f"in the name {name!r:.300}, {digits!r:.40} is no index of a sequence")
    return SequenceKey(int(digits))


def _entry(separator: str, text: str, name: str) -> KeyEntry:
    if separator == "@":
        return DictKey(text)
    if separator == "#":
        return _index(text, name)
    if not text:
        raise ValueError(f"the name {name!r:.300} has an empty attribute")
    return GetAttrKey(text)


def string2keypath(string: str) -> KeyPath:
    """The path that a name stands for: the inverse of `keypath2string`, but that every dict key is a str.

    A leading dot may be there or not. ValueError for what `keypath2string` never writes: an empty attribute, an index
    that is not a plain decimal number (`#01`, `#-1`), more than 256 keys.
    """
    if not string:
        return ()
    marked = string if string[0] in _SEPARATORS else "." + string
    starts = [at for at, char in enumerate(marked) if char in _SEPARATORS]
    if len(starts) > MAX_DEPTH:
        raise ValueError(f"the name {string!r:.300} has {len(starts)} keys; {MAX_DEPTH} are allowed")
    ends = starts[1:] + [len(marked)]
    return tuple(_entry(marked[at], marked[at + 1 : end], string) for at, end in zip(starts, ends))


# Trees to names


def _is_code(leaf: Any) -> bool:
    return callable(leaf) and not hasattr(leaf, "shape")


def pytree2dict(tree: PyTree) -> dict[str, Any]:
    """The leaves of a tree by name, in JAX's order. Functions are left out.

    ValueError where two leaves would have the same name (0 and '0' in one dict), and as `keypath2string`.
    """
    named: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if _is_code(leaf):
            continue
        name = keypath2string(path)
        if name in named:
            raise ValueError(f"two leaves of the tree have the name {name!r}")
        named[name] = leaf
    return named


# Names to trees


class _Node:
    """A node that is being built: its kind (`.`, `@` or `#`), its children by key, and in the end its tree."""

    __slots__ = ("children", "kind", "tree")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.children: dict[Any, Any] = {}
        self.tree: Any = None

    def finish(self) -> None:
        built = {key: child.tree if isinstance(child, _Node) else child for key, child in self.children.items()}
        if self.kind == ".":
            self.tree = PyTreeContainer(built)
        elif self.kind == "#":
            self.tree = [built.get(index) for index in range(max(built) + 1)]
        else:
            self.tree = built


def _kind_and_key(entry: KeyEntry) -> tuple[str, Any]:
    if isinstance(entry, GetAttrKey):
        return ".", entry.name
    if isinstance(entry, SequenceKey):
        return "#", entry.idx
    return "@", entry.key


def _grow(nodes: list[_Node], node: _Node, name: str, key: Any, kind: str) -> _Node:
    """The node of that kind under that key, made if there is none."""
    child = node.children.get(key)
    if child is None:
        child = node.children[key] = _Node(kind)
        nodes.append(child)
    if not isinstance(child, _Node):
        raise ValueError(f"the name {name!r:.300} goes on where another name ends")
    if child.kind != kind:
        raise ValueError(f"the name {name!r:.300} has '{kind}' where another has '{child.kind}'")
    return child


def _place(nodes: list[_Node], name: str, leaf: Any) -> None:
    """Puts the leaf into the tree that begins at nodes[0], which has the one child None."""
    node: _Node = nodes[0]
    key: Any = None
    for entry in string2keypath(name):
        kind, next_key = _kind_and_key(entry)
        node, key = _grow(nodes, node, name, key, kind), next_key
    if key in node.children:
        raise ValueError(f"the name {name!r:.300} stands for a leaf or a node that is there already")
    node.children[key] = leaf


def _check_gaps(nodes: list[_Node]) -> None:
    gaps = sum(max(node.children) + 1 - len(node.children) for node in nodes if node.kind == "#")
    if gaps > MAX_GAPS:
        raise ValueError(f"the sequences have {gaps} gaps; {MAX_GAPS} are allowed")


def dict2pytree(dictionary: Mapping[str, Any]) -> PyTree:
    """The tree that those names describe: dicts for `@`, lists for `#`, `PyTreeContainer`s for `.`; None for no names.

    Gaps in a sequence are None. ValueError for names that do not fit together (two kinds of key at one node, a leaf where
    another name goes on, the same path twice), for more than 65,536 gaps, and as `string2keypath`.
    """
    if any(leaf is None for leaf in dictionary.values()):
        raise ValueError("None is no leaf")
    nodes = [_Node("root")]
    for name, leaf in dictionary.items():
        _place(nodes, name, leaf)
    _check_gaps(nodes)
    for node in reversed(nodes[1:]):  # children were made after their parents, so they are finished before them
        node.finish()
    root = nodes[0].children.get(None)
    return root.tree if isinstance(root, _Node) else root


# Names into trees


def _names_of(module: PyTree) -> tuple[list[tuple[str, Any]], Any]:
    """Every leaf with its name, and the structure. Names are compared and not parsed here, so separators in keys do no
    harm; nodes without key names (`FlattenedIndexKey`) add nothing to a name."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(module)
    named = []
    for path, leaf in leaves:
        parts = [_part(entry) for entry in path if not isinstance(entry, jax.tree_util.FlattenedIndexKey)]
        named.append((_joined(parts), leaf))
    return named, structure


def _canonical(name: str) -> str:
    """`.layers` and `layers` are the same path."""
    return name[1:] if name[:1] == "." and name[1:2] not in ("", *_SEPARATORS) else name


def _by_canonical_name(dictionary: Mapping[str, Any]) -> dict[str, Any]:
    given = {_canonical(name): value for name, value in dictionary.items()}
    if len(given) != len(dictionary):
        raise ValueError("two entries of the dictionary stand for the same leaf")
    return given


_NUMBERS: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (numbers.Integral,),
    float: (numbers.Real,),
}
"""What a leaf that is a Python number may be loaded from."""


def _number(leaf: Any, value: Any) -> Any:
    """The value as a number of the leaf's own type; TypeError where it is not one."""
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, bool) != isinstance(leaf, bool) or not isinstance(item, _NUMBERS[type(leaf)]):
        raise TypeError(f"holds a {type(leaf).__name__}, the dictionary a {type(item).__name__}")
    return type(leaf)(item)


def _fitted(leaf: Any, value: Any) -> Any:
    """The value for that leaf. TypeError, with the reason, where it does not fit."""
    wanted, given = tuple(getattr(leaf, "shape", ())), tuple(getattr(value, "shape", ()))
    if wanted != given:
        raise TypeError(f"has shape {wanted}, the dictionary {given}")
    return _number(leaf, value) if type(leaf) in _NUMBERS else value


def _is_weight(leaf: Any) -> bool:
    return hasattr(leaf, "shape") or type(leaf) in _NUMBERS


def _some(names: list[str]) -> str:
    shown = ", ".join(f"{name!r:.120}" for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def _complain(missing: list[str], extra: list[str], strict: bool, verbose: bool) -> None:
    said = [f"{what}: {_some(names)}" for what, names in (("missing", missing), ("not in the tree", extra)) if names]
    if said and strict:
        raise ValueError(f"the names do not fit the tree; {'; '.join(said)} (strict=False loads what fits)")
    if said and verbose:
        warnings.warn("; ".join(said), stacklevel=3)


def set_weights(module: PyTree, dictionary: Mapping[str, Any], verbose: bool = False, *, strict: bool = True) -> PyTree:
    """A tree like module, with the leaves that the dictionary has under their names; module stays as it is.

    Values are taken as they are, dtype included; a leaf that is a Python number stays one of its type. Leaves that are
    neither arrays nor numbers (functions) keep their value and are not looked for. A leaf of the tree that is missing in
    the dictionary, and an entry that is no leaf of the tree: ValueError that names them; with strict=False the leaf keeps
    its value and the entry is passed over (verbose=True: with a warning). Another shape, or a number of another kind:
    always a ValueError. Two leaves of one name that the dictionary has: ValueError.
    """
    given = _by_canonical_name(dictionary)
    named, structure = _names_of(module)
    used: set[str] = set()
    missing, misfits, leaves = [], [], []
    for name, leaf in named:
        if not _is_weight(leaf) or name not in given:
            missing += [name] if _is_weight(leaf) else []
            leaves.append(leaf)
            continue
        if name in used:
            raise ValueError(f"two leaves of the tree have the name {name!r}")
        used.add(name)
        try:
            leaves.append(_fitted(leaf, given[name]))
        except TypeError as error:
            misfits.append(f"{name!r:.120} {error}")
    if misfits:
        raise ValueError(f"misshapen: the tree's leaf {'; '.join(misfits[:10])}")
    _complain(missing, [name for name in given if name not in used], strict, verbose)
    return jax.tree_util.tree_unflatten(structure, leaves)


# Files


def save_pytree(tree: PyTree, path: str | os.PathLike[str]) -> None:
    """Writes the tree's leaves to a safetensors file: `tensorvet.flax.save_file(pytree2dict(tree), path)`."""
    save_file(pytree2dict(tree), path)


def load_pytree(path: str | os.PathLike[str]) -> PyTree:
    """The tree that the file's names describe: `dict2pytree(load_file(path))`."""
    return dict2pytree(load_file(path))


def load_into_pytree(
    module: PyTree, path: str | os.PathLike[str], verbose: bool = False, *, strict: bool = True
) -> PyTree:
    """A tree like module with the file's leaves: `set_weights(module, load_file(path), ...)`."""
    return set_weights(module, load_file(path), verbose, strict=strict)
