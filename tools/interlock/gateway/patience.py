"""How long a client may take: for a request, and for the next piece of its answer. Used by `interlock gateway`.

Uvicorn waits without end for both, and every connection that it waits for is one of the few that there are. So a client
that sends a byte now and then, or does not read, would keep all others out, and an adapter from ever being unloaded.
HTTP is parsed by h11, whatever else is installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Patience:
    """One thing that is waited for; `end` is called when it took `seconds`."""

    def __init__(self, seconds: float, end: Callable[[], None]) -> None:
        self._seconds, self._end = seconds, end
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, waiting: bool) -> None:
        """Begin to wait, go on as long as it is, or stop."""
        if self._timer and not waiting:
            self._timer.cancel()
            self._timer = None
        elif waiting and not self._timer:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)


class PatientProtocol(H11Protocol):
    """One connection. A request has `patience_s` seconds from the connection or its first byte to its last one, and as
    many more for each `piece` bytes that came; the bytes of an answer have as many to leave here."""

    patience_s: ClassVar[float] = 60.0
    piece: ClassVar[int] = 1 << 20
    _came = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for a request."""
        super().connection_made(transport)
        self._receiving = Patience(self.patience_s, transport.abort)
        self._sending = Patience(self.patience_s, transport.abort)
        self._receiving.wait(True)

    def data_received(self, data: bytes) -> None:
        """Wait on until the request is complete; a further one has time of its own."""
        super().data_received(data)
        self._came += len(data)
        if self._came >= self.piece:
            self._came = 0
            self._receiving.wait(False)
        self._receiving.wait(self.conn.their_state in (h11.IDLE, h11.SEND_BODY))

    def pause_writing(self) -> None:
        """The client does not read as fast as the engine writes."""
        super().pause_writing()
        self._sending.wait(True)

    def resume_writing(self) -> None:
        """The client took what was waiting."""
        super().resume_writing()
        self._sending.wait(False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._receiving.wait(False)
        self._sending.wait(False)
        super().connection_lost(exc)
