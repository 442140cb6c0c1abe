"""What the rules about documents say of one replayed commit, judged over the few documents that its changes concern.

Called by the replay. Rules over the bytes of adapters and over the room that an engine has are not replayed: bytes may
be gone by now, and `interlock check --base COMMIT~1 --head COMMIT` judges one commit with them. Nothing here is
remembered between commits except what policies, roster and environments say of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from interlock.checking.audit.historic_documents import LOST
from interlock.checking.audit.state import Side
from interlock.documents.identifiers import RevisionId
from interlock.documents.layout import base_path, classify, environment_path, revision_path
from interlock.documents.positions import Problem
from interlock.documents.tree import Entry
from interlock.findings.finding import Finding
from interlock.rules import custom, form, licences, lineage, merges, named_files, pointers, references
from interlock.rules import demands as demand_rules
from interlock.rules import environments as environment_rules
from interlock.rules import policies as policy_rules
from interlock.rules import waivers as waiver_rules
from interlock.rules.change import Touch
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

K = TypeVar("K")
V = TypeVar("V")

_NEEDS_BYTES_OR_ALL_PATHS = frozenset({"recipe-digest-mismatch", "waiver-of-nothing"})
OF_RECORDS: tuple[Rule, ...] = tuple(
    rule
    for family in (form, references, named_files, pointers, lineage, merges, licences)
    for rule in family.RULES
    if rule.id not in _NEEDS_BYTES_OR_ALL_PATHS
)
OF_GOVERNANCE: tuple[Rule, ...] = tuple(
    rule
    for family in (environment_rules, demand_rules, policy_rules, custom, waiver_rules)
    for rule in family.RULES
    if rule.id not in _NEEDS_BYTES_OR_ALL_PATHS
)
_GOVERNING = frozenset({"Adapter", "Environment", "Policy", "Revocations", "Roster", "Rule", "Waivers"})


@dataclass(frozen=True, slots=True)
class Concerned:
    """The names of the documents by which a commit is judged."""

    adapters: frozenset[str] = frozenset()
    revisions: frozenset[RevisionId] = frozenset()
    bases: frozenset[tuple[str, str]] = frozenset()
    pointers: frozenset[tuple[str, str]] = frozenset()
    paths: frozenset[str] = frozenset()
    governing: bool = False


def concerned_by(touched: Mapping[str, Touch], *sides: Side) -> Concerned:
    """What the changed paths name, on either side, and whatever names them where one was there before."""
    walk = _Walk(sides)
    for path, touch in touched.items():
        walk.follow(path, touch)
    return walk.concerned(frozenset(touched))


class _Walk:
    """The names found so far."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self._snapshots = [side.snapshot for side in sides]
        self._adapters: set[str] = set()
        self._revisions: set[RevisionId] = set()
        self._bases: set[tuple[str, str]] = set()
        self._pointers: set[tuple[str, str]] = set()
        self._governing = False

    def follow(self, path: str, touch: Touch) -> None:
        """Take in one changed path."""
        found, parts = classify(path), path.split("/")
        self._governing = self._governing or found.kind in _GOVERNING
        if parts[0] == "adapters" and len(parts) > 2:
            self._adapters.add(parts[1])
            if touch is Touch.REMOVED or found.kind in ("Adapter", "AdapterRevision"):
                self._adapter(parts[1], everything=touch is not Touch.ADDED)
        match found.kind:
            case "Pointer":
                self._pointer((found.values[0], found.values[1]))
            case "AdapterRevision":
                self._revisions.add(RevisionId(*found.values))
                if touch is Touch.REMOVED:
                    self._bases.update(key for snapshot in self._snapshots for key in snapshot.bases)
            case "BaseRevision":
                self._bases.add((found.values[0], found.values[1]))
                if touch is not Touch.ADDED:
                    self._revisions.update(key for snapshot in self._snapshots for key in snapshot.revisions)
            case "Environment":
                self._told(lambda key: key[0] == found.values[0])
            case "Revocations":
                self._told(lambda key: key[1] in self._revoked())

    def concerned(self, paths: frozenset[str]) -> Concerned:
        """Everything that was found, with the revisions that the pointers name."""
        for snapshot in self._snapshots:
            for key in self._pointers & snapshot.pointers.keys():
                names = snapshot.pointers[key].document.revisions
                self._revisions.update(RevisionId(key[1], name) for name in names)
        return Concerned(
            frozenset(self._adapters),
            frozenset(self._revisions),
            frozenset(self._bases),
            frozenset(self._pointers),
            paths,
            self._governing,
        )

    def _pointer(self, key: tuple[str, str]) -> None:
        self._pointers.add(key)
        self._adapters.add(key[1])

    def _told(self, wanted: Callable[[tuple[str, str]], bool]) -> None:
        for snapshot in self._snapshots:
            for key in filter(wanted, snapshot.pointers):
                self._pointer(key)

    def _adapter(self, name: str, *, everything: bool) -> None:
        """The pointers of an adapter; and all of its revisions, which may name what is gone or different now."""
        for snapshot in self._snapshots:
            for environment in snapshot.environments:
                if (environment, name) in snapshot.pointers:
                    self._pointer((environment, name))
            if everything:
                self._revisions.update(key for key in snapshot.revisions if key.adapter == name)

    def _revoked(self) -> frozenset[str]:
        located = [snapshot.revocations for snapshot in self._snapshots]
        return frozenset(record.adapter for one in located if one for record in one.document.revoked)


