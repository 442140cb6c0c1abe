"""Judges one commit of the branch as one decision: the checker's verdict on the change, and who stands behind it.

Called by `trust_walk`. The verdict is made anew here, by the rules of the trusted side, as the change from its first
parent; then an attestation, the signed approvals or an emergency must be there. Nothing of it needs a network.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from interlock.approvals.facts import PastEmergency
from interlock.approvals.keys import KeyRing
from interlock.approvals.quorum import Quorum
from interlock.checking.approval_facts import ApprovalSource
from interlock.checking.approval_gathering import Gathered, VerifiedAttestation, gather_statements
from interlock.checking.changes import ChangeResult, check_change
from interlock.checking.checker import CheckCaches
from interlock.checking.decision import Decision
from interlock.checking.emergencies import declared_emergency, past_emergencies, unreviewed
from interlock.checking.key_rings import rosters_of
from interlock.checking.signed_statements import Ignored
from interlock.findings.finding import Finding
from interlock.findings.readable import readable
from interlock.history.change_trees import both_sides
from interlock.history.range_paths import BranchStep
from interlock.history.repository import GitRepository
from interlock.rules.approval_decisions import decisions
from interlock.rules.change import Change
from interlock.rules.transitions import approvals
from interlock.sync.demands import Demands
from interlock.sync.trust_outcome import Flaw, NotYet, Refused

HEALED_BY_TIME = frozenset({"outside-window", "unsoaked-promotion", "environment-on-hold"})
"""Rules whose finding may be gone later although nothing changes."""
WAIVED_IN_AN_EMERGENCY = frozenset({"outside-window", "unsoaked-promotion"})
"""Rules that ask for time, which an emergency does not have; what bytes and evidence prove is never waived."""
_ABOUT_APPROVALS = frozenset(rule.id for rule in approvals.RULES)


@dataclass(frozen=True, slots=True)
class Proof:
    """What stands for one decision, in a sentence."""

    how: str


@dataclass(frozen=True)
class RingOfNow(KeyRing):
    """A roster's keys without those that a later roster takes back: a thief signs with a key of yesterday."""

    later: KeyRing | None = None

    def why_not(self, fingerprint: str) -> str:
        """See `KeyRing.why_not`."""
        return super().why_not(fingerprint) or (self.later.taken_back(fingerprint) if self.later else "")


@dataclass(frozen=True, slots=True)
class _Emergency:
    """Who let a commit in without approvals, in a sentence ("": nobody), and why other declarations do not hold."""

    told: str = ""
    ignored: tuple[Ignored, ...] = ()


@dataclass(frozen=True)
class _Statements(ApprovalSource):
    """Where the quorum finds approvals on a node: the statements alone, as `DecisionJudge` gathered them."""

    gathered: Gathered = field(default_factory=Gathered)

    def statements(self, change: Change) -> Gathered:
        """See `ApprovalSource.statements`."""
        return self.gathered


