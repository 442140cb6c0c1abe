"""Everything the rules judge, gathered beforehand: the documents of one tree and what is known of the bytes they name.

Filled in by `checking.gather`; rules only read it. Nothing here opens a file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

from interlock.artifacts.adapter_config import AdapterConfig
from interlock.artifacts.lora_tensors import LoraPairs
from interlock.artifacts.tensor_table import TensorTable
from interlock.artifacts.tensor_values import ValueReport
from interlock.documents.identifiers import Digest, RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.kinds.policy import Revoked
from interlock.documents.layout import classify
from interlock.documents.positions import Location, Place
from interlock.documents.snapshot import Located, Snapshot
from interlock.documents.tree import Foldered
from interlock.findings.finding import Severity
from interlock.rules.expressions.engine import RuleEngine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file as it is. `size` in bytes; `at_least` says that it goes on, and nobody looked how far.

    `digest` is None for a file that is not promised or has not the promised size, and for a large one beyond this
    machine: such a file is not read further.
    """

    size: int
    digest: Digest | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """What is known of the bytes of one revision or base.

    `files` are the files that are really there. `unreachable` says why nothing could be found out ("" when it could),
    `missing` why there is nothing ("" when there is something). `strange` are names at which something else than a
    regular file lies, with what it is. `table` and `pairs` describe the tensors or are None
    with a reason in `table_error`; likewise `config` and `config_error`. `values` is there after a deep check only.
    """

    files: Mapping[str, FileFact] = field(default_factory=dict)
    strange: Mapping[str, str] = field(default_factory=dict)
    table: TensorTable | None = None
    table_error: str = ""
    pairs: LoraPairs | None = None
    config: AdapterConfig | None = None
    config_error: str = ""
    unreachable: str = ""
    missing: str = ""
    values: ValueReport | None = None


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """The kinds of statements about exactly a revision's bytes; `unread` says why they are not known ("": they are).

    Signatures are not verified yet.
    """

    kinds: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """What is known of the signature over a revision's files: the `fingerprint` of the key that made it, or

    `flaw`: why it is no signature over these files; `stranger`: no key of the roster made it; `unread`: why nothing is
    known of it. `days` are the first and the last day of the signer's certificate, where there is one.
    """

    fingerprint: str = ""
    flaw: str = ""
    stranger: bool = False
    unread: str = ""
    days: tuple[dt.date, dt.date] | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One value of a pointer that names a revision; `role` is `active`, `canary`, `shadow` or `keep`."""

    environment: str
    revision: RevisionId
    role: str
    place: Place


@dataclass(frozen=True)
class Facts:
    """One tree and its bytes.

    A snapshot may hold only the documents that a judgement needs. Whether something is there at all is therefore
    asked by `written` and `known_of`, and never by what the snapshot lacks.

    `environment` narrows the judgement to what that environment serves, `only` to these revisions, `only_pointers`
    to these pointers (environment and adapter). `digests` holds the digest of every recipe that a manifest in scope
    names and that could be read. `today` is the day (UTC) on which it is judged; None where nothing that depends on
    it is asked for. `evidence` is there where a rule of the organisation's own reads it, `signatures` for every
    revision in scope that says it is signed; `engine` understands those rules, whose files are in `rule_texts` by
    path. `code_owners` are the texts of the files CODEOWNERS where a forge looks for them, by path.
    """

    snapshot: Snapshot
    artifacts: Mapping[RevisionId, ArtifactFacts] = field(default_factory=dict)
    bases: Mapping[tuple[str, str], ArtifactFacts] = field(default_factory=dict)
    digests: Mapping[str, Digest] = field(default_factory=dict)
    environment: str | None = None
    only: frozenset[RevisionId] | None = None
    only_pointers: frozenset[tuple[str, str]] | None = None
    today: dt.date | None = None
    evidence: Mapping[RevisionId, EvidenceFacts] = field(default_factory=dict)
    signatures: Mapping[RevisionId, SignatureFacts] = field(default_factory=dict)
    engine: RuleEngine | None = None
    rule_texts: Mapping[str, str] = field(default_factory=dict)
    code_owners: Mapping[str, str] = field(default_factory=dict)
    _worked_out: dict[str, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, name: str, work_out: Callable[[Facts], T]) -> T:
        """What `work_out` makes of these facts, worked out once for all the rules that need it."""
        if name not in self._worked_out:
            self._worked_out[name] = work_out(self)
        return cast(T, self._worked_out[name])

    def in_scope(self, environment: str) -> bool:
        """Whether findings about this environment are asked for."""
        return self.environment in (None, environment)

    @cached_property
    def environments(self) -> tuple[Located[Environment], ...]:
        """The environments in scope."""
        return tuple(env for name, env in self.snapshot.environments.items() if self.in_scope(name))

    @cached_property
    def all_pointers(self) -> Mapping[tuple[str, str], Located[Pointer]]:
        """The pointers of the environments in scope, by environment and adapter: those that are judged, and others
        that share an engine with them.
        """
        return {key: pointer for key, pointer in self.snapshot.pointers.items() if self.in_scope(key[0])}

    @cached_property
    def pointers(self) -> Mapping[tuple[str, str], Located[Pointer]]:
        """The pointers that are judged, by environment and adapter."""
        if self.only_pointers is None:
            return self.all_pointers
        return {key: pointer for key, pointer in self.all_pointers.items() if key in self.only_pointers}

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Every value of a pointer in scope that names a revision, known or not."""
        return tuple(use for key, pointer in self.pointers.items() for use in _uses(*key, pointer))

    @cached_property
    def served(self) -> tuple[Use, ...]:
        """Like `uses`, but each revision once for an environment, at the first place that names it."""
        first: dict[tuple[str, RevisionId], Use] = {}
        for use in self.uses:
            first.setdefault((use.environment, use.revision), use)
        return tuple(first.values())

    @cached_property
    def named(self) -> frozenset[RevisionId]:
        """The revisions that a pointer names, whether or not it is judged itself."""
        return frozenset(
            RevisionId(adapter, revision)
            for (_, adapter), pointer in self.all_pointers.items()
            for revision in pointer.document.revisions
        )

    @cached_property
    def revisions(self) -> Mapping[RevisionId, Located[AdapterRevision]]:
        """The revisions in scope: all of them, those that the chosen environment serves, or the chosen ones."""
        if self.environment is None and self.only is None:
            return self.snapshot.revisions
        wanted = self.named if self.only is None else self.only
        return {key: value for key, value in self.snapshot.revisions.items() if key in wanted}

    @cached_property
    def known_bases(self) -> Mapping[tuple[str, str], Located[BaseRevision]]:
        """The bases in scope: all of them, or those of the environments and revisions in scope."""
        if self.environment is None and self.only is None:
            return self.snapshot.bases
        named = [env.document.base for env in self.environments] if self.only is None else []
        named += [revision.document.base for revision in self.revisions.values()]
        wanted = {(base.name, base.revision) for base in named}
        return {key: value for key, value in self.snapshot.bases.items() if key in wanted}

    def known_of(self, adapter: str) -> frozenset[RevisionId]:
        """The revisions of an adapter that have a manifest, whatever the scope, and whatever their form."""
        if isinstance(self.snapshot.entries, Foldered):
            return _manifests(self.snapshot.entries.below(f"adapters/{adapter}/revisions/")).get(adapter, frozenset())
        return self._known.get(adapter, frozenset())

    @cached_property
    def _known(self) -> Mapping[str, frozenset[RevisionId]]:
        return _manifests(path for path in self.snapshot.entries if "/revisions/" in path)

    @cached_property
    def revoked(self) -> Mapping[RevisionId, Revoked]:
        """The revisions that must never be served again, each with its record."""
        located = self.snapshot.revocations
        return {RevisionId(r.adapter, r.revision): r for r in located.document.revoked} if located else {}

    def weight_of(self, revision: RevisionId) -> Severity:
        """How much it counts that something about a revision is not known: it blocks only what a pointer names."""
        return Severity.ERROR if revision in self.named else Severity.WARNING

    def written(self, path: str) -> bool:
        """Whether a file stands at `path`, even one whose form is wrong and that has a finding of its own."""
        return path in self.snapshot.entries


def _manifests(paths: Iterable[str]) -> dict[str, frozenset[RevisionId]]:
    """The revisions whose manifests stand at these paths, by adapter."""
    grouped: dict[str, set[RevisionId]] = {}
    for path in paths:
        if (found := classify(path)).kind == "AdapterRevision":
            adapter, revision = found.values
            grouped.setdefault(adapter, set()).add(RevisionId(adapter, revision))
    return {adapter: frozenset(keys) for adapter, keys in grouped.items()}


def _uses(environment: str, adapter: str, located: Located[Pointer]) -> list[Use]:
    pointer = located.document
    named: list[tuple[str, str, Location]] = [("active", pointer.active, ("active",))]
    for role, part in (("canary", pointer.canary), ("shadow", pointer.shadow)):
        if part:
            named.append((role, part.revision, (role, "revision")))
    named += [("keep", revision, ("keep", index)) for index, revision in enumerate(pointer.keep)]
    return [
        Use(environment, RevisionId(adapter, revision), role, located.place(*where)) for role, revision, where in named
    ]
