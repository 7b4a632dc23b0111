"""tensorvet.pytree: names, trees and files; each stated outcome; files that go both ways to the package of that format."""

import collections
import copy
import dataclasses
import string

import equinox as eqx
import flax.linen
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import pytree2safetensors as package
import safetensors.flax
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.tree_util import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey

import tensorvet.flax
import tensorvet.pytree as ours
from tensorvet.pytree import PyTreeContainer

Point = collections.namedtuple("Point", ["x", "y"])


@flax.struct.dataclass
class Layer:
    query: jax.Array
    bias: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Plain:
    a: jax.Array
    b: object


def same(a, b):
    assert jax.tree_util.tree_structure(a) == jax.tree_util.tree_structure(b)
    for x, y in zip(jax.tree_util.tree_leaves(a), jax.tree_util.tree_leaves(b)):
        assert jnp.asarray(x).dtype == jnp.asarray(y).dtype and np.array_equal(np.asarray(x), np.asarray(y))


# Names

NAMES = [
    ((GetAttrKey("layers"), SequenceKey(10), DictKey("query")), "layers#10@query"),
    ((SequenceKey(2), GetAttrKey("layers"), SequenceKey(10), DictKey("query")), "#2.layers#10@query"),
    ((DictKey("params"), DictKey("Dense_0")), "@params@Dense_0"),
    ((GetAttrKey("a"), GetAttrKey("b")), "a.b"),
    ((DictKey(""), DictKey("x")), "@@x"),
    ((), ""),
]


@pytest.mark.parametrize("path,name", NAMES)
def test_names_both_ways(path, name):
    assert ours.keypath2string(path) == name
    assert ours.string2keypath(name) == path
    if path:
        assert package.keypath2string(path) == name and package.string2keypath(name) == path


def test_the_first_dot_may_be_there():
    assert ours.string2keypath(".layers#1") == ours.string2keypath("layers#1")


def test_an_int_key_is_written_in_digits_and_read_as_str():
    assert ours.keypath2string((DictKey(0),)) == "@0"
    assert ours.keypath2string((DictKey(-3),)) == "@-3"
    assert ours.string2keypath("@0") == (DictKey("0"),)


@pytest.mark.parametrize("key", ["a.b", "a@b", "#", "x.", "model.layers"])
@pytest.mark.parametrize("kind", [DictKey, GetAttrKey])
def test_keys_with_separators_are_refused(kind, key):
    with pytest.raises(ValueError, match="separate"):
        ours.keypath2string((kind(key),))


@pytest.mark.parametrize("entry", [FlattenedIndexKey(0), DictKey(1.5), DictKey(True), DictKey((1, 2)), DictKey(None), "x"])
def test_keys_without_a_name_are_refused(entry):
    with pytest.raises(TypeError):
        ours.keypath2string((entry,))


@pytest.mark.parametrize("name", ["#01", "#-1", "#+1", "#1_0", "#", "# 1", "#\u0663", "#" + "9" * 10, "a..b", ".", "a.", "..a"])
def test_names_that_are_never_written_are_refused(name):
    with pytest.raises(ValueError):
        ours.string2keypath(name)


def test_depth_is_bounded():
    assert len(ours.string2keypath("@a" * ours.MAX_DEPTH)) == ours.MAX_DEPTH
    with pytest.raises(ValueError, match="256"):
        ours.string2keypath("@a" * (ours.MAX_DEPTH + 1))
    with pytest.raises(ValueError, match="256"):
        ours.keypath2string((DictKey("a"),) * (ours.MAX_DEPTH + 1))


# Trees

X, Y, Z = jnp.arange(3.0), jnp.ones((2, 2), jnp.bfloat16), jnp.array(7, jnp.int32)

# (tree, what load_pytree makes of it)
TREES = [
    ({"a": X, "b": {"c": Y}}, {"a": X, "b": {"c": Y}}),
    ([X, [Y, Z]], [X, [Y, Z]]),
    ((X, (Y,)), [X, [Y]]),
    (Point(X, {"k": Y}), PyTreeContainer({"x": X, "y": {"k": Y}})),
    (Layer(X, Y), PyTreeContainer({"query": X, "bias": Y})),
    (Plain(X, [Y, Z]), PyTreeContainer({"a": X, "b": [Y, Z]})),
    ({"list": [None, X], "none": None}, {"list": [None, X]}),
    ([X, None], [X]),
    ({"empty": {}, "no": [], "t": (), "x": X}, {"x": X}),
    ({0: X, 1: Y}, {"0": X, "1": Y}),
    ({"": X}, {"": X}),
    (X, X),
    ({"scalar": Z}, {"scalar": Z}),
    (PyTreeContainer({"w": X, "deep": PyTreeContainer({"v": Y})}), PyTreeContainer({"w": X, "deep": PyTreeContainer({"v": Y})})),
    (collections.OrderedDict(b=X, a=Y), {"b": X, "a": Y}),
    ({}, None),
    (None, None),
]


