"""The files by which an agent says how it is: `status.json`, `metrics.prom`, and signs of life.

Called by the agent at the end of each turn. A turn that changed nothing writes nothing. An agent that answers over HTTP
says there that it lives, and touches nothing either. For any other `alive` and `polled` are empty files whose times of
change say when the last turn ended and when the remote answered last, at most once in `HEARTBEAT` seconds;
`metrics.prom` gets the same time, because that is how a node exporter tells old metrics.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.errors import DocumentError
from interlock.sync.continuation import continued
from interlock.sync.metrics import to_metrics
from interlock.sync.moments import Moments, unwatched
from interlock.sync.status import Status, from_json, to_json, without_times

log = logging.getLogger("interlock.sync")

STATUS_FILE = "status.json"
METRICS_FILE = "metrics.prom"
ALIVE_FILE = "alive"
POLLED_FILE = "polled"
HEARTBEAT = 60.0
MAX_STATUS_BYTES = 64 * 1024 * 1024


class StatusFiles:
    """What one agent reports, continued from what an agent before it reported here.

    `clock` is monotonic, `wall` seconds since the epoch; `touches` is for an agent that nobody can ask.
    """

    def __init__(
        self,
        state: Path,
        clock: Callable[[], float],
        wall: Callable[[], float],
        moments: Moments = unwatched,
        *,
        touches: bool = True,
    ) -> None:
        self._state, self._touches = state, touches
        self._clock, self._wall, self._moments = clock, wall, moments
        self._latest = read_earlier(state / STATUS_FILE)
        self._written: Status | None = None
        self._beaten_at = float("-inf")

    def earlier(self, node: str, environment: str) -> Status | None:
        """The last status of this node in this environment; settings can give a directory to another one."""
        one = self._latest
        return one if one and (one.node, one.environment) == (node, environment) else None

    def report(self, status: Status) -> Status:
        """Continue and publish what a turn found; returns it with its history."""
        told = continued(status, self.earlier(status.node, status.environment), self._wall())
        self._latest = told
        try:
            if self._written is None or without_times(self._written) != without_times(told):
                self._write(told)
            self._beat(told)
        except OSError as error:
            log.error("the status cannot be written, which is tried again: %s", error)
        return told

    def _write(self, status: Status) -> None:
        self._moments("report:before")
        try:
            write_atomically(self._state / STATUS_FILE, to_json(status).encode())
            # A node exporter runs as another user.
            write_atomically(self._state / METRICS_FILE, to_metrics(status).encode(), mode=0o644)
            self._written = status
        finally:
            self._moments("report:after")

    def _beat(self, status: Status) -> None:
        now = self._clock()
        if not self._touches or now - self._beaten_at < HEARTBEAT:
            return
        self._beaten_at = now
        _touch(self._state / ALIVE_FILE, self._wall())
        os.utime(self._state / METRICS_FILE, (self._wall(), self._wall()))
        if status.last_poll is not None:
            _touch(self._state / POLLED_FILE, status.last_poll)


def read_earlier(path: Path) -> Status | None:
    """What an agent before this one reported; None when there is nothing that can be read, which only costs history."""
    try:
        data = read_bounded(path, limit=MAX_STATUS_BYTES)
        return from_json(data.decode("utf-8")) if data is not None else None
    except (DocumentError, ValueError) as error:
        log.warning("the history in %s cannot be read and begins anew: %s", path, error)
        return None


def _touch(path: Path, moment: float) -> None:
    try:
        os.utime(path, (moment, moment), follow_symlinks=False)
    except FileNotFoundError:
        path.touch(mode=0o644)
        os.utime(path, (moment, moment))
