"""A real HTTP server of an agent on loopback, about a status that each test sets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from interlock.sync.http.exchange import Routes
from interlock.sync.http.server import HttpServer
from interlock.sync.status import CONDITIONS, AliasStatus, Commits, Condition, Status

LONGEST_TURN = 900.0
SECRET = "a-secret-of-forges"


def status(**conditions: Condition) -> Status:
    """A status of which everything is well but for these conditions."""
    fine = {kind: Condition(kind, "True", "Fine", "all is well", 5.0) for kind in CONDITIONS} | conditions
    row = AliasStatus("bot", "bot@1", "bot@1", "", (), "")
    return Status("node-1", "dev", Commits("a" * 40, "a" * 40, None), tuple(fine.values()), (row,), "vllm 1", 7.0, ())


def free_port() -> int:
    """A port at which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Watched:
    """The agent as its watchers see it."""

    status: Status | None = field(default_factory=status)
    seconds: float = 1.0

    def latest(self) -> Status | None:
        return self.status

    def quiet(self) -> float:
        return self.seconds


@contextmanager
def running(routes: Routes, *, deadline: float = 10.0, capacity: int = 64) -> Iterator[HttpServer]:
    """A server until the block ends."""
    server = HttpServer("127.0.0.1", 0, routes, deadline=deadline, capacity=capacity)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Site:
    """The server, what it watches, a client, and the hints that came."""

    server: HttpServer
    watched: Watched
    client: httpx.Client
    hints: list[float]
    later: list[float]
    clock: list[float]

    def connect(self) -> socket.socket:
        """A connection for bytes that no client would send."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=10)

    def raw(self, data: bytes) -> bytes:
        """Send bytes and return everything that comes back."""
        with self.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
