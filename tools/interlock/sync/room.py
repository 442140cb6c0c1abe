"""The engine's places while one plan is made: how many are free, and which adapters give theirs up. Pure; see `plan`.

An adapter gives up its place in two plans: the first one takes its name out of the route table, and a later one unloads
it, when it has drained (`traffic.Drain`). Who can go soonest goes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Giver:
    """A loaded adapter that may give up its place, from `ready_at` on (monotonic seconds).

    `out`: no route table leads to it any more. `kept`: it is loaded for a rollback that nobody has asked for yet, so it
    makes room only for a revision that takes requests. `lazy`: it takes one of the places that lazy ones may have.
    """

    name: str
    ready_at: float
    out: bool
    kept: bool = False
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What a claim got: the adapters to unload first, or the time until which it has to wait for them."""

    unload: tuple[str, ...] = ()
    wait_until: float | None = None


@dataclass
class Room:
    """`free` places are empty (less than none: the engine is above its limit), `lazy_free` of those that lazy ones may
    have (infinite: all); `givers` are in order.
    """

    free: int
    lazy_free: float
    givers: list[Giver]
    now: float
    given_up: set[str] = field(default_factory=set)

    def claim(self, *, urgent: bool = False, lazy: bool = False) -> Place | None:
        """Claim a place; None when there is none to be had.

        `urgent`: for a pinned revision that takes requests; `lazy`: for one that must not exceed their cap.
        """
        from_lazy = lazy and self.lazy_free < 1
        needed = max(int(from_lazy), 1 - self.free, 0)
        able = [one for one in self.givers if urgent or not one.kept]
        chosen = sorted(able, key=lambda one: (from_lazy and not one.lazy, *self._soonest(one)))[:needed]
        if len(chosen) < needed or (from_lazy and not chosen[0].lazy):
            return None
        self.free += needed - 1
        self.lazy_free += sum(one.lazy for one in chosen) - lazy
        self.givers = [one for one in self.givers if one not in chosen]
        self.given_up |= {one.name for one in chosen}
        if all(one.out and one.ready_at <= self.now for one in chosen):
            return Place(unload=tuple(one.name for one in chosen))
        return Place(wait_until=max(one.ready_at for one in chosen))

    def _soonest(self, one: Giver) -> tuple[float, bool, bool]:
        return (max(one.ready_at, self.now), not one.out, one.kept)
