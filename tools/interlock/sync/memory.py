"""What the agent remembers between turns, and how a failure is remembered: with a growing pause and an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.errors import (
    ArtifactArriving,
    ArtifactUnreachable,
    EngineUnreachable,
    HistoryError,
    InterlockError,
    StoreUnwritable,
)
from interlock.sync.plan import Known, Refusal

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
MAX_ATTEMPTS = 5
GOES_ON_AFTER = 0.1
LONGEST_MEMORY = 7 * 86400.0
_ENOUGH_DOUBLINGS = 16


@dataclass
class Memory:
    """Facts that hold until the engine forgets its adapters or a new commit arrives; see `plan.Known`."""

    base_proven: bool = False
    base_refusal: Refusal | None = None
    directories: dict[str, str] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    unrouted_since: dict[str, float] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    start_with: dict[str, str] | None = None
    start_line: str = ""
    last_used: dict[str, float] = field(default_factory=dict)

    def known(self, *, asked: bool = False, boot_only: bool = False, answers_unknown: bool = False) -> Known:
        """An immutable copy for the plan."""
        return Known(
            base_proven=self.base_proven,
            base_refusal=self.base_refusal,
            directories=dict(self.directories),
            proven=frozenset(self.proven),
            refusals=dict(self.refusals),
            unrouted_since=dict(self.unrouted_since),
            asked=asked,
            boot_only=boot_only,
            answers_unknown=answers_unknown,
            start_with=self.start_with,
            start_line=self.start_line,
        )

    def engine_forgot(self, loaded: set[str]) -> bool:
        """Note what the engine lists now, and drop what was proven if adapters are gone that nobody unloaded.

        Returns whether the engine must have restarted. What it refused may be tried again then, except for a load
        during which it stopped answering: that one may have ended it, and would again.
        """
        lost = (self.proven | self.listed) - loaded
        self.listed = set(loaded)
        if lost:
            self.proven -= lost
            self.engine_restarted()
        return bool(lost)

    def engine_restarted(self, *, with_adapters: bool = False) -> None:
        """Another process answers: its base is not proven, nor, if it came back with adapters, what these say."""
        if with_adapters:
            self.proven.clear()
        self.base_proven = False
        self.base_refusal = None
        self.refusals = {name: refusal for name, refusal in self.refusals.items() if refusal.silenced_engine}

    def unloaded(self, name: str) -> None:
        """An adapter was unloaded on purpose."""
        self.proven.discard(name)
        self.listed.discard(name)

    def written_down(self, adapters: Mapping[str, str], line: str) -> None:
        """The engine is to be started with these adapters; the others are looked for no more."""
        for name in (self.start_with or {}).keys() - adapters.keys():
            self.unloaded(name)
        self.start_with, self.start_line = dict(adapters), line

    def collected(self, directory: str) -> None:
        """A directory was removed from the store: whoever needs it again brings it again."""
        self.directories = {served: place for served, place in self.directories.items() if place != directory}

    def new_commit(self) -> None:
        """A new commit cancels every wait."""
        self.refusals.clear()
        self.base_refusal = None

    def refuse(self, served: str, error: InterlockError, now: float) -> None:
        """Remember that a revision could not be served; `now` in monotonic seconds."""
        self.refusals[served] = refusal_after(self.refusals.get(served), error, now)

    def note_routes(self, loaded: set[str], used: set[str], now: float) -> None:
        """Keep the time at which each loaded adapter was first seen out of the reach of requests."""
        self.unrouted_since = {name: self.unrouted_since.get(name, now) for name in loaded - used}

    def note_uses(self, loaded: set[str], used_at: Mapping[str, float], now: float) -> None:
        """Keep when each adapter was used last, as far as it is known; a loaded one counts from when it is first seen.

        What was used longer ago than anybody asks is forgotten.
        """
        for name, at in [*dict.fromkeys(loaded - self.last_used.keys(), now).items(), *used_at.items()]:
            self.last_used[name] = max(at, self.last_used.get(name, at))
        self.last_used = {n: at for n, at in self.last_used.items() if n in loaded or now - at < LONGEST_MEMORY}


def refusal_after(earlier: Refusal | None, error: InterlockError, now: float) -> Refusal:
    """The refusal after one more failed attempt: pauses double from 2 s to 5 min.

    After five attempts only a new commit or an engine restart helps, unless something was merely out of reach or the
    node's own disk takes no bytes. What is arriving goes on soon, and is no failure.
    """
    if isinstance(error, ArtifactArriving):
        return Refusal(error.found, "", 0, now + GOES_ON_AFTER, for_people=False)
    attempts = (earlier.attempts if earlier else 0) + 1
    pause = min(FIRST_PAUSE * 2 ** min(attempts - 1, _ENOUGH_DOUBLINGS), LONGEST_PAUSE)
    for_people = not isinstance(error, ArtifactUnreachable | HistoryError)
    final = attempts >= MAX_ATTEMPTS and for_people and not isinstance(error, StoreUnwritable)
    silenced = isinstance(error, EngineUnreachable)
    return Refusal(error.found, error.remedy, attempts, None if final else now + pause, for_people, silenced)
