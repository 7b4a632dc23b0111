"""The headers of safetensors files on a server, without the files: two requests for a few bytes, or one.

Trusts the caller's URL and nothing that comes back: _http.py bounds and checks what is fetched, core reads the header, an
index of shards is strict JSON, and its shards are plain names beside it. What it does not decide is where a URL and its
redirects lead: a service that takes URLs from others has to keep them out of its own network.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from tensorvet import _core, _json
from tensorvet._errors import SafetensorError, explained, printable
from tensorvet._http import (
    Deadline,
    Fetcher,
    Part,
    RangeNotSupported,
    RemoteError,
    SessionTransport,
    StandardTransport,
    Transport,
    shown,
)

__all__ = [
    "RangeNotSupported",
    "RemoteError",
    "RemoteHeader",
    "RemoteIndex",
    "TensorInfo",
    "read_header",
    "read_headers",
]

MAX_HEADER_BYTES = 100_000_000
"""The format's own bound, and that of an index."""
MAX_SHARDS = 10_000
_GUESS = 1 << 16
_WORKERS = 8


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a header."""

    dtype: str
    """As safetensors writes it: `F32`."""
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]
    """Begin and end, in bytes of the data section; `RemoteHeader.data_start` is where that begins in the file."""

    @property
    def nbytes(self) -> int:
        return self.data_offsets[1] - self.data_offsets[0]


@dataclass(frozen=True)
class RemoteHeader:
    """The header of one file: valid, and as the server had it at that moment."""

    url: str
    size: int
    """Bytes of the whole file, as the server says; the header fits it."""
    header_bytes: int
    """Length of the JSON text."""
    tensors: dict[str, TensorInfo]
    """In the order in which they stand in the header."""
    metadata: dict[str, str] | None
    """In the order of the file; None where it has none."""
    etag: str | None = None

    @property
    def data_start(self) -> int:
        """Byte of the file where the data section begins."""
        return 8 + self.header_bytes


@dataclass(frozen=True)
class RemoteIndex:
    """A sharded model: its index, and the headers of all its shards, which agree."""

    url: str
    metadata: dict[str, Any]
    weight_map: dict[str, str]
    """Which shard each tensor is in, in the order of the index."""
    shards: dict[str, RemoteHeader]
    """By name, in the order in which the index first names them."""


class _Ranges(Protocol):
    def range(self, url: str, first: int, last: int) -> Part: ...

    def whole(self, url: str, most: int) -> bytes: ...


class _FilesystemRanges:
    """The files of an fsspec filesystem, which does its own transport and has its own timeouts."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def range(self, url: str, first: int, last: int) -> Part:
        total = self._filesystem.size(url)
        if not isinstance(total, int) or total < 0:
            raise RemoteError(f"{shown(url)!r:.300}: the file system does not tell the file's size")
        end = min(last + 1, total)
        data = bytes(self._filesystem.cat_file(url, start=first, end=end)) if first < end else b""
        if len(data) != max(end - first, 0):
            raise RemoteError(f"{shown(url)!r:.300}: asked for {end - first} bytes, got {len(data)}")
        return Part(data, total, None)

    def whole(self, url: str, most: int) -> bytes:
        data = self.range(url, 0, most).data
        if len(data) > most:
            raise RemoteError(f"{shown(url)!r:.300} has more than the {most} bytes that are allowed")
        return data


def _ranges(
    headers: Mapping[str, str] | None,
    timeout: float,
    allow_http: bool,
    context: ssl.SSLContext | None,
    session: Any,
    filesystem: Any,
) -> _Ranges:
    if sum(given is not None for given in (context, session, filesystem)) > 1:
        raise ValueError("give one of context, session and filesystem")
    if filesystem is not None:
        return _FilesystemRanges(filesystem)
    transport: Transport = SessionTransport(session) if session is not None else StandardTransport(context)
    return Fetcher(transport, headers, Deadline(timeout), allow_http)


def _reader(url: str, data: bytes, size: int) -> _core.Reader:
    """Core's reading of the beginning of a file of that size. SafetensorError with the rule that is broken."""
    try:
        return _core.Reader(data, size=size)
    except SafetensorError as error:
        raise explained(error, "deserializing header", printable(shown(url)), data[:512], size) from None


def _bytes_of_header(ranges: _Ranges, url: str, guess: int, most: int) -> tuple[bytes, Part]:
    """The first 8 bytes and the header, from one request or two, and the first answer."""
    first = ranges.range(url, 0, max(8, guess) - 1)
    length = int.from_bytes(first.data[:8], "little")
    if len(first.data) < 8 or length > MAX_HEADER_BYTES or length + 8 > first.total:
        _reader(url, first.data, first.total)  # core says what it is instead
        raise RemoteError(f"{shown(url)!r:.300} is no safetensors file")
    if length > most:
        raise RemoteError(f"{shown(url)!r:.300}: the header has {length} bytes; {most} are allowed")
    if len(first.data) >= 8 + length:
        return first.data[: 8 + length], first
    second = ranges.range(url, len(first.data), 7 + length)
    if (second.total, second.etag) != (first.total, first.etag):
        raise RemoteError(f"{shown(url)!r:.300}: the file changed between two requests")
    return first.data + second.data, first


