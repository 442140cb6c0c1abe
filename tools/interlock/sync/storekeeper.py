"""Keeps a node's store within its room: makes room before bytes are brought, gives up what nobody needs.

Called by the agent: `make_room` before a placement, `settle` at the end of a turn in which nothing was left to do. What
goes is decided by `collection`; here it is found out who needs what, and done. Nothing that an engine may read is given
up in a store that several agents use, nor while it is not known what the engine has seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from interlock.artifacts.store import ArtifactStore, Holding, Holdings, StoreUsers
from interlock.documents.identifiers import DIGEST_PREFIX_LENGTH
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.kinds.node import NodeDisk
from interlock.engines.driver import EngineDriver
from interlock.errors import DocumentError, StoreUnwritable
from interlock.sync.collection import Collection, Room, Stored, Users, collect, prefix_of, protected_digests
from interlock.sync.moments import Moments, unwatched
from interlock.sync.served_times import ServedTimes
from interlock.sync.settings import NodeSettings
from interlock.sync.showing import Showing
from interlock.sync.shown import ShownRecord
from interlock.sync.status import StoreState

log = logging.getLogger("interlock.sync")


class StoreKeeper:
    """One store on one node. `removed` is told the directory of each artifact that was given up."""

    def __init__(
        self,
        store: ArtifactStore,
        disk: NodeDisk,
        showing: Showing,
        times: ServedTimes,
        users: StoreUsers,
        *,
        removed: Callable[[str], None],
        moments: Moments = unwatched,
    ) -> None:
        self.store, self.showing = store, showing
        self._disk, self._times, self._users = disk, times, users
        self._removed, self._moments = removed, moments
        self._holdings = Holdings(store.root)
        self._adapters: Mapping[str, str] = {}
        self._needed = Users()
        self._tidied = False
        self._told = ""
        self._settled: tuple[tuple[object, ...], StoreState] | None = None

    def needs(self, wanted: Iterable[Artifact], routed: Iterable[str], adapters: Mapping[str, str]) -> None:
        """Note who needs what, as it was just observed: call it before anything is brought, loaded or given up.

        `wanted` is every artifact that git names for this node, `routed` every served name of the route table,
        `adapters` what the engine lists.
        """
        self._adapters = adapters
        self._needed = Users(
            wanted=frozenset(artifact.digest for artifact in wanted),
            served=frozenset((*routed, *adapters)),
            directories=frozenset(adapters.values()),
        )
        with suppress(OSError):  # whatever would be written finds out itself
            self._users.join()

    def make_room(self, *artifacts: Artifact) -> None:
        """See to it that the bytes of artifacts fit, all together, that are not here yet.

        Raises:
            StoreUnwritable: they do not, whatever may be given up, or nothing can be written.
        """
        missing = sum(self.store.lacks(artifact) for artifact in artifacts)
        if not missing:
            return
        arriving = frozenset(artifact.digest for artifact in artifacts)
        needed, self._needed = self._needed, replace(self._needed, arriving=arriving)
        try:
            decision = self._give_up(missing)
        except OSError as error:
            raise StoreUnwritable(
                f"{error.filename or self.store.root} cannot be used: {error.strerror}",
                expected="a store that this user may read and write",
                remedy=f"check the owner and the mount of {self.store.root}; it is tried again by itself",
            ) from error
        finally:
            self._needed = needed
        if decision.lacking:
            raise self._no_room(artifacts, missing, decision)

    def settle(self) -> StoreState | None:
        """Give up what exceeds the room, and say what is there; None where the store cannot be looked at."""
        told, state = "", None
        try:
            if self._settled and self._settled[0] == self._as_it_is():
                return self._settled[1]
            self._tidy()
            self._note_times()
            decision, state = self._give_up(0), self._state()
            if decision.lacking:
                told = f"it exceeds its room by {decision.lacking} bytes ({decision.why_lacking})"
            settled = not decision.lacking and not state.kept
            self._settled = (self._as_it_is(), state) if settled else None
        except (DocumentError, OSError) as error:
            told = str(error)
        if told and told != self._told:
            log.warning("the store stays as it is: %s", told)
        self._told = told
        return state

    def _as_it_is(self) -> tuple[object, ...]:
        """What decides what is given up, without a look at each artifact: while it stays the same, nothing is."""
        enough = self._holdings.available() >= self._disk.free
        return self._needed, self._holdings.stamp(), self.showing.changes, enough

    def close(self) -> None:
        """Let another agent of this name take over."""
        self._users.close()

    def _give_up(self, needed: int) -> Collection:
        holdings = self._holdings.listed()
        stored = self._stored(holdings)
        room = Room(self._disk.limit, self._disk.free, self._holdings.available())
        if room.excess(sum(one.size for one in stored), needed):
            self.showing.meet(self._adapters)  # processes of the engine that are gone need nothing any more
        decision = collect(stored, self._protected(stored), room, needed=needed)
        by_place = {holding.place: holding for holding in holdings}
        for one in decision.remove:
            self._remove(by_place[one.place], "its room is needed")
        return decision

    def _stored(self, holdings: Iterable[Holding]) -> list[Stored]:
        return [Stored(one.place, one.digest, one.size, self._used_at(one)) for one in holdings]

    def _used_at(self, holding: Holding) -> float:
        known = self._times.last_use(holding.digest[:DIGEST_PREFIX_LENGTH]) if holding.is_placed else None
        return holding.since if known is None else known

    def _protected(self, stored: Iterable[Stored]) -> dict[str, str]:
        kept = self._why_kept()
        if kept:
            return {one.digest: kept for one in stored if one.digest}
        return protected_digests(stored, replace(self._needed, shown=self.showing.seen()))

    def _why_kept(self) -> str:
        """Why nothing that an engine may read is given up, apart from who needs it here."""
        try:
            self.showing.seen()
            others = self._users.others()
        except DocumentError as error:
            return f"kept because {error.found}: {error.remedy}"
        except OSError as error:
            return f"kept because {error.filename or self.store.root} cannot be used: {error.strerror}"
        if others:
            return f"kept because another agent uses this store, or did (if it is gone for good, remove {others[0]})"
        return ""

    def _remove(self, holding: Holding, why: str) -> None:
        self._moments("collect:before")
        if self._holdings.remove(holding):
            log.info("removed %s from the store, %d bytes: %s", holding.place, holding.size, why)
        self._removed(str(self.store.root / holding.place))
        self._moments("collect:after")

    def _tidy(self) -> None:
        """Remove what was left behind: deletions that were cut off, and what arrived in part and nobody wants now."""
        if not self._tidied:
            self._holdings.tidy()
            self._tidied = True
        if self._why_kept():
            return
        wanted = {digest.hex for digest in self._needed.wanted}
        for holding in self._holdings.listed():
            if holding.is_partial and holding.digest not in wanted:
                self._remove(holding, "git does not name it any more")

    def _note_times(self) -> None:
        in_use = {prefix for name in self._needed.served if (prefix := prefix_of(name))}
        stored = {one.digest[:DIGEST_PREFIX_LENGTH] for one in self._holdings.listed() if one.is_placed}
        self._times.note(in_use, stored)

    def _state(self) -> StoreState:
        stored = self._stored(holdings := self._holdings.listed())
        protected = self._protected(stored)
        return StoreState(
            artifacts=sum(holding.is_placed for holding in holdings),
            bytes=sum(one.size for one in stored),
            limit=self._disk.limit,
            collectable=sum(one.size for one in stored if one.digest not in protected),
            kept=self._why_kept(),
        )

    def _no_room(self, artifacts: Iterable[Artifact], missing: int, decision: Collection) -> StoreUnwritable:
        limit = f"at most {self._disk.limit} bytes in the store, and " if self._disk.limit is not None else ""
        names = " and ".join(str(artifact.digest) for artifact in artifacts)
        return StoreUnwritable(
            f"{names} does not fit into {self.store.root}: of {missing} bytes {decision.lacking} have no room, and"
            f" nothing more can be given up ({decision.why_lacking})",
            expected=f"{limit}{self._disk.free} bytes that stay free on its disk (`disk` in the node's settings)",
            remedy="free space on that disk, raise `disk.limit`, or let git name fewer revisions; it is tried again by"
            " itself",
        )


def keeper_of(
    settings: NodeSettings,
    driver: EngineDriver,
    wall: Callable[[], float],
    *,
    removed: Callable[[str], None],
    moments: Moments = unwatched,
) -> StoreKeeper:
    """The keeper of a node's store; what it must remember lies in the state directory."""
    return StoreKeeper(
        ArtifactStore(settings.store),
        settings.node.disk,
        Showing(driver, ShownRecord(settings.state / "shown.json"), moments),
        ServedTimes(settings.state / "served-times.json", wall),
        StoreUsers(settings.store, settings.node.name, settings.state),
        removed=removed,
        moments=moments,
    )
