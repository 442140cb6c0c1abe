"""Weights: the values themselves, looked at on request (`interlock check --deep`) because every byte has to be read."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.findings.finding import Finding, Severity
from interlock.rules import remedies
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "weights"


def non_finite_weights(facts: Facts) -> Iterator[Finding]:
    """NaN or infinity in a tensor: every answer becomes noise."""
    for key, located in facts.revisions.items():
        known = facts.artifacts.get(key)
        if known and known.values and known.values.non_finite:
            yield Finding(
                "non-finite-weights",
                located.place("artifact", "files"),
                f"{key} has NaN or infinity in {listed(known.values.non_finite)}",
                "finite numbers only",
                f"train again with a smaller learning rate, then {remedies.register_again(located.document)}",
            )


def zero_weights(facts: Facts) -> Iterator[Finding]:
    """A factor that is all zero: its module answers as the base does."""
    for key, located in facts.revisions.items():
        known = facts.artifacts.get(key)
        zero = known.values.all_zero if known and known.values else ()
        if known and known.pairs and zero:
            everywhere = all(pair.a.name in zero or pair.b.name in zero for pair in known.pairs.pairs.values())
            yield Finding(
                "zero-weights",
                located.place("artifact", "files"),
                f"{key} has nothing but zeros in {listed(zero)}"
                + (": it answers exactly as the base" if everywhere else ""),
                "trained weights",
                f"look at the training run, then {remedies.register_again(located.document)}",
                severity=Severity.ERROR if everywhere else Severity.WARNING,
            )


RULES = (
    Rule(
        "non-finite-weights",
        "NaN or infinity in the weights",
        "One such value is enough to turn every answer into noise, and engines do not look for it.",
        "Train again.",
        FAMILY,
        non_finite_weights,
    ),
    Rule(
        "zero-weights",
        "Weights that are all zero",
        "An untrained adapter loads without complaint and answers as the base.",
        "Look at the training run; save after training, not before.",
        FAMILY,
        zero_weights,
    ),
)
