"""Findings with anything in them, in every format."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.report_formats import assert_reported, formats
from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity, Verdict, in_reading_order, verdict_of
from interlock.rules.catalogue import catalogue

_anything = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ("", "\x1b[2J\x1b]0;owned\x07", "a\r\nb", "\u202e", "\ud800", "\udc80", "\x00", "::error::x", "%0A", "<b>",
        "]]>", "&", "|", "`", "```", "x" * 4000,
         "\u2028", "\ufffe", "\U000e0001", "@everyone", "![x](http://a)", "--", "\\", '"', "日本", "\t", "##[group]",
         "<!-- x -->", "\x85", "e\u0301")
    ),
)  # fmt: skip
_findings = st.builds(
    Finding,
    rule=st.sampled_from([*sorted(catalogue()), "own-rule-of-an-organisation"]),
    place=st.builds(Place, _anything, st.integers(0, 4), st.integers(0, 30)),
    found=_anything,
    expected=_anything,
    remedy=_anything,
    severity=st.sampled_from(Severity),
    evaluated=st.booleans(),
    environment=st.none() | _anything,
    excused=_anything,
)


@dataclass(frozen=True)
class Outcome:
    """A judgement made by hand."""

    findings: tuple[Finding, ...]
    label: str
    environment: str | None
    documents: int
    checked: int = 0

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.findings)


_outcomes = st.builds(
    Outcome,
    st.lists(_findings, max_size=4).map(lambda found: tuple(in_reading_order(found))),
    _anything,
    st.none() | _anything,
    st.integers(0, 2),
)


def test_every_format_is_found() -> None:
    assert {"render_text", "render_json", "render_junit"} <= formats().keys()


@cases(400, _outcomes, st.lists(_anything, max_size=4).map("\n".join))
def test_any_findings_are_reported_in_every_format(outcome: Outcome, source: str) -> None:
    assert_reported(outcome, lambda path: source)
