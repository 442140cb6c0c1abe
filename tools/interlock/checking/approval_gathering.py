"""What the signed statements about one decision are worth: approvals, attestations, emergencies and their reviews.

Called by approve, attest, the approvals of a check, the agent and the audit. Each statement is judged by the keys of
the trusted side and compared with what git says now: branch, commit, tree, records, evidence, policies, end. One that
does not hold counts for nothing and has a sentence that says why. Needs no network.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from interlock.approvals.keys import KeyRing
from interlock.approvals.quorum import Approval
from interlock.approvals.statement_form import moment_text
from interlock.approvals.statements import (
    ApprovalStatement,
    Attestation,
    EmergencyReview,
    EmergencyStatement,
)
from interlock.checking.binding import Binding, binding_between
from interlock.checking.decision import Decision, trees_on_the_way
from interlock.checking.signed_statements import Ignored, Verified, all_verified
from interlock.errors import InterlockError, RemoteUnreachable
from interlock.history.attestation_ref import REF, Stored, read_stored
from interlock.history.repository import GitRepository

ATTESTER = "attester"
TOLERANCE = dt.timedelta(minutes=5)
"""How far the clock of whoever signed may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class VerifiedAttestation:
    """An attestation that holds for a decision: its file, what it says, and which attester signed it."""

    name: str
    attestation: Attestation
    attester: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the statements about a decision are worth.

    `approvals` are for the quorum, each void one with its reason; `approval_files` are the files of those that hold.
    `ignored` says why other statements count for nothing. `emergencies` and `reviews` are signed by somebody of the
    roster; `checking.emergencies` says which of them count.
    """

    approvals: tuple[Approval, ...] = ()
    attestations: tuple[VerifiedAttestation, ...] = ()
    emergencies: tuple[Verified, ...] = ()
    reviews: tuple[Verified, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    approval_files: tuple[str, ...] = ()


def gather_statements(repository: GitRepository, decision: Decision, ring: KeyRing, now: dt.datetime) -> Gathered:
    """Everything that lies in the ref about the tree of a decision; `ring` is that of `decision.parent`.

    Raises:
        HistoryError: git cannot read the statements or what they are about, or there are too many.
    """
    return worth_of(read_stored(repository.git, decision.tree), decision, ring, now, _FromGit(repository, decision))


class Surroundings(Protocol):
    """What git says around one decision; the audit, which replays thousands of them, knows it without asking git."""

    def way(self, start: str, most: int) -> list[str]:
        """The trees of the trusted branch from behind `start` to the decision; none where it does not lead there."""

    def binding(self, base: str, tree: str) -> Binding:
        """What a change from a commit to a tree is bound to.

        Raises:
            HistoryError: its objects are not here, or it names too much.
        """


@dataclass(frozen=True, slots=True)
class _FromGit:
    repository: GitRepository
    decision: Decision

    def way(self, start: str, most: int) -> list[str]:
        return list(trees_on_the_way(self.repository, self.decision, start, most))

    def binding(self, base: str, tree: str) -> Binding:
        return binding_between(self.repository, base, tree)


def worth_of(
    stored: Stored,
    decision: Decision,
    ring: KeyRing,
    now: dt.datetime,
    around: Surroundings,
    *,
    acted: dt.datetime | None = None,
) -> Gathered:
    """What stored statements are worth for a decision; see `gather_statements`.

    `acted` is when the decision was acted upon, if that was not now: by then an approval must not have expired.
    """
    good, ignored = all_verified(stored.statements, ring)
    ignored += [Ignored(name, "somebody", why) for name, why in stored.refused.items()]
    judge = _Judge(around, decision, now, acted or now)
    approvals = {
        one.name: judge.approval(one, one.statement) for one in good if isinstance(one.statement, ApprovalStatement)
    }
    attested = [(one, judge.why_no_attestation(one)) for one in good if isinstance(one.statement, Attestation)]
    return Gathered(
        tuple(approvals.values()),
        tuple(_attestation(one) for one, why in attested if not why),
        tuple(one for one in good if isinstance(one.statement, EmergencyStatement)),
        tuple(one for one in good if isinstance(one.statement, EmergencyReview)),
        (*ignored, *(Ignored(one.name, one.holder.name, why) for one, why in attested if why)),
        tuple(name for name, approval in approvals.items() if not approval.why_void),
    )


def why_void(repository: GitRepository, decision: Decision, one: Verified, now: dt.datetime) -> str:
    """Why a signed approval does not count for a decision, "" where it does."""
    assert isinstance(one.statement, ApprovalStatement)
    return _Judge(_FromGit(repository, decision), decision, now, now).approval(one, one.statement).why_void


def why_no_attestation(repository: GitRepository, decision: Decision, one: Verified, now: dt.datetime) -> str:
    """Why a signed attestation does not hold for a decision, "" where it does."""
    return _Judge(_FromGit(repository, decision), decision, now, now).why_no_attestation(one)


@dataclass
class _Judge:
    """Compares statements with one decision; what git says of a change is computed once."""

    around: Surroundings
    decision: Decision
    now: dt.datetime
    acted: dt.datetime
    _bindings: dict[tuple[str, str], Binding | str] = field(default_factory=dict)

    def approval(self, one: Verified, statement: ApprovalStatement) -> Approval:
        """A signed yes, or one that was taken back, as the quorum counts it."""
        withdrawn = statement.decision == "withdrawn"
        approval = Approval(
            login=one.holder.name,
            source="statement",
            tree=self.decision.tree,
            roles=frozenset({statement.role} if statement.role else ()),
            is_human=not one.holder.is_machine,
            withdrawn=withdrawn,
            order=2 * int(statement.made.timestamp()) + withdrawn,  # taken back in the same second: taken back
            from_commit=self.decision.parent,
            target_ref=statement.target_ref,
            environment=statement.environment,
            adapter=statement.adapter,
        )
        return replace(approval, why_void=next(self._why_void(one, statement), ""))

    def _why_void(self, one: Verified, statement: ApprovalStatement) -> Iterator[str]:
        who = one.holder.name
        if one.holder.is_machine:
            yield f"{who} is a machine, and approvals come from people"
        if statement.made > self.now + TOLERANCE:
            yield f"it says that it was made on {moment_text(statement.made)}, which is in the future"
        if statement.decision == "withdrawn":
            return  # whoever takes a yes back need not say which text of the policies it was given under
        if statement.role and statement.role not in one.holder.roles:
            yield f"it was given as {statement.role}, and the roster does not give {who} that role"
        if statement.expires and statement.expires <= self.acted:
            yield f"it expired on {moment_text(statement.expires)}"
        yield from self._why_elsewhere(statement)

    def _why_elsewhere(self, statement: ApprovalStatement) -> Iterator[str]:
        """Reasons to take it for a yes to another change: one that was cherry-picked, repeated, or went on growing."""
        if statement.target_ref != self.decision.target_ref:
            yield f"it was given for {statement.target_ref}, and this is {self.decision.target_ref}"
        way = self.around.way(statement.from_commit, len(statement.through) + 2)
        if not way:
            yield (
                f"it was given for a change of {statement.from_commit[:12]}, and this one changes "
                f"{self.decision.parent[:12]}"
            )
        elif way != [statement.tree] and tuple(way) != (*statement.through, statement.tree)[: len(way)]:
            yield f"from {statement.from_commit[:12]} the branch took another way than the one that was approved"
        binding = self._binding(statement.from_commit, statement.tree)
        if isinstance(binding, str):
            yield f"what it was given for cannot be read: {binding}"
        else:
            yield from _differences(statement, binding)

    def why_no_attestation(self, one: Verified) -> str:
        """Why an attestation does not hold for the decision, "" where it does."""
        return next(self._against(one, one.statement), "") if isinstance(one.statement, Attestation) else ""

    def _against(self, one: Verified, statement: Attestation) -> Iterator[str]:
        decision = self.decision
        if ATTESTER not in one.holder.roles:
            yield f"the roster does not give {one.holder.name} the role {ATTESTER}"
        if not one.holder.is_machine:
            yield f"{one.holder.name} is a person, and a person approves; attestations come from machines"
        if (statement.tree, statement.from_commit) != (decision.tree, decision.parent):
            yield f"it attests another step: from {statement.from_commit[:12]} to the tree {statement.tree[:12]}"
        if statement.target_ref != decision.target_ref:
            yield f"it attests a commit of {statement.target_ref}, and this is {decision.target_ref}"
        if statement.result != "PASSED":
            yield "it attests that the checks did not pass"
        if statement.time_verified > self.now + TOLERANCE:
            yield f"it says that it was made on {moment_text(statement.time_verified)}, which is in the future"
        binding = self._binding(decision.parent, decision.tree)
        if isinstance(binding, str):
            yield f"what it attests cannot be read: {binding}"
        elif statement.policy_digest != binding.policy_digest:
            yield "it attests a verdict by other policies than those of the trusted side"

    def _binding(self, base: str, tree: str) -> Binding | str:
        """What a change is bound to, or why that is not known: its objects need not be here."""
        if (base, tree) not in self._bindings:
            try:
                self._bindings[base, tree] = self.around.binding(base, tree)
            except RemoteUnreachable:
                raise
            except InterlockError as error:
                self._bindings[base, tree] = error.found
        return self._bindings[base, tree]


def _differences(statement: ApprovalStatement, binding: Binding) -> Iterator[str]:
    """What a statement names otherwise than git says."""
    if statement.policy_digest != binding.policy_digest:
        yield "it was given under other policies than those of the trusted side"
    if (statement.environment, statement.adapter) != (binding.environment, binding.adapter):
        named = " and ".join(filter(None, (statement.environment, statement.adapter))) or "no environment"
        yield f"it names {named}, which is not what the change is about"
    if statement.manifests != binding.manifests:
        yield f"it names other records than the change: {_first(statement.manifests, binding.manifests)}"
    if statement.evidence != binding.evidence:
        yield f"it names other evidence than is there: {_first(statement.evidence, binding.evidence)}"


def _first(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """The first path of which two sets of digests say something else."""
    return min(path for path in {*one, *other} if one.get(path) != other.get(path))


def _attestation(one: Verified) -> VerifiedAttestation:
    assert isinstance(one.statement, Attestation)
    return VerifiedAttestation(one.name, one.statement, one.holder.name)


def statement_address(tree: str, name: str) -> str:
    """Where a statement lies, as an attestation names it among its inputs."""
    return f"{REF}:{tree}/{name}"
