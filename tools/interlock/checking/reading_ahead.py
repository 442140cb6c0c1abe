"""Reads many documents before they are judged: from the store of an earlier check, the rest in several processes.

Called by `checker` where the command line asked for it; the agent does not. What comes out is the same as reading one
document after another, and whatever goes wrong here is left for that reading to find.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from interlock.documents.layout import Standing, classify
from interlock.documents.packed import Packed, pack, unpack
from interlock.documents.path_problems import is_ours
from interlock.documents.reading import read_document
from interlock.documents.snapshot import DocumentCache
from interlock.documents.tree import REGULAR, Entry, Tree
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactMissing, DocumentError, HistoryError

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

    from interlock.checking.document_store import DocumentStore

WORTH_READING_AHEAD = 200
"""Documents from which opening the store takes less time than it saves."""
WORTH_PROCESSES = 2000
"""Documents from which starting processes takes less time than it saves."""
_CHUNK = 50
_BATCH = 2000
"""Documents whose bytes are held at once."""
_MOST_PROCESSES = 8


_Files = Sequence[tuple[str, bytes]]
_PackedFiles = Iterable[tuple[str, Packed | None]]
_Read = Callable[[_Files], _PackedFiles]


@dataclass(frozen=True, slots=True)
class ReadingAhead:
    """How documents are read ahead: by at most so many processes, and with the store of earlier checks.

    `store` opens it, and is called only where there is enough to read.
    """

    processes: int = 1
    store: Callable[[], DocumentStore | None] = lambda: None

    def into(self, cache: DocumentCache, tree: Tree, only: Iterable[str] | None = None) -> None:
        """Read the documents of a tree (those at the paths of `only`) into `cache`."""
        entries = tree.entries()
        wanted = [entries[path] for path in (entries if only is None else sorted(only)) if path in entries]
        documents = [entry for entry in wanted if _is_document(entry) and cache.get(entry) is None]
        if len(documents) < WORTH_READING_AHEAD:
            return
        store = self.store()
        with self._readers(len(documents)) as read:
            for start in range(0, len(documents), _BATCH):
                _read_batch(documents[start : start + _BATCH], tree, cache, store, read)

    @contextmanager
    def _readers(self, count: int) -> Iterator[_Read]:
        """Reads files, in several processes where that is worth it."""
        processes = min(self.processes, _MOST_PROCESSES)
        if processes < 2 or count < WORTH_PROCESSES:
            yield _pack_all
            return
        import multiprocessing

        # Forked, since the command line has one thread here and everything that reading needs is imported already.
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            yield partial(_pack_in, pool)


def _read_batch(
    documents: Sequence[Entry], tree: Tree, cache: DocumentCache, store: DocumentStore | None, read: _Read
) -> None:
    tree.prefetch([entry.path for entry in documents], limit=MAX_DOCUMENT_BYTES)
    entries = {entry.path: entry for entry in documents}
    contents = dict(_contents(tree, documents))
    keys = {path: _key(path, content) for path, content in contents.items()}
    known = store.find(list(keys.values())) if store else {}
    unknown = [(path, contents[path]) for path, key in keys.items() if key not in known]
    fresh = {keys[path]: packed for path, packed in read(unknown) if packed}
    for path, key in keys.items():
        packed = known.get(key) or fresh.get(key)
        reading = unpack(packed, classify(path)) if packed else None
        cache.keep(entries[path], reading or read_document(contents[path], path, classify(path)))
    if store and fresh:
        store.keep(fresh)


def _pack_in(pool: Pool, files: _Files) -> _PackedFiles:
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    return chain.from_iterable(pool.imap(_pack_all, chunks))


def _is_document(entry: Entry) -> bool:
    found = is_ours(entry.path) and entry.kind == REGULAR and entry.path.isascii()
    return found and classify(entry.path).standing is Standing.DOCUMENT


def _contents(tree: Tree, entries: Iterable[Entry]) -> Iterator[tuple[str, bytes]]:
    for entry in entries:
        try:
            yield entry.path, tree.read(entry.path, limit=MAX_DOCUMENT_BYTES)
        except (DocumentError, ArtifactMissing, HistoryError):
            continue  # read again, and told, where the documents are read one by one


def _key(path: str, content: bytes) -> str:
    """The id of these bytes as a blob (by SHA-256), and the path, which says what is expected of them."""
    blob = b"blob %d\0" % len(content) + content
    return f"{hashlib.sha256(blob).hexdigest()}:{path}"


def _pack_all(files: _Files) -> list[tuple[str, Packed | None]]:
    return [(path, pack(content, path)) for path, content in files]


def usable_processes() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))
