"""What an operator asked of one node by hand: to stay where it is, or to follow no promotion of single adapters.

`interlock suspend`, `hold` and `resume` write `steering.json` in the state directory; the agent reads it at every turn.
It is not part of git on purpose: it is about one machine, ends by itself if it has an end, and the status shows it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from interlock.artifacts.durable import write_atomically
from interlock.documents.identifiers import adapter_name
from interlock.sync.record_file import read_record

STEERING_FILE = "steering.json"
MAX_STEERING_BYTES = 1 << 20
SCHEMA = "interlock-steering/1"
LATEST = 1e11
"""Seconds since the epoch, in the year 5138: an end beyond that cannot be told as a date everywhere."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who asked for something, why, since when, and until when (seconds since the epoch; None: until it is taken back).

    `hands_off` of a suspension: not even repairs, such as loading again what a restarted engine has forgotten.
    """

    by: str
    reason: str
    since: float
    until: float | None = None
    hands_off: bool = False

    def holds(self, now: float) -> bool:
        """Whether it is still in force at `now`, in seconds since the epoch."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Steering:
    """The orders of one node: a suspension, and holds by adapter."""

    suspended: Order | None = None
    held: Mapping[str, Order] = field(default_factory=lambda: MappingProxyType({}))

    def at(self, now: float) -> Steering:
        """Only what is in force at `now`, in seconds since the epoch."""
        suspended = self.suspended if self.suspended and self.suspended.holds(now) else None
        return Steering(suspended, {adapter: order for adapter, order in self.held.items() if order.holds(now)})


class SteeringFile:
    """The file in one state directory, read again only when it was replaced."""

    def __init__(self, state: Path) -> None:
        self._path = state / STEERING_FILE
        self._identity: tuple[int, ...] | None = None
        self._read = Steering()

    def current(self) -> Steering:
        """Every order, also those that have ended.

        Raises:
            DocumentError: the file is damaged. Then nobody knows what was asked, and nothing new should be followed.
        """
        try:
            found = os.stat(self._path, follow_symlinks=False)  # noqa: PTH116 - Path.stat costs twice as much
        except FileNotFoundError:
            self._identity, self._read = None, Steering()
            return self._read
        identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if identity != self._identity:
            self._read, self._identity = read_steering(self._path), identity
        return self._read

    def write(self, steering: Steering) -> None:
        """Replace every order in one step."""
        document = {
            "schema": SCHEMA,
            "suspended": asdict(steering.suspended) if steering.suspended else None,
            "held": {adapter: asdict(order) for adapter, order in sorted(steering.held.items())},
        }
        write_atomically(self._path, (json.dumps(document, indent=1) + "\n").encode())


def read_steering(path: Path) -> Steering:
    """Read what `SteeringFile.write` wrote; a missing file holds no orders.

    Raises:
        DocumentError: it is damaged.
    """
    expected = "orders as `interlock suspend` and `interlock hold` write them"
    remedy = f"remove {path}, and give the orders again"
    return read_record(path, _steering, limit=MAX_STEERING_BYTES, expected=expected, remedy=remedy) or Steering()


def _steering(document: Mapping[str, Any]) -> Steering:
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    suspended = document["suspended"]
    held = {adapter_name(adapter): _order(order) for adapter, order in document["held"].items()}
    return Steering(_order(suspended) if suspended is not None else None, held)


def _order(value: Mapping[str, Any]) -> Order:
    order = Order(**value)
    until = order.until is None or isinstance(order.until, int | float)
    if not (isinstance(order.by, str) and isinstance(order.reason, str) and isinstance(order.since, int | float)):
        raise TypeError("an order has no author, reason or time")
    if not until or not isinstance(order.hands_off, bool) or not (order.until is None or order.until < LATEST):
        raise TypeError("the end of an order is not a time")
    return order
