"""Every document of a tree at once, typed, with what is wrong with its form; checking, sync and lifecycle start here.

Bad content never raises: it becomes a problem, and the document is left out. A link is never followed or read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from interlock.documents.fields import Document
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter import Adapter
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.kinds.policy import Policy, Revocations, Rule, Waivers
from interlock.documents.kinds.roster import Roster
from interlock.documents.layout import PathClass, Standing, classify
from interlock.documents.path_problems import entry_problems, is_ours, name_collisions
from interlock.documents.positions import Place, Positions, Problem
from interlock.documents.reading import Reading, read_document
from interlock.documents.tree import REGULAR, Entry, Tree
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactMissing, DocumentError, InterlockError

T = TypeVar("T", bound=Document)
_CACHED_READINGS = 20_000


@dataclass(frozen=True, slots=True)
class Located(Generic[T]):
    """A document and where it stands. `identity` changes whenever the bytes may have changed (see `Entry`)."""

    document: T
    path: str
    positions: Positions
    identity: str

    def place(self, *location: str | int) -> Place:
        """The place of the value at a location (`located.place("base", "revision")`); the document's start for none."""
        return Place(self.path, *self.positions.of(location))

    def key_place(self, *location: str | int) -> Place:
        """The place of the key that leads to a location."""
        return Place(self.path, *self.positions.of_key(location))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All well-formed documents of one tree by their names, and the problems of the others.

    `pointers` are by environment and adapter, `bases` by name and revision, `policies` by file name without ending.
    `entries` holds every path of the tree, `documents_read` counts the files that should be documents.
    """

    label: str
    adapters: Mapping[str, Located[Adapter]]
    revisions: Mapping[RevisionId, Located[AdapterRevision]]
    bases: Mapping[tuple[str, str], Located[BaseRevision]]
    environments: Mapping[str, Located[Environment]]
    pointers: Mapping[tuple[str, str], Located[Pointer]]
    policies: Mapping[str, Located[Policy]]
    revocations: Located[Revocations] | None
    roster: Located[Roster] | None
    waivers: Located[Waivers] | None
    rules: Mapping[str, Located[Rule]]
    problems: tuple[Problem, ...]
    entries: Mapping[str, Entry]
    documents_read: int


class DocumentCache:
    """Readings kept in memory by path and identity, the oldest dropped first.

    It may serve several trees: what was read depends on the path and the bytes only, and the identity of an entry
    names its bytes (the blob of a git tree; device, inode, size and times of a file).
    """

    def __init__(self, capacity: int = _CACHED_READINGS) -> None:
        self._capacity = capacity
        self._readings: dict[tuple[str, str], Reading] = {}

    def get(self, entry: Entry) -> Reading | None:
        """The reading of exactly these bytes at this path, if it is still kept."""
        return self._readings.get((entry.path, entry.identity))

    def keep(self, entry: Entry, reading: Reading) -> None:
        """Remember a reading."""
        while len(self._readings) >= self._capacity:
            del self._readings[next(iter(self._readings))]
        self._readings[(entry.path, entry.identity)] = reading


def read_snapshot(
    tree: Tree,
    cache: DocumentCache | None = None,
    only: frozenset[str] | None = None,
    compared: Iterable[str] = (),
) -> Snapshot:
    """Read every document below our folders, or those at the paths of `only`; with a cache, only what changed since.

    With `only`, the paths that are looked at for names that differ in case only are those of `compared`.

    Raises:
        HistoryError: a git tree could not be read at all (nothing else raises).
    """
    entries = tree.entries()
    wanted = [path for path in (entries if only is None else sorted(only)) if is_ours(path) and path in entries]
    problems = [*name_collisions(wanted if only is None else (path for path in compared if path in entries))]
    unread = (path for path in wanted if cache is None or cache.get(entries[path]) is None)
    tree.prefetch(filter(_is_document, unread), limit=MAX_DOCUMENT_BYTES)
    found: list[tuple[PathClass, Located[Document]]] = []
    count = 0
    for path in wanted:
        expected, entry = classify(path), entries[path]
        flaws = entry_problems(entry, expected)
        problems += flaws
        if entry.kind != REGULAR or expected.standing is not Standing.DOCUMENT:
            continue
        count += 1
        if flaws:
            continue
        reading = read_at(tree, entry, expected, cache)
        problems += reading.problems
        if reading.document:
            found.append((expected, Located(reading.document, path, reading.positions, entry.identity)))
    return _arranged(tree.label, found, sorted(problems, key=lambda p: (p.place, p.rule)), entries, count)


def _is_document(path: str) -> bool:
    return classify(path).standing is Standing.DOCUMENT


def read_at(tree: Tree, entry: Entry, expected: PathClass, cache: DocumentCache | None = None) -> Reading:
    """Read the one document at an entry, which is a regular file; `expected` is what its path promises."""
    known = cache.get(entry) if cache else None
    if known:
        return known
    reading = _reading(tree, entry, expected)
    if cache:
        cache.keep(entry, reading)
    return reading


def _reading(tree: Tree, entry: Entry, expected: PathClass) -> Reading:
    try:
        data = tree.read(entry.path, limit=MAX_DOCUMENT_BYTES)
    except DocumentError as error:
        return _unread("document-too-large", entry, error)
    except ArtifactMissing as error:
        return _unread("unreadable-file", entry, error)
    return read_document(data, entry.path, expected)


def _unread(rule: str, entry: Entry, error: InterlockError) -> Reading:
    expected = error.expected or "a file that can be read"
    remedy = error.remedy or "check its permissions, and that nothing else is changing the files"
    return Reading(None, Positions(), (Problem(rule, Place(entry.path), error.found, expected, remedy),))


def _arranged(
    label: str,
    found: list[tuple[PathClass, Located[Document]]],
    problems: list[Problem],
    entries: Mapping[str, Entry],
    count: int,
) -> Snapshot:
    def of(model: type[T]) -> Iterator[tuple[tuple[str, ...], Located[T]]]:
        for expected, located in found:
            if isinstance(located.document, model):
                yield expected.values, cast("Located[T]", located)

    return Snapshot(
        label=label,
        adapters={name: located for (name,), located in of(Adapter)},
        revisions={RevisionId(adapter, revision): located for (adapter, revision), located in of(AdapterRevision)},
        bases={(name, revision): located for (name, revision), located in of(BaseRevision)},
        environments={name: located for (name,), located in of(Environment)},
        pointers={(environment, adapter): located for (environment, adapter), located in of(Pointer)},
        policies={name: located for (name,), located in of(Policy)},
        revocations=next((located for _, located in of(Revocations)), None),
        roster=next((located for _, located in of(Roster)), None),
        waivers=next((located for _, located in of(Waivers)), None),
        rules={name: located for (name,), located in of(Rule)},
        problems=tuple(problems),
        entries=entries,
        documents_read=count,
    )
