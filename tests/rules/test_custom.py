"""Rules of an organisation's own, judged on a tree: what they find, and what keeps one from being judged by."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from interlock.checking.checker import exit_code
from interlock.findings.finding import Finding, Severity
from support.absent_packages import without_packages
from support.checks import check, describe, not_evaluated, passes, refused, text_at, warned
from support.command_line import interlock_process
from support.own_rules import rule_path, statement, write_evidence, write_rule
from support.repositories import REMOVED, Repository, environment, manifest, pointer

LIBRARY = "cel_expr_python"
NEEDS_BIAS: dict[str, Any] = {"require": "has(revision.risk.bias)", "examples": [{"name": "none", "expect": "fail"}]}


def of_rule(repository: Repository, rule: str, *, exit_status: int) -> list[Finding]:
    """The findings of one rule, which are all that there are."""
    result = check(repository)
    assert {finding.rule for finding in result.findings} == {rule}, "\n".join(map(describe, result.findings))
    assert exit_code(result) == exit_status
    return list(result.findings)


def test_a_rule_that_everything_satisfies_finds_nothing(repository: Repository) -> None:
    write_rule(repository, require="revision.artifact.size > 0 && adapter.name == revision.adapter")
    repository.change(rule_path("own-rule"), "examples", 0, "given", to={"revision": {"artifact": {"size": 1}}})
    repository.change(rule_path("own-rule"), "examples", 0, "expect", to="pass")
    passes(repository)


def test_a_revision_is_judged_at_its_manifest_with_words_of_the_rule(repository: Repository) -> None:
    write_rule(
        repository,
        **NEEDS_BIAS
        | {"when": "revision.adapter == 'sql-helper'", "message": "{adapter}@{revision} has no {curly} bias."},
    )
    refused(repository, "rule-not-understood", rule_path("own-rule"), "{curly}")
    repository.change(rule_path("own-rule"), "message", to="{adapter}@{revision} has no assessment.")
    repository.change(rule_path("own-rule"), "remedy", to="Ask the owners of {adapter}.")
    repository.change(rule_path("own-rule"), "examples", to=[{"name": "another", "expect": "skip"}])
    (finding,) = of_rule(repository, "own-rule", exit_status=1)
    assert (finding.place.path, finding.severity) == (manifest("sql-helper", "1"), Severity.ERROR)
    assert finding.found == "sql-helper@1 has no assessment."
    assert finding.remedy == "Ask the owners of sql-helper."
    assert finding.expected == f"has(revision.risk.bias) ({rule_path('own-rule')})"


def test_a_warning_is_told_and_does_not_block(repository: Repository) -> None:
    write_rule(repository, **NEEDS_BIAS | {"severity": "warning"})
    assert len(of_rule(repository, "own-rule", exit_status=0)) == 4


def test_a_pointer_is_judged_at_its_active_value(repository: Repository) -> None:
    fields: dict[str, Any] = {
        "applies_to": "pointer",
        "when": "environment.protected",
        "require": "revision.revision != '1' || adapter.name != 'support-bot'",
    }
    write_rule(
        repository,
        **fields,
        message="{adapter} {revision} in {environment}",
        examples=[{"name": "open", "expect": "skip"}],
    )
    (finding,) = of_rule(repository, "own-rule", exit_status=1)
    assert finding.place.path == pointer("production", "support-bot")
    assert text_at(repository, finding.place) == '"1"'
    assert (finding.found, finding.environment) == ("support-bot 1 in production", "production")


def test_an_environment_is_judged_at_its_name(repository: Repository) -> None:
    write_rule(
        repository,
        applies_to="environment",
        when="environment.name == 'dev'",
        require="environment.protected",
        examples=[{"name": "other", "expect": "skip"}],
    )
    (finding,) = of_rule(repository, "own-rule", exit_status=1)
    assert (finding.place.path, text_at(repository, finding.place)) == (environment("dev"), '"dev"')


def test_only_what_is_asked_for_is_judged(repository: Repository) -> None:
    write_rule(repository, **NEEDS_BIAS)
    told = {finding.place.path for finding in check(repository, env="production").findings}
    assert told == {manifest("support-bot", "1"), manifest("sql-helper", "1")}


def test_what_is_not_written_has_no_answer_and_never_passes(repository: Repository) -> None:
    fine: dict[str, Any] = {
        "name": "fine",
        "given": {"revision": {"risk": {"bias": {"verdict": "acceptable"}}}},
        "expect": "pass",
    }
    rule: dict[str, Any] = {
        "when": "revision.adapter == 'sql-helper'",
        "require": "revision.risk.bias.verdict == 'acceptable'",
    }
    fine["given"]["revision"]["adapter"] = "sql-helper"
    write_rule(repository, **rule, examples=[fine])
    (finding,) = of_rule(repository, "own-rule", exit_status=4)
    assert not finding.evaluated
    assert finding.place.path == manifest("sql-helper", "1")
    assert rule_path("own-rule") in finding.found
    assert "bias is not written" in finding.found
    assert rule["require"] in finding.expected


def test_a_document_that_is_not_in_the_tree_has_no_answer(repository: Repository) -> None:
    write_rule(repository, applies_to="pointer", require="revision.artifact.size > 0", examples=[])
    repository.point("dev", "support-bot", active="9")
    findings = {finding.rule: finding for finding in check(repository).findings if finding.blocks}
    assert "own-rule" in findings
    assert not findings["own-rule"].evaluated
    assert manifest("support-bot", "9") in findings["own-rule"].found


def test_rules_cannot_use_up_the_time_of_the_checker(repository: Repository) -> None:
    loop = "revision.provenance.seeds.all(a, revision.provenance.seeds.all(b, true))"
    write_rule(repository, require=loop, examples=[{"name": "few", "expect": "pass"}])
    repository.change(manifest("sql-helper", "1"), "provenance", "seeds", to=list(range(2000)))
    (finding,) = of_rule(repository, "own-rule", exit_status=4)
    assert "steps" in finding.found


@pytest.mark.parametrize("style", ["plain", "single", "double", "block", "folded"])
def test_a_misspelt_field_is_found_at_its_line_and_column(repository: Repository, style: str) -> None:
    written = {
        "plain": "revision.artifact.uri != 'x' &&\n  revision.artifact.sizee > 1",
        "single": "'revision.artifact.uri != ''x'' && revision.artifact.sizee > 1'",
        "double": '"revision.artifact.uri != \\"x\\" &&\n  revision.artifact.sizee > 1"',
        "block": "|\n  revision.artifact.uri != 'x' &&\n    revision.artifact.sizee > 1",
        "folded": ">-\n  revision.artifact.uri != 'x'\n  && revision.artifact.sizee > 1",
    }[style]
    write_rule(repository)
    path = repository.root / rule_path("own-rule")
    path.write_text(path.read_text().replace('require: "true"', f"require: {written}"))
    finding = refused(repository, "rule-not-understood", rule_path("own-rule"), "sizee")
    assert "undefined field 'sizee'" in finding.found


@pytest.mark.parametrize("key", ["when", "require"])
def test_an_expression_that_is_not_understood_blocks(repository: Repository, key: str) -> None:
    write_rule(repository, **{key: "true && zz"})
    refused(repository, "rule-not-understood", rule_path("own-rule"), "zz")


def test_a_variable_of_another_kind_of_rule_is_unknown(repository: Repository) -> None:
    write_rule(repository, require="pointer.active == '1'")
    finding = refused(repository, "rule-not-understood", rule_path("own-rule"), "pointer.active")
    assert "revision, adapter, base, evidence" in finding.expected


def test_the_id_of_a_built_in_rule_is_taken(repository: Repository) -> None:
    write_rule(repository, "over-max-loras", require="false")
    refused(repository, "rule-id-taken", rule_path("over-max-loras"), '"over-max-loras"')


def test_a_rule_without_an_example_is_told(repository: Repository) -> None:
    write_rule(repository, examples=[])
    warned(repository, "rule-without-example", rule_path("own-rule"), '"own-rule"')


@pytest.mark.parametrize(
    ("example", "told"),
    [
        ({"name": "x", "expect": "fail"}, "comes out as pass"),
        ({"name": "x", "expect": "skip"}, "comes out as pass"),
        ({"name": "x", "expect": "pass", "given": {"revison": {}}}, "there is no variable revison"),
        ({"name": "x", "expect": "pass", "given": {"environment": {}}}, "there is no variable environment"),
        ({"name": "x", "expect": "pass", "given": {"revision": {"artifact": {"sizee": 1}}}}, "there is no such key"),
    ],
)
def test_an_example_that_comes_out_otherwise_is_refused(
    repository: Repository, example: dict[str, Any], told: str
) -> None:
    write_rule(repository, examples=[example])
    assert told in refused(repository, "rule-example-wrong", rule_path("own-rule"), f'"{example["expect"]}"').found


def test_without_the_library_a_rule_could_not_be_evaluated(repository: Repository) -> None:
    write_rule(repository)
    with without_packages(LIBRARY):
        finding = not_evaluated(repository, "rule-engine-missing", rule_path("own-rule"), '"own-rule"')
    assert 'pip install ".[rules]"' in finding.remedy
    with without_packages("google"):
        not_evaluated(repository, "rule-engine-missing", rule_path("own-rule"), '"own-rule"')
    passes(repository)


def test_without_rules_the_library_is_not_needed(repository: Repository) -> None:
    with without_packages(LIBRARY):
        passes(repository)


def test_without_rules_the_library_is_not_imported(repository: Repository, tmp_path: Path) -> None:
    """A broken library in its place would be noticed."""
    (tmp_path / f"{LIBRARY}.py").write_text("raise SystemExit('imported')\n")
    environment = {"PYTHONPATH": str(tmp_path)}
    assert interlock_process("check", repository.root, environment=environment).status == 0
    write_rule(repository)
    assert "imported" in interlock_process("check", repository.root, environment=environment).err


@pytest.mark.parametrize("rule", ["rule-not-understood", "rule-engine-missing", "rule-id-taken"])
def test_a_rule_that_cannot_judge_is_never_waived(repository: Repository, rule: str) -> None:
    waiver = {"rule": rule, "scope": "policies", "approver": "alice", "reason": "later", "until": "2999-01-01"}
    repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": [waiver]})
    refused(repository, "waiver-not-allowed", "policies/waivers.yaml", f'"{rule}"')


def test_the_kinds_of_evidence_about_exactly_these_bytes_count(repository: Repository) -> None:
    rule: dict[str, Any] = {"when": "revision.adapter == 'sql-helper'", "require": "'load-test' in evidence.kinds"}
    write_rule(repository, **rule, examples=[{"name": "other", "expect": "skip"}])
    about_others = statement(repository, "support-bot", "1", "load-test")
    write_evidence(repository, "sql-helper", "1", "copied", about_others)
    (finding,) = of_rule(repository, "own-rule", exit_status=1)
    assert finding.place.path == manifest("sql-helper", "1")
    write_evidence(repository, "sql-helper", "1", "own", statement(repository, "sql-helper", "1", "load-test"))
    passes(repository)


def test_evidence_that_cannot_be_read_has_no_answer(repository: Repository) -> None:
    rule: dict[str, Any] = {"when": "revision.adapter == 'sql-helper'", "require": "'load-test' in evidence.kinds"}
    write_rule(repository, **rule, examples=[{"name": "other", "expect": "skip"}])
    path = write_evidence(repository, "sql-helper", "1", "broken", b'{"a": 1, "a": 2}')
    (finding,) = of_rule(repository, "own-rule", exit_status=4)
    assert path in finding.found


def test_evidence_is_not_read_where_no_rule_asks_for_it(repository: Repository) -> None:
    write_evidence(repository, "sql-helper", "1", "broken", b"no JSON")
    write_rule(repository)
    passes(repository)


def test_findings_of_a_rule_can_be_waived_by_its_id(repository: Repository) -> None:
    write_rule(repository, **NEEDS_BIAS)
    repository.change(rule_path("own-rule"), "when", to="revision.adapter == 'sql-helper'")
    repository.change(rule_path("own-rule"), "examples", to=[{"name": "other", "expect": "skip"}])
    waiver = {
        "rule": "own-rule",
        "scope": "adapters/sql-helper",
        "approver": "alice",
        "reason": "later",
        "until": "2999-01-01",
    }
    repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": [waiver]})
    result = check(repository, today=dt.date(2026, 11, 25))
    assert [finding.excused for finding in result.findings] == ["waived until 2999-01-01 by alice: later"]
    assert exit_code(result) == 0


def test_a_rule_with_the_id_of_a_built_in_one_does_not_make_that_one_waivable(repository: Repository) -> None:
    write_rule(repository, "digest-mismatch")
    waiver = {"rule": "digest-mismatch", "scope": "adapters", "approver": "alice", "reason": "x", "until": "2999-01-01"}
    repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": [waiver]})
    file = repository.root / "artifacts/sql-helper/1/adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    found = {finding.rule: finding.excused for finding in check(repository, today=dt.date(2026, 11, 25)).findings}
    assert found == {"digest-mismatch": "", "rule-id-taken": "", "waiver-not-allowed": ""}


def test_a_rule_of_an_unknown_form_is_refused_as_before(repository: Repository) -> None:
    path = write_rule(repository)
    repository.change(path, "requires", to="true")
    refused(repository, "unknown-key", path, "requires")
    repository.change(path, "requires", to=REMOVED)
    passes(repository)
