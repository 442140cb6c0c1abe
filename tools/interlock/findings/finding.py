"""A finding: one rule, one place, one remedy. Rules make them, the checker judges by them, renderers print them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from interlock.documents.positions import Place


class Verdict(Enum):
    """What is known about a tree. `UNKNOWN` (could not evaluate) is not a pass: it blocks a promotion."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "could-not-evaluate"


class Severity(Enum):
    """How a finding counts: only an error blocks."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw at one place.

    `found` says what was seen, `expected` what should have been there, `remedy` the next command or edit.
    `evaluated` is False when the rule could not be judged (bytes out of reach, for example).
    `environment` names the environment that the finding is about, if it is about one. `excused` says why an error
    does not block ("" when it does): it stood before the change that is judged, or somebody waived it.
    """

    rule: str
    place: Place
    found: str
    expected: str
    remedy: str
    severity: Severity = Severity.ERROR
    evaluated: bool = True
    environment: str | None = None
    excused: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this finding alone keeps a change from merging."""
        return self.severity is Severity.ERROR and not self.excused


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Fail beats could-not-evaluate beats pass; warnings do not count."""
    blocking = [finding for finding in findings if finding.blocks]
    if any(finding.evaluated for finding in blocking):
        return Verdict.FAIL
    return Verdict.UNKNOWN if blocking else Verdict.PASS


def in_reading_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort by file, line, column and rule, and drop exact repetitions."""
    return sorted(dict.fromkeys(findings), key=lambda f: (f.place, f.rule, f.found))
