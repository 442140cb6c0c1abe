"""Policies: what several of them say about one environment must fit together."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.findings.finding import Finding
from interlock.rules.effective_policy import effective_policy, plain, policies_of
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "policies"


def policy_conflict(facts: Facts) -> Iterator[Finding]:
    """Policies that name one environment state values of which neither is the stricter one."""
    for name in facts.snapshot.environments:
        if not facts.in_scope(name):
            continue
        for setting in effective_policy(policies_of(facts.snapshot, name)).conflicts:
            said = "; ".join(f"{item.place.path} says {plain(item.value)}" for item in setting.stated)
            yield Finding(
                "policy-conflict",
                setting.stated[-1].place,
                f"{setting.key} of {name}: {said}",
                f"one value that counts: {setting.conflict}",
                "write the same value into each of them, or leave the key to one of them;"
                f" run: interlock policy show {name}",
                environment=name,
            )


RULES = (
    Rule(
        "policy-conflict",
        "Policies of one environment contradict each other",
        "Whoever reads one of the files believes that it counts, and a program would have to choose silently.",
        "Let the policies agree on the value, or let only one of them state it.",
        FAMILY,
        policy_conflict,
    ),
)
