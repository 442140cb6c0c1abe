"""A GitHub workflow shows the whole list, the worst as annotations, a table; and nothing that a repository ordered."""

from __future__ import annotations

import dataclasses
import re

import pytest

from findings.test_reports import DANGLING, POINTER, Outcome
from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity
from interlock.findings.github_summary import MOST_BYTES, github_summary
from interlock.findings.report_github import render_github
from support.github_runner import Command, obeyed

TOKEN = "0123456789abcdef" * 2
HOSTILE = [
    "::error::owned",
    "\n::set-output name=a::b\n",
    "\r\n  ::add-mask::x\r",
    "##[add-path]/tmp",
    "a ##[command]b",
    f"\n::{TOKEN[:-1]}::\n::warning::free",
    "%0A::error::x%0D%25",
    "a,line=1,col=2::b",
    "a\x1b[2K\x85\u2028::error::x",
    "\ud800\udcff",
]


def log(*findings: Finding, documents: int = 12) -> str:
    return render_github(Outcome(findings, documents=documents), TOKEN)


def many(number: int, severity: Severity) -> list[Finding]:
    return [Finding("some-rule", Place("a.yaml", line, 1), "x", "", "y", severity) for line in range(1, number + 1)]


def test_a_finding_is_listed_and_annotated_where_it_stands() -> None:
    text = log(DANGLING)
    assert f"\n{POINTER}:3:9: error dangling-pointer: {DANGLING.found} | expected: " in text
    assert obeyed(text) == [
        Command(
            "error",
            {"file": POINTER, "line": "3", "endLine": "3", "col": "9", "title": "dangling-pointer"},
            f"{DANGLING.found}\nExpected: {DANGLING.expected}\nNext: {DANGLING.remedy}",
        )
    ]


def test_a_finding_about_a_whole_file_has_no_line() -> None:
    (command,) = obeyed(log(dataclasses.replace(DANGLING, place=Place(POINTER), evaluated=False)))
    assert command.properties == {"file": POINTER, "title": "dangling-pointer (could not evaluate)"}


def test_ten_errors_and_ten_warnings_are_annotated_and_all_are_listed() -> None:
    findings = [*many(30, Severity.WARNING), *many(30, Severity.ERROR)]
    text = log(*findings)
    assert [command.name for command in obeyed(text)] == ["error"] * 10 + ["warning"] * 10
    assert sum(line.startswith("a.yaml:") for line in text.splitlines()) == 60


def test_what_is_known_to_be_wrong_comes_before_what_is_not_known() -> None:
    unknown = [dataclasses.replace(finding, evaluated=False) for finding in many(10, Severity.ERROR)]
    assert obeyed(log(*unknown, DANGLING))[0].properties["title"] == "dangling-pointer"


def test_what_is_excused_is_listed_and_not_annotated() -> None:
    text = log(dataclasses.replace(DANGLING, excused="it stood before this change"))
    assert obeyed(text) == []
    assert "does not block: it stood before this change" in text


def test_nothing_checked_is_an_error() -> None:
    (command,) = obeyed(log(documents=0))
    assert command.name == "error"
    assert "nothing was checked" in command.data


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_repository_gives_an_order_to_the_runner(text: str) -> None:
    hostile = Finding("some-rule", Place(f"{text}.yaml", 1, 1), text, text, text, environment=text)
    warning = dataclasses.replace(hostile, severity=Severity.WARNING)
    excused = dataclasses.replace(hostile, excused=text)
    commands = obeyed(render_github(Outcome((hostile, warning, excused), label=text), TOKEN))
    assert [command.name for command in commands] == ["error", "warning"]
    assert all(set(command.properties) == {"file", "line", "endLine", "col", "title"} for command in commands)
    assert [command.properties["line"] for command in commands] == ["1", "1"]
    assert [command.name for command in obeyed(render_github(Outcome(label=text, documents=0), TOKEN))] == ["error"]


def test_a_file_name_of_an_annotation_is_the_one_of_the_file() -> None:
    (command,) = obeyed(log(dataclasses.replace(DANGLING, place=Place("a,b: 100%.yaml", 1, 1))))
    assert command.properties["file"] == "a,b: 100%.yaml"


@pytest.mark.parametrize("token", ["", "pause-logging", "error", "abc", "g" * 32])
def test_a_word_that_could_be_guessed_is_no_token(token: str) -> None:
    with pytest.raises(ValueError, match="guess"):
        render_github(Outcome(), token)


def test_the_summary_is_a_table_with_the_worst_first() -> None:
    warning = dataclasses.replace(DANGLING, severity=Severity.WARNING, place=Place("a.yaml", 1, 1))
    lines = github_summary(Outcome((warning, DANGLING))).splitlines()
    assert lines[0].endswith("1 error, 1 warning, 0 not evaluated: fail")
    assert lines[4].startswith(f"| error | {POINTER}:3:9 | dangling-pointer | ")
    assert lines[5].startswith("| told | a.yaml:1:1 |")


@pytest.mark.parametrize("text", [*HOSTILE, "a|b", "`x`", "<img src=x>", "[a](https://x.example)", "@someone", "\\|"])
def test_nothing_in_a_repository_becomes_markup_of_the_summary(text: str) -> None:
    summary = github_summary(Outcome((Finding("some-rule", Place(text, 1, 1), text, text, text),), label=text))
    (row,) = [line for line in summary.splitlines() if line.startswith("| error")]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 6
    without_ours = summary.replace("<!-- -->", "")
    assert not re.search(r"<|>", without_ours)
    assert "@s" not in summary
    assert "://" not in summary
    assert not re.search(r"(?<!\\)(?:\\\\)*[`\[*]", summary)


@pytest.mark.parametrize("room", [MOST_BYTES, 5000, 700, 100, 10, 0, -5])
def test_a_summary_is_never_larger_than_the_room_that_is_left(room: int) -> None:
    findings = [dataclasses.replace(found, found="ü@" * 900) for found in many(3000, Severity.ERROR)]
    text = github_summary(Outcome(tuple(findings)), room)
    assert len(text.encode()) <= max(room, 0)
    if room > 1000:
        assert "more findings are in the log" in text
