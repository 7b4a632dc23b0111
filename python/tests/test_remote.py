"""tensorvet.remote against a real HTTP server on loopback: what it asks for, what it takes, and what it does not."""

import contextlib
import gzip
import json
import subprocess
import sys

import fsspec
import numpy as np
import pytest
import requests
from web import make_certificate, serve

import tensorvet
import tensorvet.numpy
from tensorvet import remote
from tensorvet.remote import RangeNotSupported, RemoteError

TENSORS = {f"layer.{i}.weight": np.full((2, i + 1), i, np.float32) for i in range(50)}
FILE = tensorvet.numpy.save(TENSORS, {"format": "np", "b": "2", "a": "1"})
HEADER = int.from_bytes(FILE[:8], "little")


def good(handler):
    handler.give_range(FILE)


def read(server, **options):
    return remote.read_header(server.url + "/m.safetensors", **{"allow_http": True, "timeout": 20, **options})


def refused(answer, match=None, kind=RemoteError, **options):
    """What that server sends is refused, after one request unless said otherwise."""
    with serve(answer) as server, pytest.raises(kind, match=match):
        read(server, **options)
    return server.seen


# What it asks for


@pytest.mark.parametrize("way", ["standard", "requests"])
@pytest.mark.parametrize("guess,ranges", [
    (0, ["bytes=0-7", f"bytes=8-{HEADER + 7}"]),
    (100, ["bytes=0-99", f"bytes=100-{HEADER + 7}"]),
    (HEADER + 8, [f"bytes=0-{HEADER + 7}"]),
    (1 << 20, ["bytes=0-1048575"]),
])  # fmt: skip
def test_one_request_or_two(guess, ranges, way):
    with serve(good) as server:
        header = read(server, guess=guess, session=requests.Session() if way == "requests" else None)
    assert [headers["Range"] for _, headers in server.seen] == ranges
    assert all(headers["Accept-Encoding"] == "identity" for _, headers in server.seen)
    assert (header.size, header.header_bytes, header.data_start) == (len(FILE), HEADER, HEADER + 8)
    assert list(header.metadata.items()) == [("a", "1"), ("b", "2"), ("format", "np")]
    assert {name: info.shape for name, info in header.tensors.items()} == {k: v.shape for k, v in TENSORS.items()}
    first = header.tensors["layer.3.weight"]
    begin, end = (header.data_start + offset for offset in first.data_offsets)
    assert (first.dtype, first.nbytes, FILE[begin:end]) == ("F32", 32, TENSORS["layer.3.weight"].tobytes())


def test_the_order_is_the_headers():
    text = json.dumps({
        "z": {"dtype": "U8", "shape": [1], "data_offsets": [2, 3]},
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "m": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]},
    }).encode()  # fmt: skip
    data = len(text).to_bytes(8, "little") + text + b"abc"
    with serve(lambda handler: handler.give_range(data)) as server:
        header = read(server)
    assert list(header.tensors) == ["z", "a", "m"] and header.metadata is None


def test_a_file_of_no_tensors():
    data = tensorvet.numpy.save({})
    with serve(lambda handler: handler.give_range(data)) as server:
        assert read(server).tensors == {}


def test_callers_headers_are_sent_but_for_ours():
    with serve(good) as server:
        read(server, headers={"Authorization": "Bearer x", "range": "bytes=0-1", "Accept-encoding": "gzip"})
    sent = server.seen[0][1]
    assert sent["Authorization"] == "Bearer x" and sent["Range"] == "bytes=0-65535" and sent["Accept-Encoding"] == "identity"


def test_chunks_are_read():
    def answer(handler):
        handler.give(206, [("Content-Range", f"bytes 0-{len(FILE) - 1}/{len(FILE)}"), ("Transfer-Encoding", "chunked")],
                     b"".join(b"%x\r\n%s\r\n" % (len(FILE[i : i + 999]), FILE[i : i + 999]) for i in range(0, len(FILE), 999)) + b"0\r\n\r\n")

    with serve(answer) as server:
        assert len(read(server).tensors) == len(TENSORS)


def test_it_is_there_without_an_import_of_its_own():
    code = "import sys, tensorvet; assert 'ssl' not in sys.modules; tensorvet.remote.read_header; assert 'remote' in dir(tensorvet)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Bad arguments


