"""SARIF: valid by the official schema, stable when lines move, and never a pass by omission."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from findings.test_report_github import HOSTILE
from findings.test_reports import DANGLING, POINTER, Outcome
from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity
from interlock.findings.report_sarif import MOST_RESULTS, render_sarif
from interlock.rules.catalogue import catalogue

OFFICIAL = Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json"


@cache
def official() -> jsonschema.Draft7Validator:
    schema = json.loads(OFFICIAL.read_bytes())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())


def sarif(*findings: Finding, exit_status: int = 1, every_rule: bool = False, **outcome: Any) -> dict[str, Any]:
    known = catalogue().values()
    rules = [rule for rule in known if every_rule or rule.id == DANGLING.rule]
    text = render_sarif(Outcome(findings, **outcome), rules, exit_status=exit_status, version="0.1.0")
    assert text.isascii()
    log = json.loads(text)
    assert [error.message for error in official().iter_errors(log)] == []
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def result_of(finding: Finding) -> dict[str, Any]:
    (result,) = sarif(finding)["results"]
    assert isinstance(result, dict)
    return result


def fingerprint(finding: Finding) -> str:
    return str(result_of(finding)["partialFingerprints"]["interlockFlaw/v1"])


def test_the_schema_that_is_asked_can_refuse() -> None:
    assert not official().is_valid({"version": "2.1.0"})
    assert not official().is_valid({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})


def test_a_clean_check_is_a_run_without_results_that_was_successful() -> None:
    run = sarif(exit_status=0)
    assert run["results"] == []
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is True
    assert invocation["exitCode"] == 0
    assert invocation["toolExecutionNotifications"] == []


def test_a_finding_points_at_its_rule_and_its_place() -> None:
    run = sarif(DANGLING)
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "dangling-pointer"
    assert result["level"] == "error"
    assert result["message"]["text"].split("\n") == [
        DANGLING.found,
        f"Expected: {DANGLING.expected}",
        f"Next: {DANGLING.remedy}",
    ]
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": POINTER, "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3, "startColumn": 9},
            }
        }
    ]
    assert result["suppressions"] == []


def test_every_rule_is_described_with_its_help() -> None:
    rules = sarif(every_rule=True)["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(catalogue())
    for rule in rules:
        assert catalogue()[rule["id"]].why in rule["help"]["text"]
        assert f"`interlock explain {rule['id']}`" in rule["help"]["markdown"]


def test_a_rule_of_an_organisation_is_named_too() -> None:
    run = sarif(dataclasses.replace(DANGLING, rule="our-own-rule"))
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]] == {"id": "our-own-rule"}


def test_a_warning_has_the_level_of_a_warning() -> None:
    assert result_of(dataclasses.replace(DANGLING, severity=Severity.WARNING))["level"] == "warning"


def test_what_is_excused_is_suppressed_with_its_reason() -> None:
    (suppression,) = result_of(dataclasses.replace(DANGLING, excused="it stood before this change"))["suppressions"]
    assert suppression["kind"] == "external"
    assert suppression["justification"] == "it stood before this change"


def test_what_could_not_be_evaluated_cannot_be_taken_for_a_pass() -> None:
    run = sarif(dataclasses.replace(DANGLING, evaluated=False), exit_status=4)
    (result,) = run["results"]
    assert result["level"] == "error"
    assert result["message"]["text"].startswith("Could not evaluate: ")
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 4
    (note,) = invocation["toolExecutionNotifications"]
    assert note["associatedRule"] == {"id": "dangling-pointer"}
    assert note["message"] == result["message"]


def test_nothing_checked_is_not_successful() -> None:
    (invocation,) = sarif(documents=0, exit_status=3)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "Nothing was checked" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_a_whole_file_has_no_region() -> None:
    (location,) = result_of(dataclasses.replace(DANGLING, place=Place(POINTER)))["locations"]
    assert "region" not in location["physicalLocation"]


def test_a_fingerprint_stays_when_lines_move() -> None:
    moved = dataclasses.replace(DANGLING, place=Place(POINTER, 30, 1))
    assert fingerprint(moved) == fingerprint(DANGLING)
    again = dataclasses.replace(DANGLING, found="the key a a second time; the first is in line 3")
    assert fingerprint(again) == fingerprint(dataclasses.replace(again, found=again.found.replace("3", "12")))


@pytest.mark.parametrize(
    "change", [{"rule": "other"}, {"place": Place("b.yaml")}, {"found": "else"}, {"environment": "x"}]
)
def test_another_flaw_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(dataclasses.replace(DANGLING, **change)) != fingerprint(DANGLING)


def test_equal_flaws_of_one_file_are_told_apart() -> None:
    twice = [dataclasses.replace(DANGLING, place=Place(POINTER, line, 1)) for line in (1, 2)]
    marks = [result["partialFingerprints"]["interlockFlaw/v1"] for result in sarif(*twice)["results"]]
    assert marks[0] != marks[1]
    assert marks[0] == fingerprint(DANGLING)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b.yaml", "a%20b.yaml"),
        ("50%.yaml", "50%25.yaml"),
        ("x:y/#1?.yaml", "x%3Ay/%231%3F.yaml"),
        ("ü.yaml", "%C3%BC.yaml"),
        ("a\udcff.yaml", "a%FF.yaml"),
    ],
)
def test_a_path_is_written_as_the_bytes_that_it_has(path: str, uri: str) -> None:
    (location,) = result_of(dataclasses.replace(DANGLING, place=Place(path, 1, 1)))["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == uri


@pytest.mark.parametrize("text", [*HOSTILE, "[click](https://x.example)", "{0} {message}"])
def test_nothing_in_a_repository_breaks_the_log_or_places_a_link(text: str) -> None:
    message = result_of(Finding("some-rule", Place(text, 1, 1), text, text, text, excused=text))["message"]["text"]
    assert all(char.isprintable() or char == "\n" for char in message)
    assert len(message.split("\n")) == 3
    assert "[click](" not in message


def test_more_results_than_github_takes_are_cut_and_counted_and_the_worst_stay() -> None:
    warning = dataclasses.replace(DANGLING, severity=Severity.WARNING)
    warnings = [dataclasses.replace(warning, place=Place("a.yaml", line, 1)) for line in range(1, MOST_RESULTS + 100)]
    text = render_sarif(Outcome((*warnings, DANGLING)), (), exit_status=1, version="0.1.0")
    (run,) = json.loads(text)["runs"]
    assert len(run["results"]) == MOST_RESULTS
    assert run["results"][-1]["level"] == "error"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("100 more findings")
