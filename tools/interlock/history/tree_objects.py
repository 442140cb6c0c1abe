"""The paths of a commit, read folder by folder from git's tree objects and only where somebody looks.

Made by `commit_tree` for the two sides of a change: what a check of one change costs then does not grow with the
repository. The other side is the same paths with the differences that git prints laid over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from interlock.documents.tree import Entry
from interlock.errors import HistoryError, UsageError
from interlock.findings.readable import readable
from interlock.history.blob_reading import ObjectReader
from interlock.history.listing import UNKNOWN_SIZE, kind_of

MAX_TREE_BYTES = 64 << 20
UNMERGED = "U"
_FOLDER = 0o040000

_Folder = Mapping[str, tuple[int, str]]
"""Modes and ids by name."""


class TreeListing(Mapping[str, Entry]):
    """The entries below one tree object. `documents.tree.Foldered` says what else it can tell."""

    def __init__(self, objects: ObjectReader, tree: str) -> None:
        """`tree` is a full id of a tree, or `COMMIT^{tree}`."""
        self._objects = objects
        self._root = tree
        self._folders: dict[str, _Folder] = {}

    def __getitem__(self, path: str) -> Entry:
        folder, _, name = path.rpartition("/")
        mode, identity = self._folder(folder).get(name, (_FOLDER, ""))
        if mode == _FOLDER:
            raise KeyError(path)
        return Entry(path, kind_of(mode), UNKNOWN_SIZE, identity)

    def __iter__(self) -> Iterator[str]:
        return self.below("")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def names(self, folder: str) -> frozenset[str]:
        """See `Foldered.names`."""
        return frozenset(self._folder(folder.rstrip("/")))

    def below(self, folder: str) -> Iterator[str]:
        """See `Foldered.below`; in git's order."""
        waiting = [folder.rstrip("/")]
        while waiting:
            at = waiting.pop()
            prefix = f"{at}/" if at else ""
            inner = []
            for name, (mode, _) in self._folder(at).items():
                if mode == _FOLDER:
                    inner.append(f"{prefix}{name}")
                else:
                    yield f"{prefix}{name}"
            waiting += reversed(inner)

    def _folder(self, path: str) -> _Folder:
        """What is directly in a folder; nothing for one that is not there."""
        if path not in self._folders:
            self._folders[path] = self._read(path)
        return self._folders[path]

    def _read(self, path: str) -> _Folder:
        if not path:
            return _parsed(self._objects.read_tree(self._root, limit=MAX_TREE_BYTES))
        above, _, name = path.rpartition("/")
        mode, identity = self._folder(above).get(name, (0, ""))
        return _parsed(self._objects.read_tree(identity, limit=MAX_TREE_BYTES)) if mode == _FOLDER else {}


class ChangedListing(Mapping[str, Entry]):
    """Paths with differences laid over them: `changed` gives `MODE ID` by path, "" for what is gone."""

    def __init__(self, before: TreeListing, changed: Mapping[str, str]) -> None:
        self.before = before
        self.changed = changed

    def __getitem__(self, path: str) -> Entry:
        if path not in self.changed:
            return self.before[path]
        mode, _, identity = self.changed[path].partition(" ")
        if not mode:
            raise KeyError(path)
        return Entry(path, kind_of(int(mode, 8)), UNKNOWN_SIZE, identity)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.below("")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def names(self, folder: str) -> frozenset[str]:
        """See `Foldered.names`."""
        prefix = f"{folder.rstrip('/')}/" if folder.rstrip("/") else ""
        added = (path for path, words in self.changed.items() if words and path.startswith(prefix))
        return self.before.names(folder) | {path[len(prefix) :].partition("/")[0] for path in added}

    def below(self, folder: str) -> Iterator[str]:
        """See `Foldered.below`."""
        prefix = f"{folder.rstrip('/')}/" if folder.rstrip("/") else ""
        yield from (path for path in self.before.below(folder) if path not in self.changed)
        yield from (path for path, words in self.changed.items() if words and path.startswith(prefix))


def differences(printed: bytes) -> dict[str, str]:
    """What `git diff-tree -r -z` or `git diff-index --cached -z` print, as `ChangedListing` takes it.

    Raises:
        UsageError: a merge left a path in conflict, so there is no other side yet.
    """
    found: dict[str, str] = {}
    parts = iter(printed.decode("utf-8", errors="surrogateescape").split("\0"))
    for description in parts:
        if not description.startswith(":"):
            continue
        _, mode, _, identity, status = description.split(" ")
        path = next(parts)
        if status == UNMERGED:
            shown = readable(path)
            found_text = f"{shown} is in conflict: a merge is not finished"
            raise UsageError(found_text, remedy=f"resolve it, then run: git add -- {shown}")
        found[path] = f"{mode} {identity}" if int(mode, 8) else ""
    return found


def _parsed(data: bytes) -> _Folder:
    """The entries of a tree object: `MODE NAME`, a zero byte and the twenty bytes of an id, again and again."""
    found: dict[str, tuple[int, str]] = {}
    at = 0
    while at < len(data):
        end = data.find(b"\0", at)
        mode, _, name = data[at:end].partition(b" ")
        if end < 0 or len(data) < end + 21 or not name:
            raise HistoryError("git gave out a damaged tree", remedy="run: git fsck")
        found[name.decode("utf-8", errors="surrogateescape")] = (int(mode, 8), data[end + 1 : end + 21].hex())
        at = end + 21
    return found
