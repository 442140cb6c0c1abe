"""`interlock explain`: what a finding means, for somebody who sees it for the first time."""

from __future__ import annotations

import re
from pathlib import Path

from interlock.checking.audit import auditing
from interlock.checking.audit.historic_documents import LOST
from interlock.rules.catalogue import catalogue
from support.command_line import interlock


def test_a_rule_is_explained_with_both_examples() -> None:
    outcome = interlock("explain", "over-max-loras")
    assert outcome.status == 0, outcome.err
    rule = catalogue()["over-max-loras"]
    assert outcome.out.startswith(f"over-max-loras: {rule.title}\n")
    assert "engine:\n      max_loras: 1\n" in outcome.out
    assert "2 adapter revisions take requests at once in dev" in outcome.out
    assert "max_loras: 2\n" in outcome.out.partition("Accepted.")[2]


def test_a_rule_about_changes_says_what_stands_already() -> None:
    out = interlock("explain", "unsoaked-promotion").out
    assert "What stands already:" in out
    assert "--base" in out


def test_the_brackets_of_a_finding_may_be_copied_along() -> None:
    assert interlock("explain", "[digest-mismatch]").out == interlock("explain", "digest-mismatch").out


def test_without_a_rule_all_are_listed() -> None:
    out = interlock("explain").out
    assert all(f"  {rule} " in out for rule in catalogue())
    assert "\nintegrity\n" in out
    assert out.endswith("Next: interlock explain ID\n")


def test_a_misspelt_rule_is_answered_with_the_nearest() -> None:
    outcome = interlock("explain", "over-max-lora")
    assert outcome.status == 2
    assert "over-max-loras" in outcome.err
    assert "Next: run: interlock explain over-max-loras" in outcome.err


def test_a_word_that_is_like_no_rule_leads_to_the_list() -> None:
    outcome = interlock("explain", "qqqq")
    assert outcome.status == 2
    assert "interlock explain" in outcome.err


def test_programs_get_one_document() -> None:
    one = interlock("explain", "zero-weights", "--json").document
    assert one["schema"] == "interlock-explain/1"
    assert (one["id"], one["exit_status"]) == ("zero-weights", 1)
    assert "--deep" in one["judged_on"]
    every = interlock("explain", "--json").document
    assert [rule["id"] for rule in every["rules"]] == list(catalogue())


def test_what_only_a_command_refuses_is_explained_too() -> None:
    assert "interlock inspect" in interlock("explain", "already-active").out
    assert interlock("explain", "already-active", "--json").document["id"] == "already-active"


def test_whatever_the_audit_finds_by_itself_is_explained() -> None:
    sources = (Path(auditing.__file__).parent / name for name in ("auditing.py", "break_glass.py", "signers.py"))
    found = {rule for source in sources for rule in re.findall(r'Finding\(\s*"([a-z-]+)"', source.read_text())}
    assert found >= {"commit-unproven", "key-taken-back", "emergency-unreviewed"}
    for rule in {*found, LOST} - catalogue().keys():
        outcome = interlock("explain", rule)
        assert outcome.status == 0, outcome.err
        assert "interlock audit" in outcome.out
