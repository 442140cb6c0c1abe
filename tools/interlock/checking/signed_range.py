"""Who signed each commit between the last accepted one and a new head, by the keys of the trusted side.

Called by the agent before it accepts a commit, and by whoever attests or audits. The branch moves by first parents, and
each of its commits is judged by the roster of its first parent: a change of the roster counts from the next commit on,
and is itself signed with a key of the old roster. A key that any roster of the range calls revoked, or whose last day
has passed by now, signs nothing here, whatever date a commit claims.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from interlock.approvals import sshsig
from interlock.approvals.gpg import verify_openpgp
from interlock.approvals.keys import Holder, KeyRing
from interlock.checking.key_rings import Rosters, key_blocks, rosters_of
from interlock.errors import HistoryError, SignatureInvalid, SigningFailed
from interlock.findings.finding import Verdict
from interlock.history.commit_signatures import SignedCommit, signed_commits
from interlock.history.git_command import Git

ROSTER_ROLES = frozenset({"validator", "operator"})
"""Who may sign a change of the roster or of the OpenPGP keys: a person with one of these roles in the old roster."""
NAMESPACE = "git"


@dataclass(frozen=True, slots=True)
class JudgedCommit:
    """One commit: who signed it, or a sentence why it counts as signed by nobody.

    `known` is False where that could not be found out, for example because the roster cannot be read.
    """

    commit: str
    signer: Holder | None = None
    fingerprint: str = ""
    why_not: str = ""
    known: bool = True
    changes_roster: bool = False


@dataclass(frozen=True, slots=True)
class SignedRange:
    """The commits from `accepted` to `head`: those of the branch, oldest first, and those that merges brought in.

    `flaw` says why the two are no stretch of one branch. Only the branch's own commits decide.
    """

    accepted: str
    head: str
    branch: tuple[JudgedCommit, ...] = ()
    merged: tuple[JudgedCommit, ...] = ()
    flaw: str = ""

    @property
    def refused(self) -> tuple[JudgedCommit, ...]:
        """The commits of the branch that nobody in the roster stands behind."""
        return tuple(commit for commit in self.branch if commit.signer is None)

    @property
    def verdict(self) -> Verdict:
        """Pass only where somebody stands behind every commit of the branch."""
        if self.flaw or any(commit.known for commit in self.refused):
            return Verdict.FAIL
        return Verdict.UNKNOWN if self.refused else Verdict.PASS

    @property
    def why(self) -> str:
        """What is wrong, as one sentence; empty for a range that passes."""
        if self.flaw or not self.refused:
            return self.flaw
        first, more = self.refused[0], len(self.refused) - 1
        return f"commit {first.commit[:12]}: {first.why_not}" + (f" (and {more} more commits)" if more else "")


def verify_range(
    git: Git,
    accepted: str,
    head: str,
    *,
    now: dt.date,
    roster_roles: frozenset[str] = ROSTER_ROLES,
    merged: bool = False,
) -> SignedRange:
    """Judge every commit of the branch after `accepted` up to `head` (full ids); `now` is today's date (UTC).

    `merged` asks for the commits that merges brought in too. Where nothing is new, nothing is run.

    Raises:
        HistoryError: git did not answer, or a commit is not here.
    """
    if accepted == head:
        return SignedRange(accepted, head)
    branch = list(signed_commits(git, accepted, head, first_parents=True))
    if flaw := _no_stretch(accepted, head, branch):
        return SignedRange(accepted, head, flaw=flaw)
    judge = _Judge(git, rosters_of(git, (accepted, *(commit.commit for commit in branch)), now), roster_roles)
    judged = tuple(judge.on_branch(commit) for commit in branch)
    if not merged:
        return SignedRange(accepted, head, judged)
    others = list(signed_commits(git, accepted, head))
    return SignedRange(accepted, head, judged, tuple(judge.brought_in(branch, others)))


def find_root(git: Git, head: str, keys: Iterable[str]) -> str:
    """The newest commit of the branch that is signed by one of the pinned `keys`, by fingerprint (`key_fingerprint`).

    What it holds, its roster included, is trusted because of that signature. SSH keys only.

    Raises:
        HistoryError: there is none.
    """
    pinned = frozenset(keys)
    for commit in reversed(list(signed_commits(git, None, head, first_parents=True))):
        try:
            if commit.format == "ssh" and not commit.flaw and _ssh(commit) in pinned:
                return commit.commit
        except SignatureInvalid:
            continue
    raise HistoryError(
        f"no commit up to {head[:12]} is signed by a pinned key",
        expected="a commit signed by one of " + (", ".join(sorted(pinned)) or "no keys at all"),
        remedy="pin the key of somebody who signs commits, or pin a commit that you have looked at",
    )


def _no_stretch(accepted: str, head: str, branch: Sequence[SignedCommit]) -> str:
    if not branch:
        return f"{head[:12]} adds no commit to {accepted[:12]}"
    before = accepted
    for commit in branch:
        if commit.first_parent != before:
            return (
                f"the branch did not move from {accepted[:12]} by first parents: {commit.commit[:12]} comes after "
                f"{(commit.first_parent or 'nothing')[:12]}"
            )
        before = commit.commit
    return ""


@dataclass(frozen=True)
class _Judge:
    git: Git
    rosters: Rosters
    roster_roles: frozenset[str]
    _blocks: dict[str | None, Sequence[bytes]] = field(default_factory=dict)

    def on_branch(self, commit: SignedCommit) -> JudgedCommit:
        """A commit of the branch, judged by the roster of its first parent."""
        trusted = commit.parents[0]
        judged = self._judged(commit, trusted)
        if not self.rosters.differ(trusted, commit.commit):
            return judged
        why = judged.why_not or self._may_change_roster(judged.signer)
        signer = None if why else judged.signer
        return JudgedCommit(commit.commit, signer, judged.fingerprint, why, judged.known, changes_roster=True)

    def brought_in(self, branch: Sequence[SignedCommit], others: Sequence[SignedCommit]) -> Iterator[JudgedCommit]:
        """The commits that merges brought in, judged by the roster that was trusted when they were merged."""
        unseen = {commit.commit: commit for commit in others}
        for merge in branch:
            unseen.pop(merge.commit, None)
        for merge in branch:
            waiting = list(merge.parents[1:])
            while waiting:
                commit = unseen.pop(waiting.pop(), None)
                if commit:
                    waiting.extend(commit.parents)
                    yield self._judged(commit, merge.parents[0])

    def _judged(self, commit: SignedCommit, trusted: str) -> JudgedCommit:
        keys = self.rosters.at(trusted)
        if keys.unreadable:
            return JudgedCommit(
                commit.commit, why_not=f"the roster before it cannot be read: {keys.unreadable}", known=False
            )
        try:
            fingerprint = self._signing_key(commit, trusted, keys.ring)
        except SignatureInvalid as error:
            return JudgedCommit(commit.commit, why_not=error.found)
        except SigningFailed as error:
            return JudgedCommit(commit.commit, why_not=error.found, known=False)
        why = keys.ring.why_not(fingerprint) or self.rosters.taken_back.get(fingerprint, "")
        return JudgedCommit(commit.commit, None if why else keys.ring.holder(fingerprint), fingerprint, why)

    def _signing_key(self, commit: SignedCommit, trusted: str, ring: KeyRing) -> str:
        if commit.format != "gpg" or commit.flaw:
            return signing_key_of(commit)
        if not ring.knows_openpgp:
            raise SignatureInvalid("it is signed with GPG, and nobody in the roster before it has a key of GPG")
        blocks = self.rosters.same_blocks(trusted)
        if blocks not in self._blocks:
            self._blocks[blocks] = key_blocks(self.git, trusted)
        return signing_key_of(commit, self._blocks[blocks])

    def _may_change_roster(self, signer: Holder | None) -> str:
        if signer is None or signer.is_machine or not signer.roles & self.roster_roles:
            who = signer.name if signer else "nobody"
            roles = " or ".join(sorted(self.roster_roles))
            return f"it changes who may sign, and {who} is no person with the role {roles} in the roster before it"
        return ""


def signing_key_of(commit: SignedCommit, openpgp_keys: Sequence[bytes] = ()) -> str:
    """The fingerprint of the key whose good signature a commit has; `openpgp_keys` are those that GPG may have used.

    Raises:
        SignatureInvalid: it has none.
        SigningFailed: gpgv is not here, so nobody knows.
    """
    if commit.flaw:
        raise SignatureInvalid(commit.flaw)
    if commit.signature is None:
        raise SignatureInvalid("it is not signed")
    if commit.format == "ssh":
        return _ssh(commit)
    if commit.format == "gpg":
        return verify_openpgp(commit.payload, commit.signature.encode("latin-1"), openpgp_keys)
    raise SignatureInvalid("it has a signature of a kind that is not read", expected="an SSH or OpenPGP signature")


def _ssh(commit: SignedCommit) -> str:
    return sshsig.verify(commit.payload, commit.signature or "", NAMESPACE).fingerprint
