"""`interlock rules test` and `interlock explain` for rules of an organisation's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.absent_packages import without_packages
from support.command_line import Outcome, interlock, interlock_process
from support.own_rules import rule_path, write_rule
from support.repositories import Repository, write_repository

RULE: dict[str, Any] = {
    "applies_to": "promotion",
    "when": "environment.protected",
    "require": "has(revision.risk.bias)",
    "message": "{adapter}@{revision} has no assessment.",
    "examples": [
        {"name": "open", "expect": "skip"},
        {"name": "none", "given": {"environment": {"protected": True}}, "expect": "fail"},
        {
            "name": "assessed",
            "given": {"environment": {"protected": True}, "revision": {"risk": {"bias": {"verdict": "acceptable"}}}},
            "expect": "pass",
        },
    ],
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one rule and its three examples."""
    repository = write_repository(tmp_path / "repository")
    write_rule(repository, "needs-bias", **RULE)
    return repository


def rules_test(repository: Repository, *words: str) -> Outcome:
    return interlock("rules", "test", repository.root, *words)


def test_each_example_is_told_on_a_line(repository: Repository) -> None:
    outcome = rules_test(repository)
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines() == [
        "ok    needs-bias  open: skip",
        "ok    needs-bias  none: fail",
        "ok    needs-bias  assessed: pass",
        "3 as expected, 0 wrong",
    ]


def test_a_wrong_example_fails_and_says_what_came_out(repository: Repository) -> None:
    repository.change(rule_path("needs-bias"), "examples", 0, "expect", to="pass")
    outcome = rules_test(repository)
    assert outcome.status == 1
    assert "WRONG needs-bias  open: skip, not pass" in outcome.out


def test_an_example_without_an_answer_fails(repository: Repository) -> None:
    repository.change(rule_path("needs-bias"), "require", to="revision.risk.bias.verdict == 'acceptable'")
    outcome = rules_test(repository)
    assert outcome.status == 1
    assert "WRONG needs-bias  none: no answer (bias is not written), not fail" in outcome.out


def test_a_rule_that_is_not_understood_fails_with_its_place(repository: Repository) -> None:
    repository.change(rule_path("needs-bias"), "require", to="revision.riks == 1")
    outcome = rules_test(repository)
    assert outcome.status == 1
    assert "WRONG needs-bias: policies/rules/needs-bias.yaml:6:20: `require`" in outcome.out


def test_a_rule_that_cannot_be_read_fails(repository: Repository) -> None:
    repository.write(rule_path("other"), "kind: Rule\nid: other\nwen: x\n")
    outcome = rules_test(repository)
    assert outcome.status == 1
    assert "[unknown-key]" in outcome.out


def test_without_rules_or_examples_nothing_was_tried(repository: Repository) -> None:
    repository.change(rule_path("needs-bias"), "examples", to=[])
    outcome = rules_test(repository)
    assert outcome.status == 3
    assert "NOTHING WAS TRIED" in outcome.out
    repository.remove("policies/rules")
    assert rules_test(repository).status == 3


def test_without_the_library_nothing_could_be_evaluated(repository: Repository) -> None:
    with without_packages("cel_expr_python"):
        outcome = rules_test(repository)
    assert outcome.status == 4
    assert 'pip install ".[rules]"' in outcome.err


def test_programs_get_one_document(repository: Repository) -> None:
    document = rules_test(repository, "--json").document
    assert document["schema"] == "interlock-rules-test/1"
    assert [(item["state"], item["told"]) for item in document["examples"]] == [
        ("ok", "skip"),
        ("ok", "fail"),
        ("ok", "pass"),
    ]


def test_a_rule_of_the_repository_is_explained(repository: Repository) -> None:
    outcome = interlock_process("explain", "needs-bias", cwd=repository.root)
    assert outcome.status == 0, outcome.err
    for words in ("has(revision.risk.bias)", "environment.protected", "Ask the owner.", "Example, fail: none"):
        assert words in outcome.out
    document = interlock_process("explain", "needs-bias", "--json", cwd=repository.root).document
    assert (document["family"], document["path"]) == ("custom", rule_path("needs-bias"))
    assert len(document["examples"]) == 3


def test_a_rule_of_no_repository_is_not_known(repository: Repository, tmp_path: Path) -> None:
    outcome = interlock_process("explain", "needs-bias", cwd=tmp_path)
    assert outcome.status == 2
    near = interlock_process("explain", "needs-bia", cwd=repository.root)
    assert near.status == 2
    assert "needs-bias" in near.err
