"""Emergencies: whether one that was declared holds for a decision, and which earlier ones nobody has reviewed yet.

Called by the agent and attest (does it hold?) and by checks of promotions (was the last one reviewed?). Somebody with a
role of the policy's `emergency.roles` declares one for one step of the branch and one environment, for no longer than
`emergency.expires`. Afterwards another person reviews it; until then no promotion into that environment is let in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from interlock.approvals.facts import PastEmergency
from interlock.approvals.keys import KeyRing
from interlock.approvals.statement_form import moment_text
from interlock.approvals.statements import EmergencyReview, EmergencyStatement
from interlock.checking.approval_gathering import TOLERANCE, Gathered
from interlock.checking.decision import MAIN, Decision
from interlock.checking.signed_statements import Ignored, Verified, all_verified, peek, verified
from interlock.checking.trusted_side import deciding_documents, policy_at, roster_of
from interlock.documents.fields import duration_text
from interlock.errors import EvidenceError, UsageError
from interlock.history.attestation_ref import read_emergencies, read_stored
from interlock.history.repository import GitRepository
from interlock.rules.effective_policy import EffectivePolicy, effective_policy, policies_of

MOST_COMMITS = 20_000
"""Commits of the trusted branch among which earlier emergencies are looked for."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The emergency that lets a decision into an environment without approvals (None: there is none that holds), and
    why others do not.
    """

    emergency: Verified | None
    ignored: tuple[Ignored, ...] = ()

    @property
    def statement(self) -> EmergencyStatement | None:
        """What was declared."""
        found = self.emergency.statement if self.emergency else None
        return found if isinstance(found, EmergencyStatement) else None


def declared_emergency(
    repository: GitRepository,
    gathered: Gathered,
    decision: Decision,
    environment: str,
    policy: EffectivePolicy,
    now: dt.datetime,
) -> Declared:
    """Whether somebody declared an emergency for exactly this decision; `policy` is that of the trusted side.

    Raises:
        HistoryError: git cannot read the statements.
    """
    if not gathered.emergencies:
        return Declared(None)
    listed = read_emergencies(repository.git).statements
    ignored, holding = [], []
    for one in gathered.emergencies:
        why = (
            ""
            if one.name in listed
            else "it is not listed among the emergencies, so nobody would be asked to review it"
        )
        why = why or why_no_emergency(one, decision, environment, policy, now)
        if why:
            ignored.append(Ignored(one.name, one.holder.name, why))
        else:
            holding.append(one)
    return Declared(holding[0] if holding else None, tuple(ignored))


def why_no_emergency(
    one: Verified, decision: Decision, environment: str, policy: EffectivePolicy, now: dt.datetime
) -> str:
    """Why a signed emergency does not hold for a decision at a time, in a sentence; "" where it does."""
    return next(_against(one, decision, environment, policy, now), "")


def _against(
    one: Verified, decision: Decision, environment: str, policy: EffectivePolicy, now: dt.datetime
) -> Iterator[str]:
    statement, who = one.statement, one.holder.name
    assert isinstance(statement, EmergencyStatement)
    roles = frozenset(policy.value("emergency.roles", ()))
    longest = policy.value("emergency.expires")
    if not roles or longest is None:
        yield f"the policies describe no emergencies in {environment}"
        return
    if one.holder.is_machine or not roles & one.holder.roles:
        yield f"{who} has none of the roles that may act in an emergency: {', '.join(sorted(roles))}"
    if statement.by != who:
        yield f"it names {statement.by}, and the key is {who}'s"
    if statement.environment != environment:
        yield f"it was declared for {statement.environment}"
    step = (statement.target_ref, statement.from_commit, statement.tree)
    if step != (decision.target_ref, decision.parent, decision.tree):
        yield f"it was declared for another step: from {statement.from_commit[:12]} to the tree {statement.tree[:12]}"
    if statement.declared > now + TOLERANCE:
        yield f"it says that it was declared on {moment_text(statement.declared)}, which is in the future"
    if statement.expires - statement.declared > longest:
        yield f"it is to last longer than {duration_text(longest)}, which the policies allow"
    if statement.expires <= now:
        yield f"it expired on {moment_text(statement.expires)}"


def past_emergencies(
    repository: GitRepository, commit: str, environments: Iterable[str], now: dt.datetime, target_ref: str = MAIN
) -> dict[str, tuple[PastEmergency, ...]]:
    """The emergencies that the trusted branch up to `commit` went through, newest first, by environment.

    Raises:
        HistoryError: git cannot read the statements or the branch.
    """
    found: dict[str, tuple[PastEmergency, ...]] = dict.fromkeys(environments, ())
    files = read_emergencies(repository.git).statements if found else {}
    if not files:
        return found
    ring = KeyRing.of(roster_of(repository, commit), now.date())
    steps = _steps(repository, commit)
    past = [_past(repository, name, data, steps, target_ref) for name, data in files.items()]
    for one in sorted(filter(None, past), key=lambda held: held.step.position):
        if one.statement.environment in found:
            found[one.statement.environment] += (_told(repository, one, ring),)
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One commit of the trusted branch; `position` counts from its end."""

    commit: str
    position: int


