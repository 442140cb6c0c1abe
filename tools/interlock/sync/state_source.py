"""Where the agent reads what it should serve: a git branch (`source`) or a directory (`directory_source`)."""

from __future__ import annotations

from typing import Protocol

from interlock.approvals.facts import PastEmergency
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired
from interlock.sync.versions import Versions


class Refusal(Protocol):
    """A state that this node does not follow."""

    @property
    def reason(self) -> str:
        """One word for programs."""

    @property
    def why(self) -> str:
        """What is wrong, in a sentence."""

    @property
    def remedy(self) -> str:
        """What to do."""

    def waits(self, now: float) -> float | None:
        """Seconds until it is judged again, None where a person is needed; `now` is monotonic."""


class StateSource(Protocol):
    """The desired state of one node. States are named by commits, or by the ids of trees where there are no commits."""

    @property
    def attempted(self) -> str | None:
        """The state that was looked at last."""

    @property
    def accepted(self) -> str | None:
        """The last state that passed, also across restarts."""

    @property
    def rejected(self) -> Refusal | None:
        """Why the state that was looked at last is not followed."""

    @property
    def how_accepted(self) -> str:
        """What stands behind the accepted state, "" where nothing was demanded of it."""

    @property
    def emergencies(self) -> tuple[PastEmergency, ...]:
        """The emergencies that nobody else has reviewed yet."""

    def demands(self) -> Demands | None:
        """What is demanded of new states; None before the first one was accepted."""

    def poll(self, now: float) -> bool:
        """Look once; returns whether a state was judged. `now` is monotonic.

        Raises:
            HistoryError: there is no answer, or not one that can be followed; what was accepted stays.
        """

    def desired(self) -> Desired | None:
        """What the accepted state asks for; None before the first one. The same object until that changes."""

    def versions(self) -> Versions | None:
        """How the pointers came to what `desired` says; None where that is None."""
