"""Which revisions are answering requests right now, as the agent has to know before it unloads one.

The middleware notes the begin and the end of every routed request, streams until their last byte, and the probe shows
the counts to the agent. One process counts its own requests only: `is_alone` says whether there can be others.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping


def is_alone() -> bool:
    """Whether this process is the whole HTTP server; vLLM and uvicorn start further ones as children of the first."""
    # Every child has this module already, and importing it here would bring sockets and pickle along.
    processes = sys.modules.get("multiprocessing.process")
    return processes is None or processes.parent_process() is None


class InFlight:
    """Counts by served name. Used on the event loop only, so it needs no lock; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._ended: dict[str, float] = {}

    def begin(self, name: str) -> None:
        """A request is handed to the engine under this served name; `end` follows, whatever happens to it."""
        self._counts[name] = self._counts.get(name, 0) + 1

    def end(self, name: str) -> None:
        """The engine has answered it completely, or the client or the engine gave it up."""
        left = self._counts[name] - 1
        if left:
            self._counts[name] = left
        else:
            del self._counts[name]
        self._ended[name] = self._clock()

    def counts(self) -> Mapping[str, int]:
        """Served names with requests under way, and how many."""
        return dict(self._counts)

    def idle(self, known: Collection[str]) -> Mapping[str, float]:
        """Seconds since the last request of each name ended; names that are not `known` any more are forgotten."""
        now = self._clock()
        self._ended = {name: ended for name, ended in self._ended.items() if name in known or name in self._counts}
        return {name: round(now - ended, 3) for name, ended in self._ended.items()}
