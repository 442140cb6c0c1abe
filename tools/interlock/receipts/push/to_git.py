"""Adds receipts to `refs/interlock/receipts/<node>` of a git remote, without ever forcing anything.

    <chain>-<thousand>/<first>-<last>-<digest>.jsonl

A bare repository of its own beside the receipts holds what was pushed. Where a remote has more (another agent of the
same name), both are united; where it lost something or the ref was removed, it gets everything again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from interlock.errors import HistoryError
from interlock.history import folder_ref
from interlock.history.git_command import Git
from interlock.history.remote import Remote
from interlock.receipts.push.batch import Batch, ReceiptsNotPushed

RECEIPTS = "refs/interlock/receipts"
NETWORK_TIMEOUT = 30.0
GC_TIMEOUT = 300.0
_REJECTED = re.compile(r"^ ! \[(?:remote )?rejected\]", re.MULTILINE)
_TRIES = 5


@dataclass
class ToGit:
    """One remote. `directory` is the bare repository that is made here; `timeout` bounds each talk, in seconds."""

    directory: Path
    remote: Remote
    timeout: float = NETWORK_TIMEOUT
    _git: Git | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What the place is called in messages."""
        return self.remote.url

    def send(self, batch: Batch) -> None:
        """Add a batch to the ref.

        Raises:
            ReceiptsNotPushed: the remote did not answer, or does not take it.
        """
        ref = f"{RECEIPTS}/{batch.first.node}"
        try:
            git = self._repository()
            folder_ref.add(git, ref, {batch.folder: {batch.name: batch.data}}, "Add receipts")
            self._push(git, ref)
            git.attempt("gc", "--auto", "--quiet", timeout=GC_TIMEOUT)
        except HistoryError as error:
            raise ReceiptsNotPushed(f"{self.name} did not take receipts: {error.found}") from error

    def close(self) -> None:
        """Nothing is held open."""

    def _repository(self) -> Git:
        if self._git is None:
            self.directory.mkdir(parents=True, exist_ok=True)
            for lock in (*self.directory.glob("*.lock"), *self.directory.glob("refs/**/*.lock")):
                lock.unlink()  # left by a git that was killed: the state directory has one agent
            git = Git(self.directory, self.remote.secrets, self.remote.transports, network_timeout=self.timeout)
            git.run("init", "--quiet", "--bare", "--initial-branch=main", "--template=", "--end-of-options", ".")
            git.run("config", "remote.receipts.url", self.remote.url)
            self._git = git
        return self._git

    def _push(self, git: Git, ref: str) -> None:
        words = ("push", "--quiet", "--no-verify", "--end-of-options", "receipts", f"{ref}:{ref}")
        for _ in range(_TRIES):
            finished = git.attempt(*words, timeout=self.timeout, limit=1 << 20)
            if not finished.status:
                return
            if not _REJECTED.search(finished.errors):
                break
            self._unite(git, ref)
        raise HistoryError(finished.errors or "no reason given")

    def _unite(self, git: Git, ref: str) -> None:
        incoming = f"refs/interlock/incoming/{ref.rpartition('/')[2]}"
        words = ("--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--quiet", "--end-of-options")
        finished = git.attempt("fetch", *words, "receipts", f"+{ref}:{incoming}", timeout=self.timeout, limit=1 << 20)
        theirs, ours = folder_ref.tip(git, incoming), folder_ref.tip(git, ref)
        if finished.status or theirs is None:
            raise HistoryError(finished.errors or "the ref cannot be fetched")
        folder_ref.move(git, ours, folder_ref.union(git, ours, theirs, ref, "Unite receipts"), ref)
