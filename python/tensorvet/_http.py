"""Bounded HTTP requests for remote.py: byte ranges and small whole files, from servers that may be hostile.

Trusts the caller's URL and headers, and nothing a server says: how many bytes are read is decided here, a range that was
not asked for is refused, as are encodings, endless redirects, a step from https to http, and whatever lasts longer than
the deadline. The caller's headers (Authorization, cookies) go to the first origin only.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import SplitResult, quote, urljoin, urlsplit

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.ASCII)
_PIECE = 1 << 16
_Result = TypeVar("_Result")


class RemoteError(OSError):
    """A server or a network did not give what was asked for. The message has the URL, without its query."""


class RangeNotSupported(RemoteError):
    """The server answers a request for a range of bytes with something else; nothing of it was read."""


class Answer(Protocol):
    """What a transport gives back once the head of a response is there."""

    status: int

    def all(self, name: str) -> list[str]:
        """Each value of that header."""

    def read(self, most: int) -> bytes:
        """Up to that many bytes of the body as they come, without any decoding; b'' at its end."""

    def close(self) -> None:
        """Gives the connection up, read or not."""


class Transport(Protocol):
    """Sends one GET and follows nothing."""

    def send(self, url: str, own: Mapping[str, str], callers: Mapping[str, str] | None, deadline: Deadline) -> Answer:
        """own: this module's headers. callers: those of the caller, None where they are not to be sent."""


class Deadline:
    """When everything has to be over: seconds from now, of the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not done after {self.seconds:g} seconds")
        return left


def shown(url: str) -> str:
    """A URL for messages: its query may hold a signature."""
    return url.split("?", 1)[0].split("#", 1)[0]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise RemoteError(f"{shown(url)!r:.300} is no URL: {error}") from None
    if not parts.hostname:
        raise RemoteError(f"{shown(url)!r:.300} names no host")
    if parts.username is not None or parts.password is not None:
        raise RemoteError("a URL must not hold a user's name or password: use headers")
    return parts


def origin(url: str) -> tuple[str, str, int]:
    parts = _split(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def _check_scheme(url: str, allow_http: bool) -> None:
    scheme = _split(url).scheme
    if scheme != "https" and not (scheme == "http" and allow_http):
        hint = " (allow_http=True lets http pass)" if scheme == "http" else ""
        raise RemoteError(f"{shown(url)!r:.300} is not https{hint}")


# The standard library's way


class _Watch:
    """Ends a connection when the deadline comes, also in the middle of a line that is sent one byte at a time."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._socket = connection.dup()  # the first is detached when TLS takes it over
        self._lock = threading.Lock()
        self.expired = False
        self._timer = threading.Timer(deadline.left(), self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed by the other side, or by stop

    def stop(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket.close()


class _Connection(http.client.HTTPConnection):
    """A connection under a deadline, with TLS if there is a context."""

    def __init__(self, parts: SplitResult, deadline: Deadline, context: ssl.SSLContext | None) -> None:
        super().__init__(parts.hostname or "", parts.port or _PORTS[parts.scheme], timeout=deadline.left())
        self._deadline = deadline
        self._context = context
        self.watch: _Watch | None = None

    def connect(self) -> None:
        self.sock = socket.create_connection((self.host, self.port), self._deadline.left())
        self.watch = _Watch(self.sock, self._deadline)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)

    def end(self) -> None:
        """Not `close`: http.client calls that as soon as it has handed the socket to a response."""
        self.close()
        if self.watch is not None:
            self.watch.stop()

    def expired(self) -> bool:
        return self.watch is not None and self.watch.expired


class _StandardAnswer:
    def __init__(self, connection: _Connection, response: http.client.HTTPResponse) -> None:
        self._connection, self._response = connection, response
        self.status = response.status

    def all(self, name: str) -> list[str]:
        return self._response.headers.get_all(name, [])

    def read(self, most: int) -> bytes:
        try:
            data = self._response.read(most)
        except (http.client.HTTPException, OSError, ValueError) as error:
            if self._connection.expired() or isinstance(error, TimeoutError):
                raise TimeoutError("the server is too slow") from error
            raise RemoteError(f"the answer breaks off: {error!r}") from error
        if self._connection.expired():  # a closed connection may look like the end of a body
            raise TimeoutError("the server is too slow")
        return data

    def close(self) -> None:
        self._response.close()
        self._connection.end()


def _target(parts: SplitResult) -> str:
    """What stands in the request line. Characters that are not for there come from redirects: escaped."""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return path + ("?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]") if parts.query else "")


