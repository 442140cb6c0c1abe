"""Whose work a commit is about: what environments are told, and who registered, built and evaluated what comes in.

Called by the audit for every replayed commit. Names come from verified signatures; what a record says of itself is told
as its claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from interlock.checking.audit.commit_records import CommitRecord, MadeBy
from interlock.checking.audit.historic_documents import HistoricDocuments
from interlock.checking.audit.outcome import Actor, EvidenceOf, Promoted, Served
from interlock.checking.audit.replay import Replayed
from interlock.checking.evidence_reading import MAX_FILES, evidence_folder
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.layout import classify, revision_path
from interlock.documents.snapshot import Located
from interlock.documents.tree import REGULAR, Entry
from interlock.errors import DocumentError, EvidenceError, HistoryError
from interlock.evidence.statements import MAX_BYTES, read_statement
from interlock.history.contributors import contributors_of_paths
from interlock.history.git_command import Git
from interlock.rules.change import Change, Touch, brings_in

UNREADABLE = ("unreadable",)
UNKNOWN = Actor(why_not="its commit is not in this history")
_KINDS_KEPT = 20_000


@dataclass
class Works:
    """Who added which record and which evidence so far, by path."""

    documents: HistoricDocuments
    git: Git
    _added: dict[str, tuple[Actor, str]] = field(default_factory=dict)
    _touched: dict[str, tuple[CommitRecord, ...]] = field(default_factory=dict)
    _kinds: dict[str, str] = field(default_factory=dict)

    def learn(self, replayed: Replayed, actor: Actor) -> None:
        """Remember who added the records and the evidence of a commit."""
        for path, touch in replayed.change.touched.items():
            if path.startswith("adapters/"):
                self._touched[path] = (*self._touched.get(path, ()), replayed.record)
            if touch is not Touch.REMOVED and _is_work(path):
                self._added[path] = (actor, replayed.record.commit)

    def promoted(self, replayed: Replayed) -> Iterator[Promoted]:
        """The revisions that a commit brings in."""
        for step in replayed.change.promotions:
            for name in sorted(brings_in(step)):
                key = RevisionId(step.adapter, name)
                located = replayed.after.snapshot.revisions.get(key)
                actor, commit = self._added.get(revision_path(*_parts(key)), (UNKNOWN, ""))
                yield Promoted(
                    step.environment,
                    step.adapter,
                    name,
                    str(located.document.artifact.digest) if located else "",
                    located.document.provenance.builder if located else "",
                    actor,
                    commit,
                    tuple(self._evidence(replayed, key)),
                )

    def made_in(self, replayed: Replayed, key: RevisionId) -> list[MadeBy]:
        """The commits that made something of the record of a revision, or of its recipe.

        Raises:
            HistoryError: the commits of a merge cannot be told apart.
        """
        located = replayed.after.snapshot.revisions.get(key)
        recipe = located.document.provenance.recipe if located else None
        return self._made([revision_path(*_parts(key)), *([recipe.path] if recipe else [])])

    def evaluated_in(self, replayed: Replayed, key: RevisionId) -> list[MadeBy]:
        """The commits that made something of the evidence about a revision; see `made_in`."""
        folder = f"{evidence_folder(key)}/"
        return self._made([path for path in replayed.after.below(key.adapter) if path.startswith(folder)])

    def _made(self, paths: list[str]) -> list[MadeBy]:
        records = dict.fromkeys(record for path in paths for record in self._touched.get(path, ()))
        found: dict[MadeBy, None] = {}
        for record in records:
            everybody = [record.made, *record.brought_in]
            if record.is_merge:
                named = {hand.commit for hand in contributors_of_paths(self.git, record.commit, paths)}
                everybody = [made for made in everybody if made.commit in named]
            found |= dict.fromkeys(everybody)
        return list(found)

    def _evidence(self, replayed: Replayed, key: RevisionId) -> Iterator[EvidenceOf]:
        below = replayed.after.below(key.adapter)
        folder = f"{evidence_folder(key)}/"
        for path in sorted(path for path in below if path.startswith(folder) and path.endswith(".json"))[:MAX_FILES]:
            actor, commit = self._added.get(path, (UNKNOWN, ""))
            yield EvidenceOf(path, self._kind(below[path]), actor, commit)

    def _kind(self, entry: Entry) -> str:
        if entry.kind != REGULAR:
            return ""
        if entry.identity not in self._kinds:
            if len(self._kinds) > _KINDS_KEPT:
                self._kinds.clear()
            self._kinds[entry.identity] = self._read_kind(entry)
        return self._kinds[entry.identity]

    def _read_kind(self, entry: Entry) -> str:
        try:
            return read_statement(self.documents.objects.read(entry.identity, entry.path, limit=MAX_BYTES)).kind
        except (EvidenceError, DocumentError, HistoryError):
            return ""


def _parts(key: RevisionId) -> tuple[str, str]:
    return key.adapter, key.revision


def _is_work(path: str) -> bool:
    parts = path.split("/")
    return classify(path).kind == "AdapterRevision" or (len(parts) > 4 and parts[2] == "evidence")


def served_by(change: Change) -> Iterator[Served]:
    """What each touched pointer said before, and says after."""
    for path in change.pointer_paths:
        environment, adapter = classify(path).values
        key = (environment, adapter)
        gone = change.touched[path] is Touch.REMOVED
        before, after = change.base.pointers.get(key), change.head.snapshot.pointers.get(key)
        was = told(before) if before else () if change.touched[path] is Touch.ADDED else UNREADABLE
        yield Served(environment, adapter, was, told(after) if after else () if gone else UNREADABLE)


def told(located: Located[Pointer]) -> tuple[str, ...]:
    """A pointer in words: `active 2`, `canary 3 at 5 %`, `shadow 4`."""
    pointer = located.document
    found = [f"active {pointer.active}"]
    if pointer.canary:
        tenants = f" and {', '.join(pointer.canary.tenants)}" if pointer.canary.tenants else ""
        found.append(f"canary {pointer.canary.revision} at {pointer.canary.weight:g} %{tenants}")
    if pointer.shadow:
        found.append(f"shadow {pointer.shadow.revision}")
    return tuple(found)


_POLICIES = frozenset({"Policy", "Roster", "Waivers", "Rule", "Revocations", "Environment"})


def kind_of(change: Change) -> str:
    """What a commit is, by what it leads to and not by its message: the gravest of its parts."""
    if change.promotions:
        return "promotion"
    if any(step.activates and change.is_rollback(step) for step in change.steps):
        return "rollback"
    kinds = {classify(path).kind for path in change.touched}
    folders = {path.partition("/")[0] for path in change.touched}
    if "Pointer" in kinds:
        return "pointer"
    if kinds & _POLICIES:
        return "policy"
    if folders & {"adapters", "bases"}:
        return "record"
    return "other" if change.touched else "empty"


def environments_of(change: Change) -> tuple[str, ...]:
    """The environments that a commit decides about: of its pointers and documents, and those that policies name."""
    found: set[str] = set()
    for path in change.touched:
        classified = classify(path)
        if classified.kind in ("Pointer", "Environment"):
            found.add(classified.values[0])
        elif classified.kind == "Policy":
            for side in (change.base, change.head.snapshot):
                policy = side.policies.get(classified.values[0])
                found |= set(policy.document.environments) if policy else set()
        elif path.startswith("policies/"):
            found |= change.base.environments.keys() | change.head.snapshot.environments.keys()
    return tuple(sorted(found))
