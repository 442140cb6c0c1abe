"""Reads files and small documents over HTTP: ranges that are really what was asked for, no byte more than promised.

Called by the sources. A redirect is followed to the same place or to https, never to a host that is not allowed, and
what a request carries (logins, signatures) goes to the host that it was meant for and to no other. Messages never hold
queries of redirects, bodies of refusals or anything else that may be secret.
"""

from __future__ import annotations

import http.client
import io
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from interlock.artifacts.sources import wire
from interlock.artifacts.sources.access import SourceAccess
from interlock.artifacts.sources.files import UNKNOWN_SIZE
from interlock.artifacts.sources.refusals import refused, unreachable
from interlock.errors import ArtifactCorrupt, ArtifactUnreachable, RangeNotSupported

MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Request:
    """An address and what is said there and to nobody else; `where` names it to a person.

    `again` makes another request of the challenge of a 401 answer, or None; without `follow` no redirect is followed.
    """

    url: str
    where: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    again: Callable[[str], Request | None] | None = None
    follow: bool = True


@contextmanager
def open_range(request: Request, access: SourceAccess, *, start: int, size: int) -> Iterator[BinaryIO]:
    """Open a file of `size` bytes for reading from `start` on; see `ArtifactFiles.open` for what is raised."""
    if start == size and start:
        yield io.BytesIO()
        return
    waits = wire.Waits(access)
    asked = {"Range": f"bytes={start}-"} if start else {}
    response = _answer("GET", request, asked, access, waits)
    try:
        _check_begin(response, request.where, start, size)
        with io.BufferedReader(_Body(response, request.where, size - start, waits), 1 << 16) as stream:
            yield stream
    finally:
        response.close()


@contextmanager
def open_small(request: Request, access: SourceAccess, *, limit: int) -> Iterator[BinaryIO]:
    """Open a file of unknown size, of at most `limit` bytes; raises what `read_small` does."""
    data, _ = read_small(request, access, limit=limit)
    yield io.BytesIO(data)


def size_of(request: Request, access: SourceAccess) -> int:
    """The size of a file in bytes, `UNKNOWN_SIZE` where the server does not say.

    Raises:
        ArtifactMissing: it is not there.
        ArtifactUnreachable: nobody can tell.
    """
    try:
        response = _answer("HEAD", request, {}, access, wire.Waits(access))
    except _NotOffered:
        return UNKNOWN_SIZE
    response.close()
    announced = response.headers.get("content-length", "")
    return int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 19 else UNKNOWN_SIZE


def read_small(request: Request, access: SourceAccess, *, limit: int) -> tuple[bytes, Mapping[str, str]]:
    """The whole of a small document and the headers of the answer, by lower-case name.

    Raises:
        ArtifactMissing: it is not there.
        ArtifactUnreachable: it cannot be read, or has more than `limit` bytes.
    """
    waits = wire.Waits(access)
    response = _answer("GET", request, {}, access, waits)
    try:
        data = io.BufferedReader(_Body(response, request.where, None, waits, limit=limit + 1)).read()
    finally:
        response.close()
    if len(data) > limit:
        raise unreachable(request.where, f"the answer is longer than {limit} bytes")
    return data, response.headers


class _NotOffered(ArtifactUnreachable):
    """The server does not answer requests of this method."""


def _answer(
    method: str, request: Request, asked: Mapping[str, str], access: SourceAccess, waits: wire.Waits
) -> wire.Response:
    """An answer with a body that was asked for (200 or 206)."""
    url, headers, challenged = request.url, {**request.headers, **asked}, False
    for _ in range(MAX_REDIRECTS + 1):
        _refuse_host(url, access, request.where)
        response = _exchanged(method, url, headers, access, waits, request.where)
        if response.status in (200, 206):
            _refuse_encoded(response, request.where)
            return response
        response.close()
        again = _challenged(request, response) if url == request.url and not challenged else None
        if again:
            request, challenged = again, True
            url, headers = again.url, {**again.headers, **asked}
        elif response.status in _REDIRECTS and request.follow:
            url, kept = _redirected(url, response, request.where)
            headers = headers if kept else dict(asked)
        elif response.status in (405, 501) and method == "HEAD":
            raise _NotOffered(f"{request.where}: HEAD is not offered")
        else:
            raise refused(request.where, response.status, response.headers, login="authorization" in _names(headers))
    raise unreachable(request.where, f"the server redirects more than {MAX_REDIRECTS} times")


