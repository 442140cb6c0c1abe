"""Where a rollback goes: pure, over the history of one pointer. Called by rollback, inspect and the agent.

The revision before the present one is not always the one that the previous commit names. History is read as a pile:
a revision that comes back takes away everything that was put on top of it since, because going back to it was a
verdict on what came after. After 1 → 2 → 3 → 2 the way back leads to 1, and never to 3, which was rolled back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PointerChange:
    """At `commit`, `environment` began to serve `active` of `adapter`; None when the pointer was removed."""

    commit: str
    environment: str
    adapter: str
    active: str | None


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where one pointer can return to.

    `active` is what the pointer names now (None: there is no pointer). `target` is the revision that a rollback
    chooses (None: there is none), `passed_over` the nearer ones that are
    revoked, `candidates` all that are still on the pile below the active one, nearest first, and `former` every other
    revision that was active here at some time, latest first: it was rolled away from, so only a person chooses it.
    """

    active: str | None
    target: str | None
    passed_over: tuple[str, ...]
    candidates: tuple[str, ...]
    former: tuple[str, ...]

    def was_active(self, revision: str) -> bool:
        """Whether `revision` has been active here before."""
        return revision in self.candidates or revision in self.former


def way_back(changes: Sequence[PointerChange], revoked: Collection[str]) -> WayBack:
    """Read the changes of one pointer (newest first) and say where a rollback goes; never to a `revoked` revision."""
    active = changes[0].active if changes else None
    pile = _pile([change.active for change in reversed(changes) if change.active])
    candidates = tuple(revision for revision in reversed(pile) if revision != active)
    target = next((revision for revision in candidates if revision not in revoked), None)
    passed_over = tuple(r for r in candidates[: candidates.index(target) if target else None] if r in revoked)
    seen = dict.fromkeys(change.active for change in changes if change.active)
    former = tuple(revision for revision in seen if revision not in pile)
    return WayBack(active, target, passed_over, candidates, former)


def earlier_active(changes: Sequence[PointerChange], adapter: str) -> list[str]:
    """Revisions of `adapter` that were active before the present one, each once, never the present.

    They come in the order of the way back, and those that were rolled away from last: after 1 → 2 → 3 → 2 that is 1,
    and then 3.
    """
    way = way_back([change for change in changes if change.adapter == adapter], ())
    return [*way.candidates, *way.former]


def _pile(actives: Sequence[str]) -> list[str]:
    """Oldest first: each revision once, and nothing that was rolled away from."""
    pile: list[str] = []
    for revision in actives:
        if revision in pile:
            del pile[pile.index(revision) + 1 :]
        else:
            pile.append(revision)
    return pile
