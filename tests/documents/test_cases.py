"""Every folder of `cases` holds an `input.yaml` and, in `expected.txt`, what a person is told about it.

The first line of `expected.txt` is the path at which the document stands in its repository.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.documents.layout import classify
from interlock.documents.reading import Reading, read_document

CASES = Path(__file__).parent / "cases"


def told(path: str, reading: Reading) -> str:
    """What a person is told: the rule and the place, then what was found, what was expected, what to do."""
    lines = [f"path: {path}", ""]
    for problem in reading.problems:
        assert problem.place.path == path
        lines.append(f"{problem.place.line}:{problem.place.column} {problem.rule}")
        lines += [f"  found: {problem.found}", f"  expected: {problem.expected}", f"  next: {problem.remedy}", ""]
    return "\n".join(lines if reading.problems else [*lines, "no problem", ""])


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_a_case_is_told_as_expected(case: str) -> None:
    expected = (CASES / case / "expected.txt").read_text(encoding="utf-8")
    path = expected.splitlines()[0].removeprefix("path: ")
    reading = read_document((CASES / case / "input.yaml").read_bytes(), path, classify(path))
    assert told(path, reading) == expected
    assert (reading.document is None) is bool(reading.problems)


def test_no_case_shows_words_of_the_validator() -> None:
    for file in CASES.glob("*/expected.txt"):
        text = file.read_text(encoding="utf-8")
        for jargon in (
            "Input should",
            "str_type",
            "NoneType",
            "dict",
            "tuple",
            "Traceback",
            "validation error",
            "None",
        ):
            assert jargon not in text, f"{file.parent.name}: {jargon}"
