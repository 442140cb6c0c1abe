"""A git repository on this machine: resolve, compare, read commits; and the few writes that a person asks for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from interlock.documents.identifiers import InvalidIdentifier, commit_id
from interlock.errors import HistoryError, UsageError
from interlock.history.commit_tree import CommitTree
from interlock.history.git_command import Git


class GitRepository:
    """One repository, with or without a working directory."""

    def __init__(self, directory: Path, git: Git | None = None) -> None:
        self._directory = directory
        self.git = git or Git(directory)

    @classmethod
    def discover(cls, path: Path) -> GitRepository:
        """Find the repository whose working directory contains `path`.

        Raises:
            UsageError: `path` is not inside a git repository, or in one that belongs to somebody else.
            HistoryError: there is a repository, and git cannot read it.
        """
        finished = Git(path).attempt("rev-parse", "--show-toplevel") if path.is_dir() else None
        if finished and "dubious ownership" in finished.errors:
            found = f"the git repository around {path} belongs to another user, so its settings are not trusted"
            raise UsageError(found, remedy="run this as the owner of the repository, or change its owner (chown -R)")
        if finished and finished.status and _has_git_folder(path):
            found = f"git cannot read the repository around {path}: {finished.errors}"
            raise HistoryError(found, remedy=f"run: git -C {path} fsck   (its HEAD or its configuration is damaged)")
        if finished is None or finished.status:
            raise UsageError(f"{path} is not inside a git repository", remedy="run: git init, or change the directory")
        return cls(Path(os.fsdecode(finished.output.removesuffix(b"\n"))))

    @classmethod
    def discover_any(cls, path: Path) -> GitRepository:
        """Like `discover`, and also a bare repository: for what needs no working directory.

        Raises:
            UsageError, HistoryError: see `discover`.
        """
        bare = Git(path).attempt("rev-parse", "--is-bare-repository") if path.is_dir() else None
        if bare is None or bare.status or bare.output.strip() != b"true":
            return cls.discover(path)
        return cls(Path(os.fsdecode(Git(path).run("rev-parse", "--absolute-git-dir").removesuffix(b"\n"))))

    @classmethod
    def create_unless_inside(cls, directory: Path) -> bool:
        """Make `directory` a git repository with the branch `main`, unless it already is inside one.

        Returns whether one was made.

        Raises:
            HistoryError: git refused, or is not installed.
        """
        if not Git(directory).attempt("rev-parse", "--is-inside-work-tree").status:
            return False
        Git(directory).run_personally("init", "--quiet", "--initial-branch=main")
        return True

    @property
    def root(self) -> Path:
        """The working directory, or the bare repository itself."""
        return self._directory

    def head(self) -> str:
        """The commit that is checked out.

        Raises:
            HistoryError: there is no commit yet.
        """
        return self.resolve("HEAD")

    def resolve(self, revision: str) -> str:
        """The full commit id behind a branch, tag or id.

        Raises:
            HistoryError: git knows no such commit, or the repository names commits in another way than by SHA-1.
        """
        finished = self.git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if finished.status:
            raise HistoryError(f"{revision!r} is not a commit of {self._directory}", remedy="run: git fetch")
        try:
            return commit_id(finished.output.decode("ascii").strip())
        except InvalidIdentifier as error:
            expected = "a repository of the object format sha1, which is git's default"
            raise HistoryError(f"{self._directory} has commit ids of another length", expected=expected) from error

    def has(self, commit: str) -> bool:
        """Whether a commit (a full id) is here; a partial clone may ask its remote for it."""
        return not self.git.attempt("cat-file", "-e", f"{commit_id(commit)}^{{commit}}").status

    def commit_tree(self, commit: str) -> CommitTree:
        """The files of a commit (a full id)."""
        return CommitTree(self.git, commit_id(commit))

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`; a commit contains itself.

        Raises:
            HistoryError: one of them is not here, for example in a shallow clone.
        """
        finished = self.git.attempt("merge-base", "--is-ancestor", commit_id(older), commit_id(newer))
        if finished.status not in (0, 1):
            remedy = "run: git fetch --unshallow"
            raise HistoryError(f"cannot compare {older[:12]} and {newer[:12]}: {finished.errors}", remedy=remedy)
        return finished.status == 0

    def tree_of(self, name: str) -> str:
        """The id of the tree of a commit; a tree's own id (both full ids).

        Raises:
            HistoryError: git knows no such object.
        """
        finished = self.git.attempt("rev-parse", "--verify", "--quiet", f"{commit_id(name)}^{{tree}}")
        if finished.status:
            raise HistoryError(f"{name[:12]} has no tree in {self._directory}", remedy="run: git fetch")
        return commit_id(finished.output.decode("ascii").strip())

    def first_parent(self, commit: str) -> str | None:
        """The commit that a commit (a full id) was made on; None for a first commit.

        Raises:
            HistoryError: the commit or its parent is not here, for example in a shallow clone.
        """
        words = self.git.run("rev-list", "--parents", "--max-count=1", commit_id(commit)).decode("ascii").split()
        if len(words) > 1:
            return commit_id(words[1])
        if self.git.run("rev-parse", "--is-shallow-repository").strip() == b"true":
            found = f"what stood before {commit[:12]} is not here: this is a shallow clone"
            raise HistoryError(found, remedy="run: git fetch --unshallow")
        return None

    def first_parents(self, commit: str, most: int) -> list[tuple[str, str]]:
        """The newest commits of the branch that ends in `commit`, with their trees, newest first, at most `most`.

        Raises:
            HistoryError: git cannot read them.
        """
        listing = self.git.run("log", "--first-parent", f"--max-count={most:d}", "--format=%H %T", commit_id(commit))
        return [(line[:40], line[41:]) for line in listing.decode("ascii").splitlines()]

    def personal_setting(self, name: str) -> str:
        """A setting of git as the person who runs us has it, "" where it is not set.

        Raises:
            HistoryError: git cannot read the configuration.
        """
        finished = self.git.attempt_personally("config", "--get", name, timeout=self.git.local_timeout)
        if finished.status > 1:
            raise HistoryError(f"git cannot read its configuration: {finished.errors}", remedy="repair what git says")
        return finished.output.decode("utf-8", errors="replace").strip()

    def branch_name(self, revision: str) -> str:
        """The branch that a revision names, also as another repository's (`origin/main`): `main`; "" for none."""
        words = ("rev-parse", "--verify", "--quiet", "--symbolic-full-name", "--end-of-options", revision)
        finished = self.git.attempt(*words)
        full = finished.output.decode("utf-8", errors="replace").strip() if not finished.status else ""
        if full.startswith("refs/remotes/"):
            return full.removeprefix("refs/remotes/").partition("/")[2]
        return full.removeprefix("refs/heads/") if full.startswith("refs/heads/") else ""

    def is_clean(self, paths: Sequence[str]) -> bool:
        """Whether these paths are the same in the working directory, the index and HEAD."""
        return not self.git.run("status", "--porcelain", "-z", "--untracked-files=all", "--", *paths)

    def commit(self, paths: Sequence[str], message: str) -> str:
        """Commit exactly these paths with the person's own identity and hooks; returns the new commit.

        Raises:
            HistoryError: git refused, for example because a hook or a missing identity stopped it.
        """
        self.git.run_personally("add", "--", *paths)
        self.git.run_personally("commit", "--quiet", "--only", "--file=-", "--", *paths, data=message.encode())
        return self.head()

    def unstage(self, paths: Sequence[str]) -> None:
        """Take these paths out of the index again: it holds them as HEAD does, the files stay as they are."""
        self.git.run_personally("reset", "--quiet", "--", *paths)


def _has_git_folder(path: Path) -> bool:
    return any((directory / ".git").exists() for directory in (path.resolve(), *path.resolve().parents))