@dataclass(frozen=True, slots=True)
class _Held:
    """An emergency that held at its time."""

    verified: Verified
    statement: EmergencyStatement
    step: _Step


def _steps(repository: GitRepository, commit: str) -> Mapping[tuple[str, str], _Step]:
    """The steps of the branch by the commit that they changed and the tree that they led to."""
    commits = repository.first_parents(commit, MOST_COMMITS)
    return {(before, tree): _Step(at, n) for n, ((at, tree), (before, _)) in enumerate(pairwise(commits))}


def _past(
    repository: GitRepository, name: str, data: bytes, steps: Mapping[tuple[str, str], _Step], target_ref: str
) -> _Held | None:
    """An emergency that held when the branch took its step, by the roster and the policies of that time.

    Keys that were revoked since count too: what was done with them needs a review all the more.
    """
    try:
        statement = peek(data)
    except EvidenceError:
        return None
    if not isinstance(statement, EmergencyStatement):
        return None
    step = steps.get((statement.from_commit, statement.tree))
    if step is None:
        return None
    deciding = deciding_documents(repository, statement.from_commit)
    ring = KeyRing.of(deciding.roster.document if deciding.roster else None, statement.declared.date())
    one = verified(name, data, ring)
    if isinstance(one, Ignored):
        return None
    policy = effective_policy(policies_of(deciding, statement.environment))
    decision = Decision(target_ref, statement.from_commit, statement.tree, step.commit, step.commit)
    against = why_no_emergency(one, decision, statement.environment, policy, statement.declared)
    return None if against else _Held(one, statement, step)


def _told(repository: GitRepository, held: _Held, ring: KeyRing) -> PastEmergency:
    statement = held.statement
    within = policy_at(repository, statement.from_commit, statement.environment).value("emergency.review_within")
    return PastEmergency(
        environment=statement.environment,
        commit=held.step.commit,
        by=statement.by,
        reason=statement.reason,
        declared=statement.declared,
        review_due=statement.declared + within if within else None,
        reviewed_by=tuple(review.holder.name for review in reviews_of(repository, held.verified, ring)),
    )


def reviews_of(repository: GitRepository, one: Verified, ring: KeyRing) -> list[Verified]:
    """The reviews of an emergency by other people, by the keys of the trusted side as it is now.

    Raises:
        HistoryError: git cannot read the statements.
    """
    good, _ = all_verified(read_stored(repository.git, one.statement.tree).statements, ring)
    return [review for review in good if not why_no_review(review, one)]


def why_no_review(review: Verified, one: Verified) -> str:
    """Why a signed statement is no review of an emergency, in a sentence; "" where it is."""
    statement, who = review.statement, review.holder.name
    if not isinstance(statement, EmergencyReview):
        return "it is no review"
    if statement.emergency != f"sha256:{one.name.removesuffix('.json')}":
        return "it is about another emergency"
    if review.holder.is_machine:
        return f"{who} is a machine, and an emergency is reviewed by people"
    if who == one.holder.name:
        return f"{who} declared the emergency, and it is reviewed by somebody else"
    if statement.by != who:
        return f"it names {statement.by}, and the key is {who}'s"
    return ""


def unreviewed(past: Iterable[PastEmergency]) -> tuple[PastEmergency, ...]:
    """Those that nobody has reviewed yet."""
    return tuple(one for one in past if not one.reviewed_by)


def find_emergency(repository: GitRepository, tree: str, prefix: str, ring: KeyRing) -> Verified:
    """The emergency about a tree whose file begins with `prefix` (the only one, where it is empty).

    Raises:
        UsageError: there is none, or more than one.
        HistoryError: git cannot read the statements.
    """
    good, _ = all_verified(read_stored(repository.git, tree).statements, ring)
    found = [one for one in good if isinstance(one.statement, EmergencyStatement) and one.name.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name[:12] for one in found)
    raise UsageError(
        f"{'several emergencies are' if found else 'no emergency is'} declared for the tree {tree[:12]}",
        expected=f"one of them, by --id: {names}" if found else "the commit for which one was declared",
        remedy="" if found else "get the statements of others with --fetch origin, and name that commit",
    )
