"""docs/custom-rules.md: its rules run, its tables are those of the models, its bounds are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from interlock.checking.checker import check_tree
from interlock.documents.kinds.policy import Rule
from interlock.documents.layout import classify
from interlock.documents.reading import read_document
from interlock.documents.tree import WorkingTree
from interlock.findings.finding import Severity
from interlock.rules.expressions.bounds import LONGEST_EXPRESSION, LONGEST_PATTERN, MOST_STEPS
from interlock.rules.expressions.examples import run_examples
from interlock.rules.expressions.google_cel import GoogleCel
from interlock.rules.expressions.judging import ALL_STEPS
from interlock.rules.expressions.reference import main
from interlock.rules.expressions.views import VARIABLES
from support.living_example import REPOSITORY
from support.own_rules import rule_path
from support.repositories import write_repository

PATH = REPOSITORY / "docs" / "custom-rules.md"
PAGE = PATH.read_text(encoding="utf-8")
RULES = {
    re.findall(r"^id: (.*)$", text, flags=re.MULTILINE)[0]: text
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
}


def test_there_is_a_rule_for_every_kind_of_subject() -> None:
    assert len(RULES) >= 6
    assert {applies_to for applies_to in VARIABLES if f"applies_to: {applies_to}\n" in "".join(RULES.values())} == set(
        VARIABLES
    )


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_a_valid_document_whose_examples_pass_fail_and_come_out(name: str) -> None:
    reading = read_document(RULES[name].encode(), rule_path(name), classify(rule_path(name)))
    assert reading.problems == ()
    assert isinstance(reading.document, Rule)
    outcomes = list(run_examples(GoogleCel(), reading.document))
    assert [(o.example.name, o.came_out) for o in outcomes] == [(o.example.name, o.example.expect) for o in outcomes]
    assert {"pass", "fail"} <= {outcome.came_out for outcome in outcomes}


def test_the_checker_takes_all_of_them(tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "repository")
    for name, text in RULES.items():
        repository.write(rule_path(name), text)
    findings = check_tree(WorkingTree(repository.root)).findings
    assert {(f.rule, f.severity) for f in findings} == {("protected-without-soak", Severity.ERROR)}


def test_the_tables_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", str(PATH)]) == 0, (
        "run: python -m interlock.rules.expressions.reference docs/custom-rules.md"
    )
    assert capsys.readouterr().out == ""


def test_a_page_that_is_outdated_or_has_no_marks_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outdated = tmp_path / "page.md"
    outdated.write_text(PAGE.replace("| `revision.artifact.size` | int |", "| `revision.artifact.sizee` | int |"))
    assert main(["--check", str(outdated)]) == 1
    assert main([str(outdated)]) == 0
    assert outdated.read_text() == PAGE
    outdated.write_text("no marks")
    assert main(["--check", str(outdated)]) == 1
    assert "is outdated" in capsys.readouterr().out


def test_the_bounds_are_those_of_the_code() -> None:
    for bound in (LONGEST_EXPRESSION, LONGEST_PATTERN, MOST_STEPS, ALL_STEPS):
        assert f"{bound:,}" in PAGE
