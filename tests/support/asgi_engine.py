"""A tiny ASGI application that stands where an engine stands, and ways to call it: directly, or over real HTTP.

engine = TinyEngine()
with serving(RoutingMiddleware(engine, settings)) as url:
    httpx.post(f"{url}/v1/completions", json={"model": "support-bot"})
engine.seen[-1].body
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from interlock.routing.asgi import Application, Headers, Receive, Scope, Send

START_S = 10.0


@dataclass(frozen=True)
class Seen:
    """One request as the engine got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def model(self) -> object:
        """The model that an engine reads out of the body, the way vLLM does."""
        document = json.loads(self.body)
        return document.get("model") if isinstance(document, dict) else None


@dataclass
class TinyEngine:
    """Answers every path: with the body it got, with a stream (`"stream": true`), or never (`"hang": true`)."""

    seen: list[Seen] = field(default_factory=list)
    started: threading.Event = field(default_factory=threading.Event)
    disconnected: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        self.seen.append(Seen(scope["method"], scope["path"], _readable(scope["headers"]), body))
        asked = _object(body)
        if asked.get("hang"):
            self.started.set()
            if (await receive())["type"] == "http.disconnect":
                self.disconnected.set()
            return
        chunks = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"] if asked.get("stream") else [body]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-engine", b"tiny")]})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(Seen("WEBSOCKET", scope["path"], _readable(scope["headers"]), b""))
        await receive()
        await send({"type": "websocket.accept"})


@dataclass(frozen=True)
class Answer:
    """What came back from a direct call; `messages` are the raw ASGI messages."""

    messages: Sequence[MutableMapping[str, Any]]

    @property
    def status(self) -> int:
        """The HTTP status."""
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case."""
        return _readable(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        """The body in one piece."""
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def error(self) -> dict[str, Any]:
        """The error object of a refusal."""
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


def call(
    application: Application,
    path: str,
    body: bytes | Sequence[bytes] = b"",
    *,
    method: str = "POST",
    headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),),
    root_path: str = "",
    kind: str = "http",
) -> Answer:
    """Call an ASGI application without a server; `body` may come in several chunks."""
    chunks = [body] if isinstance(body, bytes) else list(body)
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "root_path": root_path,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }
    return asyncio.run(_call(application, scope, chunks))


async def _call(application: Application, scope: Scope, chunks: list[bytes]) -> Answer:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if scope["type"] == "websocket":
            return {"type": "websocket.connect"}
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return Answer(sent)


@contextmanager
def serving(
    application: Application, *, root_path: str = "", http: type[asyncio.Protocol] | None = None
) -> Iterator[str]:
    """Serve an application with uvicorn on a free port of this machine, its connections by `http`; yields its URL."""
    config = uvicorn.Config(
        application, port=0, log_level="warning", root_path=root_path, lifespan="on", http=http or "auto"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(START_S)


def wait_until(condition: Callable[[], bool], deadline_s: float = START_S) -> None:
    """Poll until `condition()` holds; AssertionError after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the deadline passed"
        time.sleep(0.005)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _whole(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


def _readable(headers: Headers) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
