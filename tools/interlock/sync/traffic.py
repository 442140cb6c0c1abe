"""What is known about the requests of a node, and from when on an adapter may be unloaded because of it. Pure values.

The routing middleware counts requests; the agent reads its counts before every plan. Where nobody counts, or where
several API servers each count their own, time stands in for the counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests by served name; times are monotonic seconds.

    `in_flight` are those under way, `last_used` when somebody last asked for a name or got an answer from it. `exact`
    says that the counts leave nobody out and belong to the route table on disk: then a name that is not in that table
    and has no request in flight will never get one again.
    """

    in_flight: Mapping[str, int] = field(default_factory=dict)
    last_used: Mapping[str, float] = field(default_factory=dict)
    exact: bool = False

    def busy(self, name: str) -> bool:
        """Whether a request for it is known to be under way."""
        return self.in_flight.get(name, 0) > 0


@dataclass(frozen=True, slots=True)
class Drain:
    """How long an adapter stays loaded after the last route to it is gone, in seconds.

    At least `seconds`, then until its last request has ended, but never for longer than `limit`.
    """

    seconds: float
    limit: float = NEVER

    def ends(self, name: str, left: float | None, traffic: Traffic, *, needed: bool = False) -> float:
        """From when on `name` may be unloaded, when no table has led to it since `left` (None: one still does).

        Where its place is `needed`, exact counts are enough and `seconds` are not waited for.
        """
        if left is None:
            return NEVER
        if traffic.busy(name):
            return left + self.limit
        if needed and traffic.exact:
            return left
        return left + min(self.seconds, self.limit)
