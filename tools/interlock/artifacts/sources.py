"""Where the bytes of an artifact come from: files of the same commit, or a directory on this machine.

Called by the checker and by the agent, which hand the result to `ArtifactStore.place`. Links are never followed.
Other kinds of address are refused with what to do instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from interlock.artifacts.plain_files import FILE, list_directory
from interlock.documents.beneath import open_beneath
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.tree import REGULAR, Entry, Tree
from interlock.errors import ArtifactMissing, ArtifactUnreachable

UNKNOWN_SIZE = -1


class ArtifactFiles(Protocol):
    """The files of one artifact, at the place that its address names. Nothing of them is verified yet."""

    @property
    def label(self) -> str:
        """How to name this place to a person."""

    def sizes(self) -> Mapping[str, int]:
        """The regular files that are there: name → bytes, or `UNKNOWN_SIZE` where only reading would tell.

        Raises:
            ArtifactMissing: nothing is there.
            ArtifactUnreachable: the place cannot be read.
        """

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open one file for reading from its start; use as a context manager.

        Raises:
            ArtifactMissing: there is no regular file of that name.
            ArtifactUnreachable: it cannot be read.
        """


def open_source(artifact: Artifact, tree: Tree, *, entries: Mapping[str, Entry] | None = None) -> ArtifactFiles:
    """Return the place that the artifact's `uri` names; nothing is read yet.

    `file:RELATIVE` is a directory of `tree`, the commit or working directory that the manifest stands in;
    `file:///ABSOLUTE` one of this machine, taken as it is written (no percent-decoding). `entries` are the tree's
    entries, for callers that have them at hand.

    Raises:
        ArtifactUnreachable: this version cannot read that kind of address.
    """
    scheme, _, rest = artifact.uri.partition(":")
    if scheme != "file":
        raise ArtifactUnreachable(
            f"{artifact.uri} is an address of the kind {scheme}:",
            expected="file:PATH-IN-THIS-REPOSITORY or file:///ABSOLUTE/PATH; this version reads file: addresses only",
            remedy="copy the files to a directory that every node can read, and register the adapter again with "
            "--uri file:///THAT/DIRECTORY",
        )
    if rest.startswith("/"):
        return DirectoryFiles(Path(rest))
    return TreeFiles(tree, rest, entries)


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
    def open(self, name: str) -> Iterator[BinaryIO]:
        """See `ArtifactFiles.open`."""
        with self._tree.open(f"{self._directory}/{name}") as stream:
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
    def open(self, name: str) -> Iterator[BinaryIO]:
        """See `ArtifactFiles.open`."""
        with open_beneath(Path("/"), f"{self._directory}/{name}".lstrip("/")) as stream:
            yield stream
