"""What people and programs see of findings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity, Verdict, in_reading_order, verdict_of
from interlock.findings.readable import readable
from interlock.findings.report_json import render_json
from interlock.findings.report_text import EXCERPT_WIDTH, render_text

POINTER = "environments/dev/pointers/support-bot.yaml"
DANGLING = Finding(
    "dangling-pointer",
    Place(POINTER, 3, 9),
    "active names support-bot@9, which is not in this repository",
    "one of the revisions 1, 2, 3",
    "run: interlock promote support-bot REVISION --to dev",
    environment="dev",
)
SOURCE = 'kind: Pointer\nadapter: support-bot\nactive: "9"\n'


@dataclass(frozen=True)
class Outcome:
    """A judgement made by hand."""

    findings: tuple[Finding, ...] = ()
    label: str = "/repository"
    environment: str | None = None
    documents: int = 12
    checked: int = 5

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.findings)


@dataclass
class Files:
    """Texts of files by path; remembers what was asked for."""

    texts: dict[str, str] = field(default_factory=lambda: {POINTER: SOURCE})
    asked: list[str] = field(default_factory=list)

    def __call__(self, path: str) -> str:
        self.asked.append(path)
        return self.texts.get(path, "")


def finding(line: int = 1, column: int = 1, *, found: str = "something", path: str = "a.yaml") -> Finding:
    return Finding("some-rule", Place(path, line, column), found, "", "")


def test_a_finding_shows_its_place_the_line_a_caret_and_the_next_command() -> None:
    assert render_text(Outcome((DANGLING,)), Files(), color=False) == (
        "environments/dev/pointers/support-bot.yaml:3:9: error: active names support-bot@9, which is not in this"
        " repository [dangling-pointer]\n"
        '  3 | active: "9"\n'
        "    |         ^\n"
        "  Expected: one of the revisions 1, 2, 3\n"
        "  Next: run: interlock promote support-bot REVISION --to dev\n"
        "\n"
        "12 documents, 5 adapter revisions checked: 1 error, 0 warnings — FAIL\n"
    )


def test_a_clean_outcome_is_one_line() -> None:
    outcome = Outcome(documents=1, checked=1, environment="dev")
    expected = "1 document, 1 adapter revision checked for dev: 0 errors, 0 warnings — PASS\n"
    assert render_text(outcome, Files(), color=False) == expected


def test_a_tree_without_documents_is_not_called_a_pass() -> None:
    text = render_text(Outcome(documents=0, checked=0), Files(), color=False)
    assert "NOTHING WAS CHECKED" in text
    assert "PASS" not in text
    assert "interlock init" in text
    assert json.loads(render_json(Outcome(documents=0, checked=0)))["verdict"] == "nothing-checked"


def test_what_could_not_be_evaluated_says_so() -> None:
    unknown = Finding("artifact-unreachable", Place(POINTER), "the bytes are elsewhere", "", "", evaluated=False)
    text = render_text(Outcome((unknown,)), Files(), color=False)
    assert f"{POINTER}: error (could not evaluate): the bytes are elsewhere [artifact-unreachable]" in text
    assert text.endswith("— COULD NOT EVALUATE\n")


def test_escape_sequences_and_line_breaks_of_a_document_never_reach_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\r\n0 errors — PASS\u202e"
    bad = Finding("some-rule", Place("a\x1b.yaml", 1, 1), hostile, hostile, hostile)
    text = render_text(Outcome((bad,)), Files({"a\x1b.yaml": f"{hostile}\n"}), color=False)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\n0 errors" not in text
    assert r"\x1b[2J" in text
    assert r"\u202e" in text


def test_the_caret_stands_below_its_column_behind_tabs_escapes_and_wide_characters() -> None:
    for before in ("\tkey: ", "a\x1bb ", "日本語: ", "e\u0301: "):
        place = finding(1, len(before) + 1)
        lines = render_text(Outcome((place,)), Files({"a.yaml": f"{before}X\n"}), color=False).splitlines()
        shown = readable(before.replace("\t", " "))
        columns = sum({"日": 2, "本": 2, "語": 2, "\u0301": 0}.get(char, 1) for char in shown)
        assert lines[1] == f"  1 | {shown}X"
        assert lines[2] == "    | " + " " * columns + "^"


def test_a_long_line_is_cropped_around_its_column() -> None:
    line = "x" * 5000 + "HERE" + "y" * 5000
    lines = render_text(Outcome((finding(1, 5001),)), Files({"a.yaml": line}), color=False).splitlines()
    assert len(lines[1]) < EXCERPT_WIDTH + 10
    assert "xH" in lines[1] or "HERE" in lines[1]
    assert lines[1].index("H") == lines[2].index("^")


def test_a_place_outside_of_its_file_has_no_excerpt() -> None:
    for line in (7, 0):
        text = render_text(Outcome((finding(line, 1),)), Files({"a.yaml": "one\n"}), color=False)
        assert "^" not in text


def test_colour_appears_only_when_asked_for() -> None:
    plain = render_text(Outcome((DANGLING,)), Files(), color=False)
    coloured = render_text(Outcome((DANGLING,)), Files(), color=True)
    assert "\x1b[" not in plain
    assert "\x1b[1;31merror\x1b[0m" in coloured


def test_json_is_versioned_and_holds_every_field_of_a_finding() -> None:
    warning = Finding("zero-weights", Place("b.yaml", 2, 3), "zeros\x1b", "", "", severity=Severity.WARNING)
    document = json.loads(render_json(Outcome((DANGLING, warning), environment="dev")))
    assert document["schema"] == "interlock-check/1"
    assert document["verdict"] == "fail"
    assert document["environment"] == "dev"
    assert document["counts"] == {"documents": 12, "revisions": 5, "errors": 1, "warnings": 1, "not_evaluated": 0}
    assert document["findings"][0] == {
        "rule": "dangling-pointer",
        "severity": "error",
        "evaluated": True,
        "path": POINTER,
        "line": 3,
        "column": 9,
        "found": "active names support-bot@9, which is not in this repository",
        "expected": "one of the revisions 1, 2, 3",
        "remedy": "run: interlock promote support-bot REVISION --to dev",
        "environment": "dev",
        "excused": "",
    }


def test_json_is_plain_ascii_whatever_a_document_holds() -> None:
    text = render_json(Outcome((finding(found="\x1b[2J\u202e日本"),)))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["findings"][0]["found"] == "\x1b[2J\u202e日本"


def test_findings_come_in_reading_order_without_repetitions() -> None:
    first, second = finding(2), finding(10)
    assert in_reading_order([second, first, second]) == [first, second]


def test_fail_beats_unknown_beats_pass_and_warnings_do_not_count() -> None:
    place = Place("a.yaml")
    error = Finding("a", place, "", "", "")
    unknown = Finding("a", place, "", "", "", evaluated=False)
    warning = Finding("a", place, "", "", "", severity=Severity.WARNING, evaluated=False)
    assert verdict_of([warning, unknown, error]) is Verdict.FAIL
    assert verdict_of([warning, unknown]) is Verdict.UNKNOWN
    assert verdict_of([warning]) is Verdict.PASS
