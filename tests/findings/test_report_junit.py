"""JUnit XML: a failure for what blocks, an error for what is not known, and never a false success."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from findings.test_reports import DANGLING, Outcome
from interlock.cli.application import interlock
from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity
from interlock.findings.report_junit import render_junit
from support.repositories import write_repository


def report(*findings: Finding, documents: int = 12) -> ET.Element:
    return ET.fromstring(render_junit(Outcome(findings, documents=documents)))


def totals(suite: ET.Element) -> dict[str, str]:
    return {key: suite.attrib[key] for key in ("tests", "failures", "errors")}


def test_a_clean_check_is_one_passing_case() -> None:
    suite = report()
    assert totals(suite) == {"tests": "1", "failures": "0", "errors": "0"}


def test_nothing_checked_is_an_error_and_no_empty_success() -> None:
    assert totals(report(documents=0)) == {"tests": "1", "failures": "0", "errors": "1"}


def test_a_blocking_finding_is_a_failure_with_place_expectation_and_remedy() -> None:
    suite = report(DANGLING)
    (failure,) = suite.iter("failure")
    assert totals(suite) == {"tests": "1", "failures": "1", "errors": "0"}
    assert failure.attrib["type"] == "dangling-pointer"
    assert failure.text
    for part in (f"{DANGLING.place}", DANGLING.found, DANGLING.expected, DANGLING.remedy):
        assert part in failure.text


def test_what_could_not_be_evaluated_is_an_error() -> None:
    assert totals(report(dataclasses.replace(DANGLING, evaluated=False))) == {
        "tests": "1",
        "failures": "0",
        "errors": "1",
    }


@pytest.mark.parametrize("change", [{"severity": Severity.WARNING}, {"excused": "it stood before"}])
def test_what_does_not_block_passes_and_is_told(change: dict[str, object]) -> None:
    finding = dataclasses.replace(DANGLING, **change)  # type: ignore[arg-type]
    suite = report(finding, DANGLING)
    assert totals(suite) == {"tests": "2", "failures": "1", "errors": "0"}
    (told,) = (element.text or "" for element in suite.iter("system-out"))
    assert DANGLING.found in told
    assert finding.excused in told


def test_characters_that_xml_cannot_carry_break_nothing() -> None:
    hostile = "a\x00\x1b[31m]]>&<x\ud800\ufffe\U0001f600"
    suite = report(Finding("some-rule", Place(hostile, 1, 1), hostile, hostile, hostile, excused=""))
    (failure,) = suite.iter("failure")
    assert "]]>&<x" in failure.attrib["message"]
    assert "\x1b" not in failure.attrib["message"]


def test_nothing_in_it_moves_the_cursor_of_whoever_prints_it() -> None:
    hostile = "error\rfine\x7f\x85"
    text = render_junit(
        Outcome((Finding("some-rule", Place(hostile, 1, 1), hostile, hostile, hostile, excused=hostile),))
    )
    assert all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_the_exit_status_is_the_same_in_every_format(form: str, tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "repository")
    arguments = ["check", str(repository.root), "--format", form]
    assert CliRunner().invoke(interlock, arguments, standalone_mode=False).return_value == 0
    repository.point("dev", "support-bot", active="9")
    assert CliRunner().invoke(interlock, arguments, standalone_mode=False).return_value == 1
