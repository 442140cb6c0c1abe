"""Findings for a GitHub workflow: the whole list in the log, the worst as annotations.

The runner obeys lines of the log that look like commands, so whatever comes out of a repository is printed between
`::stop-commands::TOKEN` and `::TOKEN::`; the caller draws the token at random, and nobody can know it beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from interlock.findings.finding import Finding, Severity
from interlock.findings.judgement import Judgement, nothing_was_checked, tally
from interlock.findings.ranking import worst_first
from interlock.findings.readable import readable
from interlock.findings.report_text import counted

MOST_ANNOTATIONS = 10
"""GitHub shows so many errors, and so many warnings, of one step."""
_TOKEN = re.compile(r"[0-9a-f]{32,}")


def render_github(result: Judgement, token: str) -> str:
    """Return what the step prints, ending in a line break. What is excused is listed, and not annotated."""
    errors = [finding for finding in worst_first(result.findings) if finding.blocks]
    warnings = [found for found in result.findings if not found.blocks and found.severity is Severity.WARNING]
    lines = [*map(line_of, result.findings), summary_line(result)]
    annotations = [_annotation("error", found) for found in errors[:MOST_ANNOTATIONS]]
    annotations += [_annotation("warning", found) for found in warnings[:MOST_ANNOTATIONS]]
    if nothing_was_checked(result):
        annotations = [f"::error title=nothing-checked::{_data(summary_line(result))}"]
    return "\n".join([*_without_commands(lines, token), *annotations]) + "\n"


def line_of(finding: Finding) -> str:
    """One finding on one line: `path:line:column: severity rule: what was found`."""
    word = finding.severity.value if finding.evaluated else f"{finding.severity.value} (could not evaluate)"
    parts = [f"{finding.place}: {word} {finding.rule}: {finding.found}"]
    parts += [f"expected: {finding.expected}"] if finding.expected else []
    parts += [f"next: {finding.remedy}"] if finding.remedy else []
    parts += [f"does not block: {finding.excused}"] if finding.excused else []
    return readable(" | ".join(parts))


def summary_line(result: Judgement) -> str:
    """How many of everything, and the verdict."""
    if nothing_was_checked(result):
        return f"nothing was checked: there are no documents in {readable(result.label)}"
    counts = tally(result)
    return (
        f"{counted(counts['documents'], 'document')}, {counted(counts['revisions'], 'adapter revision')} checked: "
        f"{counted(counts['errors'], 'error')}, {counted(counts['warnings'], 'warning')}, "
        f"{counts['not_evaluated']} not evaluated: {result.verdict.value}"
    )


def _without_commands(lines: list[str], token: str) -> Iterator[str]:
    """The lines, with the runner told not to obey any of them."""
    if not _TOKEN.fullmatch(token):
        raise ValueError("the token must be at least 32 hexadecimal digits that nobody can guess")
    yield f"::stop-commands::{token}"
    yield from lines
    yield f"::{token}::"


def _annotation(command: str, finding: Finding) -> str:
    place = finding.place
    fields = {"file": place.path}
    if place.line:
        fields |= {"line": str(place.line), "endLine": str(place.line), "col": str(max(place.column, 1))}
    fields["title"] = finding.rule if finding.evaluated else f"{finding.rule} (could not evaluate)"
    told = [finding.found, finding.expected and f"Expected: {finding.expected}", f"Next: {finding.remedy}"]
    text = "\n".join(readable(line) for line in told if line)
    return f"::{command} {','.join(f'{key}={_property(value)}' for key, value in fields.items())}::{_data(text)}"


def _data(text: str) -> str:
    """Text after the second `::`, as the runner decodes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The value of a property, in which `:` and `,` have a meaning too."""
    return _data(readable(text)).replace(":", "%3A").replace(",", "%2C")
