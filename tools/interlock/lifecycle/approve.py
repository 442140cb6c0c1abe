"""Plans, signs and keeps a person's approval of one change. Called by `interlock approve`; asks and prints nothing.

What is signed is computed from git: where the change comes from, what it leads to, the records and evidence that it
names, and the policies that judge it. Nothing is kept that would not count: the signature is verified, and its key must
be somebody's on the trusted side.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.approvals.keys import Holder, KeyRing
from interlock.approvals.statements import ApprovalStatement
from interlock.checking.approval_gathering import why_void
from interlock.checking.binding import Binding, binding_between
from interlock.checking.decision import Decision, branch_ref, merged_decision, proposed_decision
from interlock.checking.signed_statements import Ignored, sign_statement, verified
from interlock.checking.trusted_side import roster_of
from interlock.errors import UsageError
from interlock.history.attestation_ref import add_several, file_name
from interlock.history.repository import GitRepository

MOST_COMMITS = 100
"""Commits of one proposal that may be merged one by one."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What somebody is asked to approve; `through` are the trees in between, if it is merged commit by commit."""

    decision: Decision
    binding: Binding
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """An approval that was signed and would count: the name of its file, its bytes, and who signed it."""

    name: str
    data: bytes
    statement: ApprovalStatement
    holder: Holder
    fingerprint: str

    @property
    def files(self) -> Mapping[str, Mapping[str, bytes]]:
        """Where it belongs: below each tree that it speaks about."""
        trees = dict.fromkeys((self.statement.tree, *self.statement.through))
        return {tree: {self.name: self.data} for tree in trees}


def proposed(repository: GitRepository, what: str, target: str | None) -> Proposed:
    """What `BASE..HEAD` would decide when HEAD is merged into BASE, or what the commit `REV` decides on its parent.

    Raises:
        UsageError: `what` names no change.
        HistoryError: git does not know a commit, or they do not merge without a person.
    """
    base, dots, head = what.partition("..")
    if dots and (not base or not head or head.startswith(".")):
        raise UsageError(
            f"{what!r} names no change", expected="REV, or BASE..HEAD", remedy="run: interlock approve main..HEAD"
        )
    name = target or (repository.branch_name(base) if dots else "") or "main"
    ref = branch_ref(name)
    if dots:
        decision = proposed_decision(repository, repository.resolve(base), repository.resolve(head), ref)
    else:
        decision = merged_decision(repository, repository.resolve(base), ref)
    binding = binding_between(repository, decision.parent, decision.tree)
    return Proposed(decision, binding, _through(repository, decision))


def _through(repository: GitRepository, decision: Decision) -> tuple[str, ...]:
    """The trees between, for a branch that lies on its base in one line: rebase merging gives each of them to it."""
    found: list[str] = []
    for commit, tree in repository.first_parents(decision.head, MOST_COMMITS + 1):
        if commit == decision.parent:
            return tuple(reversed(found))[:-1] if found[0] == decision.tree else ()
        found.append(tree)
    return ()


def approval_statement(
    proposal: Proposed, now: dt.datetime, *, role: str | None, expires: dt.timedelta | None, withdraw: bool = False
) -> ApprovalStatement:
    """What is signed."""
    decision, binding = proposal.decision, proposal.binding
    return ApprovalStatement(
        decision="withdrawn" if withdraw else "approved",
        target_ref=decision.target_ref,
        tree=decision.tree,
        from_commit=decision.parent,
        through=proposal.through,
        manifests=dict(binding.manifests),
        evidence=dict(binding.evidence),
        policy_digest=binding.policy_digest,
        environment=binding.environment,
        adapter=binding.adapter,
        role=role,
        made=now,
        expires=now + expires if expires else None,
    )


def sign_approval(
    repository: GitRepository, proposal: Proposed, statement: ApprovalStatement, key: Path, now: dt.datetime
) -> Signed:
    """Sign a statement, and make sure that it counts; nothing is kept yet.

    Raises:
        SigningFailed: the key cannot sign.
        UsageError: the signature would count for nobody, and why.
    """
    data = sign_statement(statement, key)
    name = file_name(data)
    ring = KeyRing.of(roster_of(repository, proposal.decision.parent), now.date())
    opened = verified(name, data, ring)
    if isinstance(opened, Ignored):
        raise _would_not_count(opened.why)
    reason = why_void(repository, proposal.decision, opened, now)
    if reason:
        raise _would_not_count(reason)
    return Signed(name, data, statement, opened.holder, opened.fingerprint)


def keep(repository: GitRepository, signed: Signed) -> str:
    """Add a signed approval to the ref; returns the ref's commit."""
    return add_several(repository.git, signed.files)


def _would_not_count(why: str) -> UsageError:
    return UsageError(
        f"the approval would not count: {why}",
        expected="a key that policies/roster.yaml gives to exactly one person, on the side that is changed",
        remedy="sign with another key (--key FILE), or have the key added to the roster first, in a change of its own",
    )
