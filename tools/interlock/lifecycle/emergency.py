"""Declares an emergency for one change, and records that somebody reviewed it. Called by `interlock emergency`.

Nothing is kept that would not hold: roles, length and key are judged by the policies of the side that is changed, as
the agent judges them. Nobody is asked and nothing is printed here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interlock.approvals.keys import Holder, KeyRing
from interlock.approvals.ssh_keygen import fingerprint_of
from interlock.approvals.statements import EmergencyReview, EmergencyStatement
from interlock.checking.decision import Decision
from interlock.checking.emergencies import find_emergency, why_no_emergency, why_no_review
from interlock.checking.signed_statements import Ignored, Verified, sign_statement, verified
from interlock.checking.trusted_side import policy_at, roster_of
from interlock.documents.fields import duration_text
from interlock.errors import UsageError
from interlock.history.attestation_ref import EMERGENCIES, add_several, file_name
from interlock.history.repository import GitRepository

Outcome = Literal["justified", "not-justified"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement that was signed and kept: its file, who signed it, and the commit of the ref that holds it."""

    name: str
    holder: Holder
    statement: EmergencyStatement | EmergencyReview
    commit: str


def declare(
    repository: GitRepository,
    decision: Decision,
    environment: str,
    reason: str,
    expires: dt.timedelta,
    key: Path,
    now: dt.datetime,
) -> Kept:
    """Let one change into one environment without approvals, until `expires` from now.

    Raises:
        SigningFailed: the key cannot sign.
        UsageError: it would not hold, and why.
        HistoryError: git cannot read the trusted side.
    """
    ring = KeyRing.of(roster_of(repository, decision.parent), now.date())
    statement = EmergencyStatement(
        target_ref=decision.target_ref,
        tree=decision.tree,
        commit=decision.commit,
        from_commit=decision.parent,
        environment=environment,
        reason=reason,
        by=_holder(ring, key).name,
        declared=now,
        expires=now + expires,
    )
    data, one = _signed(statement, ring, key)
    policy = policy_at(repository, decision.parent, environment)
    why = why_no_emergency(one, decision, environment, policy, now)
    if why:
        longest = policy.value("emergency.expires")
        most = f", for at most {duration_text(longest)}" if longest else ", which have to allow emergencies"
        raise UsageError(
            f"the emergency would not hold: {why}",
            expected=f"somebody with a role of `emergency.roles` in the policies of {environment}{most}",
            remedy=f"run: interlock policy show {environment}",
        )
    files = {one.name: data}
    commit = add_several(repository.git, {decision.tree: files, EMERGENCIES: files})
    return Kept(one.name, one.holder, statement, commit)


def review(
    repository: GitRepository,
    tree: str,
    trusted: str,
    prefix: str,
    outcome: Outcome,
    text: str,
    key: Path,
    now: dt.datetime,
) -> Kept:
    """Record that another person looked at the emergency about a tree; `trusted` is the commit with today's roster.

    Raises:
        SigningFailed: the key cannot sign.
        UsageError: there is no such emergency, or the review would not count, and why.
        HistoryError: git cannot read the trusted side or the statements.
    """
    ring = KeyRing.of(roster_of(repository, trusted), now.date())
    emergency = find_emergency(repository, tree, prefix, ring)
    declared = emergency.statement
    assert isinstance(declared, EmergencyStatement)
    statement = EmergencyReview(
        target_ref=declared.target_ref,
        tree=tree,
        environment=declared.environment,
        emergency=f"sha256:{emergency.name.removesuffix('.json')}",
        outcome=outcome,
        text=text,
        by=_holder(ring, key).name,
        made=now,
    )
    data, one = _signed(statement, ring, key)
    why = why_no_review(one, emergency)
    if why:
        raise UsageError(
            f"the review would not count: {why}", expected="another person of the roster", remedy="ask one"
        )
    commit = add_several(repository.git, {tree: {one.name: data}})
    return Kept(one.name, one.holder, statement, commit)


def _holder(ring: KeyRing, key: Path) -> Holder:
    fingerprint = fingerprint_of(key)
    holder = ring.holder(fingerprint)
    if holder is None:
        raise UsageError(
            f"the signature would not count: {ring.why_not(fingerprint)}",
            expected="a key that policies/roster.yaml gives to exactly one person",
            remedy="sign with another key: --key FILE",
        )
    return holder


def _signed(statement: EmergencyStatement | EmergencyReview, ring: KeyRing, key: Path) -> tuple[bytes, Verified]:
    data = sign_statement(statement, key)
    one = verified(file_name(data), data, ring)
    if isinstance(one, Ignored):
        raise UsageError(f"the signature would not count: {one.why}", remedy="sign with another key: --key FILE")
    return data, one
