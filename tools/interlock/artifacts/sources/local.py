"""`file:` addresses: files of the same commit, or a directory on this machine. Links are never followed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from interlock.artifacts.plain_files import FILE, list_directory
from interlock.documents.beneath import open_beneath
from interlock.documents.tree import REGULAR, Entry, Tree
from interlock.errors import ArtifactMissing, RangeNotSupported


class TreeFiles:
    """Files of a commit or of a working tree, below one directory."""

    def __init__(self, tree: Tree, directory: str, entries: Mapping[str, Entry] | None = None) -> None:
        self._tree = tree
        self._directory = directory
        self._entries = entries

    @property
    def label(self) -> str:
        """See `ArtifactFiles.label`."""
        return f"{self._directory} in {self._tree.label}"

    def sizes(self) -> Mapping[str, int]:
        """See `ArtifactFiles.sizes`."""
        entries = self._tree.entries() if self._entries is None else self._entries
        prefix = f"{self._directory}/"
        found = {path.removeprefix(prefix): entry for path, entry in entries.items() if path.startswith(prefix)}
        if not found:
            raise ArtifactMissing(
                f"{self.label} does not exist",
                expected="the files of the adapter",
                remedy=f"commit the files below {self._directory}, or register the adapter again from where they are",
            )
        return {name: entry.size for name, entry in found.items() if entry.kind == REGULAR and "/" not in name}

    @contextmanager
    def open(self, name: str, *, start: int = 0) -> Iterator[BinaryIO]:
        """See `ArtifactFiles.open`; a file of a git tree is given out from its start only."""
        with self._tree.open(f"{self._directory}/{name}") as stream:
            if start and not stream.seekable():
                raise RangeNotSupported(f"{name} of {self.label} can be read from its start only")
            if start:
                stream.seek(start)
            yield stream


class DirectoryFiles:
    """Files directly inside a directory of this machine, no part of whose path is a link."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def label(self) -> str:
        """See `ArtifactFiles.label`."""
        return str(self._directory)

    def sizes(self) -> Mapping[str, int]:
        """See `ArtifactFiles.sizes`."""
        real = Path(os.path.realpath(self._directory))
        if real != self._directory and real.is_dir():
            raise ArtifactMissing(
                f"{self._directory} is reached through a link, and links are not followed",
                expected="a path without links",
                remedy=f"register the adapter again with --uri file://{real}",
            )
        found = list_directory(self._directory)
        return {name: size for name, (kind, size) in found.items() if kind == FILE}

    @contextmanager
    def open(self, name: str, *, start: int = 0) -> Iterator[BinaryIO]:
        """See `ArtifactFiles.open`."""
        with open_beneath(Path("/"), f"{self._directory}/{name}".lstrip("/")) as stream:
            stream.seek(start)
            yield stream
