"""What a change can affect: the documents whose findings it may bring about, and those that are needed to judge them.

Called by `changes`, so that a pull request costs what it touches and not what the repository holds. A walk from the
touched paths along what names what, on both sides of the change. Where an effect cannot be bounded (a base, a rule
of the organisation, very many files) there is no reach, and everything is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from interlock.documents.fields import Document
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.kinds.policy import Revocations
from interlock.documents.layout import (
    PathClass,
    Standing,
    adapter_path,
    base_path,
    classify,
    environment_path,
    pointer_path,
    revision_path,
)
from interlock.documents.path_problems import is_ours, like_named, shown_path
from interlock.documents.snapshot import DocumentCache, read_at
from interlock.documents.tree import REGULAR, Tree, paths_below
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactMissing, DocumentError
from interlock.findings.finding import Finding
from interlock.rules.change import Touch
from interlock.rules.code_owners_file import ALL_LOCATIONS as CODE_OWNERS_LOCATIONS
from interlock.rules.custom import CANNOT_JUDGE

MOST_TOUCHED = 1000
"""Touched paths beyond which looking at everything is simpler and hardly slower."""

WAIVERS = "policies/waivers.yaml"
_OWNING = frozenset({"Adapter", "Environment", "Policy", "Roster"})
_MARKS = ("adapter_config.json", "adapter_model.safetensors", "config.json", "tokenizer.json")
"""Files by which a folder is known to hold an adapter or a base."""

_EVERYWHERE = CANNOT_JUDGE | {"case-collision"}
"""Rules whose findings count wherever they are: paths that look alike were compared beforehand, and a rule of the
organisation's own that cannot judge might have refused any change."""


@dataclass(frozen=True, slots=True)
class Reach:
    """`judged` are the paths whose findings count, as findings show them; `documents` are those to read, `revisions`
    those whose bytes count, `pointers` those that are judged, `lookalikes` the paths that may be taken for a judged
    one, `neighbours` the pointers that only share an engine with those that are judged.
    """

    judged: frozenset[str]
    documents: frozenset[str]
    revisions: frozenset[RevisionId]
    pointers: frozenset[tuple[str, str]] = frozenset()
    lookalikes: tuple[str, ...] = ()
    neighbours: frozenset[str] = frozenset()

    def concerns(self, finding: Finding) -> bool:
        """Whether the change may have brought a finding about, or may be judged by what the finding is about."""
        return finding.place.path in self.judged or finding.rule in _EVERYWHERE


def reach_of(touched: Mapping[str, Touch], base: Tree, head: Tree, cache: DocumentCache) -> Reach | None:
    """Follow a change; None where everything has to be judged."""
    if len(touched) > MOST_TOUCHED:
        return None
    walk = _Walk((base, head), cache)
    for path, touch in touched.items():
        if not walk.follow(path, touch):
            return None
    walk.add_what_decides()
    return Reach(
        frozenset(map(shown_path, walk.judged)),
        frozenset(walk.documents | walk.judged),
        frozenset(walk.revisions),
        frozenset(walk.pointers),
        walk.lookalikes(),
        frozenset(walk.neighbours - walk.documents - walk.judged),
    )


