"""A real HTTP server on loopback for tests: `serve(answer)`, where answer(handler) sends what it wants."""

import contextlib
import http.server
import re
import ssl
import subprocess
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers.items())))
        self.close_connection = True
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.server.answer(self)

    def log_message(self, *_):
        pass

    def give(self, status, headers, body=b""):
        """A response with exactly those headers."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def give_range(self, data, headers=()):
        """A 206 as it should be."""
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        part = data[first : last + 1]
        place = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        self.give(206, [("Content-Length", str(len(part))), ("Content-Range", place), *headers], part)

    def hold(self):
        """Keeps the connection until the client gives it up."""
        self.connection.settimeout(30)
        while self.connection.recv(1024):
            pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


@contextlib.contextmanager
def serve(answer, host="127.0.0.1", context=None):
    """Yields the server: `url` of its root, and `seen`, the requests as (path, headers)."""
    server = _Server((host, 0), _Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answer, server.seen = answer, []
    server.url = f"{'http' if context is None else 'https'}://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder):
    """(server's context, client's context) for 127.0.0.1 with a key that lives as long as the test."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))
