"""A directory that git-sync, Flux or Argo CD keeps current, as a branch: each state of it is a commit on this node.

The directory brings neither history nor signatures. Its identity is the id of the git tree of its files: that of the
commit it was made from, if nothing was added to it. The commits are this node's own record of what it has seen, so that
earlier active revisions, rollbacks and waves are judged as for a git remote; their repository lies in the state
directory, and holds every file that was ever in the directory.

The directory may be a link that is swapped: it is resolved once for each look, and what it leads to counts as complete.
Where it is no link, another program writes into it: then it is looked at again until nothing has changed for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from interlock.documents.beneath import open_beneath
from interlock.errors import ArtifactError, HistoryError, HistoryRewritten, RemoteUnreachable
from interlock.findings.readable import readable
from interlock.history.branch_copy import Tips
from interlock.history.directory_listing import Listing, SeenFile, list_directory
from interlock.history.git_command import Git
from interlock.history.loose_objects import blob_id, object_path, tree_id, write_blob, write_tree
from interlock.history.repository import GitRepository

QUIET = 10.0
"""Seconds for which nothing in a directory that is no link has changed before it counts as complete."""
BRANCH = "refs/interlock/directory"
_WHO = ("-c", "user.name=interlock", "-c", "user.email=interlock@localhost")
_LOCKS = ("*.lock", "refs/**/*.lock", "objects/tmp_obj_*")


class DirectoryMirror:
    """The record of one directory, in a bare repository at `record`. `clock` is monotonic, `wall` since the epoch."""

    def __init__(
        self,
        record: Path,
        directory: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._directory, self._clock, self._wall = directory, clock, wall
        self._git = Git(record)
        self._objects = record / "objects"
        self.repository = GitRepository(record, self._git)
        record.mkdir(parents=True, exist_ok=True)
        for left in (path for pattern in _LOCKS for path in record.glob(pattern)):
            left.unlink()  # by an agent that was killed: the state directory has one agent, and it is starting
        self._git.run("init", "--quiet", "--bare", "--initial-branch=main", "--template=", "--end-of-options", ".")
        self._head = self._recorded()
        self._tree = self.repository.tree_of(self._head) if self._head else ""
        self._listed: dict[str, SeenFile] = {}
        self._blobs: dict[SeenFile, str] = {}
        self._unsettled: tuple[str, float] | None = None

    @property
    def branch_ref(self) -> str:
        """The ref that names this node's record."""
        return BRANCH

    @property
    def unverifiable(self) -> str:
        """Why nobody's word about it can be verified."""
        return f"{readable(str(self._directory))} is a directory, which shows neither signatures nor history"

    def remote_tips(self) -> Tips:
        """See `BranchCopy.remote_tips`: look at the directory, and record what it holds if that is new.

        Raises:
            RemoteUnreachable: it is not there, or is being written.
            HistoryError: it holds something that cannot be followed, or the record cannot be written.
        """
        root, is_swapped = self._resolved()
        listing = list_directory(root)
        if self._head is None or listing.files != self._listed:
            self._look(root, listing, is_swapped=is_swapped)
        if self._head is None:
            raise RemoteUnreachable(
                f"{readable(str(self._directory))} is still being written",
                remedy=f"wait: it is followed when nothing in it has changed for {QUIET:g} seconds",
            )
        return Tips(self._head, None)

    def fetch(self, accepted: str | None) -> str:
        """See `BranchCopy.fetch`: everything is here."""
        assert self._head
        if accepted and not (self.repository.has(accepted) and self.repository.is_ancestor(accepted, self._head)):
            raise HistoryRewritten(
                f"{accepted[:12]}, which this node accepted last, is not in its record of the directory",
                expected="a state directory that was used with this directory only",
                remedy="remove accepted.json from the state directory",
            )
        return self._head

    def fetch_statements(self, tip: str | None) -> None:
        """See `BranchCopy.fetch_statements`: a directory has none."""

    def _resolved(self) -> tuple[Path, bool]:
        """The directory itself, and whether the path to it is a link, which is swapped in one step."""
        try:
            root = self._directory.resolve(strict=True)
            is_swapped = self._directory.is_symlink()
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "a link in a loop"
            raise RemoteUnreachable(
                f"{readable(str(self._directory))} is not there: {why}",
                remedy="look at what keeps the directory current; Interlock looks again by itself",
            ) from error
        if not root.is_dir():
            raise HistoryError(
                f"{readable(str(self._directory))} is no directory", remedy="correct `remote.directory` in the settings"
            )
        return root, is_swapped

    def _look(self, root: Path, listing: Listing, *, is_swapped: bool) -> None:
        blobs = {path: (seen.executable, self._blob(root, seen)) for path, seen in listing.files.items()}
        tree = tree_id(blobs)
        if tree != self._tree:
            if not is_swapped and not self._is_quiet(tree, listing.changed):
                return
            self._write(root, listing, blobs)
            if list_directory(root).files != listing.files:
                raise _changing(root)
            self._commit(tree)
        self._listed, self._unsettled = listing.files, None
        self._blobs = {seen: blobs[path][1] for path, seen in listing.files.items()}

    def _is_quiet(self, tree: str, changed: float) -> bool:
        """Whether nobody writes any more, by the times of the files, or because two looks saw the same."""
        if self._unsettled is None or self._unsettled[0] != tree:
            self._unsettled = tree, self._clock()
        return self._wall() - changed >= QUIET or self._clock() - self._unsettled[1] >= QUIET

    def _blob(self, root: Path, seen: SeenFile) -> str:
        known = self._blobs.get(seen)
        if known is None:
            known = self._read(root, seen, lambda stream: blob_id(stream, seen.size))
            self._blobs[seen] = known
        return known

    def _write(self, root: Path, listing: Listing, blobs: dict[str, tuple[bool, str]]) -> None:
        try:
            for path, (_, blob) in blobs.items():
                if not object_path(self._objects, blob).exists():
                    self._write_file(root, listing.files[path], blob)
            tree_id(blobs, lambda content: write_tree(self._objects, content))
        except OSError as error:
            raise HistoryError(
                f"the record of the directory cannot be written: {error.strerror}",
                remedy=f"make room in {self._objects.parent}",
            ) from error

    def _write_file(self, root: Path, seen: SeenFile, blob: str) -> None:
        if self._read(root, seen, lambda stream: write_blob(self._objects, stream, seen.size)) != blob:
            raise _changing(root)

    def _read(self, root: Path, seen: SeenFile, use: Callable[[BinaryIO], str]) -> str:
        try:
            with open_beneath(root, seen.path) as stream:
                return use(stream)
        except EOFError as error:
            raise _changing(root) from error
        except ArtifactError as error:
            raise RemoteUnreachable(error.found, remedy="look at its permissions, and at what writes it") from error

    def _commit(self, tree: str) -> None:
        parents = ("-p", self._head) if self._head else ()
        made = self._git.run(*_WHO, "commit-tree", *parents, "-m", "seen in the directory", tree)
        commit = made.decode("ascii").strip()
        self._git.run("update-ref", "--end-of-options", BRANCH, commit)
        self._head, self._tree = commit, tree

    def _recorded(self) -> str | None:
        found = self._git.run("for-each-ref", "--format=%(objectname)", BRANCH).decode("ascii").strip()
        return found or None


def _changing(root: Path) -> RemoteUnreachable:
    return RemoteUnreachable(
        f"{readable(str(root))} changed while it was read", remedy="wait: Interlock looks again by itself"
    )
