"""Follows each alias as far as this node's wave and the holds on this node say. Called by the agent at every turn.

`rollout` decides; here the branch is asked, the record is kept, and the clocks are read. The wall clock tells how old a
promotion is when this process sees it first, and never less than nothing; from then on the monotonic clock counts. So
no clock that is set while the agent runs moves a wave, and nothing waits longer than the bakes before its wave.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from interlock.errors import DocumentError, InterlockError, RemoteUnreachable
from interlock.history.pointer_history import PointerChange
from interlock.sync.desired import Desired
from interlock.sync.followed import FOLLOWED_FILE, Followed, FollowedRecord, read_followed, write_followed
from interlock.sync.following import Following, unexpected
from interlock.sync.moments import Moments, unwatched
from interlock.sync.report import Trouble
from interlock.sync.rollout import Course, Place, Staged, Version, Waits, course, is_waiting, place_of, staged
from interlock.sync.steering import Steering
from interlock.sync.versions import PointerAt, Versions

log = logging.getLogger("interlock.sync")


@dataclass(frozen=True, slots=True)
class _Moment:
    """When a promotion began: `wall` in seconds since the epoch, `began` on this process's monotonic clock."""

    wall: float
    began: float


class Staging:
    """The rollout on one node. `clock` is monotonic, `wall` seconds since the epoch."""

    def __init__(
        self,
        node: str,
        environment: str,
        state: Path,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        moments: Moments = unwatched,
    ) -> None:
        self._node, self._environment, self._path = node, environment, state / FOLLOWED_FILE
        self._clock, self._wall, self._moments = clock, wall, moments
        self._record = self._read()
        self._written = self._record
        self._began: dict[tuple[str, str], _Moment] = {}
        self._last: tuple[Desired, frozenset[str], Staged] | None = None

    def follow(self, desired: Desired, following: Following, steering: Steering) -> Staged | None:
        """See `staged`. Where the branch cannot be read, what was followed last stays, and `following` has the trouble.

        A node that is suspended follows no promotion, whatever is due meanwhile.
        """
        versions = following.source.versions()
        if versions is None:
            return None
        held = {alias.name for alias in desired.aliases} if steering.suspended else set(steering.held)
        try:
            return self.staged(desired, versions, held)
        except RemoteUnreachable as error:
            following.trouble = Trouble("RemoteUnreachable", error.found, error.remedy)
        except (InterlockError, OSError) as error:
            following.trouble = unexpected(error)
        return self._last[2] if self._last else None

    def staged(self, desired: Desired, versions: Versions, held: Collection[str] = ()) -> Staged:
        """What to follow now of what git says; `held` are the adapters that follow no promotion here.

        Raises:
            HistoryError, DocumentError: the branch cannot be read as far as it must be.
        """
        now, holds = self._clock(), frozenset(held)
        if self._last and self._last[0] is desired and self._last[1] == holds and not _is_due(self._last[2], now):
            self._keep()
            return self._last[2]
        place = place_of(self._node, versions.waves)
        own = _by_adapter(versions.changes)
        ways = {a: self._course(a, listed, versions, place, now, held=a in holds) for a, listed in own.items()}
        earlier = versions.aliases(_to_serve_meanwhile(desired, ways))
        found = staged(desired, ways, earlier, place, held=holds)
        found = replace(found, waits=tuple(self._dated(waits, now) for waits in found.waits))
        self._note(
            {a: way if is_waiting(a, way, earlier) else Course(way.waiting or way.at) for a, way in ways.items()}
        )
        self._last = desired, holds, found
        return found

    def _course(
        self, adapter: str, own: Sequence[PointerChange], versions: Versions, place: Place, now: float, *, held: bool
    ) -> Course:
        """How far one alias is followed."""
        known = self._known(adapter, own)
        held = held and known is not None
        newest = own[0].commit
        if (place.delay == 0 and not held) or (known and known.at == newest):
            return Course(Version(newest, None, now))  # nothing waits, so nobody asks for the pointer
        at: Version | None
        if known is None:
            at, new = self._baseline(own, versions, place, now)
        else:
            at = self._at(known.at, own, versions, now)
            found = (self._version(change, versions, now) for change in self._after(adapter, own, known, now))
            new = [version for version in found if version]
        return course(at, new, own, place.delay, now=now, held=held)

    def _dated(self, waits: Waits, now: float) -> Waits:
        """A wait with its end on the wall clock, which is for people and decides nothing."""
        return waits if waits.due is None else replace(waits, until=round(self._wall() + waits.due - now))

    def _known(self, adapter: str, own: Sequence[PointerChange]) -> Followed | None:
        """What is recorded of an alias; None where the node joins now, or the record speaks of another branch."""
        if self._record is None:
            return None
        known = self._record.aliases.get(adapter, Followed(None))
        commits = {change.commit for change in own}
        return known if {known.at, known.waiting} - {None} <= commits else None

    def _at(self, commit: str | None, own: Sequence[PointerChange], versions: Versions, now: float) -> Version | None:
        change = next((change for change in own if change.commit == commit), None)
        return Version(change.commit, versions.pointer_after(change), now) if change else None

    def _after(
        self, adapter: str, own: Sequence[PointerChange], known: Followed, now: float
    ) -> Iterator[PointerChange]:
        """What waits, and everything that came after it, oldest first."""
        if known.waiting:
            self._began.setdefault((adapter, known.waiting), self._moment(known.began, now))
        last = known.waiting or known.at
        newer = list(takewhile(lambda change: change.commit != last, own))
        yield from (change for change in own if change.commit == known.waiting)
        yield from reversed(newer)

    def _baseline(
        self, own: Sequence[PointerChange], versions: Versions, place: Place, now: float
    ) -> tuple[Version, list[Version]]:
        """For a node that joins: the newest version whose time has come as the branch itself dates it, and the rest.

        Where none has come the oldest one is served: there is nothing else to serve meanwhile.
        """
        after: list[Version] = []
        for change in own:
            dated = _came(change.commit, versions)
            self._began[change.adapter, change.commit] = self._moment(self._wall() if dated is None else dated, now)
            version = self._version(change, versions, now)
            if version and version.began + place.delay <= now:
                return version, after[::-1]
            after += [version] if version else []
        return after.pop(), after[::-1]

    def _version(self, change: PointerChange, versions: Versions, now: float) -> Version | None:
        """One commit as the rollout sees it; None where the pointer is not valid, so that nobody ever followed it."""
        pointer = versions.pointer_after(change)
        if pointer is None and change.active is not None:
            return None
        key = change.adapter, change.commit
        if key not in self._began:
            attested = versions.attested_at(change.commit)
            self._began[key] = self._moment(self._wall() if attested is None else attested, now)
        return Version(
            change.commit,
            pointer,
            self._began[key].began,
            versions.touches_nothing_else(change.commit, change.adapter),
            versions.is_emergency(change.commit),
        )

    def _moment(self, wall: float, now: float) -> _Moment:
        """A promotion that began at `wall`, by what the wall clock says now, and never in the future."""
        return _Moment(wall, now - max(0.0, self._wall() - wall))

    def _note(self, ways: Mapping[str, Course]) -> None:
        """Write down how far each alias is followed, before anything is done with it."""
        waiting = {a: self._moment_of(a, way.waiting) for a, way in ways.items() if way.waiting}
        self._record = FollowedRecord(
            self._environment,
            {
                adapter: Followed(
                    way.at.commit if way.at else None,
                    way.waiting.commit if way.waiting else None,
                    waiting[adapter].wall if way.waiting else 0.0,
                )
                for adapter, way in ways.items()
            },
        )
        self._began = {(a, way.waiting.commit): waiting[a] for a, way in ways.items() if way.waiting}
        self._keep()

    def _moment_of(self, adapter: str, version: Version) -> _Moment:
        """When what waits began: with an earlier commit, where it is the same promotion with less of it."""
        own = (moment for (of, _), moment in self._began.items() if of == adapter and moment.began == version.began)
        return next(own, self._began[adapter, version.commit])

    def _keep(self) -> None:
        """Write the record if it is not on disk as it is; where that fails the next turn tries again."""
        if self._record is None or self._record == self._written:
            return
        try:
            self._moments("followed:before")
            write_followed(self._path, self._record)
            self._moments("followed:after")
            self._written = self._record
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error.strerror)

    def _read(self) -> FollowedRecord | None:
        try:
            record = read_followed(self._path)
        except DocumentError as error:
            log.error("%s; it is made again from the branch", error)
            return None
        return record if record and record.environment == self._environment else None


def _is_due(found: Staged, now: float) -> bool:
    return any(waits.due is not None and waits.due <= now for waits in found.waits)


def _by_adapter(changes: Sequence[PointerChange]) -> dict[str, list[PointerChange]]:
    found: dict[str, list[PointerChange]] = {}
    for change in changes:
        found.setdefault(change.adapter, []).append(change)
    return found


def _to_serve_meanwhile(desired: Desired, ways: Mapping[str, Course]) -> dict[str, PointerAt]:
    """The pointers that are followed until what waits is due."""
    found = ((alias.name, ways[alias.name]) for alias in desired.aliases if alias.name in ways)
    return {
        name: PointerAt(way.at.commit, way.at.pointer)
        for name, way in found
        if way.waiting and way.at and way.at.pointer
    }


def _came(commit: str, versions: Versions) -> float | None:
    attested = versions.attested_at(commit)
    return versions.committed_at(commit) if attested is None else attested