@pytest.mark.parametrize("tree,expected", TREES)
def test_files_give_back_the_tree(tree, expected, tmp_path):
    path = tmp_path / "t.safetensors"
    ours.save_pytree(tree, path)
    same(ours.load_pytree(path), expected)
    same(ours.load_into_pytree(jax.tree_util.tree_map(jnp.zeros_like, tree), path), tree)


@pytest.mark.parametrize("tree,expected", TREES)
def test_save_is_flax_save_of_the_dict(tree, expected, tmp_path):
    ours.save_pytree(tree, tmp_path / "a")
    tensorvet.flax.save_file(ours.pytree2dict(tree), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_load_into_is_set_weights_of_load_file(tmp_path):
    path, tree = tmp_path / "t", {"a": X, "b": (Y, Z)}
    ours.save_pytree(tree, path)
    same(ours.load_into_pytree(tree, path), ours.set_weights(tree, ours.load_file(path)))


def test_numbers_are_written_as_arrays_and_stay_numbers(tmp_path):
    path = tmp_path / "t"
    tree = {"i": 3, "f": 0.5, "b": True, "n": np.float32(2)}
    ours.save_pytree(tree, path)
    loaded = ours.load_pytree(path)
    assert {k: (v.shape, v.item()) for k, v in loaded.items()} == {"i": ((), 3), "f": ((), 0.5), "b": ((), True), "n": ((), 2)}
    into = ours.load_into_pytree({"i": 0, "f": 0.0, "b": False, "n": np.float32(0)}, path)
    assert [type(into[k]) for k in "ifb"] == [int, float, bool]
    assert (into["i"], into["f"], into["b"], into["n"].item()) == (3, 0.5, True, 2)


@pytest.mark.parametrize("leaf,value", [(1, 1.5), (True, 1), (1, True), (1.0, 1j), (0, np.zeros(1, np.int32))])
def test_a_number_of_another_kind_does_not_fit(leaf, value):
    with pytest.raises(ValueError, match="misshapen"):
        ours.set_weights({"n": leaf}, {"@n": jnp.asarray(value)})


def test_functions_are_never_written_and_stay(tmp_path):
    tree = {"act": jax.nn.relu, "w": X}
    ours.save_pytree(tree, tmp_path / "t")
    assert list(ours.load_file(tmp_path / "t")) == ["@w"]
    assert ours.load_into_pytree(tree, tmp_path / "t")["act"] is jax.nn.relu


def test_other_leaves_are_refused(tmp_path):
    with pytest.raises(ValueError, match="@name"):
        ours.save_pytree({"name": "a model", "w": X}, tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_two_leaves_of_one_name_are_refused():
    class Key(int):  # sorts beside the str that it is written as
        def __lt__(self, other):
            return True

        __gt__ = __lt__

    with pytest.raises(ValueError, match="two leaves"):
        ours.pytree2dict({Key(0): X, "0": Y})


def test_a_tree_is_left_as_it_is():
    tree = {"a": X}
    ours.set_weights(tree, {"@a": X + 1})
    assert tree["a"] is X


def test_loading_keeps_the_trees_own_keys_and_kinds(tmp_path):
    """What the file cannot tell: int from str, tuple from list, named tuple from dataclass, where None was."""
    tree = {0: (X, [Y]), 1: Point(None, Layer(X, Z)), 2: None}
    ours.save_pytree(tree, tmp_path / "t")
    assert set(ours.load_file(tmp_path / "t")) == {"@0#0", "@0#1#0", "@1.y.bias", "@1.y.query"}
    loaded = ours.load_into_pytree(jax.tree_util.tree_map(jnp.zeros_like, tree), tmp_path / "t")
    same(loaded, tree)
    assert list(loaded) == [0, 1, 2] and type(loaded[0]) is tuple and type(loaded[1]) is Point and type(loaded[1].y) is Layer
    assert set(ours.load_pytree(tmp_path / "t")) == {"0", "1"}


# Names that do not make a tree

CLASHES = [
    {"a": X, "a.b": Y},
    {"a.b": Y, "a": X},
    {"a.x": X, "a@y": Y},
    {"#0": X, "@0": Y},
    {"a": X, ".a": Y},
    {"": X, "a": Y},
    {"a": Y, "": X},
]


@pytest.mark.parametrize("names", CLASHES)
def test_names_that_do_not_fit_together_are_refused(names):
    with pytest.raises(ValueError):
        ours.dict2pytree(names)


def test_none_is_no_leaf_to_place():
    with pytest.raises(ValueError):
        ours.dict2pytree({"a": None})


def test_gaps_are_none_and_bounded():
    same(ours.dict2pytree({"#2": X, "#0": Y}), [Y, None, X])
    assert len(ours.dict2pytree({f"#{ours.MAX_GAPS}": X})) == ours.MAX_GAPS + 1
    for names in ({f"#{ours.MAX_GAPS + 1}": X}, {"#999999999": X}, {f"@{i}#{60_000}": X for i in range(9)}):
        with pytest.raises(ValueError, match="gaps"):
            ours.dict2pytree(names)


HOSTILE = ["__class__", "__dict__.x", "tree_flatten", "__array__", "__init__", "__reduce__", "_x", "a b", "\u202e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_a_file_reach_no_attribute(name):
    tree = ours.dict2pytree({name: X})
    assert type(tree) is PyTreeContainer
    assert ours.pytree2dict(tree) == {name: X}
    same(jax.tree_util.tree_map(lambda x: x, tree), tree)

    class Watched(PyTreeContainer):
        def __getattribute__(self, attribute):
            assert attribute in ("__dict__", "__class__"), attribute
            return object.__getattribute__(self, attribute)

    jax.tree_util.register_pytree_with_keys(
        Watched, lambda t: (((GetAttrKey("w"), vars(t)["w"]),), None), lambda _, children: Watched({"w": children[0]})
    )
    with pytest.raises(ValueError, match="not in the tree"):
        ours.set_weights(Watched({"w": Y}), {name: X, "w": Y})


def test_containers_copy_and_print():
    tree = PyTreeContainer({"b": 1, "a": 2})
    assert repr(tree) == "PyTreeContainer({'b': 1, 'a': 2})"
    assert vars(copy.deepcopy(tree)) == vars(tree)
    assert jax.tree_util.tree_leaves(tree) == [2, 1]
    assert jax.tree_util.tree_leaves(PyTreeContainer()) == []
    same(tree, PyTreeContainer({"a": 2, "b": 1}))


# Entries that do not fit

TREE = {"a": X, "b": [Y, None]}


def test_missing_entries():
    with pytest.raises(ValueError, match="missing: '@b#0'"):
        ours.set_weights(TREE, {"@a": X})
    with pytest.warns(UserWarning, match="missing"):
        loaded = ours.set_weights(TREE, {"@a": X + 1}, verbose=True, strict=False)
    same(loaded, {"a": X + 1, "b": [Y, None]})


@pytest.mark.parametrize("name", ["@c", "@b#1", "@b#0@x", "a", "#01", "a..b", ""])
def test_extra_entries(name):
    full = {"@a": X, "@b#0": Y, name: X}
    with pytest.raises(ValueError, match="not in the tree"):
        ours.set_weights(TREE, full)
    same(ours.set_weights(TREE, full, strict=False), TREE)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("value", [X[:2], X[None], jnp.array(1.0), jnp.zeros((0, 3))])
def test_misshapen_entries(value, strict):
    with pytest.raises(ValueError, match="misshapen.*'@a' has shape \\(3,\\)"):
        ours.set_weights(TREE, {"@a": value, "@b#0": Y}, strict=strict)


def test_the_dtype_is_the_dictionarys():
    assert ours.set_weights({"a": X}, {"@a": X.astype(jnp.bfloat16)})["a"].dtype == jnp.bfloat16


def test_two_entries_for_one_leaf_are_refused():
    with pytest.raises(ValueError, match="same leaf"):
        ours.set_weights(PyTreeContainer({"a": X}), {"a": X, ".a": X})


def test_shapes_alone_are_a_tree_to_load_into(tmp_path):
    ours.save_pytree(TREE, tmp_path / "t")
    same(ours.load_into_pytree(jax.eval_shape(lambda: TREE), tmp_path / "t"), TREE)


def test_keys_with_separators_are_matched_when_loading(tmp_path):
    """What the package writes of such a tree can be loaded into one: names are compared, not parsed."""
    tree = {"model.layer": X, "x@y#0": Y}
    package.save_pytree(tree, tmp_path / "t")
    same(ours.load_into_pytree(jax.tree_util.tree_map(jnp.zeros_like, tree), tmp_path / "t"), tree)


class Box:
    """A node that is registered without key names."""

    def __init__(self, *values):
        self.values = values


jax.tree_util.register_pytree_node(Box, lambda box: (box.values, None), lambda _, children: Box(*children))


def test_nodes_without_key_names_add_nothing_to_a_name():
    assert ours.set_weights({"w": Box(X)}, {"@w": X + 1})["w"].values[0][0] == 1
    with pytest.raises(ValueError, match="two leaves"):
        ours.set_weights(Box(X, X), {"": X})
    with pytest.raises(TypeError, match="no name"):
        ours.pytree2dict(Box(X))


# Modules


def test_equinox(tmp_path):
    def make(seed):
        return eqx.nn.MLP(2, 3, 4, 2, key=jax.random.PRNGKey(seed))

    ours.save_pytree(make(0), tmp_path / "t")
    loaded = ours.load_into_pytree(make(1), tmp_path / "t")
    x = jnp.ones(2)
    assert np.array_equal(loaded(x), make(0)(x)) and not np.array_equal(make(1)(x), make(0)(x))
    assert "layers#0.weight" in ours.load_file(tmp_path / "t")


class Linen(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x):
        return flax.linen.Dense(3)(x)


def test_flax_linen(tmp_path):
    x = jnp.ones((1, 2))
    weights = Linen().init(jax.random.PRNGKey(0), x)
    ours.save_pytree(weights, tmp_path / "t")
    assert sorted(ours.load_file(tmp_path / "t")) == ["@params@Dense_0@bias", "@params@Dense_0@kernel"]
    same(ours.load_pytree(tmp_path / "t"), weights)
    same(ours.load_into_pytree(Linen().init(jax.random.PRNGKey(1), x), tmp_path / "t"), weights)


def test_flax_nnx(tmp_path):
    first, second = nnx.Linear(2, 3, rngs=nnx.Rngs(0)), nnx.Linear(2, 3, rngs=nnx.Rngs(1))
    for a, b in ((first, second), (nnx.state(first), nnx.state(second))):
        ours.save_pytree(a, tmp_path / "t")
        same(ours.load_into_pytree(b, tmp_path / "t"), a)


# The package, both ways

CROSS = [
    {"a": X, "b": {"c": [Y, Z]}},
    [X, (Y, Point(X, Z))],
    Layer(X, Y),
    {"list": [None, X]},
    PyTreeContainer({"w": [X, {"k": Y}]}),
]


def plain(tree):
    """The package's containers as ours."""
    if isinstance(tree, package.PyTreeContainer):
        return PyTreeContainer({name: plain(value) for name, value in vars(tree).items()})
    if isinstance(tree, dict):
        return {name: plain(value) for name, value in tree.items()}
    return [plain(value) for value in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("tree", CROSS)
def test_each_writes_what_the_other_writes(tree, tmp_path):
    ours.save_pytree(tree, tmp_path / "ours")
    package.save_pytree(tree, tmp_path / "package")
    ours_file, package_file = (safetensors.flax.load_file(tmp_path / name) for name in ("ours", "package"))
    assert list(ours_file) == list(package_file)
    same(ours_file, package_file)


@pytest.mark.parametrize("tree", CROSS)
def test_each_reads_what_the_other_writes(tree, tmp_path):
    zeros = jax.tree_util.tree_map(jnp.zeros_like, tree)
    for writer, reader in ((ours, package), (package, ours)):
        writer.save_pytree(tree, tmp_path / "t")
        same(reader.load_into_pytree(zeros, str(tmp_path / "t")), tree)
        same(plain(reader.load_pytree(str(tmp_path / "t"))), ours.load_pytree(tmp_path / "t"))


# Any tree

KEYS = st.text(string.ascii_letters + "_-/ \u00e4", min_size=1, max_size=4)
LEAVES = st.sampled_from([X, Y, Z])
ANY = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3)
    | st.lists(inner, min_size=1, max_size=3)
    | st.dictionaries(KEYS, inner, min_size=1, max_size=3).map(PyTreeContainer),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_any_tree_survives(tree):
    names = ours.pytree2dict(tree)
    same(ours.dict2pytree(names), tree)
    same(ours.set_weights(tree, names), tree)
    for path, _ in jax.tree_util.tree_leaves_with_path(tree):
        assert ours.string2keypath(ours.keypath2string(path)) == path


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(".@#ab01", max_size=8), max_size=4, unique=True))
def test_any_names_make_a_tree_of_just_them_or_are_refused(names):
    try:
        tree = ours.dict2pytree({name: X for name in names})
    except ValueError:
        return
    assert set(ours.pytree2dict(tree)) == {ours._canonical(name) for name in names}
