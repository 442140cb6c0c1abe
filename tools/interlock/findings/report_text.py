"""Findings as text for people: the place, the line with a caret, what was expected, and what to run next.

Everything that comes out of a repository passes through `readable`, so a document cannot write to the terminal.
"""

from __future__ import annotations

from dataclasses import dataclass

from interlock.findings.finding import Finding, Severity, Verdict
from interlock.findings.judgement import Judgement, Sources, nothing_was_checked, tally
from interlock.findings.readable import readable, width

EXCERPT_WIDTH = 110
_VERDICTS = {Verdict.PASS: "PASS", Verdict.FAIL: "FAIL", Verdict.UNKNOWN: "COULD NOT EVALUATE"}
_PLAIN = {"error": "", "warning": "", "good": "", "bold": "", "dim": "", "off": ""}
_COLOURS = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "good": "\x1b[1;32m",
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "off": "\x1b[0m",
}


@dataclass(frozen=True)
class _Paint:
    colours: dict[str, str]

    def __call__(self, style: str, text: str) -> str:
        return f"{self.colours[style]}{text}{self.colours['off']}"


def render_text(result: Judgement, sources: Sources, color: bool) -> str:
    """Return the report, ending in a line break. `sources` gives the text of a file for excerpts."""
    paint = _Paint(_COLOURS if color else _PLAIN)
    blocks = [_finding(finding, sources, paint) for finding in result.findings]
    return "\n".join([*blocks, _summary(result, paint)]) + "\n"


def _finding(finding: Finding, sources: Sources, paint: _Paint) -> str:
    """One finding: `path:line:column: error: what was found [rule]` and the lines that belong to it."""
    word = finding.severity.value if finding.evaluated else f"{finding.severity.value} (could not evaluate)"
    lines = [
        f"{paint('bold', readable(str(finding.place)))}: {paint(finding.severity.value, word)}: "
        f"{readable(finding.found)} {paint('dim', f'[{finding.rule}]')}",
        *_excerpt(finding, sources, paint),
    ]
    if finding.expected:
        lines.append(f"  Expected: {readable(finding.expected)}")
    if finding.remedy:
        lines.append(f"  Next: {readable(finding.remedy)}")
    if finding.excused:
        lines.append(f"  Does not block: {readable(finding.excused)}")
    return "\n".join(lines) + "\n"


def _excerpt(finding: Finding, sources: Sources, paint: _Paint) -> list[str]:
    """The line that the finding is about, cropped around the column, and a caret below it."""
    place = finding.place
    text = sources(place.path) if place.line else ""
    lines = _lines(text) if text else []
    if not 0 < place.line <= len(lines):
        return []
    line, start = lines[place.line - 1], max(0, place.column - EXCERPT_WIDTH)
    before = ("…" if start else "") + readable(line[start : place.column - 1])
    shown = before + readable(line[place.column - 1 : start + EXCERPT_WIDTH])
    shown += "…" if len(line) > start + EXCERPT_WIDTH else ""
    number = str(place.line)
    caret = " " * width(before) + paint(finding.severity.value, "^")
    return [f"  {paint('dim', number + ' |')} {shown}", f"  {' ' * len(number)} {paint('dim', '|')} {caret}"]


def _lines(text: str) -> list[str]:
    # Not splitlines: that would also break at characters which a YAML reader and an editor count as part of a line.
    return [line.rstrip("\r").replace("\t", " ") for line in text.split("\n")]


def _summary(result: Judgement, paint: _Paint) -> str:
    counts = tally(result)
    scope = f" for {readable(result.environment)}" if result.environment else ""
    if nothing_was_checked(result):
        return (
            f"{paint('warning', 'NOTHING WAS CHECKED')}: no documents in {readable(result.label)}{scope}\n"
            "  Expected: folders adapters/, bases/, environments/ and policies/\n"
            "  Next: run: interlock init, or give the folder of the repository: interlock check PATH"
        )
    style = "good" if result.verdict is Verdict.PASS else Severity.ERROR.value
    return (
        f"{counted(counts['documents'], 'document')}, "
        f"{counted(counts['revisions'], 'adapter revision')} checked{scope}: "
        f"{counted(counts['errors'], 'error')}, {counted(counts['warnings'], 'warning')} — "
        f"{paint(style, _VERDICTS[result.verdict])}"
    )


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
