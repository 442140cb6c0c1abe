"""Whose key signed a commit, looked up when somebody asks. Called where the hands in a change are gathered.

A commit is in this mapping only where its signature is good and its key counts in the given roster today.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from interlock.approvals.keys import KeyRing
from interlock.checking.key_rings import key_blocks, rosters_of
from interlock.checking.signed_range import signing_key_of
from interlock.documents.identifiers import commit_id
from interlock.errors import SignatureInvalid, SigningFailed
from interlock.history.blob_reading import object_reader
from interlock.history.commit_objects import take_apart
from interlock.history.git_command import Git

MAX_COMMIT_BYTES = 1 << 20


class CommitSigners(Mapping[str, str]):
    """The fingerprint of the key that signed each commit, by commit id; keys are those of the roster at `trusted`."""

    def __init__(self, git: Git, trusted: str, now: dt.date) -> None:
        self._git = git
        self._trusted = trusted
        self._ring: KeyRing = rosters_of(git, (trusted,), now).at(trusted).ring
        self._known: dict[str, str] = {}
        self._openpgp: Sequence[bytes] | None = None

    def __getitem__(self, commit: str) -> str:
        """Raises `HistoryError` where git cannot read the commit."""
        if commit not in self._known:
            self._known[commit] = self._look(commit)
        if not self._known[commit]:
            raise KeyError(commit)
        return self._known[commit]

    def __iter__(self) -> Iterator[str]:
        return (commit for commit, fingerprint in self._known.items() if fingerprint)

    def __len__(self) -> int:
        return sum(map(bool, self._known.values()))

    def __bool__(self) -> bool:
        """Never empty: what nobody has asked for yet may be in it."""
        return True

    def _look(self, commit: str) -> str:
        with object_reader(self._git) as reader:
            data = reader.read_commit(commit_id(commit), limit=MAX_COMMIT_BYTES)
        try:
            taken = take_apart(commit, data)
            fingerprint = signing_key_of(taken, self._blocks() if taken.format == "gpg" else ())
        except (SignatureInvalid, SigningFailed):
            return ""
        return fingerprint if self._ring.holder(fingerprint) else ""

    def _blocks(self) -> Sequence[bytes]:
        """The OpenPGP keys of the trusted side, read once, and not at all where the roster has none."""
        if self._openpgp is None:
            self._openpgp = key_blocks(self._git, self._trusted) if self._ring.knows_openpgp else ()
        return self._openpgp
