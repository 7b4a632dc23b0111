"""The values of a checkpoint as a pickle of our own, so that what reads the stream names, ties and chooses tensors by
the very rules that it reads checkpoints by (converter/checkpoint): the two engines cannot differ in them.

Mappings, sequences, sets, keys and the attributes of objects are kept; of other values only the type. Each distinct view
becomes a storage of its own, contiguous: two names of one view share it, which is what a tie is. No recursion.
"""
import struct

import torch

from tv_tensors import Parts

PROTOCOL = b"\x80\x04"
UNTYPED = b"ctorch.storage\nUntypedStorage\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v3\n"
UNSUPPORTED = b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n)R"
NOT_CONTIGUOUS = 1
BATCH = 1000
DEEPEST = 100000  # levels; beyond it the reader refuses anyway


def text(value):
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -1 << 31 <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name_of(kind):
    """GLOBAL of a class, whose name may be anything."""
    parts = (str(getattr(kind, part, "")) for part in ("__module__", "__qualname__"))
    clean = ("".join(c if c.isascii() and (c.isalnum() or c in "._") else "_" for c in part) or "_" for part in parts)
    return ("c%s\n%s\n" % tuple(clean)).encode()


def leaf(value):
    """A value without children, by its type; None where it has some."""
    if value is None:
        return b"N"
    if value is True or value is False:
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return integer(int(value)) if abs(int(value)) < 1 << 63 else b"K\0"
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        return text(str.__str__(value)) if len(value) < 4096 else text("")
    if isinstance(value, (bytes, bytearray)):
        return b"C\0"
    return None


def key_of(value):
    """A key, as exactly as the reader looks at it."""
    if isinstance(value, str):
        return text(str.__str__(value))
    found = leaf(value)
    if found is not None:
        return found
    if isinstance(value, type):
        return name_of(value)
    if isinstance(value, tuple):
        items = [leaf(item) for item in value]
        return b"(" + b"".join(item if item is not None else b"N" for item in items) + b"t"
    return name_of(type(value)) + b")\x81"


class View:
    """A tensor that becomes a storage."""

    def __init__(self, tensor, was_contiguous):
        self.tensor = tensor
        self.bytes = tensor.numel() * tensor.element_size()
        self.flags = 0 if was_contiguous else NOT_CONTIGUOUS


def storage_of(tensor):
    """The identity of the memory below it."""
    if hasattr(tensor, "untyped_storage"):
        return tensor.untyped_storage()._cdata
    return tensor.storage()._untyped()._cdata if hasattr(tensor.storage(), "_untyped") else tensor.storage()._storage._cdata


