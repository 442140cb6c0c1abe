"""A streaming reverse proxy to one engine, small enough to read: bounded, with timeouts, and nothing kept.

The last application behind the routing middleware. An answer passes chunk by chunk as it comes. A client that goes away
ends the request in the engine too; an engine that stops in the middle ends the client's connection, so that half an
answer is never taken for a whole one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from interlock.errors import UsageError
from interlock.routing.answers import send_refusal
from interlock.routing.asgi import Headers, Receive, Scope, Send, route_path
from interlock.routing.refusal import Refusal, bad_request
from interlock.routing.request_body import read_body

log = logging.getLogger("interlock.gateway")

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
# RFC 9110, 7.6.1, and what belongs to one connection by custom.
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OURS: Final = frozenset({b"host", b"content-length", b"expect"})
_PATH_CHARACTERS: Final = "/:@!$&'()*+,;=-._~"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The engine: its base URL, seconds until it takes a connection and between two pieces of an answer, how many
    requests may be under way at once, and the largest body of a request in bytes."""

    url: str
    connect_s: float = 5.0
    silence_s: float = 300.0
    connections: int = 512
    max_body_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        """Raises UsageError for what is no plain address or no positive bound."""
        url = httpx.URL(self.url)
        if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment or url.userinfo:
            found = f"the engine's address is {self.url!r}"
            raise UsageError(found, expected="http(s)://host:port, like http://127.0.0.1:30000")
        if min(self.connect_s, self.silence_s, self.connections, self.max_body_bytes) <= 0:
            raise UsageError("a bound of the gateway is not positive", expected="seconds and counts above 0")


class ReverseProxy:
    """Passes requests on to the engine."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._base = upstream.url.rstrip("/")
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(upstream.silence_s, connect=upstream.connect_s, pool=upstream.connect_s),
            limits=httpx.Limits(max_connections=upstream.connections, max_keepalive_connections=32),
            follow_redirects=False,
            trust_env=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI asks."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003, "reason": "no websockets here"})
        else:
            try:
                await self._http(scope, receive, send)
            except Refusal as refusal:
                await send_refusal(send, refusal)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._client.aclose()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = route_path(scope)
        if scope["method"] not in METHODS:
            raise Refusal(405, "MethodNotAllowed", "This method is not passed on.")
        body = await read_body(receive, None, self._upstream.max_body_bytes)
        if body is None:
            return
        passing = asyncio.ensure_future(self._pass(self._request(scope, path, body), send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({passing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not passing.done():
                passing.cancel()
        # A cancelled task has closed the engine's connection by the time that it is done.
        results = await asyncio.gather(passing, leaving, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    def _request(self, scope: Scope, path: str, body: bytes) -> httpx.Request:
        # What is no path would go on where the engine's address ends: `GET @elsewhere/` would ask another server.
        if not path.startswith("/"):
            raise bad_request("The target of this request is no path.", remedy="Begin it with `/`.")
        # The path that the routing judged, written once more: what was spelled otherwise cannot mean something else.
        query = scope.get("query_string", b"").decode("latin-1")
        url = self._base + quote(path, safe=_PATH_CHARACTERS) + (f"?{query}" if query else "")
        headers = _without_hops(scope["headers"], dropped=_OURS)
        # A GET asks; some engines would do what its body says.
        content = body if body and scope["method"] == "POST" else None
        try:
            return self._client.build_request(scope["method"], url, headers=headers, content=content)
        except httpx.InvalidURL:
            raise bad_request("The path and the query of this request are no address, or too long.") from None

    async def _pass(self, request: httpx.Request, send: Send) -> None:
        try:
            response = await self._client.send(request, stream=True)
        except httpx.PoolTimeout as error:
            raise _unreachable(503, "The engine has as many requests as it may.") from error
        except httpx.TimeoutException as error:
            raise _unreachable(504, "The engine did not answer in time.") from error
        except httpx.TransportError as error:
            raise _unreachable(502, "The engine does not answer.") from error
        try:
            await _send_answer(response, send)
        except httpx.TransportError as error:
            # The head is out already. Returning without an end makes the server cut the client's connection.
            log.warning("the engine stopped in the middle of an answer: %s", type(error).__name__)
        finally:
            await response.aclose()


async def _send_answer(response: httpx.Response, send: Send) -> None:
    headers = _without_hops(response.headers.raw, dropped=frozenset())
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    async for chunk in response.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _without_hops(headers: Iterable[tuple[bytes, bytes]], *, dropped: frozenset[bytes]) -> Headers:
    """Headers for the next connection: without those of this one, and without those that `Connection` names."""
    pairs = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in pairs if name == b"connection" for part in value.split(b",")}
    return [(name, value) for name, value in pairs if name not in HOP_BY_HOP | dropped | named]


def _unreachable(status: int, found: str) -> Refusal:
    return Refusal(status, "EngineUnreachable", found, remedy="Ask again later.")
