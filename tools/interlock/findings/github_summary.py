"""The table that a GitHub workflow shows on the page of its run (the step summary), in Markdown.

Called by `interlock check --format github`, which appends it to the file that the runner names. Everything out of a
repository is escaped: it can neither break the table nor bring markup, links or mentions with it.
"""

from __future__ import annotations

import re

from interlock.findings.finding import Finding
from interlock.findings.judgement import Judgement
from interlock.findings.ranking import worst_first
from interlock.findings.readable import readable
from interlock.findings.report_github import summary_line

MOST_BYTES = 1024 * 1024
"""GitHub refuses a larger summary, and shows nothing of it."""
_ROOM_FOR_THE_REST = 400
_LONGEST_CELL = 1000
_MARKUP = re.compile(r"([\\`*_{}\[\]()#!|~$])")


def github_summary(result: Judgement, room: int = MOST_BYTES) -> str:
    """Return Markdown of at most `room` bytes (of UTF-8): the verdict, and the findings as a table, worst first.

    "" where not even the verdict fits.
    """
    head = f"### Interlock: {_escaped(summary_line(result))}\n\n"
    rows, left_out = _rows(worst_first(result.findings), room - len(head.encode()) - _ROOM_FOR_THE_REST)
    table = "| | Where | Rule | Found | Next |\n|---|---|---|---|---|\n" + "".join(rows) + "\n" if rows else ""
    more = f"{left_out} more findings are in the log of the step.\n" if left_out else ""
    text = head + table + more
    return text if len(text.encode()) <= room else ""


def _rows(findings: list[Finding], room: int) -> tuple[list[str], int]:
    """As many rows as fit, and how many findings do not."""
    rows: list[str] = []
    for finding in findings:
        row = _row(finding)
        room -= len(row.encode())
        if room < 0:
            break
        rows.append(row)
    return rows, len(findings) - len(rows)


def _row(finding: Finding) -> str:
    found = f"{finding.found} (does not block: {finding.excused})" if finding.excused else finding.found
    cells = (_weight(finding), str(finding.place), finding.rule, found, finding.remedy)
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |\n"


def _weight(finding: Finding) -> str:
    if not finding.blocks:
        return "told"
    return "error" if finding.evaluated else "could not evaluate"


def _escaped(text: str) -> str:
    """One cell: no line break, no markup, no HTML, no mention of a person, and of a bounded length."""
    shown = readable(text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…")
    plain = _MARKUP.sub(r"\\\1", shown).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Empty comments keep people from being mentioned and addresses from becoming links, and copy as what was written.
    return plain.replace("@", "@<!-- -->").replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.")
