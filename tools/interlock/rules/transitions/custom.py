"""An organisation's own rules about promotions and rollbacks, as the trusted side has them."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.findings.finding import Finding
from interlock.rules.change import Change, brings_in
from interlock.rules.custom import engine_missing, own_rules
from interlock.rules.expressions.judging import Judge, Subject
from interlock.rules.expressions.subjects import change_subject


def judged_by_own_rules(change: Change) -> Iterator[Finding]:
    """What the trusted side's own rules find in the steps of a change."""
    judge = Judge(change.engine) if change.engine else None
    for applies_to, subjects in (("promotion", list(_promoted(change))), ("rollback", list(_rolled_back(change)))):
        rules = [rule for rule in own_rules(change.base) if rule.document.applies_to == applies_to]
        if subjects and judge:
            yield from judge.findings(rules, subjects)
        elif subjects:
            yield from map(engine_missing, rules)


def _promoted(change: Change) -> Iterator[Subject]:
    for step in change.promotions:
        yield from (change_subject(change, step, revision) for revision in sorted(brings_in(step)))


def _rolled_back(change: Change) -> Iterator[Subject]:
    for step in change.steps:
        if step.activates and change.is_rollback(step):
            yield change_subject(change, step, step.activates)