def _challenged(request: Request, response: wire.Response) -> Request | None:
    if response.status != 401 or request.again is None:
        return None
    return request.again(response.headers.get("www-authenticate", ""))


def _exchanged(
    method: str, url: str, headers: Mapping[str, str], access: SourceAccess, waits: wire.Waits, where: str
) -> wire.Response:
    try:
        return wire.exchange(method, url, headers, access, waits)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise unreachable(where, _failure(error, waits)) from None


def _failure(error: Exception, waits: wire.Waits) -> str:
    """What happened to the connection, in words that hold nothing of what was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return waits.why(error)
    if isinstance(error, OSError):
        return f"the connection failed: {error.strerror or type(error).__name__}"
    return f"what it answers is not HTTP ({type(error).__name__})"


def _redirected(url: str, response: wire.Response, where: str) -> tuple[str, bool]:
    """Where a redirect leads, and whether that is the same place, to which the same may be said."""
    try:
        target = urljoin(url, response.headers.get("location", ""))
        before, after = urlsplit(url), urlsplit(target)
        kept = _origin(before) == _origin(after)
        if after.username is not None or not after.hostname or not target.isascii() or not target.isprintable():
            raise ValueError
    except ValueError:
        raise unreachable(where, "the server redirects to what is no address") from None
    if not kept and after.scheme != "https":
        raise unreachable(where, f"the server redirects to {after.scheme}://{after.hostname}, which is not https")
    return target, kept


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or wire.DEFAULT_PORTS.get(parts.scheme)


def _refuse_host(url: str, access: SourceAccess, where: str) -> None:
    host = urlsplit(url).netloc
    if not access.allows(host):
        raise ArtifactUnreachable(
            f"{where}: the host {host} is not one of those that may be asked",
            expected=", ".join(access.hosts or ()) or "no host at all",
            remedy=f"if {host} is to be trusted with requests from here, add it to the hosts that are allowed",
        )


def _refuse_encoded(response: wire.Response, where: str) -> None:
    if response.headers.get("content-encoding", "identity") not in ("identity", ""):
        response.close()
        raise unreachable(where, "the body is compressed although plain bytes were asked for")


def _names(headers: Mapping[str, str]) -> set[str]:
    return {name.lower() for name in headers}


def _check_begin(response: wire.Response, where: str, start: int, size: int) -> None:
    """Refuse what is not the rest of a file of `size` bytes from `start` on, as far as the headers tell."""
    if not start:
        if response.status == 206:
            raise unreachable(where, "the server gave out a part, and the whole was asked for")
        if response.length is not None and response.length != size:
            raise _other_size(where, response.length, size)
        return
    if response.status == 200:
        raise RangeNotSupported(f"{where} is given out whole only")
    match = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if not match or int(match[1]) != start:
        raise unreachable(where, f"the server gave out another part than from byte {start} on")
    if match[3] != "*" and int(match[3]) != size:
        raise _other_size(where, int(match[3]), size)
    if int(match[2]) != size - 1:
        raise unreachable(where, "the server gave out less than was asked for")


def _other_size(where: str, found: int, size: int) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{where} has {found} bytes",
        expected=f"{size} bytes, as the manifest says",
        remedy="put the registered file there again, or register what is there now as a new revision",
    )


class _Body(io.RawIOBase):
    """The body of an answer: no more than one byte above what is promised, and no end before that.

    `promised` None is a body of any size up to `limit`.
    """

    def __init__(
        self, response: wire.Response, where: str, promised: int | None, waits: wire.Waits, *, limit: int = 0
    ) -> None:
        self._response = response
        self._where = where
        self._promised = promised
        self._left = limit if promised is None else promised + 1
        self._came = 0
        self._waits = waits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any writable buffer
        wanted = min(len(buffer), self._left)
        if not wanted:
            return 0
        try:
            count = self._response.readinto(memoryview(buffer)[:wanted])
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = "it broke off" if isinstance(error, http.client.IncompleteRead) else _failure(error, self._waits)
            raise unreachable(self._where, f"{why}, after {self._came} bytes") from None
        self._came += count
        self._left -= count
        if not count and (self._response.length or self._came < (self._promised or 0)):
            raise unreachable(self._where, f"it broke off after {self._came} bytes")
        return count
