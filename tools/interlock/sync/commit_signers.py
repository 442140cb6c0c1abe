"""Whose key signed a commit, looked up when somebody asks. Called by `decisions` for the hands in a change.

A commit is in this mapping only where its signature is good and its key is one that the given ring still counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from interlock.approvals.keys import KeyRing
from interlock.approvals.sshsig import verify
from interlock.documents.identifiers import commit_id
from interlock.errors import SignatureInvalid
from interlock.history.commit_objects import take_apart
from interlock.history.git_command import Git

MAX_COMMIT_BYTES = 1 << 20
NAMESPACE = "git"


class CommitSigners(Mapping[str, str]):
    """The fingerprint of the key that signed each commit (SSH keys), by commit id."""

    def __init__(self, git: Git, ring: KeyRing) -> None:
        self._git = git
        self._ring = ring
        self._known: dict[str, str] = {}

    def __getitem__(self, commit: str) -> str:
        """Raises `HistoryError` where git cannot read the commit."""
        if commit not in self._known:
            self._known[commit] = self._look(commit)
        if not self._known[commit]:
            raise KeyError(commit)
        return self._known[commit]

    def __iter__(self) -> Iterator[str]:
        return (commit for commit, fingerprint in self._known.items() if fingerprint)

    def __bool__(self) -> bool:
        return True  # also before anybody has asked

    def __len__(self) -> int:
        return sum(map(bool, self._known.values()))

    def _look(self, commit: str) -> str:
        data = self._git.run("cat-file", "commit", commit_id(commit), limit=MAX_COMMIT_BYTES)
        signed = take_apart(commit, data)
        if signed.signature is None or signed.format != "ssh" or signed.flaw:
            return ""
        try:
            fingerprint = verify(signed.payload, signed.signature, NAMESPACE).fingerprint
        except SignatureInvalid:
            return ""
        return fingerprint if self._ring.holder(fingerprint) else ""