class Structure:
    def __init__(self, exotic):
        self.views, self.decisions = [], []
        self._exotic, self._by_view, self._memo, self._kept, self._arrays = exotic, {}, {}, [], {}
        self._out = [PROTOCOL]

    def pickle(self):
        return b"".join(self._out)

    def _remember(self, value):
        """After a container was put: it may be referred to again, or inside itself."""
        self._memo[id(value)] = len(self._memo)
        self._kept.append(value)
        self._out.append(b"\x94")

    def _decide(self, number, decision):
        if decision is not None:
            self.decisions.append((number, decision))

    def _tensor(self, tensor, decision, was_contiguous):
        """A plain tensor: its view, new or known, and the call that rebuilds it."""
        strides = tuple(0 if size == 1 else step for size, step in zip(tensor.shape, tensor.stride()))
        key = (storage_of(tensor), tensor.dtype, tensor.storage_offset(), tuple(tensor.shape), strides)
        number = self._by_view.get(key) if tensor.numel() > 0 else None
        if number is None:
            number = self._by_view[key] = len(self.views)
            self.views.append(View(tensor, was_contiguous))
        self._decide(number, decision)
        self._out.append(rebuild(number, tensor))

    def write(self, root):
        """Walks it all, iteratively: each level is an iterator over what is still to be put."""
        levels = [iter([(("",), root, b"")])]
        while levels:
            step = next(levels[-1], None)
            if step is None:
                levels.pop()
                continue
            path, value, after = step
            if path is None:
                self._out.append(after)
                continue
            self._out.append(after)
            below = self._put(value, path)
            if below is not None:
                levels.append(below)
            if len(levels) > DEEPEST:
                raise RecursionError("nested deeper than is read")
        self._out.append(b".")

    def _put(self, value, path):
        """Puts what needs nothing more; returns an iterator over what is below."""
        if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray":
            value = self._array(value)
        if isinstance(value, torch.Tensor):
            return self._put_tensor(value, path)
        found = leaf(value)
        if found is not None:
            self._out.append(found)
            return None
        if id(value) in self._memo:
            self._out.append(b"j" + struct.pack("<I", self._memo[id(value)]))
            return None
        if isinstance(value, dict):
            self._out.append(b"}")
            self._remember(value)
            return self._pairs(dict.items(value), path)
        if isinstance(value, (list, tuple)):
            self._out.append(b"]")
            self._remember(value)
            return self._items(value, path)
        if isinstance(value, (set, frozenset)):
            items = b"".join(key_of(item) for item in value)
            self._out.append(b"\x8f(" + items + b"\x90")
            return None
        return self._put_object(value, path)

    def _array(self, value):
        """A NumPy array as the tensor over its memory, once; one of no plain numbers as a tensor without data."""
        if id(value) not in self._arrays:
            self._kept.append(value)
            try:
                order = value.dtype.newbyteorder("=")
                tensor = torch.from_numpy(value if value.dtype == order else value.astype(order))
            except (TypeError, ValueError):
                tensor = torch.empty(0, device="meta")
            self._arrays[id(value)] = tensor
        return self._arrays[id(value)]

    def _put_tensor(self, value, path):
        if value.device.type == "meta":
            self._out.append(UNSUPPORTED)
            return None
        plain, decision = self._exotic.plain(value, ".".join(path[1:]))
        if not isinstance(plain, Parts):
            lies_in_order = value if value.layout is torch.strided and not value.is_quantized else plain
            self._tensor(plain, decision, lies_in_order.is_contiguous())
            return None
        self._out.append(b"}")
        return self._parts(plain, path)

    def _parts(self, parts, path):
        for number, (name, part) in enumerate(parts.items()):
            if number == 0 and isinstance(part, torch.Tensor):
                self._decide(len(self.views), parts.why)
            yield (*path, name), part, text(name)
            yield None, None, b"s"

    def _put_object(self, value, path):
        attributes = getattr(value, "__dict__", None)
        if isinstance(value, type) or not isinstance(attributes, dict):
            self._out.append(name_of(value) if isinstance(value, type) else name_of(type(value)) + b")\x81")
            return None
        self._out.append(name_of(type(value)) + b")\x81")
        self._remember(value)
        return self._attributes(attributes, path)

    def _pairs(self, pairs, path):
        for key, value in list(pairs):
            yield (*path, str(key) if isinstance(key, (str, int)) else "?"), value, key_of(key)
            yield None, None, b"s"

    def _items(self, items, path):
        for number, value in enumerate(list(items)):
            yield (*path, str(number)), value, b""
            yield None, None, b"a"

    def _attributes(self, attributes, path):
        yield path, dict(attributes), b""
        yield None, None, b"b"


def rebuild(number, tensor):
    """The call of _rebuild_tensor_v3 over storage `number`, contiguous."""
    shape, step, strides = tuple(tensor.shape), 1, []
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    dtype = ("ctorch\n%s\n" % str(tensor.dtype).replace("torch.", "")).encode()
    size = tensor.numel() * tensor.element_size()
    storage = b"(" + text("storage") + UNTYPED + text(str(number)) + text("cpu") + integer(size) + b"tQ"
    sizes = b"(" + b"".join(integer(part) for part in shape) + b"t"
    steps = b"(" + b"".join(integer(part) for part in reversed(strides)) + b"t"
    return REBUILD + b"(" + storage + integer(0) + sizes + steps + b"\x89N" + dtype + b"tR"