def _read_one(ranges: _Ranges, url: str, guess: int, most: int) -> RemoteHeader:
    data, first = _bytes_of_header(ranges, url, guess, most)
    reader = _reader(url, data, first.total)
    table = reader.table()
    tensors = {table[i][0]: TensorInfo(table[i][1], table[i][2], (table[i][3], table[i][4])) for i in reader.header_order()}
    return RemoteHeader(url, first.total, len(data) - 8, tensors, reader.metadata(), first.etag)


def _check_guess(guess: int, most: int) -> None:
    if not 0 <= guess <= MAX_HEADER_BYTES + 8 or not 0 <= most <= MAX_HEADER_BYTES:
        raise ValueError(f"guess and max_header_bytes are at most {MAX_HEADER_BYTES} bytes")


def read_header(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    guess: int = _GUESS,
    max_header_bytes: int = MAX_HEADER_BYTES,
    allow_http: bool = False,
    context: ssl.SSLContext | None = None,
    session: Any = None,
    filesystem: Any = None,
) -> RemoteHeader:
    """The header of the safetensors file at that URL, strictly checked against the file's size.

    url: https, or http with allow_http=True. A redirect from https to http is refused in any case.
    headers: sent to the URL's own origin (scheme, host, port); to others a redirect leads without them.
    timeout: seconds for everything together, but for the system's resolution of names.
    guess: bytes that the first request asks for. A header that fits costs one request, another a second one; 0 asks for
    the length alone, and then always for the header.
    max_header_bytes: the longest header to fetch.
    context: for TLS, in place of Python's default. session: a `requests.Session` to send with. filesystem: an fsspec
    file system whose path `url` is; it has its own timeouts and credentials.

    RangeNotSupported where the server would send the whole file (which is not read), RemoteError for what else is wrong
    with an answer, TimeoutError, and SafetensorError for a file that is no valid safetensors file.
    """
    _check_guess(guess, max_header_bytes)
    ranges = _ranges(headers, timeout, allow_http, context, session, filesystem)
    return _read_one(ranges, url, guess, max_header_bytes)


# Indexes of shards


def _is_plain(name: object) -> bool:
    """One component of a path, as every system understands it."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= 255
        and name not in (".", "..")
        and name.isprintable()
        and not any(char in name for char in '/\\:*?"<>|')
    )


def _parse_index(url: str, data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        index = _json.loads(data)
    except ValueError as error:
        raise RemoteError(f"the index {shown(url)!r:.300} is not strict JSON: {error}") from None
    metadata = index.get("metadata", {}) if isinstance(index, dict) else None
    weights = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weights, dict) or not weights or not isinstance(metadata, dict):
        raise RemoteError(f"the index {shown(url)!r:.300} has no weight_map of names to shards")
    for shard in weights.values():
        if not _is_plain(shard):
            raise RemoteError(f"the index {shown(url)!r:.300} names {shard!r:.200}, which is no plain file beside it")
    return metadata, weights


def _beside(index_url: str, shard: str, filesystem: Any) -> str:
    if filesystem is not None:
        return index_url.rpartition("/")[0] + "/" + shard if "/" in index_url else shard
    base = urlsplit(index_url)
    return urljoin(urlunsplit((base.scheme, base.netloc, base.path, "", "")), quote(shard, safe=""))


def _disagreements(weights: Mapping[str, str], shards: Mapping[str, RemoteHeader]) -> list[str]:
    found = [f"{name!r:.120} is not in {shard!r}" for name, shard in weights.items() if name not in shards[shard].tensors]
    for shard, header in shards.items():
        found += [f"{name!r:.120} in {shard!r} is not of the index" for name in header.tensors if weights.get(name) != shard]
    return found


def read_headers(
    index_url: str,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 300.0,
    guess: int = _GUESS,
    max_header_bytes: int = MAX_HEADER_BYTES,
    allow_http: bool = False,
    context: ssl.SSLContext | None = None,
    session: Any = None,
    filesystem: Any = None,
) -> RemoteIndex:
    """The headers of all shards of a model whose `*.index.json` is at that URL.

    The shards lie beside the index: each has to be one plain component of a path, and their URLs have no query. Index and
    headers have to agree both ways: each tensor of the index is in its shard, and no shard has another. Arguments and
    errors are those of `read_header`; RemoteError also for an index that is no strict JSON (a key twice, NaN), that names
    a file elsewhere or more than 10,000 shards, or that does not agree with its shards.
    """
    _check_guess(guess, max_header_bytes)
    ranges = _ranges(headers, timeout, allow_http, context, session, filesystem)
    metadata, weights = _parse_index(index_url, ranges.whole(index_url, max_header_bytes))
    names = list(dict.fromkeys(weights.values()))
    if len(names) > MAX_SHARDS:
        raise RemoteError(f"the index names {len(names)} shards; {MAX_SHARDS} are allowed")

    def read(shard: str) -> RemoteHeader:
        return _read_one(ranges, _beside(index_url, shard, filesystem), guess, max_header_bytes)

    pool = ThreadPoolExecutor(min(_WORKERS, len(names)), "tensorvet-remote")
    try:
        shards = dict(zip(names, pool.map(read, names)))
    finally:
        pool.shutdown(cancel_futures=True)
    found = _disagreements(weights, shards)
    if found:
        raise RemoteError(f"index and shards do not agree, {len(found)} times: {'; '.join(found[:10])}")
    return RemoteIndex(index_url, metadata, weights, shards)
