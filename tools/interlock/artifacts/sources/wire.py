"""One bounded HTTP exchange: a limit on every wait, an absolute deadline over all of them, TLS with verified names.

Called by `reading` only. A connection serves one exchange and follows nothing: what a redirect means is decided above.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from interlock.artifacts.sources.access import SourceAccess
from interlock.errors import ArtifactUnreachable

DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "interlock", "Connection": "close"}


class Stalled(TimeoutError):
    """A wait took too long; the text says which."""


class Waits:
    """How long may still be waited: for one step, and until the end of it all."""

    def __init__(self, access: SourceAccess) -> None:
        self._access = access
        self._ends = time.monotonic() + access.deadline_s

    def for_connection(self) -> float:
        """Seconds for reaching the server and agreeing on keys."""
        return min(self._access.connect_s, self._left())

    def for_bytes(self) -> float:
        """Seconds for the next bytes."""
        return min(self._access.stall_s, self._left())

    def why(self, error: TimeoutError) -> str:
        """What ran out, for the wait that just did."""
        if time.monotonic() >= self._ends:
            return f"it was not complete after {self._access.deadline_s:g} s"
        return str(error) if isinstance(error, Stalled) else f"nothing came for {self._access.stall_s:g} s"

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Stalled
        return left


class Response:
    """An answer whose body is still to be read. `headers` by lower-case name, the last of several."""

    def __init__(self, sock: socket.socket, response: http.client.HTTPResponse) -> None:
        self._sock = sock
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    @property
    def length(self) -> int | None:
        """Bytes of the body that are announced and have not come yet."""
        return self._response.length

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes of the body; 0 at its end, also where it breaks off.

        Raises:
            OSError, http.client.HTTPException: the connection failed.
        """
        return self._response.readinto(buffer)

    def close(self) -> None:
        """Give the connection back."""
        self._response.close()
        self._sock.close()


def exchange(method: str, url: str, headers: Mapping[str, str], access: SourceAccess, waits: Waits) -> Response:
    """Ask for `url` and return the beginning of the answer.

    Raises:
        OSError, http.client.HTTPException: there was none, or none that is HTTP.
        ArtifactUnreachable: the file with the authorities cannot be read.
    """
    parts = urlsplit(url)
    sock = _connected(parts, access, waits)
    try:
        connection = http.client.HTTPConnection(parts.hostname or "")
        connection.sock = _PatientSocket(sock, waits)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": parts.netloc, **_HEADERS, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return Response(sock, connection.getresponse())
    except BaseException:
        sock.close()
        raise


def _connected(parts: SplitResult, access: SourceAccess, waits: Waits) -> socket.socket:
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    try:
        sock = socket.create_connection((host, port), timeout=waits.for_connection())
    except TimeoutError as error:
        raise Stalled(f"no connection within {access.connect_s:g} s") from error
    if parts.scheme != "https":
        return sock
    try:
        sock.settimeout(waits.for_connection())
        return _tls(access.ca_file).wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return _context(None, 0)
    try:
        return _context(ca_file, ca_file.stat().st_mtime_ns)
    except OSError as error:
        raise ArtifactUnreachable(
            f"the authorities in {ca_file} cannot be read: {error.strerror or error}",
            expected="certificates in PEM form",
            remedy="correct `ca_file`",
        ) from error


@functools.lru_cache(maxsize=4)
def _context(ca_file: Path | None, changed: int) -> ssl.SSLContext:
    """The system's authorities and those of the file, which is read again when it `changed`."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


class _PatientSocket:
    """What `http.client` uses of a socket; no wait is longer than it may be."""

    def __init__(self, sock: socket.socket, waits: Waits) -> None:
        self._sock = sock
        self._waits = waits

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._waits.for_bytes())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_PatientReader(self._sock, self._waits), 1 << 16)

    def close(self) -> None:
        """Nothing: the reader still needs the socket, and `Response` closes it."""


class _PatientReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, waits: Waits) -> None:
        self._sock = sock
        self._waits = waits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any writable buffer
        self._sock.settimeout(self._waits.for_bytes())
        return self._sock.recv_into(buffer)
