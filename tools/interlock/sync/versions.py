"""What the accepted commit's branch made of each pointer, commit by commit, as far as a rollout asks for it.

`staging` asks through the interface; `source` gives the branch of a git remote, `directory_source` a node's own record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from interlock.checking.checker import CheckCaches, CheckResult
from interlock.documents.kinds.environment import Wave
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.layout import classify, pointer_path
from interlock.documents.reading import read_document
from interlock.documents.snapshot import Located, Snapshot
from interlock.documents.tree import Tree
from interlock.history.branch_copy import BranchCopy
from interlock.history.branch_times import branch_times
from interlock.history.pointer_history import MAX_POINTER_BYTES, PointerChange
from interlock.history.range_paths import BranchStep, branch_steps
from interlock.history.way_back import earlier_active
from interlock.sync.desired import DesiredAlias, desired_state, may_serve_again
from interlock.sync.rollback_targets import rollback_targets, unfit
from interlock.sync.trust import Trust


class Versions(Protocol):
    """The pointers of one environment up to the accepted commit. Times are seconds since the epoch."""

    @property
    def changes(self) -> Sequence[PointerChange]:
        """Every change of a pointer that counts, newest first."""

    @property
    def waves(self) -> Sequence[Wave]:
        """The waves in which promotions reach the nodes; none: all at once."""

    def pointer_after(self, change: PointerChange) -> Pointer | None:
        """A pointer as a change left it, None where it took it away.

        Raises:
            HistoryError, DocumentError: it cannot be read.
        """

    def touches_nothing_else(self, commit: str, adapter: str) -> bool:
        """Whether a commit changed this pointer and nothing else."""

    def is_emergency(self, commit: str) -> bool:
        """Whether a commit was let in as an emergency."""

    def attested_at(self, commit: str) -> float | None:
        """When it was attested that a commit is allowed; None where nothing counts as that."""

    def committed_at(self, commit: str) -> float | None:
        """Since when a commit is on the branch, as it says itself; None where that is not known."""

    def aliases(self, pointers: Mapping[str, PointerAt]) -> dict[str, DesiredAlias]:
        """The aliases as earlier pointers make them, by adapter: those alone that could be served so now."""


@dataclass(frozen=True, slots=True)
class PointerAt:
    """A pointer as a commit left it."""

    commit: str
    pointer: Pointer


def earlier_aliases(
    tree: Tree,
    checked: CheckResult,
    environment: str,
    pointers: Mapping[str, PointerAt],
    changes: Sequence[PointerChange],
    caches: CheckCaches,
) -> dict[str, DesiredAlias]:
    """See `Versions.aliases`: earlier pointers in the accepted tree, judged there by the rules of now.

    Where only the canary beside it may not serve any more, the active revision alone is served.
    """
    wanted = {adapter: one.pointer for adapter, one in pointers.items()}
    refused = _refused(tree, checked, environment, wanted, caches)
    alone = {adapter: wanted[adapter].model_copy(update={"canary": None, "shadow": None}) for adapter in refused}
    gone = _refused(tree, checked, environment, alone, caches) if alone else frozenset()
    fit = {adapter: pointer for adapter, pointer in (wanted | alone).items() if adapter not in gone}
    earlier = {a: earlier_active(_up_to(pointers[a].commit, changes, a), a) for a in fit}
    kept = rollback_targets(tree, checked, environment, earlier, caches.facts)
    snapshot = _with(checked.snapshot, environment, fit)
    found = desired_state(snapshot, environment, kept, commit=checked.label)
    return {alias.name: alias for alias in found.aliases if alias.name in fit}


def _up_to(commit: str, changes: Sequence[PointerChange], adapter: str) -> list[PointerChange]:
    own = [change for change in changes if change.adapter == adapter]
    begin = next((i for i, change in enumerate(own) if change.commit == commit), 0)
    return own[begin:]


def _refused(
    tree: Tree, checked: CheckResult, environment: str, pointers: Mapping[str, Pointer], caches: CheckCaches
) -> frozenset[str]:
    """The adapters whose pointer names something that may not be served (any more)."""
    snapshot = checked.snapshot
    out = {a for a, p in pointers.items() if not all(may_serve_again(snapshot, a, r) for r in p.taking_requests)}
    rest = {adapter: pointer for adapter, pointer in pointers.items() if adapter not in out}
    return frozenset(out | set(unfit(tree, checked, environment, rest, caches.facts)))


def _with(snapshot: Snapshot, environment: str, pointers: Mapping[str, Pointer]) -> Snapshot:
    changed: dict[tuple[str, str], Located[Pointer]] = dict(snapshot.pointers)
    for adapter, pointer in pointers.items():
        changed[environment, adapter] = replace(changed[environment, adapter], document=pointer)
    return replace(snapshot, pointers=changed)


def waves_of(checked: CheckResult, environment: str) -> Sequence[Wave]:
    """The waves of an environment in a checked tree."""
    found = checked.snapshot.environments.get(environment)
    return found.document.rollout.waves if found and found.document.rollout else ()


@dataclass(frozen=True)
class BranchVersions:
    """The versions on the branch of a git remote, up to the commit that `checked` is about. `lock` guards the judge."""

    mirror: BranchCopy
    trust: Trust
    environment: str
    checked: CheckResult
    changes: Sequence[PointerChange]
    caches: CheckCaches
    lock: AbstractContextManager[object]

    @property
    def waves(self) -> Sequence[Wave]:
        """See `Versions.waves`: those of the accepted commit."""
        return waves_of(self.checked, self.environment)

    def pointer_after(self, change: PointerChange) -> Pointer | None:
        """See `Versions.pointer_after`; the newest one is in the accepted commit, which was read already."""
        if change.active is None:
            return None
        if change.commit == self._newest[change.adapter]:
            located = self.checked.snapshot.pointers.get((self.environment, change.adapter))
            return located.document if located else None
        path = pointer_path(self.environment, change.adapter)
        blob = f"{change.commit}:{path}"
        data = self.mirror.repository.git.run("cat-file", "blob", blob, limit=MAX_POINTER_BYTES)
        document = read_document(data, path, classify(path)).document
        return document if isinstance(document, Pointer) else None

    def touches_nothing_else(self, commit: str, adapter: str) -> bool:
        """See `Versions.touches_nothing_else`."""
        with self.lock:
            step = self._step(commit)
        return step is not None and set(step.touched) == {pointer_path(self.environment, adapter)}

    def is_emergency(self, commit: str) -> bool:
        """See `Versions.is_emergency`."""
        with self.lock:
            return commit in self._emergencies

    def attested_at(self, commit: str) -> float | None:
        """See `Versions.attested_at`: what a node of a protected environment demands counts, and nothing else."""
        with self.lock:
            if commit not in self._attested:
                step = self._step(commit)
                moment = self.trust.attested_at(step, self.checked.label) if step else None
                self._attested[commit] = moment.timestamp() if moment else None
            return self._attested[commit]

    def committed_at(self, commit: str) -> float | None:
        """See `Versions.committed_at`."""
        moment = self._times.get(commit)
        return moment.timestamp() if moment else None

    def aliases(self, pointers: Mapping[str, PointerAt]) -> dict[str, DesiredAlias]:
        """See `Versions.aliases`."""
        if not pointers:
            return {}
        with self.lock, self.mirror.repository.commit_tree(self.checked.label) as tree:
            return earlier_aliases(tree, self.checked, self.environment, pointers, self.changes, self.caches)

    @cached_property
    def _emergencies(self) -> frozenset[str]:
        return frozenset(one.commit for one in self.trust.past_emergencies(self.checked.label))

    @cached_property
    def _newest(self) -> Mapping[str, str]:
        return {change.adapter: change.commit for change in reversed(self.changes)}

    @cached_property
    def _times(self) -> Mapping[str, dt.datetime]:
        return branch_times(self.mirror.repository.git, self.checked.label)

    @cached_property
    def _attested(self) -> dict[str, float | None]:
        return {}

    @cached_property
    def _steps(self) -> dict[str, BranchStep | None]:
        return {}

    def _step(self, commit: str) -> BranchStep | None:
        """A commit as a step of the branch; None for its first one."""
        if commit not in self._steps:
            parent = self.mirror.repository.first_parent(commit)
            steps = branch_steps(self.mirror.repository.git, parent, commit) if parent else [None]
            self._steps[commit] = steps[-1]
        return self._steps[commit]
