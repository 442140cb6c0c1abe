"""What git says around one decision, told from memory: the replay knows the branch and both sides of every commit.

Called where statements are compared with what they speak about; `checking.approval_gathering` asks git for the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from interlock.checking.audit.commit_records import CommitRecord
from interlock.checking.audit.historic_documents import HistoricDocuments, ReplayedTree
from interlock.checking.audit.state import POLICIES, Side
from interlock.checking.binding import Binding, binding_between, binding_of
from interlock.checking.decision import Decision
from interlock.documents.layout import classify, environment_path
from interlock.documents.tree import Entry
from interlock.history.git_command import Git
from interlock.history.repository import GitRepository
from interlock.rules.change import Change


@dataclass
class Branch:
    """The first-parent commits in order, and where each of them stands."""

    git: Git
    records: Mapping[str, CommitRecord]
    _order: Sequence[CommitRecord] = field(init=False)

    def __post_init__(self) -> None:
        self._order = tuple(self.records.values())

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The number of each commit, from the beginning."""
        return {record.commit: number for number, record in enumerate(self._order)}

    def trees_between(self, start: str, end: str, most: int) -> list[str]:
        """The trees from behind `start` up to `end`; none where that is no way forward of at most `most` commits."""
        first, last = self.positions.get(start), self.positions.get(end)
        if first is None or last is None or not 0 < last - first <= most + 1:
            return []
        return [record.tree for record in self._order[first + 1 : last + 1]]


@dataclass(frozen=True)
class InMemory:
    """The surroundings of one replayed commit."""

    documents: HistoricDocuments
    branch: Branch
    decision: Decision
    before: Side
    after: Side
    change: Change

    def way(self, start: str, most: int) -> list[str]:
        """See `Surroundings.way`."""
        return self.branch.trees_between(start, self.decision.head, most)

    def binding(self, base: str, tree: str) -> Binding:
        """See `Surroundings.binding`."""
        if (base, tree) == (self.decision.parent, self.decision.tree):
            return binding_of(self._tree(self.before), self._tree(self.after))
        return binding_between(GitRepository(self.branch.git.directory, self.branch.git), base, tree)

    def _tree(self, side: Side) -> ReplayedTree:
        return self.documents.tree(side.snapshot.label, _Few(side, tuple(self._paths(side))))

    def _paths(self, side: Side) -> Iterator[str]:
        """The paths that a binding looks at: what changes, what decides, and the records of the adapters concerned."""
        found = dict.fromkeys(self.change.touched)
        found |= dict.fromkeys(side.folders.get(POLICIES, {}))
        for path in self.change.touched:
            classified = classify(path)
            if classified.kind in ("Pointer", "Environment"):
                found[environment_path(classified.values[0])] = None
            parts = path.split("/")
            adapter = classified.values[1] if classified.kind == "Pointer" else parts[1] if len(parts) > 2 else ""
            found |= dict.fromkeys(side.below(adapter))
        return (path for path in found if path in side.snapshot.entries)


class _Few(Mapping[str, Entry]):
    """All paths of a tree to whoever asks for one, and a few of them to whoever goes through them."""

    def __init__(self, side: Side, paths: Sequence[str]) -> None:
        self._entries = side.snapshot.entries
        self._paths = paths

    def __getitem__(self, path: str) -> Entry:
        return self._entries[path]

    def __contains__(self, path: object) -> bool:
        return path in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