class StandardTransport:
    """http.client, a connection for each request. Environment variables for proxies are not looked at."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context

    def send(self, url: str, own: Mapping[str, str], callers: Mapping[str, str] | None, deadline: Deadline) -> Answer:
        parts = _split(url)
        context = None
        if parts.scheme == "https":
            context = self._context = self._context or ssl.create_default_context()
        connection = _Connection(parts, deadline, context)
        try:
            connection.request("GET", _target(parts), headers={**(callers or {}), **own})
            answer = _StandardAnswer(connection, connection.getresponse())
            if connection.expired():  # what was cut off may look like a head that ends
                raise TimeoutError
            return answer
        except (http.client.HTTPException, OSError, UnicodeError) as error:
            expired = connection.expired() or isinstance(error, TimeoutError)
            connection.end()
            if expired:
                raise TimeoutError(f"{shown(url)!r:.300} is too slow") from error
            raise RemoteError(f"{shown(url)!r:.300} cannot be fetched: {error}") from error
        except BaseException:
            connection.end()
            raise


# The way of the package requests: proxies, retries and whatever else the caller's session is set up for


def _within(deadline: Deadline, step: Callable[[], _Result], undo: Callable[[_Result], None]) -> _Result:
    """What the step returns, if it does in time. Else TimeoutError; a session's sockets are not ours to shut, so the step
    ends in its own thread when its server or its system ends it, and what it returned then is undone."""
    future: concurrent.futures.Future[_Result] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(step())
        except BaseException as error:
            future.set_exception(error)

    def late(ended: concurrent.futures.Future[_Result]) -> None:
        if ended.exception() is None:
            undo(ended.result())

    left = deadline.left()
    threading.Thread(target=run, daemon=True).start()
    if not concurrent.futures.wait([future], left).done:
        future.add_done_callback(late)
        raise TimeoutError("the server is too slow")
    return future.result()


class _RequestsAnswer:
    def __init__(self, response: Any, deadline: Deadline) -> None:
        self._response, self._deadline = response, deadline
        self._reading = False
        self.status = response.status_code

    def all(self, name: str) -> list[str]:
        headers = self._response.raw.headers
        return list(headers.getlist(name)) if hasattr(headers, "getlist") else headers.get_all(name, [])

    def read(self, most: int) -> bytes:
        self._reading = True
        try:
            data = _within(self._deadline, lambda: bytes(self._response.raw.read(most, decode_content=False)), self._end)
        except TimeoutError:  # still reading: closing would wait for that
            raise
        except Exception as error:  # urllib3's own, which need not be imported for this
            self._reading = False
            raise RemoteError(f"the answer breaks off: {error!r}") from error
        self._reading = False
        return data

    def _end(self, _: bytes) -> None:
        self._response.close()

    def close(self) -> None:
        if not self._reading:
            self._response.close()


class SessionTransport:
    """A `requests.Session`. Each of its steps is in a thread that is left alone when the deadline comes."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, url: str, own: Mapping[str, str], callers: Mapping[str, str] | None, deadline: Deadline) -> Answer:
        import requests

        if callers is None:  # another origin: nothing of the session's headers, cookies, auth or netrc either
            prepared = requests.Request("GET", url, headers=dict(own)).prepare()
        else:
            prepared = self._session.prepare_request(requests.Request("GET", url, headers={**callers, **own}))
        settings = self._session.merge_environment_settings(prepared.url, {}, True, None, None)
        if callers is None:
            settings["cert"] = None
        try:
            response = _within(deadline, lambda: self._session.send(
                prepared, allow_redirects=False, timeout=deadline.left(), **settings), lambda late: late.close())
        except requests.Timeout as error:
            raise TimeoutError(f"{shown(url)!r:.300} is too slow") from error
        except requests.RequestException as error:
            raise RemoteError(f"{shown(url)!r:.300} cannot be fetched: {error}") from error
        return _RequestsAnswer(response, deadline)


# What is asked for


@dataclass(frozen=True)
class Part:
    """Bytes [start, start + len(data)) of a file of `total` bytes."""

    data: bytes
    total: int
    etag: str | None


