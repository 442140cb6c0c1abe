"""What rules of an organisation's own are asked about, with the documents that belong to each. Pure.

A document that is not in the tree is absent, with its path: a rule that reads it has no answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from interlock.documents.fields import Document
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import BaseReference
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.kinds.policy import Rule
from interlock.documents.layout import adapter_path, base_path, environment_path, revision_path
from interlock.documents.snapshot import Located, Snapshot
from interlock.rules.expressions.judging import Subject
from interlock.rules.expressions.views import Evidence, ProposedChange
from interlock.rules.facts import EvidenceFacts, Facts

if TYPE_CHECKING:
    from interlock.rules.change import Change, PointerStep


class _Found:
    """Collects the documents of a subject, and the paths of those that are not there."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.absent: dict[str, str] = {}

    def add(self, name: str, located: Located[Any] | Document | None, path: str) -> None:
        if located is None:
            self.absent[name] = f"there is no readable {path}"
        else:
            self.documents[name] = located.document if isinstance(located, Located) else located

    def add_base(self, snapshot: Snapshot, base: BaseReference) -> None:
        self.add("base", snapshot.bases.get((base.name, base.revision)), base_path(base.name, base.revision))

    def add_evidence(self, key: RevisionId, known: Mapping[RevisionId, EvidenceFacts]) -> None:
        evidence = known.get(key)
        if evidence is None or evidence.unread:
            self.absent["evidence"] = evidence.unread if evidence else f"the evidence of {key} was not read"
        else:
            self.documents["evidence"] = Evidence(kinds=evidence.kinds)


def wants_evidence(rule: Located[Rule]) -> bool:
    """Whether a rule may read evidence."""
    return "evidence" in rule.document.when or "evidence" in rule.document.require


def revision_subjects(facts: Facts) -> Iterator[Subject]:
    """Every revision in scope."""
    for key, located in facts.revisions.items():
        found = _Found()
        found.add("revision", located, located.path)
        found.add("adapter", facts.snapshot.adapters.get(key.adapter), adapter_path(key.adapter))
        found.add_base(facts.snapshot, located.document.base)
        found.add_evidence(key, facts.evidence)
        words = {"adapter": key.adapter, "revision": key.revision}
        yield Subject(str(key), located.place("revision"), found.documents, words, found.absent)


def environment_subjects(facts: Facts) -> Iterator[Subject]:
    """Every environment in scope."""
    for located in facts.environments:
        name = located.document.name
        found = _Found()
        found.add("environment", located, located.path)
        found.add_base(facts.snapshot, located.document.base)
        words = {"environment": name}
        yield Subject(name, located.place("name"), found.documents, words, found.absent, name)


def pointer_subjects(facts: Facts) -> Iterator[Subject]:
    """Every pointer in scope, with its active revision."""
    for (environment, adapter), located in facts.pointers.items():
        found = _Found()
        key = RevisionId(adapter, located.document.active)
        _add_served(found, key, located, facts.snapshot.environments.get(environment), environment, facts.snapshot)
        found.add("adapter", facts.snapshot.adapters.get(adapter), adapter_path(adapter))
        found.add_evidence(key, facts.evidence)
        words = {"adapter": adapter, "revision": key.revision, "environment": environment}
        name = f"{key} in {environment}"
        yield Subject(name, located.place("active"), found.documents, words, found.absent, environment)


def change_subject(change: Change, step: PointerStep, revision: str) -> Subject:
    """One revision that a step brings in; environment and adapter as the trusted side describes them."""
    assert step.after
    key, head = RevisionId(step.adapter, revision), change.head.snapshot
    found = _Found()
    found.add("change", _proposed(change, step, revision), step.path)
    _add_served(found, key, step.after, change.environment(step.environment), step.environment, head)
    adapter = change.base.adapters.get(step.adapter) or head.adapters.get(step.adapter)
    found.add("adapter", adapter, adapter_path(step.adapter))
    found.add_evidence(key, change.evidence)
    words = {"adapter": step.adapter, "revision": revision, "environment": step.environment}
    place = step.place("active") if step.after.document.active == revision else step.place("canary", "revision")
    return Subject(f"{key} in {step.environment}", place, found.documents, words, found.absent, step.environment)


def _proposed(change: Change, step: PointerStep, revision: str) -> ProposedChange:
    assert step.after
    return ProposedChange(
        environment=step.environment,
        adapter=step.adapter,
        revision=revision,
        role="active" if step.after.document.active == revision else "canary",
        previous=step.before.document.active if step.before else None,
        day=change.now.astimezone(dt.UTC).date(),
    )


def _add_served(
    found: _Found,
    key: RevisionId,
    pointer: Located[Pointer],
    environment: Located[Environment] | None,
    name: str,
    snapshot: Snapshot,
) -> None:
    """A pointer, its environment, one of its revisions, and the base of that revision."""
    found.add("pointer", pointer, pointer.path)
    found.add("environment", environment, environment_path(name))
    revision = snapshot.revisions.get(key)
    path = revision_path(key.adapter, key.revision)
    found.add("revision", revision, path)
    if revision:
        found.add_base(snapshot, revision.document.base)
    else:
        found.absent["base"] = f"there is no readable {path}"
