"""When the agent asks the remote again and when it turns again. Pure: clock and chance come in as values.

The remote is asked every poll interval, spread by a tenth so that many nodes do not ask at the same moment; after
failures in a row the interval doubles up to a cap. The engine is looked at more often, because a restart must be seen
within seconds whatever the poll interval is. A hint makes both due at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from interlock.sync.outcome import Outcome, Waiting

LOOK = 4.0  # so that what is wrong shows at /readyz within five seconds, the turn that finds it included
LONGEST_POLL = 300.0
SHORTEST_PAUSE = 0.1
JITTER = 0.1
_ENOUGH_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two polls when the remote answers, and the longest time between two looks at the engine."""

    poll: float
    look: float = LOOK

    def poll_after(self, failures: int, chance: float) -> float:
        """Seconds until the next poll after `failures` failed ones in a row; `chance` is uniform in [0, 1).

        At most 1.1 times the interval, or 1.1 times the cap while the remote fails; never less than 0.9 times.
        """
        grown: float = self.poll * 2.0 ** min(failures, _ENOUGH_DOUBLINGS)
        interval = min(grown, max(self.poll, LONGEST_POLL))
        return interval * (1 - JITTER + 2 * JITTER * chance)

    def pause_after(self, outcome: Outcome, until_poll: float) -> float:
        """Seconds until the next turn: until the next poll, the next look, or the end of a wait, whatever is first."""
        longest = min(until_poll, self.look)
        if isinstance(outcome, Waiting):
            longest = min(longest, outcome.after)
        return max(longest, SHORTEST_PAUSE)
