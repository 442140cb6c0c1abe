"""A proposed change as the transition rules see it: what was, what would be, and what each environment served before.

Filled in by `checking.change_gathering`; rules only read it. Everything that grants a right (policies, environments,
history) is read from `base`, the trusted side; `head` is only judged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TypeVar, cast

from interlock.approvals.facts import ApprovalFacts
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter import Adapter
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.layout import classify
from interlock.documents.positions import Place
from interlock.documents.snapshot import Located, Snapshot
from interlock.rules.effective_policy import EffectivePolicy, effective_policy, policies_of
from interlock.rules.expressions.engine import RuleEngine
from interlock.rules.facts import EvidenceFacts, Facts

T = TypeVar("T")


class Touch(Enum):
    """What a change does to one path."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Activation:
    """From `since` on the trusted branch told an environment to serve `active` (None: nothing any more).

    `since` is the committer's time, never before that of an earlier commit of the branch.
    """

    commit: str
    active: str | None
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class History:
    """What one pointer named on the trusted branch, newest first; `unknown` says why that could not be read."""

    activations: tuple[Activation, ...] = ()
    unknown: str = ""

    def was_active(self, revision: str) -> bool:
        """Whether `revision` was active at some time."""
        return any(activation.active == revision for activation in self.activations)

    def active_since(self, revision: str) -> dt.datetime | None:
        """Since when `revision` has been active without a break; None when it is not active now."""
        since = None
        for activation in self.activations:
            if activation.active != revision:
                break
            since = activation.since
        return since


@dataclass(frozen=True, slots=True)
class PointerStep:
    """One pointer as it was (None: there was none) and as it would be (None: it is removed)."""

    environment: str
    adapter: str
    before: Located[Pointer] | None
    after: Located[Pointer] | None

    @property
    def path(self) -> str:
        """Where the pointer stands, or stood."""
        located = self.after or self.before
        assert located
        return located.path

    @property
    def activates(self) -> str | None:
        """The revision that becomes active by this step and was not before."""
        was = self.before.document.active if self.before else None
        now = self.after.document.active if self.after else None
        return now if now != was else None

    def place(self, *location: str | int) -> Place:
        """The place of a value in the new pointer, or the file itself where it is gone."""
        return self.after.place(*location) if self.after else Place(self.path)


