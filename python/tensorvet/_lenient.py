"""The reference's grammar, for set_policy("reference"): what the strict reader refuses and the reference reads.

Only the header's text is read more kindly: duplicate names (the last wins), unknown fields (ignored), white space
anywhere, tensors as arrays, any characters in names, null metadata. Sizes and offsets are checked as ever, twice: here,
with the reference's words, and by core, which gets the same tensors under a header in canonical form. Names and
metadata stay on this side. Needs about 50 times the header's size in memory, as the reference's own parser does.
"""

from __future__ import annotations

import json
from typing import Any, Callable, NoReturn, Optional

from tensorvet import _core
from tensorvet._core import SafetensorError

_LARGEST_HEADER = 100_000_000
_LARGEST = 2**64 - 1
_FIELDS = ("dtype", "shape", "data_offsets")


class _Object(list):
    """A JSON object: its pairs, duplicates included."""


def _fail(text: str) -> NoReturn:
    raise SafetensorError(text)


def _json_fail(text: str) -> NoReturn:
    _fail(f"invalid JSON in header: {text}")


def _constant(text: str) -> NoReturn:
    _json_fail(f"expected value: {text}")


def _integer(text: str) -> Any:
    return -0.0 if text == "-0" else int(text)


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Object, parse_constant=_constant, parse_int=_integer)
    except RecursionError:
        _json_fail("recursion limit exceeded")
    except ValueError as error:
        _json_fail(str(error))


def _string(value: Any) -> str:
    if not isinstance(value, str):
        _json_fail(f"invalid type: {type(value).__name__}, expected a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        _json_fail("lone surrogate in a string")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        _json_fail(f"invalid value: {value!r}, expected usize")
    return value


def _numbers(value: Any, count: Optional[int] = None) -> list[int]:
    if not isinstance(value, list) or isinstance(value, _Object) or (count is not None and len(value) != count):
        _json_fail("invalid type, expected a sequence of usize")
    return [_number(item) for item in value]


def _dtype(value: Any) -> str:
    if isinstance(value, _Object) and len(value) == 1 and value[0][1] is None:
        value = value[0][0]  # an enum of serde's may be written as a map
    if not isinstance(value, str) or value not in _core.DTYPE_BITS:
        _json_fail(f"unknown variant `{value}`")
    return value


def _tensor(value: Any) -> tuple[str, list[int], list[int]]:
    if isinstance(value, _Object):
        fields: dict[str, Any] = {}
        for key, item in value:
            if key in _FIELDS and key in fields:
                _json_fail(f"duplicate field `{key}`")
            fields[key] = item
        for key in _FIELDS:
            if key not in fields:
                _json_fail(f"missing field `{key}`")
        value = [fields[key] for key in _FIELDS]
    if not isinstance(value, list) or len(value) != 3:
        _json_fail("invalid type, expected struct TensorInfo")
    return _dtype(value[0]), _numbers(value[1]), _numbers(value[2], 2)


def _metadata(value: Any) -> Optional[dict[str, str]]:
    if value is None:
        return None
    if not isinstance(value, _Object):
        _json_fail("invalid type, expected a map")
    return {_string(key): _string(item) for key, item in value}


def _size_of(dtype: str, shape: list[int]) -> int:
    bits = _core.DTYPE_BITS[dtype]
    for length in [1, *shape]:
        bits *= length
        if bits // _core.DTYPE_BITS[dtype] > _LARGEST:
            break
    if bits > _LARGEST:
        _fail("overflow computing buffer size from shape and/or element type")
    if bits % 8 != 0:
        _fail("The slice is slicing for subbytes dtypes, and the slice does not end up at a byte boundary, this is invalid.")
    return bits // 8


def _check(rows: list[tuple], data_size: int) -> None:
    at = 0
    for name, dtype, shape, (begin, end) in rows:
        if begin != at or end < begin:
            _fail(f"invalid offset for tensor `{name}`")
        if end - begin != _size_of(dtype, shape):
            _fail("invalid shape, data type, or offset for tensor")
        at = end
    if at != data_size:
        _fail("incomplete metadata, file not fully covered")


def _header(rows: list[tuple]) -> bytes:
    """The same tensors in canonical form, each named by its position."""
    table = {str(i): {"dtype": row[1], "shape": row[2], "data_offsets": row[3]} for i, row in enumerate(rows)}
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _open(source: Any, read: Callable[[int], bytes], size: int) -> _core.Reader:
    prefix = read(8)
    if len(prefix) < 8:
        _fail("header too small")
    length = int.from_bytes(prefix, "little")
    if length > _LARGEST_HEADER:
        _fail("header too large")
    text = read(length) if length + 8 <= size else b""
    if len(text) < length:
        _fail("invalid header length")
    try:
        root = _parse(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        _fail(f"invalid UTF-8 in header: {error}")
    if not isinstance(root, _Object):
        _json_fail("invalid type, expected struct HashMetadata")
    if sum(key == "__metadata__" for key, _ in root) > 1:
        _json_fail("duplicate field `__metadata__`")
    metadata, tensors = None, {}
    for key, value in root:
        if key == "__metadata__":
            metadata = _metadata(value)
        else:
            tensors[_string(key)] = _tensor(value)
    rows = sorted(((name, *tensor) for name, tensor in tensors.items()), key=lambda row: row[3])
    _check(rows, size - 8 - length)
    return _core.Reader(source, _header(rows), 8 + length, [row[0] for row in rows], metadata)


def reader(source: Any, read: Callable[[int], bytes], size: int, doing: str) -> _core.Reader:
    """The reader of a descriptor or of bytes, or SafetensorError in the reference's words.

    `read` gives the next bytes from the start of the file on. A descriptor is taken over on success alone.
    """
    try:
        return _open(source, read, size)
    except SafetensorError as error:
        raise SafetensorError(f"Error while {doing}: {error}") from None


def reader_of_bytes(data: bytes) -> _core.Reader:
    """The same over a whole file in memory."""
    import io

    return reader(data, io.BytesIO(data).read, len(data), "deserializing")
