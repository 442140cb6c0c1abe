"""Following the remote, with every trouble turned into a value: the git side of the agent's turn.

Called by `Agent`. What was accepted stays whatever happens here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from interlock.errors import HistoryError, HistoryRewritten, InterlockError, RemoteUnreachable
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired
from interlock.sync.report import Trouble
from interlock.sync.state_source import Refusal, StateSource

log = logging.getLogger("interlock.sync")


class Following:
    """Polls one source. `clock` is monotonic, `wall` seconds since the epoch.

    `failures` counts polls in a row without an answer, `last_poll` is the wall-clock time of the last answered one.
    """

    def __init__(
        self,
        source: StateSource,
        clock: Callable[[], float],
        wall: Callable[[], float],
        last_poll: float | None = None,
    ) -> None:
        self.source = source
        self._clock, self._wall = clock, wall
        self.trouble: Trouble | None = None
        self.last_poll = last_poll
        self._answered_at = clock() - (max(0.0, wall() - last_poll) if last_poll is not None else 0.0)
        self.failures = 0

    @property
    def silence(self) -> float:
        """Seconds since the remote answered last, or since the beginning if it never did."""
        return self._clock() - self._answered_at

    def poll(self) -> bool:
        """Ask the remote once; returns whether a commit was judged, which cancels every wait."""
        before, judged = self.trouble, False
        try:
            judged = self.source.poll(self._clock())
            self.last_poll, self._answered_at, self.failures = self._wall(), self._clock(), 0
            refused = self.source.rejected
            self.trouble = _refusal(refused, self._clock()) if refused else None
        except RemoteUnreachable as error:
            self.failures += 1
            self.trouble = Trouble("RemoteUnreachable", error.found, error.remedy)
        except HistoryRewritten as error:
            self.trouble = Trouble("Rewritten", error.found, error.remedy, for_people=True)
        except (HistoryError, InterlockError, OSError) as error:
            self.trouble = unexpected(error)
        if self.trouble and self.trouble != before:
            log.error("%s; what is served now keeps serving", self.trouble.message)
        return judged

    def desired(self) -> Desired | None:
        """What the accepted commit asks for; None when there is none, or when it cannot be read."""
        try:
            desired = self.source.desired()
        except (InterlockError, OSError) as error:
            self.trouble = unexpected(error)
            return None
        if desired is None and self.trouble is None:
            self.trouble = Trouble("NothingYet", "no commit was accepted yet")
        return desired

    def demands(self) -> Demands | None:
        """What is demanded of new commits; None where that is not known."""
        try:
            return self.source.demands()
        except HistoryError:
            return None  # the mirror is gone or damaged, which the poll says itself


def unexpected(error: InterlockError | OSError) -> Trouble:
    """A trouble that only a person can end."""
    return Trouble(type(error).__name__, str(error), getattr(error, "remedy", ""), for_people=True)


def _refusal(refused: Refusal, now: float) -> Trouble:
    after = refused.waits(now)
    return Trouble(refused.reason, refused.why, refused.remedy, for_people=after is None, after=after)
