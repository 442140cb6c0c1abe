"""Reads the documents of many commits in bulk, each version once. Called by the replay.

What git cannot deliver becomes a problem of its document, so that one damaged object does not hide the rest of the
history; `is_lost` tells it apart from a document whose form is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO

from interlock.documents.layout import Standing, classify
from interlock.documents.path_problems import is_ours
from interlock.documents.positions import Place, Positions, Problem
from interlock.documents.reading import Reading
from interlock.documents.snapshot import DocumentCache, read_at
from interlock.documents.tree import REGULAR, Entry
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactMissing, DocumentError, HistoryError
from interlock.history.blob_reading import ObjectReader, blob_stream
from interlock.history.git_command import Git
from interlock.history.pointer_history import MAX_POINTER_BYTES, named_active

_KEPT = 5_000

LOST = "object-lost"
"""The rule of a problem that says that git does not have an object, or not whole."""


class ReplayedTree:
    """The files of one replayed commit; implements `documents.tree.Tree` over entries that the replay keeps."""

    def __init__(self, git: Git, label: str, entries: Mapping[str, Entry], objects: ObjectReader) -> None:
        self._git = git
        self._label = label
        self._entries = entries
        self._objects = objects
        self._ahead: dict[str, bytes] = {}

    @property
    def label(self) -> str:
        """The commit."""
        return self._label

    def entries(self) -> Mapping[str, Entry]:
        """See `Tree.entries`."""
        return self._entries

    def read(self, path: str, *, limit: int) -> bytes:
        """See `Tree.read`.

        Raises:
            HistoryError: git cannot deliver the blob.
        """
        entry = self._regular(path)
        ahead = self._ahead.pop(entry.identity, None)
        if ahead is not None and len(ahead) <= limit:
            return ahead
        return self._objects.read(entry.identity, path, limit=limit)

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        """See `Tree.prefetch`: one request for all of them."""
        blobs = dict.fromkeys(self._entries[path].identity for path in paths if path in self._entries)
        self._ahead = self._objects.read_several(list(blobs), limit=limit)

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """See `Tree.open`."""
        return blob_stream(self._git, self._regular(path).identity, f"{path} of commit {self._label[:12]}")

    def _regular(self, path: str) -> Entry:
        entry = self._entries.get(path)
        if entry is None or entry.kind != REGULAR:
            raise ArtifactMissing(f"{path} is not there in commit {self._label[:12]}", expected="a regular file")
        return entry


class HistoricDocuments:
    """Documents by path and blob. Not for several threads; its owner closes `objects`."""

    def __init__(self, git: Git, objects: ObjectReader) -> None:
        self._git = git
        self.objects = objects
        self._cache = DocumentCache(_KEPT)

    def read_ahead(self, entries: Iterable[Entry]) -> None:
        """Read those of these that are documents and were not read yet, in one request."""
        wanted = [entry for entry in dict.fromkeys(entries) if is_document(entry) and self._cache.get(entry) is None]
        contents = self._contents(wanted)
        for entry in wanted:
            if entry.identity in contents:
                self._keep(entry, contents[entry.identity])

    def reading(self, entry: Entry) -> Reading:
        """What a document says."""
        known = self._cache.get(entry)
        if known:
            return known
        try:
            tree = ReplayedTree(self._git, "", {entry.path: entry}, self.objects)
            return read_at(tree, entry, classify(entry.path), self._cache)
        except HistoryError as error:
            problem = Problem(LOST, Place(entry.path), error.found, "an object that git has", error.remedy)
            return Reading(None, Positions(), (problem,))

    def tree(self, label: str, entries: Mapping[str, Entry]) -> ReplayedTree:
        """The files of one commit, for whoever reads more than documents."""
        return ReplayedTree(self._git, label, entries, self.objects)

    def active(self, entry: Entry) -> str | None:
        """The active revision that a pointer file names although its form is wrong; None where it names none."""
        try:
            return named_active(self.objects.read(entry.identity, entry.path, limit=MAX_POINTER_BYTES))
        except (HistoryError, DocumentError):
            return None

    def _contents(self, entries: list[Entry]) -> Mapping[str, bytes]:
        blobs = list(dict.fromkeys(entry.identity for entry in entries))
        try:
            return self.objects.read_several(blobs, limit=MAX_DOCUMENT_BYTES)
        except HistoryError:
            return {}  # one of them is damaged: each is read by itself when it is needed

    def _keep(self, entry: Entry, content: bytes) -> None:
        read_at(_Held(entry, content), entry, classify(entry.path), self._cache)


class _Held(ReplayedTree):
    """One document whose bytes are here."""

    def __init__(self, entry: Entry, content: bytes) -> None:
        self._entries = {entry.path: entry}
        self._content = content

    def read(self, path: str, *, limit: int) -> bytes:
        return self._content


def is_document(entry: Entry) -> bool:
    """Whether a regular file stands where a document belongs."""
    return entry.kind == REGULAR and is_ours(entry.path) and classify(entry.path).standing is Standing.DOCUMENT