def test_https_by_default():
    with serve(good) as server, pytest.raises(RemoteError, match="not https.*allow_http"):
        remote.read_header(server.url)
    assert server.seen == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "m.safetensors", "https://", "http:///x",
                                 "https://127.0.0.1:x/m", "https://127.0.0.1:65536/m", "https://[::1/m"])
def test_other_urls_are_refused(url):
    with pytest.raises(RemoteError):
        remote.read_header(url, allow_http=True)


def test_a_password_in_a_url_is_refused_and_not_shown():
    with pytest.raises(RemoteError) as caught:
        remote.read_header("https://user:secret@127.0.0.1/x")
    assert "secret" not in str(caught.value)


def test_bad_bounds_are_refused():
    for options in ({"guess": -1}, {"max_header_bytes": 10**9}, {"session": 1, "filesystem": 2}):
        with pytest.raises(ValueError):
            remote.read_header("https://127.0.0.1/x", **options)


# Hostile servers


def whole(handler):
    handler.give(200, [("Content-Length", str(len(FILE)))], FILE)


def test_a_server_that_ignores_range_is_refused_unread():
    def answer(handler):
        handler.give(200, [("Content-Length", str(1 << 40))], b"x")
        handler.hold()  # a client that read the body would wait for it

    assert len(refused(answer, "whole file", RangeNotSupported)) == 1
    refused(answer, "whole file", RangeNotSupported, session=requests.Session())


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 416, 500, 503])
def test_other_answers_are_refused(status):
    refused(lambda handler: handler.give(status, [("Content-Length", "0")]), f"answers {status}")


SIZE = len(FILE)
RANGES = [
    f"bytes 1-{SIZE - 1}/{SIZE}",
    f"bytes 0-{SIZE}/{SIZE + 1}",
    f"bytes 0-{SIZE - 1}/{SIZE + 9}",
    f"bytes 0-99999999/{SIZE}",
    f"bytes 0-{SIZE - 1}/*",
    f"bytes */{SIZE}",
    f"bytes 0-{SIZE - 1}",
    "bytes 0--1/0",
    "bytes 8-7/8",
    f"items 0-{SIZE - 1}/{SIZE}",
    f"bytes 0-{SIZE - 1}/{'9' * 30}",
    "",
]


@pytest.mark.parametrize("place", RANGES)
def test_a_server_that_lies_in_content_range(place):
    refused(lambda handler: handler.give(206, [("Content-Length", str(SIZE)), ("Content-Range", place)], FILE))


def test_no_content_range_or_two():
    refused(lambda handler: handler.give(206, [("Content-Length", str(SIZE))], FILE), "Content-Range")
    place = ("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")
    refused(lambda handler: handler.give(206, [("Content-Length", str(SIZE)), place, place], FILE), "2 times")


def test_multipart_ranges_are_refused():
    refused(lambda handler: handler.give(206, [("Content-Type", "multipart/byteranges; boundary=x")], b"--x\r\n"), "Content-Range")


@pytest.mark.parametrize("way", ["standard", "requests"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "GZIP"])
def test_encodings_are_refused(encoding, way):
    packed = gzip.compress(FILE)
    headers = [("Content-Encoding", encoding), ("Content-Range", f"bytes 0-{len(packed) - 1}/{len(packed)}")]
    refused(lambda handler: handler.give(206, headers, packed), "encodes", session=requests.Session() if way == "requests" else None)


def test_identity_is_no_encoding():
    with serve(lambda handler: handler.give_range(FILE, [("Content-Encoding", "identity")])) as server:
        assert read(server).size == len(FILE)


def test_compressed_bytes_that_are_not_declared_are_no_header():
    refused(lambda handler: handler.give_range(gzip.compress(FILE)), None, tensorvet.SafetensorError)


@pytest.mark.parametrize("session", [None, requests.Session()])
def test_an_endless_body_is_cut(session):
    def answer(handler):
        handler.give(206, [("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")])
        while True:  # until the client has enough
            handler.wfile.write(b"x" * 65536)

    refused(answer, "more than", session=session)


def test_a_short_body_is_refused():
    headers = [("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")]
    refused(lambda handler: handler.give(206, headers, FILE[:-1]), "bytes came")
    refused(lambda handler: handler.give(206, [*headers, ("Content-Length", str(SIZE))], FILE[:-1]))


def test_a_file_that_changes_between_the_requests_is_refused():
    def answer(handler):
        later = len(handler.server.seen) > 1
        handler.give_range(FILE, [("ETag", '"2"' if later else '"1"')])

    assert len(refused(answer, "changed", guess=0)) == 2

    def grows(handler):
        handler.give_range(FILE + b"x" * (len(handler.server.seen) - 1))

    refused(grows, "changed", guess=0)


