"""One bounded HTTP exchange: an absolute deadline from the first look-up to the last byte, a limit on the body, TLS on.

Called by `http` only. A connection serves one exchange and follows nothing: what a redirect means is decided above.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
_CHUNK: Final = 64 * 1024


class NoAnswer(Exception):
    """No complete answer came; `retry` says whether another try may help."""

    def __init__(self, why: str, *, retry: bool = True) -> None:
        super().__init__(why)
        self.retry = retry


class UnusableAnswer(Exception):
    """An answer came that nobody may read on: too long, or in an encoding that was not asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by lower-case name (the last of several) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(server: str, target: str, headers: Mapping[str, str], *, within_s: float) -> Answer:
    """GET `target` (path and query) from `server` (`https://host[:port]`) within so many seconds.

    Raises:
        NoAnswer: nothing complete came in time.
        UnusableAnswer: what came must not be read on.
    """
    ends = time.monotonic() + within_s
    try:
        return _exchange(server, target, headers, lambda: _left(ends))
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(f"its certificate is not trusted: {error.verify_message}", retry=False) from None
    except TimeoutError:
        raise NoAnswer(f"no complete answer within {within_s:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"the connection failed: {str(error) or type(error).__name__}") from None


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _exchange(server: str, target: str, headers: Mapping[str, str], left: Callable[[], float]) -> Answer:
    parts = urlsplit(server)
    plain = _connected(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), left)
    with plain, _secured(plain, parts.hostname or "", left) if parts.scheme == "https" else plain as sock:
        connection = http.client.HTTPConnection(parts.hostname or "")
        connection.sock = _DeadlineSocket(sock, left)
        connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": parts.netloc, "Connection": "close", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        with connection.getresponse() as response:
            return _whole(response)


def _connected(host: str, port: int, left: Callable[[], float]) -> socket.socket:
    """A connection to the first address that takes one; all of them share the deadline."""
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left())
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def _secured(sock: socket.socket, host: str, left: Callable[[], float]) -> ssl.SSLSocket:
    sock.settimeout(left())
    return ssl.create_default_context().wrap_socket(sock, server_hostname=host)


class _DeadlineSocket:
    """What `http.client` uses of a socket; each wait is no longer than what is left of the whole exchange."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._left())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock, self._left))

    def close(self) -> None:
        """Nothing: the reader still needs the socket, and whoever opened it closes it."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any writable buffer
        self._sock.settimeout(self._left())
        return self._sock.recv_into(buffer)


def _whole(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    if headers.get("content-encoding", "identity") != "identity":
        raise UnusableAnswer("the body is compressed although plain bytes were asked for")
    body = bytearray()
    while chunk := response.read(_CHUNK):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise UnusableAnswer(f"the answer is longer than {MAX_BODY_BYTES} bytes")
    if response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return Answer(response.status, headers, bytes(body))
