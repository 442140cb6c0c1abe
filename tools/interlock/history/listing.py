"""What git lists of a tree, by path, made into entries only where somebody looks: most checks look at a few of them.

Made by `commit_tree`, where the whole tree will be looked at; `tree_objects` is for a look at a few paths.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping

from interlock.documents.tree import REGULAR, SUBMODULE, SYMLINK, Entry

UNKNOWN_SIZE = -1


class Listing(Mapping[str, Entry]):
    """The entries of a git tree in git's order. Their sizes are `UNKNOWN_SIZE`: git would have to look for them."""

    def __init__(self, found: Mapping[str, str]) -> None:
        """`found` gives words by path, as git lists them.

        The first is an octal mode, the last the id of a blob or of a submodule's commit.
        """
        self._found = found

    def __getitem__(self, path: str) -> Entry:
        words = self._found[path]
        return entry_of(path, words.partition(" ")[0], words.rpartition(" ")[2])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, path: object) -> bool:
        return path in self._found

    def __eq__(self, other: object) -> bool:
        return self._found == other._found if isinstance(other, Listing) else super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # like a dict: it is compared by what it holds


def lines_of(listing: bytes) -> Iterable[tuple[str, str]]:
    """The descriptions and paths of a NUL-separated listing whose lines read `DESCRIPTION<TAB>PATH`."""
    # As a working tree names a path that is not UTF-8, so that two such paths never become one.
    lines = listing.decode("utf-8", errors="surrogateescape").split("\0")[:-1]
    return ((words, path) for words, _, path in (line.partition("\t") for line in lines))


def entry_of(path: str, mode: str, identity: str) -> Entry:
    """The entry for a path of a git tree, from its octal mode and the id of its blob or of a submodule's commit."""
    return Entry(path, kind_of(int(mode, 8)), UNKNOWN_SIZE, identity)


def kind_of(mode: int) -> str:
    """What git makes of a mode when it checks the file out: every regular mode is a file, also an unusual one."""
    if stat.S_ISREG(mode):
        return REGULAR
    return SYMLINK if stat.S_ISLNK(mode) else SUBMODULE
