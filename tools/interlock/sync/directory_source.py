"""Desired state from a directory that git-sync, Flux or Argo CD keeps current. Called by the agent as a `StateSource`.

Everything is judged as on a git branch, over this node's own record of the directory (`history.directory_mirror`). What
people see, and the route table, is not named by a commit of that record, which exists on this node alone, but by the id
of the tree: `git log --format='%H %T'` finds the commit that it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from interlock.approvals.facts import PastEmergency
from interlock.errors import HistoryError
from interlock.findings.readable import readable
from interlock.history.repository import GitRepository
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired
from interlock.sync.rejected import Distrusted, Rejected
from interlock.sync.source import DesiredSource
from interlock.sync.versions import Versions


@dataclass(frozen=True, slots=True)
class DirectoryRefusal:
    """A state of the directory that is not followed, in words that fit a directory."""

    refused: Rejected | Distrusted
    tree: str
    directory: str

    @property
    def reason(self) -> str:
        """See `Refusal.reason`."""
        return self.refused.reason

    @property
    def why(self) -> str:
        """See `Refusal.why`."""
        return self.refused.why.replace(f"commit {self.refused.commit[:12]}", f"tree {self.tree[:12]}")

    @property
    def remedy(self) -> str:
        """See `Refusal.remedy`."""
        if isinstance(self.refused, Distrusted):
            return self.refused.remedy
        return f"correct it where the directory comes from; see all: interlock check {self.directory}"

    def waits(self, now: float) -> float | None:
        """See `Refusal.waits`."""
        return self.refused.waits(now)


class DirectorySource:
    """The states of one directory, as `source` judges them over the record in `repository`."""

    def __init__(self, source: DesiredSource, repository: GitRepository, directory: Path) -> None:
        self._source, self._directory = source, readable(str(directory))
        self._repository = repository
        self._trees: dict[str, str] = {}
        self._desired: tuple[Desired, Desired] | None = None

    @property
    def attempted(self) -> str | None:
        """See `StateSource.attempted`."""
        return self._tree_of(self._source.attempted) if self._source.attempted else None

    @property
    def accepted(self) -> str | None:
        """See `StateSource.accepted`."""
        return self._tree_of(self._source.accepted) if self._source.accepted else None

    @property
    def rejected(self) -> DirectoryRefusal | None:
        """See `StateSource.rejected`."""
        refused = self._source.rejected
        return DirectoryRefusal(refused, self._tree_of(refused.commit), self._directory) if refused else None

    @property
    def how_accepted(self) -> str:
        """See `StateSource.how_accepted`: nobody's word is known."""
        return ""

    @property
    def emergencies(self) -> tuple[PastEmergency, ...]:
        """See `StateSource.emergencies`: none is known."""
        return ()

    def demands(self) -> Demands | None:
        """See `StateSource.demands`."""
        return self._source.demands()

    def poll(self, now: float) -> bool:
        """See `StateSource.poll`."""
        return self._source.poll(now)

    def desired(self) -> Desired | None:
        """See `StateSource.desired`."""
        found = self._source.desired()
        if found is None:
            return None
        if self._desired is None or self._desired[0] is not found:
            self._desired = found, replace(found, commit=self._tree_of(found.commit))
        return self._desired[1]

    def versions(self) -> Versions | None:
        """See `StateSource.versions`."""
        return self._source.versions()

    def _tree_of(self, commit: str) -> str:
        """The tree of a commit of the record; the commit itself where the record does not have it (any more)."""
        if commit not in self._trees:
            try:
                self._trees = {**self._trees, commit: self._repository.tree_of(commit)}
            except HistoryError:
                return commit
        return self._trees[commit]