@dataclass(frozen=True)
class DecisionJudge:
    """Judges the decisions of one walk at one moment. `head` is where the walk ends."""

    repository: GitRepository
    target_ref: str
    environment: str
    demands: Demands
    now: dt.datetime
    caches: CheckCaches
    head: str

    def judge(self, step: BranchStep, undone: Collection[str]) -> Proof | Flaw:
        """Whether one commit may be followed; nothing counts as having been active because of a commit in `undone`.

        Raises:
            HistoryError: git cannot read it.
        """
        ring = self._ring(step.parent)
        if isinstance(ring, NotYet):
            return ring
        decision = Decision(self.target_ref, step.parent, step.tree, step.commit, step.commit)
        gathered = gather_statements(self.repository, decision, ring, self.now)
        attested = self._attested(gathered)
        checked = self._checked(step, decision, gathered, attested, undone)
        emergency = self._emergency(step, decision, gathered, checked.change)
        return (
            self._flaw(step, checked, emergency)
            or self._not_reviewed(step, checked.change)
            or self._stands_behind(step, checked.change, attested, emergency, gathered)
        )

    def attested_at(self, step: BranchStep) -> dt.datetime | None:
        """When somebody attested that this commit is allowed; None without an attestation that counts.

        Raises:
            HistoryError: git cannot read the statements.
        """
        ring = self._ring(step.parent)
        if isinstance(ring, NotYet):
            return None
        decision = Decision(self.target_ref, step.parent, step.tree, step.commit, step.commit)
        attested = self._attested(gather_statements(self.repository, decision, ring, self.now))
        return attested.attestation.time_verified if attested else None

    def _emergency(self, step: BranchStep, decision: Decision, gathered: Gathered, change: Change) -> _Emergency:
        """Who let the commit in without approvals.

        An emergency holds until it expires, and for ever once somebody else has reviewed it.
        """
        if not gathered.emergencies:
            return _Emergency()
        policy = change.policy(self.environment)
        found = declared_emergency(self.repository, gathered, decision, self.environment, policy, self.now)
        if declared := found.statement:
            until = declared.expires.strftime("%Y-%m-%d %H:%M UTC")
            return _Emergency(f"let in as an emergency by {declared.by} until {until}: {readable(declared.reason)}")
        reviewed = [one for one in self.past_emergencies(self.head) if one.commit == step.commit and one.reviewed_by]
        told = (f"let in as an emergency by {one.by}, reviewed by {', '.join(one.reviewed_by)}" for one in reviewed)
        return _Emergency(next(told, ""), found.ignored)

    def past_emergencies(self, commit: str) -> tuple[PastEmergency, ...]:
        """The emergencies of the environment up to a commit, newest first."""
        found = past_emergencies(self.repository, commit, [self.environment], self.now, self.target_ref)
        return found[self.environment]

    def _not_reviewed(self, step: BranchStep, change: Change) -> Flaw | None:
        """Whether a promotion comes while an earlier emergency is still to be looked at by somebody else."""
        if not any(one.environment == self.environment for one in change.promotions):
            return None
        waiting = unreviewed(self.past_emergencies(step.parent))
        if not waiting:
            return None
        return Refused(
            "EmergencyNotReviewed",
            f"commit {step.commit[:12]} is a promotion, and nobody has reviewed the emergency of {waiting[0].by} in"
            f" commit {waiting[0].commit[:12]} yet",
            f"run: interlock emergency review {waiting[0].commit[:12]} --push origin   (as somebody else)",
        )

    def _ring(self, parent: str) -> KeyRing | NotYet:
        rosters = rosters_of(self.repository.git, (parent, self.head), self.now.astimezone(dt.UTC).date())
        trusted = rosters.at(parent)
        if trusted.unreadable:
            found = f"the roster in {parent[:12]} cannot be read: {trusted.unreadable}"
            return NotYet("NotEvaluated", found, "repair policies/roster.yaml in a signed commit")
        return RingOfNow(trusted.ring.now, trusted.ring.held, rosters.at(self.head).ring)

    def _attested(self, gathered: Gathered) -> VerifiedAttestation | None:
        """The attestation that counts for the environment, the oldest one."""
        if self.demands.approval not in ("either", "attestation"):
            return None
        about = [one for one in gathered.attestations if self.environment in one.attestation.environments]
        return min(about, key=lambda one: (one.attestation.time_verified, one.name), default=None)

    def _checked(
        self,
        step: BranchStep,
        decision: Decision,
        gathered: Gathered,
        attested: VerifiedAttestation | None,
        undone: Collection[str],
    ) -> ChangeResult:
        """The verdict on the change, at the time at which it was attested, or else now."""

        asked = not attested and self.demands.approval in ("either", "approvals")
        with both_sides(self.repository.git, step.parent, step.commit) as (before, after):
            return check_change(
                self.repository.git,
                step.parent,
                before,
                after,
                now=attested.attestation.time_verified if attested else self.now,
                environment=self.environment,
                caches=self.caches,
                untrusted=undone,
                approvals=_Statements(self.repository, decision, self.now, gathered=gathered) if asked else None,
            )

    def _flaw(self, step: BranchStep, checked: ChangeResult, emergency: _Emergency) -> Flaw | None:
        """What the checker has against the change, apart from approvals and, in an emergency, from waiting."""
        excused = _ABOUT_APPROVALS | (WAIVED_IN_AN_EMERGENCY if emergency.told else frozenset())
        blocking = [
            finding
            for finding in checked.findings
            if finding.blocks and finding.environment in (None, self.environment) and finding.rule not in excused
        ]
        if not blocking:
            return None
        why = f"commit {step.commit[:12]} is refused: {told(blocking)}"
        remedy = f"run: git revert {step.commit[:12]} and push; see all: interlock check --base {step.parent[:12]}"
        rules = tuple(dict.fromkeys(finding.rule for finding in blocking))
        if all(not finding.evaluated for finding in blocking):
            return NotYet("NotEvaluated", why, remedy)
        if set(rules) <= HEALED_BY_TIME:
            return NotYet("NotNow", why, remedy)
        return Refused("Refused", why, remedy, rules)

    def _stands_behind(
        self,
        step: BranchStep,
        change: Change,
        attested: VerifiedAttestation | None,
        emergency: _Emergency,
        gathered: Gathered,
    ) -> Proof | Flaw:
        needed = [one for one in decisions(change) if one.environment in (None, self.environment)]
        if self.demands.approval == "none" or not needed:
            return Proof("")
        if attested:
            who = readable(", ".join(f"{one.login} ({one.role})" for one in attested.attestation.approvers))
            return Proof(f"attested by {attested.attester}, approved by {who or 'nobody'}")
        answers = [
            (one, quorum) for one, quorum in approvals.answers(change) if one.environment in (None, self.environment)
        ]
        if answers and all(quorum.status == "pass" for _, quorum in answers):
            counted = sorted({one.login for _, quorum in answers for one in quorum.counted})
            return Proof(f"approved by {', '.join(counted) or 'nobody, which its policies allow'}")
        if emergency.told and all(one.environment == self.environment and one.adapter for one in needed):
            return Proof(emergency.told)  # it never changes what decides about later changes
        lacks = [sentence for _, quorum in answers for sentence in lacking(quorum)]
        return self._not_approved(step, (*emergency.ignored, *gathered.ignored), lacks)

    def _not_approved(self, step: BranchStep, ignored: Iterable[Ignored], lacks: list[str]) -> NotYet:
        wanted = {
            "attestation": "an attestation",
            "approvals": "the signed approvals that its policies ask for",
            "either": "an attestation, or the signed approvals that its policies ask for",
            "none": "nothing",
        }[self.demands.approval]
        why = "; ".join(dict.fromkeys([*lacks, *(f"{one.who}: {one.why}" for one in ignored)]))
        return NotYet(
            "NotApproved",
            f"commit {step.commit[:12]} is not approved: {wanted} must be there{f' ({why})' if why else ''}",
            f"run: interlock approve {step.commit[:12]}   (or take it back: git revert {step.commit[:12]})",
        )


def lacking(quorum: Quorum) -> list[str]:
    """Everything that keeps a quorum from passing, as sentences."""
    if quorum.status == "pass":
        return []
    not_counted = [f"{one.who}: {one.why}" for one in quorum.not_counted]
    return [*quorum.missing, *quorum.objections, *quorum.conflicts, *quorum.unknown, *not_counted]


def told(findings: Iterable[Finding]) -> str:
    """The first finding in one line, and the rules behind the others."""
    first, *others = findings
    more = f" (and {len(others)} more: {', '.join(dict.fromkeys(other.rule for other in others))})" if others else ""
    return f"{first.place}: {first.rule}: {first.found}{more}"
