"""What was said about one change, what of it counts, and why the rest does not: `interlock approve --show`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from interlock.approvals.quorum import Quorum
from interlock.approvals.statement_form import moment_text
from interlock.approvals.statements import EmergencyStatement
from interlock.checking.approval_gathering import Gathered
from interlock.cli import exit_codes
from interlock.findings.readable import readable
from interlock.lifecycle.approve import Proposed
from interlock.rules.approval_decisions import Decision

_STATUS = {"pass": exit_codes.CLEAN, "fail": exit_codes.FINDINGS, "unknown": exit_codes.COULD_NOT_EVALUATE}
_WORDS = {"pass": "approved", "fail": "not approved", "unknown": "could not be evaluated"}


@dataclass(frozen=True)
class ApprovalView:
    """Everything that is known about the approvals of one change."""

    proposal: Proposed
    answers: tuple[tuple[Decision, Quorum], ...]
    gathered: Gathered

    @property
    def exit_status(self) -> int:
        """0 where everything is approved or nothing has to be, 1 where it is not, 4 where nobody can say."""
        statuses = {quorum.status for _, quorum in self.answers}
        return _STATUS["fail" if "fail" in statuses else "unknown" if "unknown" in statuses else "pass"]


def view_lines(view: ApprovalView) -> Iterator[str]:
    """The view for a person."""
    decision = view.proposal.decision
    yield f"{decision.target_ref}, from {decision.parent[:12]} to the tree {decision.tree}"
    for one, quorum in view.answers:
        yield f"  {readable(one.what)}: {_WORDS[quorum.status]}"
        yield from (f"    counts: {line}" for line in _counted(quorum))
        yield from (f"    does not count: {readable(f'{n.who}: {n.why}')}" for n in quorum.not_counted)
        yield from (f"    missing: {readable(sentence)}" for sentence in quorum.missing)
        yield from (f"    against: {readable(line)}" for line in (*quorum.objections, *quorum.conflicts))
        yield from (f"    not known: {readable(sentence)}" for sentence in quorum.unknown)
    if not view.answers:
        yield "  nothing that is decided here needs approvals"
        yield from (f"    signed: {readable(one.login or '')}" for one in view.gathered.approvals if not one.why_void)
    for attested in view.gathered.attestations:
        yield f"  attested by {readable(attested.attester)} on {moment_text(attested.attestation.time_verified)}"
    for emergency in view.gathered.emergencies:
        if isinstance(emergency.statement, EmergencyStatement):
            until, why = moment_text(emergency.statement.expires), readable(emergency.statement.reason)
            yield f"  emergency in {emergency.statement.environment} until {until}, by {emergency.holder.name}: {why}"
    for ignored in view.gathered.ignored:
        yield f"  not counted: {ignored.name[:12]} by {readable(ignored.who)}: {readable(ignored.why)}"


def _counted(quorum: Quorum) -> Iterator[str]:
    for one in quorum.counted:
        yield readable(f"{one.login} as {one.role}" if one.role else one.login)


def view_document(view: ApprovalView) -> dict[str, Any]:
    """The view for a program."""
    decision = view.proposal.decision
    return {
        "target_ref": decision.target_ref,
        "from": decision.parent,
        "tree": decision.tree,
        "decisions": [_decision(one, quorum) for one, quorum in view.answers],
        "attested_by": [one.attester for one in view.gathered.attestations],
        "ignored": [{"file": one.name, "who": one.who, "why": one.why} for one in view.gathered.ignored],
    }


def _decision(one: Decision, quorum: Quorum) -> dict[str, Any]:
    return {
        "what": one.what,
        "environment": one.environment,
        "adapter": one.adapter,
        "status": quorum.status,
        "counted": [{"login": counted.login, "role": counted.role} for counted in quorum.counted],
        "not_counted": [{"who": other.who, "why": other.why} for other in quorum.not_counted],
        "missing": list(quorum.missing),
        "against": [*quorum.objections, *quorum.conflicts],
        "unknown": list(quorum.unknown),
    }
