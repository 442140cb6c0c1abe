"""The findings on the page: what blocks first and open, the rest folded; each with place, found, expected, next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from interlock.checking.review.words import plural
from interlock.findings.finding import Finding
from interlock.findings.markdown_page import Bullet, Code, Line, Part, Section, Several

_COMMAND = re.compile(
    r"(?P<before>.*?)run: (?P<command>(?:interlock|git) .+?)(?P<after>(?: {2,}\(| \(|, |; | and ).*)?", re.DOTALL
)


def blocking_section(findings: Iterable[Finding], see_all: str) -> Iterator[Section]:
    """What keeps the change from merging, what was found before what could not be evaluated."""
    blocking = sorted((finding for finding in findings if finding.blocks), key=lambda finding: not finding.evaluated)
    if blocking:
        yield Section("What blocks it", (_list(blocking, see_all),))


def other_section(findings: Iterable[Finding], see_all: str) -> Iterator[Section]:
    """Warnings, and errors that were excused; folded."""
    others = [finding for finding in findings if not finding.blocks]
    if others:
        verb = "does" if len(others) == 1 else "do"
        yield Section(f"{plural(len(others), 'finding')} that {verb} not block", (_list(others, see_all),), folded=True)


def _list(findings: Sequence[Finding], see_all: str) -> Several:
    def left_out(count: int) -> Line:
        return (f"{plural(count, 'more finding')} left out here; this shows all: ", Code(see_all))

    return Several(tuple(map(_bullet, findings)), left_out)


def _bullet(finding: Finding) -> Bullet:
    known = "" if finding.evaluated else "could not be evaluated: "
    below: list[Line] = []
    if finding.expected:
        below.append(f"Expected: {finding.expected}")
    if finding.remedy:
        below.append(("Next: ", *next_step(finding.remedy)))
    if finding.excused:
        below.append(f"Does not block: {finding.excused}")
    return Bullet((Code(str(finding.place)), f": {known}{finding.found} (", Code(finding.rule), ")"), tuple(below))


def next_step(remedy: str) -> tuple[Part, ...]:
    """What to do next, its command as code that can be copied."""
    match = _COMMAND.fullmatch(remedy)
    if not match:
        return (remedy,)
    before, after = match["before"], match["after"] or ""
    return (f"{before}run ", Code(match["command"]), re.sub(" {2,}", " ", after))
