"""docs/faults.md claims nothing without a test, and leaves no test of the fault suite out."""

from __future__ import annotations

import ast
import re

from support.living_example import REPOSITORY

PAGE = (REPOSITORY / "docs" / "faults.md").read_text(encoding="utf-8")
SUITE = REPOSITORY / "tests" / "faults"


def in_the_suite() -> set[tuple[str, str]]:
    found = set()
    for path in sorted(SUITE.glob("test_*.py")):
        functions = (
            node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)
        )
        found |= {(f"tests/faults/{path.name}", node.name) for node in functions if node.name.startswith("test_")}
    return found


def test_the_page_names_every_test_of_the_suite_and_no_other() -> None:
    named = set(re.findall(r"`(tests/[A-Za-z0-9_/]+\.py)::([A-Za-z0-9_]+)`", PAGE))
    assert named == in_the_suite()
    assert len(re.findall(r"tests/\S+::", PAGE)) == len(re.findall(r"`tests/[A-Za-z0-9_/]+\.py::[A-Za-z0-9_]+`", PAGE))


def test_every_row_of_the_page_names_its_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Fault |")]
    assert len(rows) > 20
    assert [row for row in rows if "::" not in row] == []


def test_every_file_of_the_suite_is_marked_so_that_other_suites_leave_it_out() -> None:
    for path in SUITE.glob("test_*.py"):
        assert "\npytestmark = pytest.mark.faults\n" in path.read_text(encoding="utf-8"), path
