"""Checks a repository of `support.repositories` and says what came of it in the words of a test.

    refused(repository, "over-max-loras", environment("dev"), "max_loras")

asserts that this rule and no other complains, once, at a place whose text begins with `max_loras`, and that the
command would exit 1. `tests/rules/test_registry.py` reads these calls: a rule without one fails there.
"""

from __future__ import annotations

import datetime as dt

from interlock.checking.checker import CheckResult, check_tree, exit_code
from interlock.documents.positions import Place
from interlock.documents.tree import WorkingTree
from interlock.findings.finding import Finding, Severity
from support.repositories import Repository

WHOLE_FILE = "(the whole file)"


def check(
    repository: Repository, *, env: str | None = None, deep: bool = False, today: dt.date | None = None
) -> CheckResult:
    """Check the files on disk."""
    return check_tree(WorkingTree(repository.root), environment=env, deep=deep, today=today)


def refused(
    repository: Repository, rule: str, path: str, at: str, *, env: str | None = None, deep: bool = False
) -> Finding:
    """Assert that only `rule` blocks, once, at `path` where the text `at` begins; exit 1."""
    return _only(check(repository, env=env, deep=deep), repository, rule, path, at, exit_status=1)


def not_evaluated(repository: Repository, rule: str, path: str, at: str, *, env: str | None = None) -> Finding:
    """Assert that only `rule` blocks, because it could not be judged; exit 4."""
    finding = _only(check(repository, env=env), repository, rule, path, at, exit_status=4)
    assert not finding.evaluated
    return finding


def warned(
    repository: Repository, rule: str, path: str, at: str, *, deep: bool = False, today: dt.date | None = None
) -> Finding:
    """Assert that `rule` warns once and nothing blocks; exit 0."""
    finding = _only(check(repository, deep=deep, today=today), repository, rule, path, at, exit_status=0)
    assert finding.severity is Severity.WARNING
    return finding


def passes(repository: Repository, *, env: str | None = None, deep: bool = False) -> None:
    """Assert that there is no finding at all; exit 0."""
    result = check(repository, env=env, deep=deep)
    assert [describe(finding) for finding in result.findings] == []
    assert exit_code(result) == 0


def describe(finding: Finding) -> str:
    """A finding on one line."""
    return f"{finding.place} [{finding.rule}] {finding.found}"


def text_at(repository: Repository, place: Place) -> str:
    """What stands at a place, to the end of its line."""
    if not place.line:
        return WHOLE_FILE
    line = (repository.root / place.path).read_text(encoding="utf-8", errors="replace").split("\n")[place.line - 1]
    return line[place.column - 1 :]


def _only(result: CheckResult, repository: Repository, rule: str, path: str, at: str, *, exit_status: int) -> Finding:
    assert [finding.rule for finding in result.findings] == [rule], "\n".join(map(describe, result.findings))
    (finding,) = result.findings
    assert finding.place.path == path
    shown = text_at(repository, finding.place)
    assert shown.startswith(at), f"the finding points at {shown!r}"
    assert exit_code(result) == exit_status
    assert finding.found
    assert finding.remedy
    return finding
