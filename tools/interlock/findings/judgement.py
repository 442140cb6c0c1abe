"""What the renderers print: the outcome of a check, whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from interlock.findings.finding import Finding, Verdict

Sources = Callable[[str], str]
"""The text of a file of the judged tree, for excerpts; "" where it cannot be shown."""


class Judgement(Protocol):
    """The outcome of a check; `checking.checker.CheckResult` is one."""

    @property
    def findings(self) -> Sequence[Finding]:
        """All findings in reading order."""

    @property
    def verdict(self) -> Verdict:
        """Pass, fail or could not evaluate."""

    @property
    def label(self) -> str:
        """What was judged: a directory or a commit."""

    @property
    def environment(self) -> str | None:
        """The environment that the judgement was narrowed to, if any."""

    @property
    def documents(self) -> int:
        """How many documents were read."""

    @property
    def checked(self) -> int:
        """How many adapter revisions had their bytes looked at."""


def tally(judgement: Judgement) -> dict[str, int]:
    """How many of everything: documents, revisions, errors, warnings, and findings that could not be evaluated."""
    findings = judgement.findings
    return {
        "documents": judgement.documents,
        "revisions": judgement.checked,
        "errors": sum(f.blocks for f in findings),
        "warnings": sum(not f.blocks for f in findings),
        "not_evaluated": sum(not f.evaluated for f in findings),
    }


def nothing_was_checked(judgement: Judgement) -> bool:
    """Whether there was not one document to judge, which must never look like a pass."""
    return judgement.documents == 0 and not judgement.findings
