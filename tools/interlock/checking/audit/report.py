"""The audit as one JSON document: `interlock-audit/1`. Called by `interlock audit` and by the bundle. Pure.

Fields may be added, and none changes its meaning. Times are UTC; commits, trees and digests are complete.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from interlock.checking.audit.outcome import (
    Actor,
    Allowed,
    ApprovalsSeen,
    Audit,
    AuditedCommit,
    EmergencyUse,
    Moment,
    Promoted,
    ServedSince,
)
from interlock.findings.report_json import finding_document

SCHEMA = "interlock-audit/1"
NOT_REPLAYED = (
    "rules over the bytes of adapters, over the room that engines have and over names that differ in case only are not"
    " replayed: interlock check --base COMMIT~1 --head COMMIT judges one commit with them",
    "reviews on a forge are known only as far as somebody attested them: an audit asks no network",
    "a commit is judged by the rules of this version of Interlock, and by the policies and the roster of its parent",
)
"""What every reader of an audit must know about its limits."""


def audit_document(audit: Audit, commits: Sequence[AuditedCommit]) -> dict[str, Any]:
    """The audit with those of its commits that were asked for; the counts are about these."""
    return {
        "schema": SCHEMA,
        "head": audit.head,
        "judged_on": audit.today.isoformat(),
        "verdict": verdict_of(commits),
        "counts": counts_of(commits),
        "notes": [*audit.notes, *NOT_REPLAYED],
        "environments": {
            environment: {adapter: _served_since(one) for adapter, one in adapters.items()}
            for environment, adapters in audit.served.items()
        },
        "not_allowed": [commit.commit for commit in commits if commit.verdict is Allowed.NO],
        "not_evaluated": [commit.commit for commit in commits if commit.verdict is Allowed.UNKNOWN],
        "emergencies": [
            {"commit": commit.commit, **_emergency(use)} for commit in commits for use in commit.emergencies
        ],
        "commits": [commit_document(commit) for commit in commits],
    }


def verdict_of(commits: Iterable[AuditedCommit]) -> str:
    """`not-allowed` beats `not-evaluated` beats `allowed`; the first commit of a branch counts for nothing."""
    found = {commit.verdict for commit in commits}
    return next((one.value for one in (Allowed.NO, Allowed.UNKNOWN) if one in found), Allowed.YES.value)


def counts_of(commits: Sequence[AuditedCommit]) -> dict[str, Any]:
    """How many commits there are, by verdict and by kind."""
    return {
        "commits": len(commits),
        **{one.value: sum(commit.verdict is one for commit in commits) for one in Allowed},
        "kinds": {kind: sum(commit.kind == kind for commit in commits) for kind in sorted({c.kind for c in commits})},
        "emergencies": sum(len(commit.emergencies) for commit in commits),
    }


def commit_document(commit: AuditedCommit) -> dict[str, Any]:
    """One commit."""
    return {
        "commit": commit.commit,
        "tree": commit.tree,
        **_moment(commit.when),
        "kind": commit.kind,
        "verdict": commit.verdict.value,
        "activated_by": _actor(commit.activator),
        "environments": list(commit.environments),
        "served": [
            {"environment": s.environment, "adapter": s.adapter, "before": list(s.before), "after": list(s.after)}
            for s in commit.served
        ],
        "promoted": [_promoted(one) for one in commit.promoted],
        "approvals": [_approvals(one) for one in commit.approvals],
        "emergencies": [_emergency(one) for one in commit.emergencies],
        "findings": [finding_document(finding) for finding in commit.findings],
        "not_evaluated": list(commit.unknown),
        "contributors": list(commit.contributors),
        "brought_in_by_merge": list(commit.brought_in),
    }


def _moment(moment: Moment) -> dict[str, str]:
    return {"time": time_text(moment.time), "time_from": moment.source}


def time_text(time: dt.datetime) -> str:
    """A time as JSON has it."""
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _actor(actor: Actor) -> dict[str, Any]:
    return {
        "name": actor.name or None,
        "machine": actor.is_machine,
        "key": actor.fingerprint or None,
        "not_proven": actor.why_not,
        "claimed": actor.claimed,
    }


def _promoted(one: Promoted) -> dict[str, Any]:
    return {
        "environment": one.environment,
        "adapter": one.adapter,
        "revision": one.revision,
        "digest": one.digest,
        "builder_claimed": one.builder,
        "registered_by": _actor(one.registered),
        "registered_in": one.registered_in or None,
        "evidence": [
            {"path": e.path, "kind": e.kind or None, "added_by": _actor(e.added), "added_in": e.added_in or None}
            for e in one.evidence
        ],
    }


def _approvals(one: ApprovalsSeen) -> dict[str, Any]:
    return {
        "environment": one.environment or None,
        "status": one.status,
        "counted": [{"login": login, "role": role} for login, role in one.counted],
        "not_counted": [{"who": who, "why": why} for who, why in one.not_counted],
        "why": list(one.why),
    }


def _emergency(use: EmergencyUse) -> dict[str, Any]:
    return {
        "environment": use.environment,
        "by": use.by,
        "reason": use.reason,
        "declared": time_text(use.declared),
        "expires": time_text(use.expires),
        "counts": use.counts,
        "why_not": use.why_not,
        "reviewed": use.reviewed or None,
    }


def _served_since(one: ServedSince) -> dict[str, Any]:
    return {"told": list(one.told), "digests": dict(one.digests), "commit": one.commit, **_moment(one.since)}
