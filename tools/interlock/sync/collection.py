"""Decides what a node's store gives up when it needs room: the least recently served first, nothing that is needed.

Pure; called by `collecting` with what lies in the store, what must stay and why, and how much room there is. Something
that must stay is never given up, however full the disk is: then the decision says how many bytes are lacking, and why
nothing more can go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from interlock.documents.identifiers import DIGEST_PREFIX_LENGTH, Digest, InvalidIdentifier, ServedName


@dataclass(frozen=True, slots=True)
class Stored:
    """Something in the store that takes room.

    `place` is its path below the store, `digest` what it is ("": nothing that an engine is shown), `size` in bytes, and
    `used_at` when it was last served, or else when it was put there, in seconds since the epoch.
    """

    place: str
    digest: str
    size: int
    used_at: float


@dataclass(frozen=True, slots=True)
class Room:
    """What the store may take: `limit` bytes in all (None: as much as there is), `free` bytes its disk keeps free.

    `available` is how many bytes the disk has free now.
    """

    limit: int | None
    free: int
    available: int

    def excess(self, used: int, needed: int = 0) -> int:
        """How many bytes of the `used` ones must go so that `needed` more fit."""
        over_limit = used + needed - self.limit if self.limit is not None else 0
        return max(0, over_limit, self.free + needed - self.available)


@dataclass(frozen=True, slots=True)
class Collection:
    """What to remove, in that order; how many bytes are lacking all the same; and what stays, with the reason."""

    remove: tuple[Stored, ...] = ()
    lacking: int = 0
    staying: tuple[tuple[Stored, str], ...] = ()

    @property
    def why_lacking(self) -> str:
        """Why nothing more can be given up, in a few words."""
        counted = Counter(why for _, why in self.staying)
        return "; ".join(f"{count} {why}" for why, count in sorted(counted.items())) or "there is nothing to give up"


def collect(stored: Iterable[Stored], protected: Mapping[str, str], room: Room, *, needed: int = 0) -> Collection:
    """Choose what goes so that `needed` more bytes fit. `protected` gives for each digest that must stay the reason.

    Where that cannot be reached, only as much goes as the store exceeds its room by already: what would go for
    nothing stays.
    """
    everything = list(stored)
    staying = tuple((one, protected[one.digest]) for one in everything if one.digest in protected)
    free_to_go = sorted((one for one in everything if one.digest not in protected), key=_least_needed)
    used = sum(one.size for one in everything)
    excess = room.excess(used, needed)
    lacking = max(0, excess - sum(one.size for one in free_to_go))
    if lacking:
        excess = room.excess(used)
    return Collection(tuple(_first(free_to_go, excess)), lacking, staying)


def _least_needed(one: Stored) -> tuple[bool, float, str]:
    """Leftovers before artifacts, then by when it was served last."""
    return (bool(one.digest), one.used_at, one.place)


def _first(candidates: Iterable[Stored], excess: int) -> Iterable[Stored]:
    for one in candidates:
        if excess <= 0:
            return
        excess -= one.size
        yield one


@dataclass(frozen=True, slots=True)
class Users:
    """Who needs bytes of the store: what `protected_digests` is computed from.

    `wanted` are the digests that git names for this node (at the accepted commit and at every commit that it still
    follows), `arriving` those being brought, `served` names in the route table or in the engine's list, `directories`
    from which the engine lists adapters, `shown` the digests that a living engine process has seen.
    """

    wanted: frozenset[Digest] = frozenset()
    arriving: frozenset[Digest] = frozenset()
    served: frozenset[str] = frozenset()
    directories: frozenset[str] = frozenset()
    shown: frozenset[Digest] = frozenset()


def protected_digests(stored: Iterable[Stored], users: Users) -> dict[str, str]:
    """Of what is stored, the digests that must stay, each with the strongest reason.

    Served names hold the first digits of a digest: everything that begins with them stays.
    """
    listed = {directory.rstrip("/").rpartition("/")[2] for directory in users.directories}
    prefixes = {prefix for name in users.served if (prefix := prefix_of(name))}
    wanted = {digest.hex for digest in users.wanted}
    arriving = {digest.hex for digest in users.arriving}
    shown = {digest.hex for digest in users.shown}

    def reason(digest: str) -> str:
        if digest[:DIGEST_PREFIX_LENGTH] in prefixes or digest in listed:
            return "served or loaded now"
        if digest in arriving:
            return "being brought"
        if digest in wanted:
            return "named by git, to serve or to go back to"
        return "seen by an engine process that may still run" if digest in shown else ""

    return {one.digest: why for one in stored if one.digest and (why := reason(one.digest))}


def prefix_of(name: str) -> str:
    """The digits of a digest that a served name holds; "" for a name that was made by hand."""
    try:
        return ServedName.parse(name).digest_prefix
    except InvalidIdentifier:
        return ""  # its directory says which bytes it holds
