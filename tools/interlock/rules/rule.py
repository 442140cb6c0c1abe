"""What a rule is: an id that names a flaw, words for a person, and a pure check over gathered facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from interlock.findings.finding import Finding
from interlock.rules.change import Change
from interlock.rules.facts import Facts

Check = Callable[[Facts], Iterable[Finding]]
ChangeCheck = Callable[[Change], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One flaw that the checker looks for.

    `why` says what goes wrong in production when the flaw is let through, `remedy` how it is put right in general;
    each finding carries the remedy of its own case. `check` is pure: equal facts give equal findings.
    """

    id: str
    title: str
    why: str
    remedy: str
    family: str
    check: Check


@dataclass(frozen=True, slots=True)
class TransitionRule:
    """One flaw in the way from the trusted state to a proposed one; fields as in `Rule`."""

    id: str
    title: str
    why: str
    remedy: str
    family: str
    check: ChangeCheck
