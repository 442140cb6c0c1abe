"""Every transition rule, listed by hand: what is not in this tuple is not checked. Called by `checking.changes`."""

from __future__ import annotations

from interlock.findings.finding import Finding, in_reading_order
from interlock.rules.change import Change
from interlock.rules.rule import TransitionRule
from interlock.rules.transitions import (
    approvals,
    calendar,
    completeness,
    custom,
    decisions,
    governance,
    licences,
    records,
    retention,
    signers,
    stages,
)

RULES: tuple[TransitionRule, ...] = (
    *records.RULES,
    *decisions.RULES,
    *stages.RULES,
    *calendar.RULES,
    *retention.RULES,
    *governance.RULES,
    *signers.RULES,
    *completeness.RULES,
    *licences.RULES,
    *approvals.RULES,
)

BY_ID = {rule.id: rule for rule in RULES}


def judge_change(change: Change) -> tuple[Finding, ...]:
    """Apply every transition rule; findings come in reading order, without repetitions."""
    found = [finding for rule in RULES for finding in rule.check(change)]
    return tuple(in_reading_order([*found, *custom.judged_by_own_rules(change)]))
