"""Findings as JSON for programs. The shape is versioned: fields may be added, and none changes its meaning."""

from __future__ import annotations

import json
from typing import Any

from interlock.findings.finding import Finding
from interlock.findings.judgement import Judgement, nothing_was_checked, tally

SCHEMA = "interlock-check/1"
NOTHING_CHECKED = "nothing-checked"


def render_json(result: Judgement) -> str:
    """Return one JSON document, ASCII only, ending in a line break.

    `verdict` is `pass`, `fail`, `could-not-evaluate` or `nothing-checked`. Lines and columns count from 1; 0 means
    the file as a whole.
    """
    document = {
        "schema": SCHEMA,
        "verdict": NOTHING_CHECKED if nothing_was_checked(result) else result.verdict.value,
        "tree": result.label,
        "environment": result.environment,
        "counts": tally(result),
        "findings": [finding_document(finding) for finding in result.findings],
    }
    return json.dumps(document, indent=2) + "\n"


def finding_document(finding: Finding) -> dict[str, Any]:
    """One finding as it stands in `findings`; other commands print findings in the same shape."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "evaluated": finding.evaluated,
        "path": finding.place.path,
        "line": finding.place.line,
        "column": finding.place.column,
        "found": finding.found,
        "expected": finding.expected,
        "remedy": finding.remedy,
        "environment": finding.environment,
        "excused": finding.excused,
    }
