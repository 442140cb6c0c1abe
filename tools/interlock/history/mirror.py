"""The agent's own copy of the remote: polled cheaply, fetched without force, never rewound.

The copy is a bare repository with the whole history and without large blobs; those are fetched when they are read.
It may be removed while no agent runs; the next one makes it again and still insists on the last accepted commit.
"""

from __future__ import annotations

import re
from pathlib import Path

from interlock.documents.identifiers import InvalidIdentifier, commit_id
from interlock.errors import HistoryError, HistoryRewritten, RemoteUnreachable
from interlock.history import attestation_exchange, attestation_ref
from interlock.history.bounded_process import Finished
from interlock.history.branch_copy import Tips
from interlock.history.git_command import NETWORK_TIMEOUT, Git
from interlock.history.remote import Remote
from interlock.history.repository import GitRepository

__all__ = ["INCOMING", "SEEN", "Mirror", "Remote", "Tips"]

INCOMING = "refs/interlock/incoming"
SEEN = "refs/interlock/seen"
"""The branch as it was last seen, also one that was refused: what is here already is not downloaded at every poll."""
LISTING_TIMEOUT = 20.0
"""Seconds for the question what the remote has. The loop that asks it also has an engine to look after."""
_LARGE_BLOBS = "blob:limit=256k"
_REJECTED = re.compile(r"^ ! \[rejected\]", re.MULTILINE)
_UNSOUND = "fsck error"
_LOCKS = ("*.lock", "refs/**/*.lock", "objects/**/*.lock", "gc.pid")
_UNFINISHED = ("objects/pack/tmp_*", "objects/??/tmp_obj_*")
"""What a git leaves behind that was killed, or had no room, while it received objects: as large as what it received."""


class Mirror:
    """A bare, growing copy of one branch of one remote. `timeout` bounds each network operation, in seconds."""

    def __init__(self, directory: Path, remote: Remote, *, timeout: float = NETWORK_TIMEOUT) -> None:
        self._remote, self._directory = remote, directory
        self._git = Git(directory, remote.secrets, remote.transports, network_timeout=timeout)
        self.repository = GitRepository(directory, self._git)
        self._prepare(directory)

    def _prepare(self, directory: Path) -> None:
        """Make the repository, or complete one that an agent was interrupted in making or using."""
        directory.mkdir(parents=True, exist_ok=True)
        # Left by a git that was killed: the state directory has one agent, and it is starting.
        self._remove(*_LOCKS, *_UNFINISHED)
        self._git.run("init", "--quiet", "--bare", "--initial-branch=main", "--template=", "--end-of-options", ".")
        # What makes a clone partial: a promisor remote, from which missing blobs are fetched when they are read.
        self._git.run("config", "remote.origin.promisor", "true")
        self._git.run("config", "remote.origin.partialclonefilter", _LARGE_BLOBS)
        self._git.run("config", "remote.origin.url", self._remote.url)

    def _remove(self, *patterns: str) -> None:
        for path in [path for pattern in patterns for path in self._directory.glob(pattern)]:
            path.unlink(missing_ok=True)

    @property
    def branch_ref(self) -> str:
        """The full name of the branch that is followed."""
        return self._remote.ref

    @property
    def unverifiable(self) -> str:
        """See `BranchCopy.unverifiable`: git shows who signed what."""
        return ""

    def remote_tips(self) -> Tips:
        """What the remote has now, by one `ls-remote`.

        Raises:
            RemoteUnreachable: no usable answer.
            HistoryError: the branch does not exist there.
        """
        finished = self._git.attempt(
            "ls-remote", "--quiet", "--end-of-options", "origin", self._remote.ref, attestation_ref.REF,
            timeout=min(LISTING_TIMEOUT, self._git.network_timeout), limit=1 << 20,
        )  # fmt: skip
        if finished.status:
            raise self._unreachable(finished)
        lines = (line.partition("\t") for line in finished.output.decode("utf-8", errors="replace").splitlines())
        found = {ref: commit for commit, _, ref in lines}
        if self._remote.ref not in found:
            raise HistoryError(
                f"{self._remote.url} has no branch {self._remote.branch}", remedy="push it, or correct `branch`"
            )
        statements = found.get(attestation_ref.REF)
        return Tips(self._known_commit(found[self._remote.ref]), self._known_commit(statements) if statements else None)

    def _known_commit(self, text: str) -> str:
        try:
            return commit_id(text)
        except InvalidIdentifier as error:
            raise RemoteUnreachable(
                f"{self._remote.url} answered something that is not a commit: {text[:60]!r}"
            ) from error

    def fetch(self, accepted: str | None) -> str:
        """Fetch the branch and return its commit; `accepted` is the commit that it must descend from.

        Raises:
            RemoteUnreachable: the transfer failed.
            HistoryRewritten: the branch does not contain `accepted`, which stays.
            HistoryError: git refuses what was sent as damaged or dangerous.
        """
        self._start_from(accepted)
        try:
            self._receive(accepted)
        except HistoryError:
            self._remove(*_UNFINISHED)  # or else each attempt on a full disk would leave less room for the next
            raise
        commit = self.repository.resolve(INCOMING)
        if accepted and not self._contains(commit, accepted):
            raise self._rewritten(accepted)
        return commit

    def _receive(self, accepted: str | None) -> None:
        finished = self._git.attempt(
            "fetch", "--no-progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
            f"--filter={_LARGE_BLOBS}", "--end-of-options", "origin",
            f"{self._remote.ref}:{INCOMING}", f"+{self._remote.ref}:{SEEN}",
            timeout=self._git.network_timeout,
        )  # fmt: skip
        if finished.status:
            raise self._refused(accepted, finished)

    def fetch_statements(self, tip: str | None) -> None:
        """Fetch the signed statements, in addition to those that are here; `tip` is where `remote_tips` saw their ref.

        Raises:
            RemoteUnreachable: the transfer failed.
            HistoryRewritten: the remote lost statements that it had; those that are here stay.
            HistoryError: git refuses what was sent.
        """
        attestation_exchange.fetch_listed(self._git, "origin", tip)

    def _start_from(self, accepted: str | None) -> None:
        """Let the unforced fetch begin at what was accepted: what was fetched later and refused may be rewritten."""
        known = accepted is not None and self.repository.has(accepted)
        self._git.run("update-ref", *(["--end-of-options", INCOMING, str(accepted)] if known else ["-d", INCOMING]))

    def _contains(self, commit: str, accepted: str) -> bool:
        return self.repository.has(accepted) and self.repository.is_ancestor(accepted, commit)

    def _refused(self, accepted: str | None, finished: Finished) -> HistoryError:
        if accepted and _REJECTED.search(finished.errors):
            return self._rewritten(accepted)
        if _UNSOUND in finished.errors:
            found = f"{self._remote.url} sent objects that git refuses: {finished.errors}"
            return HistoryError(found, remedy="run: git fsck --full, in a clone of it, and rewrite what it names")
        return self._unreachable(finished)

    def _rewritten(self, accepted: str) -> HistoryRewritten:
        branch = self._remote.branch
        return HistoryRewritten(
            f"{branch} on {self._remote.url} no longer contains {accepted[:12]}, the last accepted commit",
            expected="a branch that only grows",
            remedy=f"restore it (git push --force-with-lease origin {accepted[:12]}:{branch}) and go on by new commits",
        )

    def _unreachable(self, finished: Finished) -> RemoteUnreachable:
        return RemoteUnreachable(
            f"{self._remote.url} did not answer: {finished.errors or 'no reason given'}",
            remedy="check the address, the network and the credentials; Interlock tries again by itself",
        )
