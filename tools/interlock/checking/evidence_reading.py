"""Which statements lie in a tree about which revision. Called where somebody is told what evidence there is.

Evidence for revision n of an adapter stands below `adapters/<adapter>/evidence/<n>/` as `.json` files. Nothing about
content raises: a file that is no statement is told as such, and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from interlock.documents.identifiers import RevisionId
from interlock.documents.tree import REGULAR, Entry, Tree
from interlock.errors import ArtifactError, DocumentError, EvidenceError, HistoryError
from interlock.evidence.statements import MAX_BYTES, Statement, read_statement

MAX_FILES = 200
"""Statements about one revision that are read; a folder may hold any number of files."""


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of evidence: what it states, or why it states nothing."""

    path: str
    statement: Statement | None = None
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceFolder:
    """The evidence for one revision; `unread` counts the files beyond `MAX_FILES`, which nobody looked at."""

    files: tuple[EvidenceFile, ...] = ()
    unread: int = 0


Evidence = Mapping[RevisionId, EvidenceFolder]


def read_evidence(tree: Tree, revisions: Iterable[RevisionId]) -> Evidence:
    """The evidence that lies in `tree` for each of these revisions."""
    wanted = {evidence_folder(revision): revision for revision in revisions}
    found: dict[RevisionId, list[Entry]] = {revision: [] for revision in wanted.values()}
    for entry, folder in _candidates(tree.entries()):
        if folder in wanted:
            found[wanted[folder]].append(entry)
    return {revision: _folder(tree, entries) for revision, entries in found.items()}


def evidence_folder(revision: RevisionId) -> str:
    """Where the evidence for a revision stands."""
    return f"adapters/{revision.adapter}/evidence/{revision.revision}"


def _candidates(entries: Mapping[str, Entry]) -> Iterator[tuple[Entry, str]]:
    for path, entry in entries.items():
        parts = path.split("/", 4)
        if len(parts) == 5 and parts[0] == "adapters" and parts[2] == "evidence" and path.endswith(".json"):
            yield entry, "/".join(parts[:4])


def _folder(tree: Tree, entries: list[Entry]) -> EvidenceFolder:
    ordered = sorted(entries, key=lambda entry: entry.path)
    return EvidenceFolder(tuple(_file(tree, entry) for entry in ordered[:MAX_FILES]), len(ordered[MAX_FILES:]))


def _file(tree: Tree, entry: Entry) -> EvidenceFile:
    if entry.kind != REGULAR:
        return EvidenceFile(entry.path, unreadable=f"it is a {entry.kind}")
    try:
        return EvidenceFile(entry.path, read_statement(tree.read(entry.path, limit=MAX_BYTES)))
    except (EvidenceError, DocumentError, ArtifactError, HistoryError) as error:
        return EvidenceFile(entry.path, unreadable=error.found)
