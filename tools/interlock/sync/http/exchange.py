"""One request and its answer as values, and how they travel: HTTP/1.1 by h11, every size bounded.

Called by `server.py`. Refuses what is no HTTP, what is too large, and what is sent in pieces for ever (the deadline is
the caller's). One request a connection: probes and forges open a new one each time, and nobody holds one open.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import h11

MAX_HEAD_BYTES = 16 * 1024
_PIECE = 64 * 1024
_REASONS = {
    200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks. Names of headers are in lower case."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, None where it is missing or given twice: two answers are none."""
        values = [value for key, value in self.headers if key == name.lower()]
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Answer | Awaitable[Answer]]
"""Answers one request: at once, or as a coroutine that bounds its own time."""


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers a path, and how many bytes a request may bring along."""

    handler: Handler
    max_body: int = 0


Routes = Mapping[tuple[str, str], Route]
"""By method and path. What answers GET answers HEAD."""


class Refused(Exception):
    """A request that gets no further than this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def told(status: int, document: Mapping[str, object], *headers: tuple[str, str]) -> Answer:
    """An answer in JSON."""
    return Answer(status, (json.dumps(document) + "\n").encode("ascii"), headers=headers)


def refused(status: int, error: str, *headers: tuple[str, str]) -> Refused:
    """A refusal in JSON."""
    return Refused(told(status, {"error": error}, *headers))


@dataclass
class Exchange:
    """One connection's request and answer. `routes` decides how much of a body is read at all."""

    routes: Routes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _finished_reading: bool = False
    _is_head: bool = False
    _http: h11.Connection = field(
        default_factory=lambda: h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    )

    async def read(self) -> tuple[Request, Route]:
        """Read one request and find who answers it.

        Raises:
            Refused: it is no HTTP, too large, or nobody answers it.
            ConnectionError: the client went away.
        """
        try:
            head = await self._event()
            if not isinstance(head, h11.Request):
                raise ConnectionResetError("the client closed the connection without a request")
            method, path = head.method.decode("ascii"), head.target.decode("ascii").partition("?")[0]
            route = self._route(method, path)
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
            return Request(method, path, headers, await self._body(head, route.max_body)), route
        except h11.RemoteProtocolError as error:
            raise refused(error.error_status_hint, "this is not a request that can be read") from None

    async def write(self, answer: Answer) -> None:
        """Send the answer and close the connection."""
        headers = [
            ("content-type", answer.content_type),
            ("content-length", str(len(answer.body))),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("connection", "close"),
            *answer.headers,
        ]
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        reason = _REASONS.get(answer.status, "").encode("ascii")
        head = self._http.send(h11.Response(status_code=answer.status, headers=headers, reason=reason)) or b""
        self.writer.write(head + (b"" if self._is_head else answer.body))
        await self.writer.drain()
        if not self._finished_reading:
            await self._linger()
        self.writer.close()
        await self.writer.wait_closed()

    def _route(self, method: str, path: str) -> Route:
        self._is_head = method == "HEAD"
        wanted = "GET" if self._is_head else method
        if route := self.routes.get((wanted, path)):
            return route
        allowed = sorted({known for known, there in self.routes if there == path})
        if allowed:
            raise refused(405, f"{path} takes {' or '.join(allowed)}", ("allow", ", ".join(allowed)))
        raise refused(404, "there is nothing here; paths: " + ", ".join(sorted({there for _, there in self.routes})))

    async def _body(self, head: h11.Request, limit: int) -> bytes:
        declared = next((value for name, value in head.headers if name == b"content-length"), b"0")
        if len(declared) > 12 or int(declared) > limit:
            raise refused(413, f"a request may bring {limit} bytes here")
        if self._http.they_are_waiting_for_100_continue:
            self.writer.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        body = bytearray()
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise ConnectionResetError("the client closed the connection within its request")
            body += event.data
            if len(body) > limit:
                raise refused(413, f"a request may bring {limit} bytes here")
        self._finished_reading = True
        return bytes(body)

    async def _event(self) -> h11.Event:
        while not isinstance(event := self._http.next_event(), h11.Event):
            self._http.receive_data(await self.reader.read(_PIECE))
        return event

    async def _linger(self) -> None:
        """Let a client that still sends hear the answer: closing at once would take it away from it."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
        while await self.reader.read(_PIECE):
            pass
