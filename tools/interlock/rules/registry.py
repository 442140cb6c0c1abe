"""Every rule, listed by hand: what is not in this tuple is not checked. Called by `checking.checker`."""

from __future__ import annotations

from interlock.findings.finding import Finding, in_reading_order
from interlock.rules import (
    binding,
    capacity,
    code_owners,
    compatibility,
    custom,
    demands,
    engine_limits,
    environments,
    form,
    integrity,
    licences,
    lineage,
    merges,
    named_files,
    pointers,
    policies,
    references,
    roster,
    settings,
    waivers,
    weights,
    weights_signatures,
)
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *form.RULES,
    *references.RULES,
    *named_files.RULES,
    *pointers.RULES,
    *environments.RULES,
    *demands.RULES,
    *integrity.RULES,
    *settings.RULES,
    *binding.RULES,
    *compatibility.RULES,
    *engine_limits.RULES,
    *capacity.RULES,
    *lineage.RULES,
    *merges.RULES,
    *licences.RULES,
    *weights.RULES,
    *weights_signatures.RULES,
    *policies.RULES,
    *code_owners.RULES,
    *roster.RULES,
    *custom.RULES,
    *waivers.RULES,
)

BY_ID = {rule.id: rule for rule in RULES}


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Apply every rule; findings come in reading order, without repetitions."""
    found = [finding for rule in RULES for finding in rule.check(facts)]
    return tuple(in_reading_order([*found, *form.uncatalogued(facts), *custom.judged(facts)]))
