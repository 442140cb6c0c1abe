"""A small web server on loopback, with TLS if asked for; what it answers is a function of the request.

with web_server(lambda request: request.give(b"bytes")) as server:
    ... f"{server.url}/file" ...
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_RANGE = re.compile(r"bytes=([0-9]+)-")


class Asked(BaseHTTPRequestHandler):
    """One request; methods to answer it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:  # the name that http.server calls
        self.server.seen.append(Seen(self.command, self.path, dict(self.headers.items())))
        with suppress(OSError):
            self.server.answer(self)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

    def reply(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Answer with a whole body."""
        self.begin(status, {"Content-Length": str(len(body)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The first lines of an answer, and nothing that was not asked for."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def give(self, data: bytes | None, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a file, or the part of it that was asked for; None for one that is not there."""
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        if data is None:
            self.reply(404, headers)
        elif not match:
            self.reply(200, {"Accept-Ranges": "bytes", **(headers or {})}, data)
        elif start >= len(data):
            self.reply(416, {"Content-Range": f"bytes */{len(data)}", **(headers or {})})
        else:
            part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}", **(headers or {})}
            self.reply(206, part, data[start:])

    def body(self) -> bytes:
        """What came with the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def log_message(self, *args: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Callable[[Asked], None]
    seen: list[Seen]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no event here."""


@dataclass
class WebServer:
    """A server that answers; `seen` are the requests so far."""

    port: int
    scheme: str
    seen: list[Seen] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Name and port."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"{self.scheme}://{self.host}"


@contextmanager
def web_server(answer: Callable[[Asked], None], ca: Authority | None = None) -> Iterator[WebServer]:
    """Run a server for as long as the block runs; with `ca` over TLS, as localhost."""
    server = _Server(("127.0.0.1", 0), Asked)
    server.answer, server.seen = answer, []
    if ca:
        server.socket = ca.context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield WebServer(server.server_port, "https" if ca else "http", server.seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests: `file` is what clients trust, `context` what a server shows."""

    file: Path
    context: ssl.SSLContext


def make_authority(directory: Path, name: str = "localhost") -> Authority:
    """Make an authority that has certified `name`, below an empty directory."""
    directory.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("interlock tests", ca_key.public_key(), "interlock tests", ca_key, None)
    certificate = _certificate(name, key.public_key(), "interlock tests", ca_key, name)
    file, chain = directory / "ca.pem", directory / "server.pem"
    file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Authority(file, context)


def _certificate(
    subject: str, key: ec.EllipticCurvePublicKey, issuer: str, signer: ec.EllipticCurvePrivateKey, host: str | None
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host:
        names: list[x509.GeneralName] = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())
