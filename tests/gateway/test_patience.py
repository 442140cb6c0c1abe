"""What a connection of the gateway waits for, without any waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvicorn
from uvicorn.server import ServerState

from interlock.gateway import patience
from interlock.gateway.patience import PatientProtocol


class Recorder:
    """Stands where something is waited for, and notes when that begins and ends."""

    def __init__(self, _seconds: float, _end: Callable[[], None]) -> None:
        self.waits: list[bool] = []

    def wait(self, waiting: bool) -> None:
        """Note it."""
        self.waits.append(waiting)


class Impatient(PatientProtocol):
    """Gives more time for each kilobyte."""

    piece = 1000


def test_a_large_request_on_a_slow_line_has_the_time_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "Patience", Recorder)

    async def received(*pieces: bytes) -> list[bool]:
        connection = Impatient(uvicorn.Config(lambda: None), ServerState(), {})
        connection.connection_made(asyncio.Transport())
        for piece in pieces:
            connection.data_received(piece)
        assert isinstance(connection._receiving, Recorder)
        return connection._receiving.waits

    head = b"POST / HTTP/1.1\r\nX: "
    assert asyncio.run(received(head, b"x" * 900)) == [True, True, True]
    assert asyncio.run(received(head, b"x" * 900, b"x" * 900)) == [True, True, True, False, True]
    assert asyncio.run(received(head, *[b"x"] * 50)) == [True] * 52