def _one(answer: Answer, name: str) -> str | None:
    values = answer.all(name)
    if len(values) > 1:
        raise RemoteError(f"the server sends {name} {len(values)} times")
    return values[0].strip() if values else None


def _check_encoding(answer: Answer) -> None:
    encoding = _one(answer, "Content-Encoding")
    if encoding and encoding.lower() != "identity":
        raise RemoteError(f"the server encodes what it sends ({encoding!r:.40}), though it was asked not to")


def _read(answer: Answer, most: int, deadline: Deadline) -> bytes:
    """The whole body, which has to end within that many bytes."""
    pieces: list[bytes] = []
    size = 0
    while size <= most:
        deadline.left()
        piece = answer.read(min(_PIECE, most + 1 - size))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
    raise RemoteError(f"the server sends more than the {most} bytes that are expected")


def _range_of(answer: Answer, first: int, last: int) -> tuple[int, int]:
    """(bytes that come, bytes of the file) of a 206, which has to be the range that was asked for or up to the end."""
    text = _one(answer, "Content-Range") or ""
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        raise RemoteError(f"the server's Content-Range is {text!r:.80}, not one range of bytes with the whole size")
    start, end, total = (int(group) for group in match.groups())
    if start != first or end != min(last, total - 1) or end < start:
        raise RemoteError(f"the server sends {text!r}, asked for bytes {first}-{last}")
    return end - start + 1, total


class Fetcher:
    """Fetches from one URL after the other under one set of rules. Threads may share it."""

    def __init__(
        self, transport: Transport, headers: Mapping[str, str] | None, deadline: Deadline, allow_http: bool
    ) -> None:
        self._transport, self._deadline, self._allow_http = transport, deadline, allow_http
        self._callers = dict(headers or {})

    def _next(self, url: str, answer: Answer) -> str:
        """Where a redirect leads, if it may be followed."""
        location = _one(answer, "Location")
        if not location:
            raise RemoteError(f"{shown(url)!r:.300} redirects to nowhere")
        try:
            target = urljoin(url, location)
        except ValueError:
            raise RemoteError(f"{shown(url)!r:.300} redirects to what is no URL") from None
        _check_scheme(target, self._allow_http)
        if _split(url).scheme == "https" and _split(target).scheme != "https":
            raise RemoteError(f"{shown(url)!r:.300} redirects from https to http: {shown(target)!r:.300}")
        return target

    def _open(self, url: str, extra: Mapping[str, str]) -> tuple[Answer, str]:
        """The first answer that is no redirect, and its URL. The caller's headers stop where the origin changes."""
        own = {"Accept-Encoding": "identity", "Accept": "*/*", "User-Agent": "tensorvet", **extra}
        names = {name.lower() for name in own}
        callers: Mapping[str, str] | None = {k: v for k, v in self._callers.items() if k.lower() not in names}
        _check_scheme(url, self._allow_http)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._transport.send(url, own, callers, self._deadline)
            if answer.status not in _REDIRECTS:
                return answer, url
            try:
                target = self._next(url, answer)
            finally:
                answer.close()
            callers = callers if origin(target) == origin(url) else None
            url = target
        raise RemoteError(f"more than {MAX_REDIRECTS} redirects, the last to {shown(url)!r:.300}")

    def range(self, url: str, first: int, last: int) -> Part:
        """The bytes first to last of the file, both included, or up to its end if that comes before."""
        answer, at = self._open(url, {"Range": f"bytes={first}-{last}"})
        try:
            if answer.status == 200:
                raise RangeNotSupported(f"{shown(at)!r:.300}: the server sends the whole file instead of a range")
            if answer.status != 206:
                raise RemoteError(f"{shown(at)!r:.300}: the server answers {answer.status}")
            _check_encoding(answer)
            size, total = _range_of(answer, first, last)
            data = _read(answer, size, self._deadline)
            if len(data) != size:
                raise RemoteError(f"{shown(at)!r:.300}: {len(data)} bytes came, the server said {size}")
            return Part(data, total, _one(answer, "ETag"))
        finally:
            answer.close()

    def whole(self, url: str, most: int) -> bytes:
        """A file of at most that many bytes."""
        answer, at = self._open(url, {})
        try:
            if answer.status != 200:
                raise RemoteError(f"{shown(at)!r:.300}: the server answers {answer.status}")
            _check_encoding(answer)
            return _read(answer, most, self._deadline)
        finally:
            answer.close()
