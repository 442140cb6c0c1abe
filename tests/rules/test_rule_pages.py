"""Every rule has a page with an example that the real checker refuses, and one that it accepts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from interlock.rules.catalogue import catalogue
from interlock.rules.example import Example, example_ids, read_example
from interlock.rules.pages import differences, main
from support.checks import describe
from support.rule_examples import PROJECT, play, without_digests

PAGES = PROJECT / "docs/rules"
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


def test_every_rule_has_an_example_and_every_example_a_rule() -> None:
    assert example_ids() == catalogue().keys(), "write tools/interlock/rules/examples/<id>.yaml like its neighbours"


def test_every_rule_has_a_page_that_is_up_to_date() -> None:
    assert differences(PAGES) == [], "run: python -m interlock.rules.pages docs/rules"


def test_a_page_that_differs_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "rules")]) == 0
    assert main(["--check", str(tmp_path / "rules")]) == 0
    (tmp_path / "rules" / "over-max-loras.md").write_text("by hand")
    (tmp_path / "rules" / "over-max-lora.md").write_text("of an old rule")
    (tmp_path / "rules" / "yaml-syntax.md").unlink()
    assert main(["--check", str(tmp_path / "rules")]) == 1
    told = capsys.readouterr().out
    assert "over-max-loras.md is outdated" in told
    assert "over-max-lora.md is the page of no rule" in told
    assert "yaml-syntax.md is missing" in told


def test_a_misspelt_edit_is_an_error() -> None:
    with pytest.raises(ValidationError, match="remvoe"):
        Example.model_validate({"caption": "c", "failing": [{"remvoe": "x"}], "passing": []})