def narrowed(side: Side, concerned: Concerned) -> Facts:
    """The facts of one side with only what a commit concerns; whether something else is written can still be asked."""
    whole = side.snapshot
    revisions = _among(whole.revisions, concerned.revisions)
    bases = {
        *concerned.bases,
        *((one.document.base.name, one.document.base.revision) for one in revisions.values()),
        *((env.document.base.name, env.document.base.revision) for env in whole.environments.values()),
    }
    snapshot = replace(
        whole,
        adapters=_among(whole.adapters, concerned.adapters),
        revisions=revisions,
        bases=_among(whole.bases, bases),
        pointers=_among(whole.pointers, concerned.pointers),
        entries=_Written(whole.entries, [side.below(adapter) for adapter in sorted(concerned.adapters)]),
        problems=tuple(problem for path in sorted(_told_of(concerned)) for problem in side.problems.get(path, ())),
    )
    return Facts(snapshot)


def _told_of(concerned: Concerned) -> set[str]:
    """The paths whose form counts: what changes, and the records that it names."""
    records = {revision_path(key.adapter, key.revision) for key in concerned.revisions}
    settings = {environment_path(environment) for environment, _ in concerned.pointers}
    return {*concerned.paths, *records, *settings, *(base_path(*base) for base in concerned.bases)}


def _among(mapping: Mapping[K, V], wanted: frozenset[K] | set[K]) -> dict[K, V]:
    return {key: mapping[key] for key in wanted if key in mapping}


class _Written(Mapping[str, Entry]):
    """All paths of a tree to whoever asks for one, and those of a few folders to whoever goes through them."""

    def __init__(self, everything: Mapping[str, Entry], folders: list[Mapping[str, Entry]]) -> None:
        self._everything = everything
        self._folders = folders

    def __getitem__(self, path: str) -> Entry:
        return self._everything[path]

    def __contains__(self, path: object) -> bool:
        return path in self._everything

    def __iter__(self) -> Iterator[str]:
        for folder in self._folders:
            yield from folder

    def __len__(self) -> int:
        return sum(map(len, self._folders))


@dataclass
class DocumentRules:
    """The rules about documents over one history; what governs is judged again only when it changes."""

    _governance: tuple[Finding, ...] | None = None

    def judged(self, facts: Facts, concerned: Concerned) -> list[Finding]:
        """Every finding about one side, as far as documents show it."""
        found = [finding for rule in OF_RECORDS for finding in rule.check(facts)]
        found += form.uncatalogued(_without_lost(facts))
        found += [_lost(problem) for problem in facts.snapshot.problems if problem.rule == LOST]
        found += custom.judged(facts)
        return [*found, *self._of_governance(facts, concerned)]

    def forget(self) -> None:
        """Policies, roster or environments are others from now on."""
        self._governance = None

    def _of_governance(self, facts: Facts, concerned: Concerned) -> tuple[Finding, ...]:
        """For one state of what governs, the findings are the same whichever pointer or record changes."""
        if concerned.governing:
            return tuple(finding for rule in OF_GOVERNANCE for finding in rule.check(facts))
        if self._governance is None:
            plain = Facts(replace(facts.snapshot, problems=()), engine=facts.engine)
            self._governance = tuple(finding for rule in OF_GOVERNANCE for finding in rule.check(plain))
        return self._governance


def _without_lost(facts: Facts) -> Facts:
    kept = tuple(problem for problem in facts.snapshot.problems if problem.rule != LOST)
    return replace(facts, snapshot=replace(facts.snapshot, problems=kept))


def _lost(problem: Problem) -> Finding:
    """An object that git cannot deliver proves nothing, neither good nor bad."""
    return Finding(LOST, problem.place, problem.found, problem.expected, problem.remedy, evaluated=False)