class _Walk:
    """The documents found so far. `sides` are the two trees; a name may mean another thing in each."""

    def __init__(self, sides: Sequence[Tree], cache: DocumentCache) -> None:
        self._sides = sides
        self._cache = cache
        self._listings = [side.entries() for side in sides]
        self._folders: dict[str, list[str]] = {}
        self._environments = sorted(self._names("environments/", "/environment.yaml"))
        self.judged: set[str] = set()
        self.documents: set[str] = set()
        self.revisions: set[RevisionId] = set()
        self.pointers: set[tuple[str, str]] = set()
        self.neighbours: set[str] = set()

    def follow(self, path: str, touch: Touch) -> bool:
        """Take in a touched path; False where its effects cannot be bounded."""
        found = classify(path)
        self.judged.add(path)
        if found.kind in _OWNING or path in CODE_OWNERS_LOCATIONS:
            self._code_owners()
        match found.kind:
            case "Pointer":
                self._pointer(*found.values)
            case "AdapterRevision":
                if touch is Touch.REMOVED:
                    return False  # a base may contain it
                self._touched_revision(found.values[0], found.values[1], touch)
            case "Adapter":
                self._adapter(*found.values)
            case "Environment":
                self._environment(*found.values)
            case "Policy" | "Roster" | "Waivers":
                self._policies()
            case "Revocations":
                self._revocations(path)
            case "":
                return self._file(path, touch, found)
            case _:
                return False
        return True

    def add_what_decides(self) -> None:
        """Every check reads the policies and the environments; there are few of them.

        A waiver may be for any file.
        """
        self.judged.add(WAIVERS)
        self.documents.update(self._below("policies/"))
        for environment in self._environments:
            path = environment_path(environment)
            self.documents.add(path)
            for document in self._documents(path):
                if isinstance(document, Environment):
                    self._base(document.base.name, document.base.revision)

    def _pointer(self, environment: str, adapter: str) -> None:
        """A pointer, what it names, and its environment, which may be too small for everything that it serves."""
        path = pointer_path(environment, adapter)
        self.judged |= {path, environment_path(environment)}
        self.pointers.add((environment, adapter))
        self.documents.add(adapter_path(adapter))
        self.neighbours.update(self._below(f"environments/{environment}/pointers/"))
        for document in self._documents(path):
            if isinstance(document, Pointer):
                for revision in document.revisions:
                    self._revision(adapter, revision)

    def _pointers(self, adapter: str) -> None:
        for environment in self._environments:
            if any(pointer_path(environment, adapter) in listing for listing in self._listings):
                self._pointer(environment, adapter)

    def _revision(self, adapter: str, revision: str) -> None:
        """A revision whose bytes count, with its base and all that came before it."""
        if RevisionId(adapter, revision) in self.revisions:
            return
        self.revisions.add(RevisionId(adapter, revision))
        self.judged.add(revision_path(adapter, revision))
        # Whether a finding about a revision is an error depends on whether a pointer names it.
        self.documents |= {adapter_path(adapter), *(pointer_path(env, adapter) for env in self._environments)}
        for document in self._documents(revision_path(adapter, revision)):
            if isinstance(document, AdapterRevision):
                self._base(document.base.name, document.base.revision, judged=True)
        self._ancestors(adapter, revision)

    def _ancestors(self, adapter: str, revision: str) -> None:
        waiting, seen = [revision], set[str]()
        while waiting:
            path = revision_path(adapter, waiting.pop())
            if path in seen:
                continue
            seen.add(path)
            before = (d.lineage.previous for d in self._documents(path) if isinstance(d, AdapterRevision))
            waiting.extend(filter(None, before))

    def _base(self, name: str, revision: str, *, judged: bool = False) -> None:
        path = base_path(name, revision)
        (self.judged if judged else self.documents).add(path)
        for document in self._documents(path):
            if isinstance(document, BaseRevision) and document.pedigree.base:
                self.documents.add(base_path(document.pedigree.base.name, document.pedigree.base.revision))

    def _touched_revision(self, adapter: str, revision: str, touch: Touch) -> None:
        self._revision(adapter, revision)
        self._pointers(adapter)
        if touch is not Touch.ADDED:
            self._all_revisions(adapter)

    def _all_revisions(self, adapter: str) -> None:
        for path in self._below(f"adapters/{adapter}/revisions/"):
            found = classify(path)
            if found.kind == "AdapterRevision":
                self._revision(*found.values)

    def _adapter(self, adapter: str) -> None:
        self._all_revisions(adapter)
        self._pointers(adapter)
        self.judged.update(map(environment_path, self._environments))  # one of them may hold it

    def _environment(self, environment: str) -> None:
        """Everything that it serves; another environment may name it as its upstream."""
        self._policies()
        for path in self._below(f"environments/{environment}/pointers/"):
            found = classify(path)
            if found.kind == "Pointer":
                self._pointer(*found.values)

    def _policies(self) -> None:
        """Policies name environments and people, and environments lean on policies."""
        self.judged.update(self._below("policies/"))
        self.judged.update(map(environment_path, self._environments))

    def _code_owners(self) -> None:
        """A generated CODEOWNERS, if there is one, with all that its owners follow from."""
        there = {path for listing in self._listings for path in CODE_OWNERS_LOCATIONS if path in listing}
        if there:
            self.judged |= there
            self.documents.update(map(adapter_path, self._names("adapters/", "/adapter.yaml")))

    def _revocations(self, path: str) -> None:
        self._policies()
        for document in self._documents(path):
            if isinstance(document, Revocations):
                for adapter in sorted({record.adapter for record in document.revoked}):
                    self._pointers(adapter)

    def _file(self, path: str, touch: Touch, found: PathClass) -> bool:
        """A file that is no document: evidence, a suite, or something that a manifest may name."""
        parts = path.split("/")
        if found.standing is Standing.FREE and "suites" in parts:
            self._policies()
        if found.standing is Standing.FREE and len(parts) > 4 and parts[2] == "evidence":
            self._revision(parts[1], parts[3])
            self._pointers(parts[1])
        names = self._names_of(path, touch)
        return not names or self._whoever_names(names)

    def _names_of(self, path: str, touch: Touch) -> list[bytes]:
        """The texts by which a manifest that stood before would name this file, or a folder above it.

        What is new in a new place is named by nobody whose reference was not broken before.
        """
        names = [] if touch is Touch.ADDED else [path]
        parts = path.split("/")
        for end in range(1, len(parts)):
            folder = "/".join(parts[:end])
            if any(f"{folder}/{mark}" in self._listings[0] for mark in _MARKS):
                names.append(f"file:{folder}")
        return [name.encode("utf-8", errors="surrogateescape") for name in names]

    def _whoever_names(self, names: Sequence[bytes]) -> bool:
        """Take in the revisions whose manifests hold one of these texts; False where a base does."""
        for path in (*self._below("bases/"), *self._below("adapters/")):
            found = classify(path)
            if found.kind in ("AdapterRevision", "BaseRevision") and self._holds(path, names):
                if found.kind == "BaseRevision":
                    return False
                self._revision(*found.values)
                self._pointers(found.values[0])
        return True

    def _holds(self, path: str, names: Sequence[bytes]) -> bool:
        """Whether a file holds one of the texts, or a backslash, behind which YAML can hide any text."""
        read = set()
        for side, listing in zip(self._sides, self._listings, strict=True):
            entry = listing.get(path)
            if entry is None or entry.kind != REGULAR or entry.identity in read:
                continue
            read.add(entry.identity)
            data = _content(side, path)
            if b"\\" in data or any(name in data for name in names):
                return True
        return False

    def _documents(self, path: str) -> Iterator[Document]:
        """What stands at a path, on each side where it can be read."""
        self.documents.add(path)
        read = set()
        for side, listing in zip(self._sides, self._listings, strict=True):
            entry = listing.get(path)
            expected = classify(path)
            if entry is None or entry.kind != REGULAR or expected.standing is not Standing.DOCUMENT:
                continue
            if entry.identity not in read:
                read.add(entry.identity)
                document = read_at(side, entry, expected, self._cache).document
                if document:
                    yield document

    def lookalikes(self) -> tuple[str, ...]:
        """Every path of ours, on either side, that begins like a judged one where upper and lower case are the same."""
        judged = list(filter(is_ours, self.judged))
        return tuple(sorted(set().union(*(like_named(listing, judged) for listing in self._listings))))

    def _below(self, folder: str) -> list[str]:
        """The paths below a folder on either side."""
        if folder not in self._folders:
            self._folders[folder] = sorted(
                {path for listing in self._listings for path in paths_below(listing, folder)}
            )
        return self._folders[folder]

    def _names(self, before: str, after: str) -> set[str]:
        """The names of folders that stand between two parts of a path."""
        return {
            path[len(before) :].partition("/")[0]
            for path in self._below(before)
            if path.endswith(after) or "/pointers/" in path
        }


def _content(side: Tree, path: str) -> bytes:
    """The bytes of a file; for one that cannot be read, a text that may mean anything."""
    try:
        return side.read(path, limit=MAX_DOCUMENT_BYTES)
    except (DocumentError, ArtifactMissing):
        return b"\\"
