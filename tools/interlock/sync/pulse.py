"""What the agent said last and when: written by its loop after every turn, read by whoever watches it.

Given to `Agent` by the command; read from the threads of the HTTP server. Also tells systemd, where that started us,
that the loop lives: a loop that hangs is ended and started again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from interlock.findings.readable import readable
from interlock.sync.status import Status

_LONGEST_LINE = 200


def to_service_manager(text: str) -> None:
    """Send a message to the service manager that started this process, if it asked for some (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
        sending.settimeout(1.0)
        try:
            sending.sendto(text.encode("utf-8"), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return  # it is gone; whether we live is then nobody's question


class Pulse:
    """The last status, and the seconds since. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float], notify: Callable[[str], None] = to_service_manager) -> None:
        self._clock, self._notify = clock, notify
        self._seen: tuple[Status | None, float] = (None, clock())

    def beat(self, status: Status) -> None:
        """A turn ended with this status."""
        self._seen = (status, self._clock())
        ready = status.condition("Ready")
        self._notify(f"WATCHDOG=1\nSTATUS={readable(f'{ready.reason}: {ready.message}')[:_LONGEST_LINE]}")

    def latest(self) -> Status | None:
        """What the last turn found; None before the first one."""
        return self._seen[0]

    def quiet(self) -> float:
        """Seconds since a turn ended last, or since the agent began."""
        return self._clock() - self._seen[1]
