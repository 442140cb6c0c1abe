"""Shows the findings that stopped a command, in the same form as `interlock check`.

Called by register and, through pointer_report, by promote and rollback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interlock.cli import exit_codes
from interlock.cli.excerpts import sources_of
from interlock.cli.terminal import say, wants_color, warn
from interlock.documents.tree import Tree
from interlock.findings.finding import Finding, Verdict, verdict_of
from interlock.findings.readable import readable
from interlock.findings.report_json import finding_document
from interlock.findings.report_text import render_text

_STATUS = {
    Verdict.PASS: exit_codes.CLEAN,
    Verdict.FAIL: exit_codes.FINDINGS,
    Verdict.UNKNOWN: exit_codes.COULD_NOT_EVALUATE,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """The findings that speak against a change; satisfies `findings.judgement.Judgement`."""

    findings: Sequence[Finding]
    label: str
    environment: str | None
    documents: int
    checked: int

    @property
    def verdict(self) -> Verdict:
        """Fail, or could not evaluate."""
        return verdict_of(self.findings)


def tell_refusal(refusal: Refusal, tree: Tree, what: str) -> None:
    """Print the findings with excerpts from `tree`, and that `what` was refused."""
    color = wants_color(sys.stdout)
    say(render_text(refusal, sources_of(tree), color).rstrip("\n"), color=color)
    warn(f"error: {what} was refused, and nothing was written")


def status_of(refusals: Sequence[Finding]) -> int:
    """The exit status of a command that these findings stopped; 0 when there are none."""
    return _STATUS[verdict_of(refusals)]


def tell_warnings(findings: Sequence[Finding]) -> None:
    """Print findings that do not block, one a line."""
    for finding in findings:
        warn(f"warning: {readable(str(finding.place))}: {readable(finding.found)} [{finding.rule}]")


def finding_documents(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings for `--json`, in the shape of `interlock check --format json`."""
    return [finding_document(finding) for finding in findings]
