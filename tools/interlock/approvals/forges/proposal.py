"""What one pass over a proposal found, and when it may be believed: the same for every forge.

A proposal can change while its pages are read. Then a second pass starts over; one that never holds still is told as
incomplete, and not as what it was at some moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from interlock.approvals.reviews import ProposalFacts

PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class Attempt:
    """The facts of one pass; `moved` says that the proposal changed during it."""

    facts: ProposalFacts
    moved: bool


@dataclass(frozen=True, slots=True)
class Pushers:
    """Accounts that pushed; `known` says that these are all, `why` why that cannot be said."""

    accounts: tuple[int, ...] = ()
    known: bool = False
    why: str = ""

    def told_in(self, facts: ProposalFacts) -> ProposalFacts:
        """`facts` with these pushers."""
        return replace(facts, pushers=self.accounts, pushers_known=self.known, why_pushers_unknown=self.why)


def settled(attempt: Callable[[int], Attempt], number: int) -> ProposalFacts:
    """The facts of a pass during which the proposal held still.

    Raises:
        ForgeError: as the reader.
    """
    for _ in range(PASSES):
        found = attempt(number)
        if not found.moved:
            return found.facts
    return replace(found.facts, complete=False, why_incomplete=f"it changed during each of {PASSES} readings")
