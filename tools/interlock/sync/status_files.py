"""Writes what the agent says of itself: `status.json` and `metrics.prom` in the state directory, when it changes.

An idle turn writes nothing. Whether the writer still lives is told by its lock (`only_agent.agent_runs`).
"""

from __future__ import annotations

import logging
from pathlib import Path

from interlock.artifacts.durable import write_atomically
from interlock.sync.metrics import to_metrics
from interlock.sync.moments import Moments
from interlock.sync.status import Status, to_json

log = logging.getLogger("interlock.sync")

STATUS_FILE = "status.json"
METRICS_FILE = "metrics.prom"


class StatusFiles:
    """The files of one agent."""

    def __init__(self, state: Path, moments: Moments) -> None:
        self._state = state
        self._moments = moments
        self._written: tuple[object, ...] | None = None

    def write(self, status: Status) -> None:
        """Write the status unless nothing but times has changed. A full disk is logged, and tried again."""
        content = _without_times(status)
        if content == self._written:
            return
        self._moments("report:before")
        try:
            write_atomically(self._state / STATUS_FILE, to_json(status).encode())
            write_atomically(self._state / METRICS_FILE, to_metrics(status).encode())
            self._written = content
        except OSError as error:
            log.error("the status cannot be written: %s", error)
        self._moments("report:after")


def _without_times(status: Status) -> tuple[object, ...]:
    conditions = tuple((c.type, c.status, c.reason, c.message) for c in status.conditions)
    return (status.commits, conditions, status.aliases, status.engine, status.loaded)
