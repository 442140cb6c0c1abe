"""Judges one commit of the trusted branch in full and signs the verdict. Called by `interlock attest`; prints nothing.

The whole verdict is made anew: the change from its first parent by the rules and policies of that side, and the quorum
over signed approvals and what a forge told. Only a commit that passes both is attested; an emergency is no approval.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from interlock import __version__
from interlock.approvals.keys import KeyRing
from interlock.approvals.quorum import Quorum
from interlock.approvals.reviews import ProposalFacts
from interlock.approvals.statements import Approver, Attestation, digest
from interlock.checking.approval_facts import ApprovalSource, Told
from interlock.checking.approval_gathering import Gathered, statement_address, why_no_attestation
from interlock.checking.binding import Binding, binding_of
from interlock.checking.changes import ChangeResult, check_change
from interlock.checking.checker import CheckCaches
from interlock.checking.decision import Decision
from interlock.checking.signed_statements import Ignored, sign_statement, verified
from interlock.checking.trusted_side import roster_of
from interlock.documents.canonical_json import canonical_json
from interlock.documents.tree import Tree
from interlock.errors import UsageError
from interlock.findings.finding import Verdict
from interlock.history.attestation_ref import add, file_name
from interlock.history.repository import GitRepository
from interlock.rules import approval_decisions
from interlock.rules.approval_decisions import decisions, protected
from interlock.rules.change import Change
from interlock.rules.transitions.approvals import answers

_MOST_WORDS = 1900
_STATUS: dict[Verdict, Literal["pass", "fail", "unknown"]] = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.UNKNOWN: "unknown",
}


@dataclass(frozen=True)
class Judged:
    """One commit, judged: the verdict with the approvals in it, and the answer of the quorum to each decision."""

    decision: Decision
    result: ChangeResult
    tree: Tree
    answers: tuple[tuple[approval_decisions.Decision, Quorum], ...]
    gathered: Gathered
    binding: Binding

    @property
    def status(self) -> Literal["pass", "fail", "unknown"]:
        """The verdict and the quorum together; an emergency is no pass."""
        found = {quorum.status for _, quorum in self.answers} | {_STATUS[self.result.verdict]}
        return "fail" if "fail" in found else "unknown" if "unknown" in found else "pass"

    @property
    def lacking(self) -> tuple[str, ...]:
        """What the quorum still lacks, in sentences; also where an emergency lets the change in without it."""
        return tuple(
            f"{one.what}: {sentence}"
            for one, quorum in self.answers
            if quorum.status != "pass"
            for sentence in (*quorum.missing, *quorum.objections, *quorum.conflicts, *quorum.unknown)
        )


def judge_commit(
    repository: GitRepository,
    decision: Decision,
    before: Tree,
    after: Tree,
    now: dt.datetime,
    told: Told,
    caches: CheckCaches,
) -> Judged:
    """The verdict on a decision whose two sides are `before` and `after`.

    Raises:
        HistoryError: git cannot read it.
    """
    source = ApprovalSource(repository, decision, now, told)
    result = check_change(repository.git, decision.parent, before, after, now=now, caches=caches, approvals=source)
    found = tuple(answers(result.change))
    return Judged(decision, result, after, found, source.statements(result.change), binding_of(before, after))


def attestation_of(judged: Judged, now: dt.datetime, told: Told) -> Attestation:
    """What is signed about a commit that passed."""
    decision = judged.decision
    assert decision.commit
    return Attestation(
        target_ref=decision.target_ref,
        tree=decision.tree,
        commit=decision.commit,
        from_commit=decision.parent,
        result="PASSED",
        policy_digest=judged.binding.policy_digest,
        environments=_environments(judged.result.change),
        approvers=tuple(sorted(_approvers(judged), key=lambda one: (one.login, one.role))),
        quorum=_in_words(judged),
        inputs=dict(sorted(_inputs(judged, told))),
        verifier_version=__version__,
        time_verified=now,
    )


def sign_attestation(
    repository: GitRepository, judged: Judged, attestation: Attestation, key: Path, now: dt.datetime
) -> tuple[str, str]:
    """Sign an attestation, make sure that it holds, and keep it; returns the name of its file and the ref's commit.

    Raises:
        SigningFailed: the key cannot sign.
        UsageError: it would not hold, for example because the key is no attester's.
        HistoryError: git refuses.
    """
    data = sign_statement(attestation, key)
    ring = KeyRing.of(roster_of(repository, judged.decision.parent), now.astimezone(dt.UTC).date())
    one = verified(file_name(data), data, ring)
    why = one.why if isinstance(one, Ignored) else why_no_attestation(repository, judged.decision, one, now)
    if why:
        raise UsageError(
            f"the attestation would not hold: {why}",
            expected="the key of a machine with the role attester in policies/roster.yaml, on the side that is changed",
            remedy="sign with its key (--key FILE), or add it to the roster in a change of its own",
        )
    return one.name, add(repository.git, judged.decision.tree, {one.name: data})


def _environments(change: Change) -> tuple[str, ...]:
    """The environments that the verdict is about: all protected ones, where the change decides about later changes."""
    named = {one.environment for one in decisions(change)}
    everywhere = set(protected(change)) if None in named else set()
    return tuple(sorted({*filter(None, named), *everywhere, *(step.environment for step in change.steps)}))


def _approvers(judged: Judged) -> set[Approver]:
    return {
        Approver(login=one.login, role=one.role or "approver") for _, quorum in judged.answers for one in quorum.counted
    }


def _in_words(judged: Judged) -> str:
    """Who approved what, as the quorum counted it."""
    told = [f"{one.what}: approved by {_people(quorum)}" for one, quorum in judged.answers]
    return "; ".join(told)[:_MOST_WORDS] or "nothing that is decided here needs approvals"


def _people(quorum: Quorum) -> str:
    return (
        ", ".join(f"{one.login} ({one.role or 'approver'})" for one in quorum.counted) or "nobody, which is asked for"
    )


def _inputs(judged: Judged, told: Told) -> Iterator[tuple[str, str]]:
    """Everything beside the tree that the verdict relies on, and the evidence in it, by digest."""
    decision = judged.decision
    for name in judged.gathered.approval_files:
        yield statement_address(decision.tree, name), f"sha256:{name.removesuffix('.json')}"
    for path, value in {**judged.binding.manifests, **judged.binding.evidence}.items():
        yield f"git:{decision.commit}:{path}", value
    for proposal in told.proposals:
        yield f"{told.forge}:{proposal.number}", _proposal_digest(proposal)


def _proposal_digest(proposal: ProposalFacts) -> str:
    return digest(canonical_json(asdict(proposal)))
