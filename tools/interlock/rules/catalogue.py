"""Every rule that there is, about trees and about changes: for waivers, reports and pages."""

from __future__ import annotations

from functools import cache

from interlock.rules import registry
from interlock.rules.rule import Rule, TransitionRule
from interlock.rules.transitions import registry as transitions


@cache
def catalogue() -> dict[str, Rule | TransitionRule]:
    """Every rule by its id."""
    return {**registry.BY_ID, **transitions.BY_ID}


@cache
def families() -> dict[str, str]:
    """The family of every rule, by its id."""
    return {rule.id: rule.family for rule in catalogue().values()}
