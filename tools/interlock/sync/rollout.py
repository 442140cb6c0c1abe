"""Which commit each alias is followed at while a promotion reaches the nodes in waves. Pure; called by `staging`.

There is no coordinator: a node's wave follows from its name, and its time from when the promotion began. What answers
more requests than before waits for its wave. What only takes requests away from a revision does not wait, nor does a
rollback to what lies below it on the way back, an emergency, or what replaces a revision that may not serve any more.
A revert of a revert is no way back: it waits like any promotion.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from interlock.documents.kinds.environment import Wave
from interlock.documents.kinds.pointer import Pointer
from interlock.history.way_back import PointerChange, way_back
from interlock.rules.change import newly_answering
from interlock.sync.desired import Desired, DesiredAlias


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands in a rollout: its wave (from 1), how many there are, and how many seconds are before it."""

    wave: int = 1
    waves: int = 1
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Version:
    """What one commit of the branch made of one pointer (None: it was removed).

    `began` is when it was promoted, in monotonic seconds, also before this process started. `alone` says that the
    commit touched this pointer and nothing else, `emergency` that somebody let it in as one.
    """

    commit: str
    pointer: Pointer | None
    began: float
    alone: bool = False
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """How far one alias is followed (None: not served yet), and the promotion that waits, if one does."""

    at: Version | None
    waiting: Version | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """An alias whose promotion to `target` (a served name) waits until `due` (monotonic; None while it is held here).

    `until` is the same in seconds since the epoch, as far as the wall clock can be believed.
    """

    alias: str
    target: str
    place: Place
    due: float | None
    until: float | None = None

    @property
    def told(self) -> str:
        """What is waited for, in words."""
        if self.due is None:
            return f"{self.target} is held on this node"
        end = dt.datetime.fromtimestamp(self.until, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if self.until else "then"
        return f"{self.target} waits for wave {self.place.wave} of {self.place.waves} until {end}"


@dataclass(frozen=True, slots=True)
class Staged:
    """What to follow now, and what is not followed yet."""

    desired: Desired
    waits: tuple[Waits, ...] = ()


def position(node: str) -> float:
    """A node's place in [0, 100) by its name, evenly spread over many names."""
    digest = hashlib.sha256(b"interlock wave\0" + node.encode()).digest()
    return int.from_bytes(digest[:6], "big") * 100 / (1 << 48)


def place_of(node: str, waves: Sequence[Wave]) -> Place:
    """The first wave that names the node or whose percent is beyond its position; after the last one if none does."""
    if not waves:
        return Place()
    own = position(node)
    reached = (i for i, w in enumerate(waves) if node in (w.nodes or ()) or (w.percent or 0.0) > own)
    index = next(reached, len(waves))
    bakes = (wave.bake.total_seconds() for wave in waves[:index] if wave.bake)
    return Place(index + 1, max(len(waves), index + 1), sum(bakes))


def course(
    at: Version | None,
    versions: Sequence[Version],
    changes: Sequence[PointerChange],
    delay: float,
    *,
    now: float,
    held: bool = False,
) -> Course:
    """How far an alias is followed, from where it was (`at`) over what came after it, oldest first.

    `changes` are those of this pointer on the branch, newest first; `held` lets no promotion through.
    """
    waiting: Version | None = None
    for version in versions:
        if waiting and not held and waiting.began + delay <= version.began:
            at, waiting = waiting, None
        if _at_once(at, version, changes, held=held):
            at, waiting = version, None
        elif waiting and not newly_answering(waiting.pointer, version.pointer):
            waiting = replace(version, began=waiting.began)  # the same promotion, with less of it
        else:
            waiting = version
    if waiting and not held and waiting.began + delay <= now:
        at, waiting = waiting, None
    return Course(at, waiting)


def _at_once(at: Version | None, version: Version, changes: Sequence[PointerChange], *, held: bool) -> bool:
    """Whether no node waits: nothing more comes in than answers already, it is the way back, or an emergency."""
    if not newly_answering(at.pointer if at else None, version.pointer):
        return True
    return (version.emergency and not held) or _is_way_back(at, version, changes)


def _is_way_back(at: Version | None, version: Version, changes: Sequence[PointerChange]) -> bool:
    """Whether it is a fast-path rollback (see `Change.is_rollback`) to what lies below the version that is followed."""
    if at is None or version.pointer is None or not version.alone:
        return False
    active = version.pointer.active
    if newly_answering(at.pointer, version.pointer) != {active}:
        return False
    begin = next((i for i, change in enumerate(changes) if change.commit == at.commit), len(changes))
    return active in way_back(changes[begin:], ()).candidates


def staged(
    new: Desired,
    courses: Mapping[str, Course],
    earlier: Mapping[str, DesiredAlias],
    place: Place,
    *,
    held: Collection[str] = (),
) -> Staged:
    """Put together what to follow: `new`, with each alias whose promotion waits as it was `earlier`.

    An alias that was followed and is not in `earlier` may not be served so any more, so it does not wait.
    """
    aliases, waits = [], []
    for alias in new.aliases:
        way = courses.get(alias.name, Course(None))
        if not is_waiting(alias.name, way, earlier):
            aliases.append(alias)
            continue
        assert way.waiting
        due = None if alias.name in held else way.waiting.began + place.delay
        waits.append(Waits(alias.name, _next_target(alias, way), place, due))
        if alias.name in earlier:
            aliases.append(earlier[alias.name])
    return Staged(replace(new, aliases=tuple(aliases)), tuple(waits))


def is_waiting(name: str, way: Course, earlier: Mapping[str, DesiredAlias]) -> bool:
    """Whether a promotion of the alias waits; it does not where what was followed may not serve any more."""
    served_before = way.at is not None and way.at.pointer is not None
    return way.waiting is not None and (name in earlier or not served_before)


def _next_target(alias: DesiredAlias, way: Course) -> str:
    """The served name that comes in: the active one where it changes, and the canary otherwise."""
    before = way.at.pointer if way.at else None
    after = way.waiting.pointer if way.waiting else None
    same = before and after and before.active == after.active
    return alias.canary.target.served if same and alias.canary else alias.active.served
