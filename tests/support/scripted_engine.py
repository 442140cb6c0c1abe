"""A server on a real socket that answers whatever a test scripts, byte by byte: for engines that break their interface.

    with scripted_engine(lambda request: [json_answer({"data": []})]) as engine:
        ...
    assert engine.requests[0].headers["authorization"] == "Bearer …"

The script gets a request and returns the raw pieces of the answer; the connection is closed after the last one. A
piece `PAUSE` waits 20 ms, `FOREVER` until the test ends.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PAUSE = b"\0pause"
FOREVER = b"\0forever"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """What came in: method, path, headers in lower case, body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Script = Callable[[ReceivedRequest], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class ScriptedEngine:
    """Where it answers, and every request so far."""

    url: str
    requests: list[ReceivedRequest] = field(default_factory=list)


@contextmanager
def scripted_engine(script: Script) -> Iterator[ScriptedEngine]:
    """Answer by `script` on a free port until the block ends."""
    ended = threading.Event()
    received: list[ReceivedRequest] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = _read_request(self.rfile.readline, self.rfile.read)
            if request is not None:
                received.append(request)
                _send(self.request, script(request), ended)

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield ScriptedEngine(f"http://127.0.0.1:{server.server_address[1]}", received)
        finally:
            ended.set()
            server.shutdown()
            thread.join()


def answer(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """A complete HTTP answer."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_answer(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """A complete HTTP answer with a JSON body."""
    return answer(json.dumps(document).encode(), status=status, headers=headers)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    block_on_close = True


def _read_request(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> ReceivedRequest | None:
    first = readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = {}
    while line := readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return ReceivedRequest(first[0], first[1], headers, read(int(headers.get("content-length", "0"))))


def _send(connection: socket.socket, pieces: Iterable[bytes], ended: threading.Event) -> None:
    for piece in pieces:
        if piece == FOREVER:
            ended.wait()
        elif piece == PAUSE:
            ended.wait(0.02)
        else:
            try:
                connection.sendall(piece)
            except OSError:
                return
        if ended.is_set():
            return
