"""Whether each revision fits where it would serve: one row a revision and environment, one column a question.

Nothing is judged here. A cell says what the findings of the rules say: fail where one complains, *not evaluated* where
one could not be judged or where what it looks at could not be read, and pass only where neither is so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from interlock.checking.review.fit_columns import COLUMNS, EVERYWHERE, Column, columns_of, value_of
from interlock.documents.identifiers import RevisionId
from interlock.documents.layout import base_path, classify, environment_path, revision_path
from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity
from interlock.findings.markdown_page import Code, Line, Paragraph, Section, Strong, Table
from interlock.rules.change import Change, Touch
from interlock.rules.facts import Facts

SHOWN = 20
"""Rows that are shown."""


class Fit(Enum):
    """What a cell says."""

    PASS = "✅"
    FAIL = "❌"
    UNKNOWN = "❓"


_WORDS = {Fit.PASS: "yes", Fit.FAIL: "no", Fit.UNKNOWN: "not evaluated"}


@dataclass(frozen=True, slots=True)
class Row:
    """A revision and the environment where it would take requests as `role`; no environment where none names it."""

    revision: RevisionId
    environment: str = ""
    role: str = ""
    places: frozenset[Place] = frozenset()


def compatibility_section(change: Change, findings: Collection[Finding]) -> Iterator[Section]:
    """The table, where the change leaves any revision to look at."""
    rows = list(dict.fromkeys(_rows(change)))
    if not rows:
        return
    table = Table(("Revision", "Fits", *COLUMNS), tuple(_written(change.head, row, findings) for row in rows[:SHOWN]))
    more = f" {len(rows) - SHOWN} more are not shown." if len(rows) > SHOWN else ""
    legend = (
        "✅ pass, ❌ fail, ❓ not evaluated: what the findings say of the merged result. Capacity counts what takes"
        f" requests at once (max_loras) and what is loaded (max_cpu_loras), of all adapters there.{more}"
    )
    yield Section("Does it fit?", (table, Paragraph(legend)))


def _rows(change: Change) -> Iterator[Row]:
    """What takes requests by a touched pointer or in a touched environment, and every revision that is new."""
    touched = {classify(path).values for path in change.pointer_paths}
    environments = {classify(path).values[0] for path in change.touched if classify(path).kind == "Environment"}
    facts = change.head
    for use in facts.served:
        concerned = (use.environment, use.revision.adapter) in touched or use.environment in environments
        if concerned and use.role != "keep":
            places = frozenset(
                u.place for u in facts.uses if (u.environment, u.revision) == (use.environment, use.revision)
            )
            yield Row(use.revision, use.environment, use.role, places)
    for path, touch in change.touched.items():
        found = classify(path)
        if found.kind == "AdapterRevision" and touch is not Touch.REMOVED:
            yield Row(RevisionId(*found.values))


def _written(facts: Facts, row: Row, findings: Collection[Finding]) -> tuple[Line, ...]:
    mine = [finding for finding in findings if _is_about(facts, row, finding)]
    columns = [column for column in COLUMNS if row.environment or column in EVERYWHERE]
    values = {column: value_of(facts, row.revision, row.environment, column) for column in columns}
    fits = {column: _fit(mine, column, judged=values[column] is not None) for column in columns}
    where = f" {row.role} in {row.environment}" if row.environment else " served nowhere yet"
    cells = (_cell(fits[column], values[column]) if column in fits else "–" for column in COLUMNS)
    return ((Code(str(row.revision)), where), _together(fits.values()), *cells)


def _cell(fit: Fit, value: str | None) -> Line:
    return fit.value if fit is Fit.UNKNOWN else f"{fit.value} {value or ''}".rstrip()


def _together(fits: Iterable[Fit]) -> Line:
    """The worst of a row, where a hurried reader looks first."""
    found = set(fits)
    worst = next(fit for fit in (Fit.FAIL, Fit.UNKNOWN, Fit.PASS) if fit in found)
    return Strong(f"{worst.value} {_WORDS[worst]}")


def _fit(findings: Iterable[Finding], column: Column, *, judged: bool) -> Fit:
    said = [finding for finding in findings if column in columns_of(finding.rule)]
    errors = [finding for finding in said if finding.severity is Severity.ERROR]
    if any(finding.evaluated for finding in errors):
        return Fit.FAIL
    return Fit.PASS if judged and all(finding.evaluated for finding in said) else Fit.UNKNOWN


def _is_about(facts: Facts, row: Row, finding: Finding) -> bool:
    """Whether a finding is about this revision in this environment, told by the place at which it stands."""
    if finding.environment and finding.environment != row.environment:
        return False
    if finding.place in row.places:
        return True
    paths = {revision_path(row.revision.adapter, row.revision.revision)}
    if row.environment:
        paths.add(environment_path(row.environment))
    located = facts.snapshot.revisions.get(row.revision)
    if located:
        paths.add(base_path(located.document.base.name, located.document.base.revision))
    return finding.place.path in paths
