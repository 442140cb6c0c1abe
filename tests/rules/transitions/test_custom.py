"""Rules of an organisation's own about promotions and rollbacks: judged as the trusted side has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.checking.checker import exit_code
from interlock.findings.finding import Finding
from support.absent_packages import without_packages
from support.changes import Proposal
from support.checks import describe
from support.own_rules import envelope, rule_path, statement, write_evidence, write_rule
from support.repositories import environment, manifest, pointer

LIBRARY = "cel_expr_python"
SAMPLE = """\
kind: Rule
id: large-adapter-needs-load-test
severity: error
applies_to: promotion
when: 'revision.artifact.size > 500 && environment.protected'
require: '"load-test" in evidence.kinds'
message: 'Adapter {adapter}@{revision} is larger than 500 bytes and has no load test.'
remedy: 'Run: interlock evaluate load-test {adapter} {revision}'
examples:
  - {name: small, given: {revision: {artifact: {size: 1}}, environment: {protected: true}}, expect: skip}
  - name: tested
    given: {revision: {artifact: {size: 600}}, environment: {protected: true}, evidence: {kinds: [load-test]}}
    expect: pass
  - {name: untested, given: {revision: {artifact: {size: 600}}, environment: {protected: true}}, expect: fail}
"""


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    """The repository; support-bot 2 may go to production, where the sample rule wants a load test."""
    proposal = Proposal.begin(tmp_path / "repository")
    proposal.repository.write(rule_path("large-adapter-needs-load-test"), SAMPLE)
    proposal.merge("Add a rule")
    return proposal


def promote(proposal: Proposal, **fields: Any) -> None:
    proposal.repository.point("production", "support-bot", **{"active": "2"} | fields)


def own_findings(proposal: Proposal, rule: str) -> list[Finding]:
    return [finding for finding in proposal.check().findings if finding.rule == rule]


def test_a_promotion_is_refused_at_the_pointer_in_words_of_the_rule(proposal: Proposal) -> None:
    promote(proposal)
    finding = proposal.refused("large-adapter-needs-load-test", pointer("production", "support-bot"), '"2"')
    assert finding.found == "Adapter support-bot@2 is larger than 500 bytes and has no load test."
    assert finding.remedy == "Run: interlock evaluate load-test support-bot 2"
    assert finding.environment == "production"


@pytest.mark.parametrize("wrapped", [True, False], ids=["envelope", "bare"])
def test_evidence_of_the_kind_about_these_bytes_lets_it_pass(proposal: Proposal, wrapped: bool) -> None:
    content = statement(proposal.repository, "support-bot", "2", "load-test")
    write_evidence(proposal.repository, "support-bot", "2", "load", envelope(content) if wrapped else content)
    proposal.merge("Add evidence")
    promote(proposal)
    proposal.passes()


def test_evidence_about_other_bytes_does_not_count(proposal: Proposal) -> None:
    content = statement(proposal.repository, "support-bot", "1", "load-test")
    write_evidence(proposal.repository, "support-bot", "2", "load", content)
    proposal.merge("Add evidence")
    promote(proposal)
    proposal.refused("large-adapter-needs-load-test", pointer("production", "support-bot"), '"2"')


def test_evidence_that_cannot_be_read_could_not_be_evaluated(proposal: Proposal) -> None:
    write_evidence(proposal.repository, "support-bot", "2", "load", b"[" * 100_000)
    proposal.merge("Add evidence")
    promote(proposal)
    path, at = pointer("production", "support-bot"), '"2"'
    finding = proposal.refused("large-adapter-needs-load-test", path, at, exit_status=4)
    assert not finding.evaluated
    assert "evidence/2/load.json" in finding.found


def test_a_canary_is_judged_where_it_is_named(proposal: Proposal) -> None:
    promote(proposal, active="1", canary={"revision": "2", "weight": 5})
    proposal.refused("large-adapter-needs-load-test", pointer("production", "support-bot"), '"2"')


def test_where_the_rule_does_not_count_nothing_is_found(proposal: Proposal) -> None:
    proposal.repository.point("staging", "support-bot", active="3")
    proposal.passes()


def test_a_rollback_is_no_promotion(proposal: Proposal) -> None:
    content = statement(proposal.repository, "support-bot", "2", "load-test")
    write_evidence(proposal.repository, "support-bot", "2", "load", content)
    proposal.merge("Add evidence")
    promote(proposal)
    proposal.merge("Promote")
    promote(proposal, active="1")
    proposal.passes()
    rule: dict[str, Any] = {
        "applies_to": "rollback",
        "require": "change.previous != '2'",
        "message": "{adapter} stays in {environment}.",
    }
    proposal.repository.git("checkout", "--quiet", "main")
    write_rule(
        proposal.repository, "no-way-back", **rule, examples=[{"name": "first", "expect": "pass", "given": BEFORE}]
    )
    proposal.merge("Add a rule")
    promote(proposal, active="1")
    finding = proposal.refused("no-way-back", pointer("production", "support-bot"), '"1"')
    assert finding.found == "support-bot stays in production."


BEFORE = {"change": {"previous": "1"}}


def test_no_change_brings_loosens_or_removes_the_rule_that_judges_it(proposal: Proposal) -> None:
    path = rule_path("large-adapter-needs-load-test")
    for loosened in (SAMPLE.replace("when: '", "when: 'false && "), None):
        promote(proposal)
        if loosened:
            proposal.repository.write(path, loosened)
        else:
            proposal.repository.remove(path)
        told = {finding.rule for finding in proposal.check().findings if finding.blocks}
        assert {"large-adapter-needs-load-test", "pointer-not-alone", "policy-not-alone"} <= told


def test_an_adapter_and_an_environment_are_read_from_the_trusted_side(proposal: Proposal) -> None:
    promote(proposal)
    proposal.repository.change(environment("production"), "protected", to=False)
    assert own_findings(proposal, "large-adapter-needs-load-test")


def test_a_new_rule_is_merged_and_binds_the_next_promotion(proposal: Proposal) -> None:
    proposal.repository.git("checkout", "--quiet", "main")
    write_rule(proposal.repository, "nothing-goes", applies_to="promotion", require="false")
    proposal.passes()


def test_without_the_library_a_promotion_could_not_be_evaluated(proposal: Proposal) -> None:
    """Although the rule stood before the change, and the change does not touch it."""
    promote(proposal)
    with without_packages(LIBRARY):
        result = proposal.check()
    blocking = [finding for finding in result.findings if finding.blocks]
    assert {finding.rule for finding in blocking} == {"rule-engine-missing"}, "\n".join(map(describe, blocking))
    assert exit_code(result) == 4
    assert 'pip install ".[rules]"' in blocking[0].remedy


def test_a_broken_rule_of_the_trusted_side_blocks_until_it_is_put_right(proposal: Proposal) -> None:
    path = rule_path("large-adapter-needs-load-test")
    proposal.repository.change(path, "require", to="evidence.kindes.size() > 0")
    proposal.merge("Break it")
    promote(proposal)
    told = {finding.rule: finding.blocks for finding in proposal.check().findings}
    assert told["rule-not-understood"] is True
    proposal.repository.git("checkout", "--quiet", "main")
    proposal.repository.write(path, SAMPLE)
    proposal.passes()


def test_what_stood_before_in_an_untouched_revision_does_not_block(proposal: Proposal) -> None:
    write_rule(proposal.repository, "needs-bias", require="has(revision.risk.bias)")
    proposal.merge("Add a rule")
    proposal.repository.point("staging", "sql-helper", keep=["1"])
    result = proposal.check()
    blocking = [finding.place.path for finding in result.findings if finding.rule == "needs-bias" and finding.blocks]
    assert blocking == [manifest("sql-helper", "1")]