def silent(handler):
    handler.hold()


def half_a_head(handler):
    handler.wfile.write(b"HTTP/1.1 206 OK\r\nContent-Ra")
    handler.hold()


def half_a_body(handler):
    handler.give(206, [("Content-Length", str(SIZE)), ("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")], FILE[:100])
    handler.hold()


def dripping_head(handler):
    """A byte of a header's line again and again: no single read ever times out."""
    handler.connection.settimeout(0.01)
    handler.wfile.write(b"HTTP/1.1 206 OK\r\nX: ")
    while True:
        handler.wfile.write(b"x")
        with contextlib.suppress(TimeoutError):
            if not handler.connection.recv(1):
                return


def dripping_body(handler):
    """The same in the body: a read of many bytes goes on and on."""
    handler.connection.settimeout(0.01)
    handler.give(206, [("Content-Length", str(SIZE)), ("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")], b"")
    while True:
        handler.wfile.write(b"x")
        with contextlib.suppress(TimeoutError):
            if not handler.connection.recv(1):
                return


@pytest.mark.parametrize("answer", [silent, half_a_head, half_a_body, dripping_head, dripping_body])
def test_a_slow_server_is_given_up(answer):
    refused(answer, None, TimeoutError, timeout=0.5)


@pytest.mark.parametrize("answer", [silent, half_a_body, dripping_head, dripping_body])
def test_a_slow_server_is_given_up_by_requests(answer):
    refused(answer, None, (TimeoutError, RemoteError), timeout=0.5, session=requests.Session())


