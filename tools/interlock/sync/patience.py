"""How long one turn of the agent brings bytes and loads before it looks at git and at the engine again.

A large adapter on a slow network, or an engine that is filled again after a restart, would otherwise keep a rollback
waiting. What was done stays, and the next turn goes on. Called by `apply`, `steps` and the agent.
"""

from __future__ import annotations

import math
from collections.abc import Callable

A_WHILE = 2.0
FOR_EVER = math.inf


class Patience:
    """Seconds that count from the first question of a turn on. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = FOR_EVER
        self._until: float | None = None

    def begin(self, seconds: float) -> None:
        """A turn begins."""
        self._seconds, self._until = seconds, None

    def is_over(self) -> bool:
        """Whether to leave off; never at the first question of a turn, so that each one gets further."""
        now = self._clock()
        if self._until is None:
            self._until = now + self._seconds
        return now > self._until
