"""What ends the agent's pause early: a hint that something may have changed, or the wish that it stops.

Called by signal handlers, by the HTTP server's threads and by the loop itself. A hint that arrives while a turn runs
ends the next pause, so that none is lost; two hints are one.
"""

from __future__ import annotations

import threading


class Wake:
    """One for each agent; safe from any thread and from signal handlers."""

    def __init__(self) -> None:
        # An event alone, because taking a condition's lock in a signal handler can wait for the thread it interrupted.
        self._rung = threading.Event()
        self._hinted = False
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the agent was asked to end."""
        return self._stopped

    def hint(self) -> None:
        """Look at everything now, the remote included."""
        self._hinted = True
        self._rung.set()

    def nudge(self) -> None:
        """Begin the next turn now; the remote is asked when it is due."""
        self._rung.set()

    def stop(self) -> None:
        """End after the turn that runs."""
        self._stopped = True
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Pause for at most `seconds`; returns whether a hint came since the last call."""
        self._rung.wait(max(0.0, seconds))
        self._rung.clear()
        hinted, self._hinted = self._hinted, False
        return hinted