@pytest.mark.parametrize("head", [b"", b"\0\xff\r\n\r\n", b"HTTP/1.1 206 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"HTTP/1.1 206 OK\r\nX: " + b"x" * 70000])
def test_answers_that_are_not_http_are_refused(head):
    refused(lambda handler: handler.wfile.write(head))


# What is in the file


@pytest.mark.parametrize("data,match", [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 5\n", "git-lfs-pointer"),
    (b"<!DOCTYPE html><html>not found</html>", "html-page"),
    (b"PK\x03\x04" + b"\0" * 60, "archive-in-disguise"),
    (b"\x02\0\0\0\0\0\0\0{}x", "trailing-data"),
    (b"\xff" * 100, "\\["),
    (FILE[:7], "file-too-short"),
    (FILE[:-1], "offsets-out-of-range"),
    (FILE + b"x", "trailing-data"),
    (FILE[:100], "header-length-beyond-file"),
])  # fmt: skip
@pytest.mark.parametrize("guess", [0, 65536])
def test_what_is_no_safetensors_file_is_said(data, match, guess):
    refused(lambda handler: handler.give_range(data), match, tensorvet.SafetensorError, guess=guess)


def test_a_header_that_is_too_long_for_the_caller_is_not_fetched():
    assert len(refused(good, "are allowed", guess=0, max_header_bytes=100)) == 1


def test_an_impossible_length_is_not_fetched():
    claim = (90_000_000).to_bytes(8, "little") + b"{"

    def answer(handler):
        handler.give(206, [("Content-Range", "bytes 0-7/100000000000"), ("Content-Length", "8")], claim[:8])

    assert len(refused(answer, "are allowed", guess=0, max_header_bytes=1_000_000)) == 1


# Redirects


def redirect(location, status=302):
    return lambda handler: handler.give(status, [("Location", location), ("Content-Length", "0")])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_within_a_host_keep_range_and_headers(status):
    def answer(handler):
        redirect("/real?x=1", status)(handler) if handler.path == "/m.safetensors" else good(handler)

    with serve(answer) as server:
        read(server, headers={"Authorization": "Bearer x"})
    assert [path for path, _ in server.seen] == ["/m.safetensors", "/real?x=1"]
    assert all(sent["Range"] == "bytes=0-65535" and sent["Authorization"] == "Bearer x" for _, sent in server.seen)


@pytest.mark.parametrize("way", ["standard", "requests"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_redirects_to_another_host_or_port_keep_range_alone(host, way):
    session = None
    if way == "requests":
        session = requests.Session()
        session.auth, session.headers["Authorization2"] = ("user", "secret"), "secret"
        session.cookies.set("token", "secret", domain=host)
    with serve(good, host) as other, serve(redirect(other.url + "/x")) as server:
        read(server, headers={"Authorization": "Bearer secret", "Cookie": "secret", "X-Token": "secret"}, session=session)
    sent = other.seen[0][1]
    assert sent["Range"] == "bytes=0-65535" and sent["Accept-Encoding"] == "identity"
    assert not any("secret" in value for value in sent.values())
    assert set(sent) <= {"Host", "Range", "Accept-Encoding", "Accept", "User-Agent", "Connection"}


def test_headers_are_not_sent_again_on_the_way_back():
    def answer(handler):
        good(handler) if handler.path == "/back" else redirect(other.url)(handler)

    with serve(answer) as server, serve(lambda handler: redirect(server.url + "/back")(handler)) as other:
        read(server, headers={"Authorization": "Bearer x"})
    assert "Authorization" in server.seen[0][1] and "Authorization" not in server.seen[1][1]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:pw@127.0.0.1/", "http://[", ""])
def test_redirects_to_elsewhere_are_refused(location):
    refused(redirect(location))


def test_redirects_end():
    assert len(refused(redirect("/again"), "redirects")) == 6


def test_a_location_cannot_inject_a_header():
    def answer(handler):
        good(handler) if len(handler.server.seen) > 1 else redirect("/a b\u00e4".encode().decode("latin-1") + "%0d%0aX: y")(handler)

    with serve(answer) as server:
        read(server)
    assert server.seen[1][0].startswith("/a%20b") and "X" not in server.seen[1][1]


# TLS


def test_https(tmp_path):
    tls, trusting = make_certificate(tmp_path)
    with serve(good, context=tls) as server:
        assert len(remote.read_header(server.url + "/m", context=trusting, timeout=20).tensors) == len(TENSORS)
        with pytest.raises(RemoteError, match="certificate"):
            remote.read_header(server.url + "/m", timeout=20)


def test_no_step_down_from_https_to_http(tmp_path):
    tls, trusting = make_certificate(tmp_path)
    with serve(good) as plain, serve(redirect(plain.url), context=tls) as server:
        for allowed, match in ((False, "not https"), (True, "from https to http")):
            with pytest.raises(RemoteError, match=match):
                remote.read_header(server.url, context=trusting, allow_http=allowed, timeout=20)
    assert plain.seen == []


def test_a_handshake_that_never_ends_is_given_up():
    """What speaks no TLS leaves the client waiting for its hello."""
    with serve(lambda handler: None) as server, pytest.raises((RemoteError, TimeoutError)):
        remote.read_header(server.url.replace("http", "https"), timeout=0.5)


# fsspec


def test_a_file_system():
    files = fsspec.filesystem("memory")
    files.pipe("/m/x.safetensors", FILE)
    header = remote.read_header("/m/x.safetensors", filesystem=files, guess=0)
    assert header.size == len(FILE) and len(header.tensors) == len(TENSORS)
    files.pipe("/m/model.safetensors.index.json", json.dumps({"weight_map": dict.fromkeys(TENSORS, "x.safetensors")}).encode())
    assert list(remote.read_headers("/m/model.safetensors.index.json", filesystem=files).shards) == ["x.safetensors"]


class WrongFiles:
    """A file system of one file, which says that it has so many bytes and gives that much of what is asked for."""

    def __init__(self, size, given=None):
        self.says, self.given = size, given

    def size(self, _):
        return self.says

    def cat_file(self, _, start, end):
        return FILE[start:end][: self.given]


@pytest.mark.parametrize("files, text", [
    (WrongFiles(None), "does not tell the file's size"),
    (WrongFiles(-1), "does not tell the file's size"),
    (WrongFiles(len(FILE), 5), "asked for 8 bytes, got 5"),
    (WrongFiles(len(FILE) + 1, 0), "asked for 8 bytes, got 0"),
])  # fmt: skip
def test_a_file_system_that_does_not_do_what_it_says(files, text):
    with pytest.raises(remote.RemoteError, match=text):
        remote.read_header("/m/x.safetensors", filesystem=files, guess=0)


def test_an_index_in_a_file_system_has_its_bound():
    files = fsspec.filesystem("memory")
    files.pipe("/m/large.safetensors.index.json", b" " * 101)
    with pytest.raises(remote.RemoteError, match="more than the 100 bytes"):
        remote.read_headers("/m/large.safetensors.index.json", filesystem=files, max_header_bytes=100)


# Indexes

NAMES = list(TENSORS)
SHARDS = {
    "model-00001-of-00002.safetensors": tensorvet.numpy.save({k: TENSORS[k] for k in NAMES[:20]}),
    "model-00002-of-00002.safetensors": tensorvet.numpy.save({k: TENSORS[k] for k in NAMES[20:]}),
}
MAP = {name: list(SHARDS)[i >= 20] for i, name in enumerate(NAMES)}


def index_of(weight_map, **more):
    return json.dumps({"metadata": {"total_size": 5}, "weight_map": weight_map, **more}).encode()


def read_index(index, shards=SHARDS, answer=None, **options):
    def sends(handler):
        name = handler.path.rpartition("/")[2]
        if name.startswith("model.safetensors.index.json"):
            (answer or (lambda h: h.give(200, [("Content-Length", str(len(index)))], index)))(handler)
        elif name in shards:
            handler.give_range(shards[name])
        else:
            handler.give(404, [("Content-Length", "0")])

    with serve(sends) as server:
        result = remote.read_headers(server.url + "/repo/model.safetensors.index.json?download=true",
                                     **{"allow_http": True, "timeout": 20, **options})
    return result, server.seen


def test_a_sharded_model():
    result, seen = read_index(index_of(MAP), headers={"Authorization": "Bearer x"})
    assert result.weight_map == MAP and result.metadata == {"total_size": 5}
    assert list(result.shards) == list(SHARDS)
    assert {k: v.shape for header in result.shards.values() for k, v in header.tensors.items()} == {k: v.shape for k, v in TENSORS.items()}
    assert [path for path, _ in seen][0] == "/repo/model.safetensors.index.json?download=true"
    assert sorted(path for path, _ in seen[1:]) == [f"/repo/{name}" for name in SHARDS]
    assert all(sent["Authorization"] == "Bearer x" and sent["Accept-Encoding"] == "identity" for _, sent in seen)


ESCAPES = ["../x", "/etc/passwd", "a/b", "a\\b", "", ".", "..", "http://127.0.0.1/x", "x?y", "a\0b", "a\nb", "x" * 256, 5, None]


@pytest.mark.parametrize("shard", ESCAPES)
def test_an_index_names_plain_files_only(shard):
    with pytest.raises(RemoteError, match="no plain file"):
        read_index(index_of({**MAP, "extra": shard}))


INDEXES = [
    b"",
    b"[]",
    b"{}",
    b'{"weight_map": []}',
    b'{"weight_map": {}}',
    b'{"weight_map": {"a": "x", "a": "y"}}',
    b'{"weight_map": {"a": "x"}, "weight_map": {"a": "y"}}',
    b'{"metadata": [], "weight_map": {"a": "x"}}',
    b'{"metadata": {"x": NaN}, "weight_map": {"a": "x"}}',
    b'{"weight_map": {"a": "x"}} trailing',
    b"\xff",
    b"[" * 100_000,
    b"<html>",
]


@pytest.mark.parametrize("index", INDEXES)
def test_what_is_no_index_is_refused(index):
    with pytest.raises(RemoteError, match="index"):
        read_index(index)


@pytest.mark.parametrize("change,match", [
    (lambda m: m | {"not.there": list(SHARDS)[0]}, "'not.there' is not in"),
    (lambda m: {k: v for k, v in m.items() if k != NAMES[3]}, "is not of the index"),
    (lambda m: m | {NAMES[0]: list(SHARDS)[1]}, "agree, 2 times"),
    (lambda m: m | {NAMES[0]: "missing.safetensors"}, "404"),
])  # fmt: skip
def test_index_and_shards_agree_both_ways(change, match):
    with pytest.raises(RemoteError, match=match):
        read_index(index_of(change(MAP)))


def test_an_index_is_bounded():
    with pytest.raises(RemoteError, match="more than"):
        read_index(index_of(MAP), max_header_bytes=1000)
    with pytest.raises(RemoteError, match="10001 shards"):
        read_index(index_of({str(i): f"{i}.safetensors" for i in range(10_001)}))


def test_an_index_is_not_encoded():
    def answer(handler):
        handler.give(200, [("Content-Encoding", "gzip")], gzip.compress(index_of(MAP)))

    with pytest.raises(RemoteError, match="encodes"):
        read_index(b"", answer=answer)


def test_a_broken_shard_is_refused():
    with pytest.raises(tensorvet.SafetensorError):
        read_index(index_of(MAP), {**SHARDS, list(SHARDS)[1]: b"x" * 100})
