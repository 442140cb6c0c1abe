"""Where the files of one artifact lie for the checker, with what makes a second look unnecessary.

Built on `artifacts.sources`, which knows the kinds of address. Called by `gather` for every artifact in scope.
"""

from __future__ import annotations

import io
import os
from collections.abc import Hashable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from interlock.artifacts.sources import UNKNOWN_SIZE, ArtifactFiles, open_source
from interlock.checking.fact_cache import Elsewhere
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.documents.tree import REGULAR, Entry, Foldered, Tree
from interlock.errors import ArtifactError, ArtifactMissing, ArtifactUnreachable, DocumentError

READ_AT_ONCE = 8 << 20
"""Bytes up to which a file of a git tree is read in one piece, which costs no process of its own."""

_ABSOLUTE = "file:///"


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one artifact.

    `sizes` gives the regular files (`UNKNOWN_SIZE` where only reading tells), `strange` what else lies there, by
    name. `identity` changes whenever any of it may have changed; of what lies `beyond` this machine, whose large files
    are not read to their end, it is the address.
    """

    files: ArtifactFiles
    tree: Tree
    directory: str
    sizes: Mapping[str, int]
    strange: Mapping[str, str]
    identity: Hashable
    beyond: bool = False

    def open(self, file: ArtifactFile) -> AbstractContextManager[BinaryIO]:
        """Open a file from its start.

        Raises:
            ArtifactMissing: it is not there any more.
            ArtifactUnreachable: it cannot be read.
            HistoryError: git cannot give it out.
        """
        if self.sizes[file.path] == UNKNOWN_SIZE and file.size <= READ_AT_ONCE:
            try:
                return io.BytesIO(self.tree.read(f"{self.directory}/{file.path}", limit=file.size))
            except DocumentError:
                pass  # it is larger than promised: the reader stops after one byte too many
        return self.files.open(file.path)

    def ends_early(self, file: ArtifactFile, count: int) -> bool:
        """Whether a stream that gave `count` bytes may have broken off: large git objects come without a size."""
        return self.sizes[file.path] == UNKNOWN_SIZE and count < file.size and file.size > READ_AT_ONCE


def find_place(artifact: Artifact, tree: Tree, below: Mapping[str, Entry], elsewhere: Elsewhere | None = None) -> Place:
    """Find the files of an artifact; `below` are the entries of `tree` below its directory.

    Raises:
        ArtifactMissing: there is nothing at its address.
        ArtifactUnreachable: its address cannot be read from here.
        ArtifactCorrupt: what is there is not what the address says.
    """
    if not artifact.uri.startswith("file:"):
        beyond = files_beyond(artifact, elsewhere)
        return Place(beyond, tree, "", _sizes_beyond(artifact, beyond), {}, artifact.uri, beyond=True)
    files = open_source(artifact, tree, entries=below)
    if artifact.uri.startswith(_ABSOLUTE):
        try:
            sizes = _sizes_on_this_machine(files)
        except ArtifactUnreachable as error:
            return _kept_elsewhere(artifact, tree, elsewhere, error)
        identity = _identities(Path(artifact.uri.removeprefix("file://")), sizes)
        return Place(files, tree, "", sizes, {}, identity)
    directory = directory_in_tree(artifact.uri)
    names = {path.removeprefix(f"{directory}/"): entry for path, entry in below.items()}
    strange = {name: _kind(name, entry) for name, entry in names.items() if _is_strange(name, entry)}
    identity = tuple((name, entry.kind, entry.identity) for name, entry in names.items())
    return Place(files, tree, directory, files.sizes(), strange, identity)


def files_beyond(artifact: Artifact, elsewhere: Elsewhere | None) -> ArtifactFiles:
    """The files of an artifact at an address beyond this machine.

    Raises:
        ArtifactUnreachable: nobody may ask there.
    """
    if elsewhere is None:
        raise ArtifactUnreachable(f"{artifact.uri} is beyond this machine, and no other host is asked")
    return elsewhere(artifact)


def _kept_elsewhere(artifact: Artifact, tree: Tree, elsewhere: Elsewhere | None, why: ArtifactUnreachable) -> Place:
    """Files of a directory that this machine lacks, from an archive or from the store of a node."""
    if elsewhere is None:
        raise why
    try:
        files = elsewhere(artifact)
        return Place(files, tree, "", files.sizes(), {}, artifact.uri, beyond=True)
    except ArtifactError:
        raise why from None


def directory_in_tree(uri: str) -> str:
    """The directory of the repository that an address names; "" for any other address."""
    return uri.removeprefix("file:") if uri.startswith("file:") and not uri.startswith(_ABSOLUTE) else ""


def entries_below(directories: Iterable[str], entries: Mapping[str, Entry]) -> Mapping[str, Mapping[str, Entry]]:
    """The entries below each of these directories, found in one pass over all paths."""
    found: dict[str, dict[str, Entry]] = {directory: {} for directory in directories}
    if isinstance(entries, Foldered):
        return {folder: {path: entries[path] for path in entries.below(f"{folder}/")} for folder in found}
    folders = tuple({f"{directory.partition('/')[0]}/" for directory in found})
    for path in entries:
        parent = path.rpartition("/")[0] if path.startswith(folders) else ""
        while parent:
            if parent in found:
                found[parent][path] = entries[path]
            parent = parent.rpartition("/")[0]
    return found


def _sizes_on_this_machine(files: ArtifactFiles) -> Mapping[str, int]:
    try:
        return files.sizes()
    except ArtifactMissing as error:
        # Another machine may have it: that it is not here says nothing about the artifact.
        raise ArtifactUnreachable(f"on this machine, {error.found}", expected=error.expected) from error


def _sizes_beyond(artifact: Artifact, files: ArtifactFiles) -> Mapping[str, int]:
    """The sizes of all promised files. That some are not there may pass: an upload that is under way, or a login."""
    try:
        sizes = files.sizes()
    except ArtifactMissing as error:
        raise ArtifactUnreachable(error.found, expected=error.expected, remedy=error.remedy) from error
    absent = [file.path for file in artifact.files if file.path not in sizes]
    if absent:
        raise ArtifactUnreachable(f"{', '.join(absent[:8])} is not at {files.label}")
    return sizes


def _identities(directory: Path, names: Iterable[str]) -> Hashable:
    return tuple((name, _file_identity(directory / name)) for name in names)


def _file_identity(path: Path) -> Hashable:
    try:
        status = os.lstat(path)
    except OSError as error:
        raise ArtifactUnreachable(f"{path} cannot be looked at: {error.strerror}") from error
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_strange(name: str, entry: Entry) -> bool:
    return entry.kind != REGULAR or "/" in name


def _kind(name: str, entry: Entry) -> str:
    return "file in a folder of its own" if "/" in name else entry.kind
