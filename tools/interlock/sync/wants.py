"""Who asked for a lazy adapter and waits for an answer: where the threads of the HTTP server meet the agent's loop.

`ask` is called for the routing middleware (see `sync/http`) and wakes the loop. The loop takes the names at every plan,
and settles at the end of every turn those that it had taken by then; nobody asks for longer than `LONGEST_S`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from interlock.sync.plan import Held

MAX_ASKING = 1000
LONGEST_S = 60.0
RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Granted:
    """It is loaded and proven, and the route table leads to it."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """It is not loaded now, and why; `retry_after` in seconds, None when time alone will not help."""

    why: str
    retry_after: float | None = None


WantAnswer = Granted | TurnedAway


@dataclass(eq=False, slots=True)
class _Want:
    since: float
    taken: bool = False
    futures: list[Future[WantAnswer]] = field(default_factory=list)


class Wants:
    """One for each agent. `clock` is monotonic; `wake` ends the loop's pause."""

    def __init__(self, clock: Callable[[], float], wake: Callable[[], None]) -> None:
        self._clock, self._wake = clock, wake
        self._lock = threading.Lock()
        self._open: dict[str, _Want] = {}

    def ask(self, served: str) -> Future[WantAnswer]:
        """Ask for a served name from any thread; all who ask for one name get the same answer, or none in time."""
        future: Future[WantAnswer] = Future()
        with self._lock:
            if sum(len(want.futures) for want in self._open.values()) >= MAX_ASKING:
                future.set_result(TurnedAway(f"{MAX_ASKING} others wait for adapters", RETRY_S))
                return future
            self._open.setdefault(served, _Want(self._clock())).futures.append(future)
        self._wake()
        return future

    def take(self) -> frozenset[str]:
        """Every name that is asked for now; the end of this turn will answer for it."""
        now = self._clock()
        with self._lock:
            for want in self._open.values():
                want.futures = [future for future in want.futures if not future.cancelled()]
                want.taken = True
            self._open = {
                name: want for name, want in self._open.items() if want.futures and now - want.since < LONGEST_S
            }
            return frozenset(self._open)

    def settle(self, granted: Collection[str], refused: Iterable[Held], known: Collection[str] | None) -> None:
        """Answer what was taken: the names now served, those refused, and those that are not even `known` (None: what
        git says is not known either). What is none of these stays open.
        """
        reasons, now = {one.served: one for one in refused}, self._clock()
        settled: list[tuple[_Want, WantAnswer]] = []
        with self._lock:
            for name, want in list(self._open.items()):
                if want.taken and (answer := _answer(name, granted, reasons.get(name), known, now)):
                    settled.append((self._open.pop(name), answer))
        for want, answer in settled:
            for future in want.futures:
                if future.set_running_or_notify_cancel():
                    future.set_result(answer)


def _answer(
    name: str, granted: Collection[str], reason: Held | None, known: Collection[str] | None, now: float
) -> WantAnswer | None:
    if name in granted:
        return Granted()
    if reason is not None:
        after = None if reason.retry_at is None else max(0.0, reason.retry_at - now)
        return TurnedAway(f"{reason.why}{f' — {reason.remedy}' if reason.remedy else ''}", after)
    if known is not None and name not in known:
        return TurnedAway("git asks for no such adapter here", RETRY_S)
    return None
