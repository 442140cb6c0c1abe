"""docs/threat-model.md claims nothing without a test: each test that it names exists, and every way around is there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from support.living_example import REPOSITORY

PAGE = (REPOSITORY / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[A-Za-z0-9_/]+\.py)::([A-Za-z0-9_]+)`", PAGE)))


@cache
def functions_of(path: str) -> frozenset[str]:
    """The functions of a file that pytest runs."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert (REPOSITORY / path).is_file(), f"{path} is gone; name the test that shows the claim now"
    assert name in functions_of(path), f"{path} has no {name}; name the test that shows the claim now"


def test_nothing_that_looks_like_a_test_is_written_in_a_way_that_nobody_checks() -> None:
    assert len(re.findall(r"tests/\S+::", PAGE)) == len(re.findall(r"`tests/[A-Za-z0-9_/]+\.py::[A-Za-z0-9_]+`", PAGE))


def test_every_way_around_separation_of_duties_has_a_row_with_a_test() -> None:
    rows = re.findall(r"^\| (\d+) \| .+ \| (`tests/.+`) \|$", PAGE, flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 27))


def test_a_row_without_a_test_says_so() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith(("| Who", "| Stolen", "| #"))
    ]
    assert [row for row in rows if "::" not in row and "not shown by a test" not in row] == []
