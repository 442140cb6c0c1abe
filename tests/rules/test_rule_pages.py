"""Every rule has a page with an example that the real checker refuses, and one that it accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.rules.catalogue import catalogue
from interlock.rules.example import example_ids, read_example
from support.checks import describe
from support.rule_examples import play, without_digests

WRITE_AGAIN = "run: PYTHONPATH=tests python -m support.rule_examples {0}; python -m interlock.rules.pages docs/rules"


@pytest.mark.parametrize("rule", sorted(example_ids()))
def test_the_failing_example_is_refused_by_its_rule(rule: str, tmp_path: Path) -> None:
    example = read_example(rule)
    played = play(rule, example, example.failing, tmp_path / "repository")
    told = "\n".join(map(describe, played.findings))
    assert {finding.rule for finding in played.findings} == {rule, *example.also}, told
    assert played.exit_status == example.exit_status, told
    assert without_digests(played.printed) == without_digests(example.printed), WRITE_AGAIN.format(rule)


@pytest.mark.parametrize("rule", sorted(example_ids()))
def test_the_passing_example_is_accepted(rule: str, tmp_path: Path) -> None:
    example = read_example(rule)
    played = play(rule, example, example.passing, tmp_path / "repository")
    assert [describe(finding) for finding in played.findings] == []
    assert played.exit_status == 0


def test_every_example_belongs_to_a_rule() -> None:
    assert example_ids() <= catalogue().keys()
