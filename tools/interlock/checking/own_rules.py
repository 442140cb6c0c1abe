"""What an organisation's own rules need beyond the documents: their engine, their texts, and evidence that they read.

Called by `gather`, `changes` and `interlock rules test`. Nothing is read, and the engine's library is not imported,
where there are no such rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from interlock.checking.evidence_reading import EvidenceFolder, read_evidence
from interlock.documents.identifiers import Digest, RevisionId
from interlock.documents.snapshot import Snapshot
from interlock.documents.tree import Tree
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactError, DocumentError, HistoryError
from interlock.rules.change import Change, brings_in
from interlock.rules.expressions.engine import find_engine
from interlock.rules.expressions.subjects import wants_evidence
from interlock.rules.facts import EvidenceFacts, Facts


def with_own_rules(tree: Tree, facts: Facts) -> Facts:
    """The facts of a tree with what its own rules about trees need."""
    rules = facts.snapshot.rules.values()
    if not rules:
        return facts
    reading = {rule.document.applies_to for rule in rules if wants_evidence(rule)}
    keys = set(facts.revisions) if "revision" in reading else set()
    if "pointer" in reading:
        keys |= {use.revision for use in facts.uses if use.role == "active"}
    texts = {rule.path: _text(tree, rule.path) for rule in rules}
    evidence = evidence_of(tree, facts.snapshot, keys)
    return replace(facts, engine=find_engine(), rule_texts=texts, evidence=evidence)


def change_with_own_rules(change: Change, head: Tree) -> Change:
    """A change with what the trusted side's own rules about changes need."""
    rules = change.base.rules.values()
    if not rules:
        return change
    brought = {RevisionId(step.adapter, name) for step in change.steps for name in brings_in(step)}
    keys = brought if any(map(wants_evidence, rules)) else set()
    return replace(change, engine=find_engine(), evidence=evidence_of(head, change.head.snapshot, keys))


def evidence_of(tree: Tree, snapshot: Snapshot, keys: Iterable[RevisionId]) -> dict[RevisionId, EvidenceFacts]:
    """The kinds of evidence about exactly the bytes of these revisions, where their manifests can be read."""
    digests = {key: snapshot.revisions[key].document.artifact.digest for key in keys if key in snapshot.revisions}
    return _kinds(read_evidence(tree, digests) if digests else {}, digests)


def _kinds(
    folders: Mapping[RevisionId, EvidenceFolder], digests: Mapping[RevisionId, Digest]
) -> dict[RevisionId, EvidenceFacts]:
    return {key: _facts(folder, digests[key]) for key, folder in folders.items()}


def _facts(folder: EvidenceFolder, digest: Digest) -> EvidenceFacts:
    """One file that cannot be read makes all of it unknown: it may be the one that matters."""
    if folder.unread:
        return EvidenceFacts(unread=f"there are {folder.unread} statements more than are read")
    kinds = set()
    for file in folder.files:
        if file.statement is None:
            return EvidenceFacts(unread=f"{file.path} is no statement that can be read: {file.unreadable}")
        if file.statement.is_about(digest):
            kinds.add(file.statement.kind)
    return EvidenceFacts(tuple(sorted(kinds)))


def _text(tree: Tree, path: str) -> str:
    """A document that was read a moment ago; "" where it is gone, and then places are less exact."""
    try:
        return tree.read(path, limit=MAX_DOCUMENT_BYTES).decode("utf-8", errors="replace")
    except (ArtifactError, DocumentError, HistoryError):
        return ""
