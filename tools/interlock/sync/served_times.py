"""When each revision was in use last, kept over restarts: what the least recently served one is told by.

Called by `storekeeper`. Written only when the set of what is in use changes, so that an idle agent writes nothing: what
was in use then counts as in use until somebody looks again. A record that is lost or damaged costs only the order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.errors import DocumentError

MAX_RECORD_BYTES = 16 << 20


class ServedTimes:
    """Digest prefixes, as in served names, with the time of their last use. `wall` is seconds since the epoch."""

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self._path, self._wall = path, wall
        self._in_use: frozenset[str] | None = None
        self._left: dict[str, float] = {}

    def note(self, in_use: Collection[str], stored: Collection[str]) -> None:
        """What is in use now. Of everything else the time is kept while it is `stored` (prefixes, too).

        Raises:
            OSError: the record cannot be written; it is right in memory all the same.
        """
        before = self._recall()
        now = frozenset(in_use)
        if now == before:
            return
        self._left |= dict.fromkeys(before - now, self._wall())
        self._left = {prefix: when for prefix, when in self._left.items() if prefix in stored and prefix not in now}
        self._in_use = now
        document = {"in_use": sorted(now), "left": dict(sorted(self._left.items()))}
        write_atomically(self._path, json.dumps(document, indent=1).encode())

    def last_use(self, prefix: str) -> float | None:
        """When a revision was in use last, in seconds since the epoch; None where nobody knows."""
        return self._wall() if prefix in self._recall() else self._left.get(prefix)

    def _recall(self) -> frozenset[str]:
        if self._in_use is None:
            self._in_use, self._left = _read(self._path)
        return self._in_use


def _read(path: Path) -> tuple[frozenset[str], dict[str, float]]:
    try:
        data = read_bounded(path, limit=MAX_RECORD_BYTES)
        document: dict[str, Any] = json.loads(data) if data is not None else {"in_use": [], "left": {}}
        left = {str(prefix): float(when) for prefix, when in document["left"].items()}
        if all(math.isfinite(when) for when in left.values()):
            return frozenset(map(str, document["in_use"])), left
    except (DocumentError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # only the order in which things would be given up is lost
    return frozenset(), {}
