"""A scratch copy of the repository: a real bare remote and a working clone in which the story may commit and push.

The repository that the demonstration was started in is only read.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.errors import HistoryError, UsageError
from interlock.history.git_command import Git, unattended_environment

PERSON = {"user.name": "Demo Developer", "user.email": "developer@example.com", "commit.gpgsign": "false"}


@dataclass(frozen=True)
class Scratch:
    """Where everything of one demonstration lies."""

    root: Path
    remote: Path
    clone: Path

    @property
    def remote_url(self) -> str:
        """The address that the agent polls."""
        return f"file://{self.remote}"

    def git(self, *words: str) -> str:
        """Run plain git in the clone, as a developer would, and return what it printed.

        Raises:
            HistoryError: git failed.
        """
        finished = subprocess.run(
            ["git", *words],
            cwd=self.clone,
            env=unattended_environment({}, "file"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if finished.returncode:
            raise HistoryError(f"git {' '.join(words[:2])} failed: {finished.stderr.strip()}")
        return finished.stdout.strip()

    def snapshot(self) -> Snapshot:
        """The documents in the clone's working directory."""
        return read_snapshot(WorkingTree(self.clone))

    def artifact_directory(self, uri: str) -> Path:
        """The directory behind a repository-relative `file:` address."""
        return self.clone / uri.removeprefix("file:")


def make_scratch(repository: Path, root: Path) -> Scratch:
    """Clone `repository` (its committed state) into a bare remote and a working clone below `root`.

    Raises:
        UsageError: `repository` is not a git repository with a commit.
    """
    scratch = Scratch(root, root / "remote.git", root / "clone")
    origin = Git(repository)
    if origin.attempt("rev-parse", "--verify", "--quiet", "HEAD").status:
        remedy = "run the demonstration in a clone of Interlock, or give one with --repository"
        raise UsageError(f"{repository} is not a git repository with a commit", remedy=remedy)
    head = origin.run("rev-parse", "HEAD").decode("ascii").strip()
    root.mkdir(parents=True, exist_ok=True)
    here = Git(root)
    here.run("init", "--quiet", "--bare", "--initial-branch=main", "--", str(scratch.remote))
    origin.run("push", "--quiet", "--no-verify", str(scratch.remote), f"{head}:refs/heads/main")
    here.run("clone", "--quiet", "--branch", "main", "--", str(scratch.remote), str(scratch.clone))
    for key, value in PERSON.items():
        scratch.git("config", key, value)
    if not any((scratch.clone / "environments").glob("*/environment.yaml")):
        remedy = "run: interlock demo in the repository of Interlock itself, which holds the living example"
        raise UsageError(f"{repository} holds no environments at its last commit", remedy=remedy)
    return scratch