@dataclass(frozen=True)
class Change:
    """What a proposal makes of the trusted state.

    `touched` gives every path that differs. `histories` are those of the touched pointers and of the same adapters
    upstream, by environment and adapter. `now` is the time at which the change is judged, with a timezone. `evidence`
    and `engine` are there where the trusted side has rules of its own (see `Facts`). `policies` keeps what was worked
    out of the trusted policies; whoever judges many changes by the same policies hands it on.
    """

    base: Snapshot
    head: Facts
    touched: Mapping[str, Touch]
    now: dt.datetime
    histories: Mapping[tuple[str, str], History] = field(default_factory=dict)
    evidence: Mapping[RevisionId, EvidenceFacts] = field(default_factory=dict)
    engine: RuleEngine | None = None
    approvals: ApprovalFacts | None = None
    policies: dict[str, EffectivePolicy] = field(default_factory=dict, repr=False, compare=False)
    _worked_out: dict[str, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, name: str, work_out: Callable[[Change], T]) -> T:
        """What `work_out` makes of this change, worked out once for all the rules that need it."""
        if name not in self._worked_out:
            self._worked_out[name] = work_out(self)
        return cast(T, self._worked_out[name])

    @cached_property
    def pointer_paths(self) -> tuple[str, ...]:
        """The touched paths at which a pointer stands or stood, readable or not."""
        return tuple(path for path in self.touched if classify(path).kind == "Pointer")

    @cached_property
    def steps(self) -> tuple[PointerStep, ...]:
        """The pointers that differ, where both sides can be read."""
        found = []
        for path in self.pointer_paths:
            environment, adapter = classify(path).values
            before = self.base.pointers.get((environment, adapter))
            after = self.head.snapshot.pointers.get((environment, adapter))
            if after or (before and self.touched[path] is Touch.REMOVED):
                found.append(PointerStep(environment, adapter, before, after))
        return tuple(found)

    def history(self, environment: str, adapter: str) -> History:
        """What a pointer named before; nothing is known of one that was not gathered."""
        return self.histories.get((environment, adapter)) or History(unknown="its history was not read")

    def environment(self, name: str) -> Located[Environment] | None:
        """An environment as the trusted side describes it; one that is new with this change as it would be."""
        return self.base.environments.get(name) or self.head.snapshot.environments.get(name)

    def policy(self, environment: str) -> EffectivePolicy:
        """What the trusted policies that name an environment ask for together."""
        if environment not in self.policies:
            self.policies[environment] = effective_policy(policies_of(self.base, environment))
        return self.policies[environment]

    def is_revoked(self, adapter: str, revision: str) -> bool:
        """Whether a revision is revoked, before the change or by it."""
        wanted = RevisionId(adapter, revision)
        trusted = self.base.revocations.document.revoked if self.base.revocations else ()
        return wanted in self.head.revoked or any((r.adapter, r.revision) == (adapter, revision) for r in trusted)

    def is_rollback(self, step: PointerStep) -> bool:
        """Whether a step is a fast-path rollback, judged by what it leads to and not by how it came about.

        Exactly one pointer changes and nothing else; the revision that becomes active was active there before, on
        the trusted branch, and is not revoked; and no canary, shadow or kept revision comes in beside it.
        """
        revision = step.activates
        if revision is None or step.after is None or len(self.touched) != 1:
            return False
        if self.is_revoked(step.adapter, revision) or brings_in(step) - {revision}:
            return False
        return self.history(step.environment, step.adapter).was_active(revision)

    @cached_property
    def promotions(self) -> tuple[PointerStep, ...]:
        """Steps that bring a revision in, to whatever part of the traffic, and are no fast-path rollback."""
        return tuple(step for step in self.steps if brings_in(step) and not self.is_rollback(step))


def brings_in(step: PointerStep) -> frozenset[str]:
    """The revisions that answer requests after the step, or more of them than before, and did not do so before.

    A canary that grows or gains tenants counts; a shadow does not, because its answers are never returned.
    """
    return newly_answering(
        step.before.document if step.before else None,
        step.after.document if step.after else None,
    )


def newly_answering(before: Pointer | None, after: Pointer | None) -> frozenset[str]:
    """See `brings_in`: the same of two pointers, wherever they come from."""
    if after is None:
        return frozenset()
    found = {after.active} if before is None or after.active != before.active else set()
    new, old = after.canary, before.canary if before else None
    if new and not (
        old and old.revision == new.revision and new.weight <= old.weight and set(new.tenants) <= set(old.tenants)
    ):
        found.add(new.revision)
    return frozenset(found)


def adapter_of(change: Change, step: PointerStep) -> Located[Adapter] | None:
    """The adapter as the trusted side describes it; one that is new with this change as it would be."""
    return change.base.adapters.get(step.adapter) or change.head.snapshot.adapters.get(step.adapter)


def promoted(change: Change) -> Iterator[tuple[PointerStep, RevisionId, Located[AdapterRevision]]]:
    """Every promotion with each revision that takes requests by it, where its manifest can be read."""
    for step in change.promotions:
        for name in sorted(brings_in(step)):
            key = RevisionId(step.adapter, name)
            revision = change.head.snapshot.revisions.get(key)
            if revision:
                yield step, key, revision


def promoted_into_protected(change: Change) -> Iterator[tuple[PointerStep, RevisionId, Located[AdapterRevision]]]:
    """The promotions into environments that the trusted side calls protected."""
    for step, key, revision in promoted(change):
        env = change.environment(step.environment)
        if env and env.document.protected:
            yield step, key, revision


def revision_place(step: PointerStep, revision: RevisionId) -> Place:
    """Where the new pointer names the revision: as the active one, or as the canary."""
    active = step.after is not None and step.after.document.active == revision.revision
    return step.place("active") if active else step.place("canary", "revision")
