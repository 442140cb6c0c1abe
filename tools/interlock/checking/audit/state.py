"""The repository as it stood after the commits replayed so far, moved on by what each commit changes.

Called by the replay alone. What a commit costs depends on what it touches, and not on what the repository holds: the
side after a commit is the side before it with a few changes on top (`Patched`), until both have been judged.
"""

from __future__ import annotations

import datetime as dt
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.checking.audit.historic_documents import HistoricDocuments
from interlock.checking.audit.patched import Patched, put
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.layout import PathClass, Standing, classify
from interlock.documents.path_problems import entry_problems, is_ours
from interlock.documents.positions import Problem
from interlock.documents.snapshot import Located, Snapshot
from interlock.documents.tree import REGULAR, Entry
from interlock.history.first_parent_log import BranchCommit, PathChange
from interlock.rules.change import Activation, History

_NAMED = ("Adapter", "AdapterRevision", "BaseRevision", "Environment", "Pointer", "Policy", "Rule")
_SINGLE = ("Revocations", "Roster", "Waivers")
POLICIES = "policies/"


@dataclass(frozen=True, slots=True)
class Side:
    """The repository before or after one commit. `folders` are the paths below each `adapters/NAME`, and `POLICIES`."""

    snapshot: Snapshot
    folders: Mapping[str, Mapping[str, Entry]]
    problems: Mapping[str, tuple[Problem, ...]]

    def below(self, adapter: str) -> Mapping[str, Entry]:
        """Everything that stands below the folder of an adapter."""
        return self.folders.get(adapter, {})


@dataclass
class State:
    """Everything by name, as the last commit left it."""

    documents: HistoricDocuments
    entries: dict[str, Entry] = field(default_factory=dict)
    named: dict[str, dict[Any, Located[Any]]] = field(default_factory=lambda: {kind: {} for kind in _NAMED})
    single: dict[str, Located[Any] | None] = field(default_factory=lambda: dict.fromkeys(_SINGLE))
    folders: dict[str, dict[str, Entry]] = field(default_factory=dict)
    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    histories: dict[tuple[str, str], tuple[Activation, ...]] = field(default_factory=dict)
    pending: _Step | None = None

    def before(self, label: str) -> Side:
        """The state as a tree that rules can judge; valid until the next `advance`."""
        return _side(self, label, _Step())

    def after(self, commit: BranchCommit) -> Side:
        """What a commit makes of the state; the state itself moves on with `advance`."""
        self.pending = _step(self, commit.changes)
        return _side(self, commit.commit, self.pending)

    def advance(self, commit: str, when: dt.datetime) -> None:
        """Take in the commit that `after` was asked about: from `when` on it is what the branch says."""
        step = self.pending
        assert step
        put(self.entries, step.entries)
        put(self.problems, step.problems)
        for kind, named in step.named.items():
            put(self.named[kind], named)
        self.single.update(step.single)
        for folder, changes in step.folders.items():
            put(self.folders.setdefault(folder, {}), changes)
        for key, active in step.activations.items():
            self.histories[key] = (Activation(commit, active, when), *self.histories.get(key, ()))
        self.pending = None

    def history(self, environment: str, adapter: str) -> History:
        """What a pointer named so far, newest first."""
        return History(self.histories.get((environment, adapter), ()))


@dataclass
class _Step:
    """What one commit changes, by the parts of the state."""

    entries: dict[str, Entry | None] = field(default_factory=dict)
    named: dict[str, dict[Any, Located[Any] | None]] = field(default_factory=dict)
    single: dict[str, Located[Any] | None] = field(default_factory=dict)
    folders: dict[str, dict[str, Entry | None]] = field(default_factory=dict)
    problems: dict[str, tuple[Problem, ...] | None] = field(default_factory=dict)
    activations: dict[tuple[str, str], str | None] = field(default_factory=dict)


def _step(state: State, changes: Sequence[PathChange]) -> _Step:
    step = _Step()
    for change in changes:
        step.entries[change.path] = change.after
        if not is_ours(change.path):
            continue
        found = classify(change.path)
        step.folders.setdefault(_folder(change.path), {})[change.path] = change.after
        located, problems = _read(state, change.after, found) if change.after else (None, ())
        step.problems[change.path] = problems or None
        _place(step, found, located)
        if found.kind == "Pointer":
            _activation(step, found, change, located, state)
    return step


def _folder(path: str) -> str:
    """The adapter below whose folder a path stands, or the folder of ours with a slash, which no adapter has."""
    top, _, rest = path.partition("/")
    return rest.partition("/")[0] if top == "adapters" and "/" in rest else f"{top}/"


def _read(state: State, entry: Entry, found: PathClass) -> tuple[Located[Any] | None, tuple[Problem, ...]]:
    """The document at a path, and what is wrong there."""
    flaws = tuple(entry_problems(entry, found))
    if flaws or entry.kind != REGULAR or found.standing is not Standing.DOCUMENT:
        return None, flaws
    reading = state.documents.reading(entry)
    if reading.document is None:
        return None, reading.problems
    return Located(reading.document, entry.path, reading.positions, entry.identity), reading.problems


def _place(step: _Step, found: PathClass, located: Located[Any] | None) -> None:
    if found.kind in _SINGLE:
        step.single[found.kind] = located
    elif found.kind in _NAMED:
        step.named.setdefault(found.kind, {})[_key(found)] = located


def _key(found: PathClass) -> Any:
    if found.kind == "AdapterRevision":
        return RevisionId(*found.values)
    return found.values if len(found.values) > 1 else found.values[0]


def _activation(
    step: _Step, found: PathClass, change: PathChange, located: Located[Pointer] | None, state: State
) -> None:
    """A pointer that cannot be read at all told nobody anything; what it named stays what was named last."""
    if change.after is None:
        step.activations[found.values[0], found.values[1]] = None
        return
    if change.after.kind != REGULAR:
        return
    active = located.document.active if located else state.documents.active(change.after)
    if active:
        step.activations[found.values[0], found.values[1]] = active


def _side(state: State, label: str, step: _Step) -> Side:
    def named(kind: str) -> Mapping[Any, Any]:
        changes = step.named.get(kind)
        return Patched(state.named[kind], changes) if changes else state.named[kind]

    single = {**state.single, **step.single}
    problems = Patched(state.problems, step.problems) if step.problems else state.problems
    snapshot = Snapshot(
        label=label,
        adapters=named("Adapter"),
        revisions=named("AdapterRevision"),
        bases=named("BaseRevision"),
        environments=named("Environment"),
        pointers=named("Pointer"),
        policies=named("Policy"),
        rules=named("Rule"),
        revocations=single["Revocations"],
        roster=single["Roster"],
        waivers=single["Waivers"],
        problems=tuple(problem for found in problems.values() for problem in found),
        entries=Patched(state.entries, step.entries) if step.entries else state.entries,
        documents_read=0,
    )
    folders = {name: Patched(state.folders.get(name, {}), changes) for name, changes in step.folders.items()}
    return Side(
        snapshot,
        ChainMap(folders, state.folders) if folders else state.folders,  # type: ignore[arg-type]  # only read
        problems,
    )


def touched_entries(commits: Iterable[BranchCommit]) -> Iterator[Entry]:
    """What stands after each of these commits at the paths that it changed."""
    return (change.after for commit in commits for change in commit.changes if change.after)
