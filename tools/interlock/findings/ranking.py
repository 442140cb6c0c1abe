"""Which findings come first where a report holds only some: the worst. Called by the reports for GitHub and SARIF."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.findings.finding import Finding, Severity


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """What blocks, then what blocks because it is not known, then warnings, then what is excused; in reading order."""
    return sorted(findings, key=_harmlessness)


def _harmlessness(finding: Finding) -> int:
    if finding.blocks:
        return 0 if finding.evaluated else 1
    return 2 if finding.severity is Severity.WARNING else 3


def worst(findings: Sequence[Finding], limit: int) -> list[Finding]:
    """The `limit` worst findings, in the order in which they came."""
    kept = {id(finding) for finding in worst_first(findings)[:limit]}
    return [finding for finding in findings if id(finding) in kept]
