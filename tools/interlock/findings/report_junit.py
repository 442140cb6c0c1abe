"""Findings as JUnit XML, which most build servers show: one test case a finding, and one for a judgement without any.

A blocking finding is a failure, one that could not be evaluated an error; whatever does not block is a passing case
that tells its finding as output. A tree in which nothing was checked is an error, never an empty success.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from interlock.findings.finding import Finding
from interlock.findings.judgement import Judgement, nothing_was_checked

_FORBIDDEN = re.compile("[^\t\n\x20-\x7e\x80-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(result: Judgement) -> str:
    """Return one XML document, ASCII only, ending in a line break."""
    cases = [_case(finding) for finding in result.findings] or [_whole(result)]
    suite = ET.Element(
        "testsuite",
        name="interlock check",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped="0",
    )
    suite.extend(cases)
    document: bytes = ET.tostring(suite, encoding="us-ascii", xml_declaration=True)
    return document.decode("ascii") + "\n"


def _case(finding: Finding) -> ET.Element:
    where = _allowed(str(finding.place))
    case = ET.Element("testcase", classname=finding.rule, name=where, file=_allowed(finding.place.path))
    case.set("line", str(finding.place.line))
    told = _allowed(f"{where}: {finding.found}\nexpected: {finding.expected}\nremedy: {finding.remedy}")
    if not finding.blocks:
        excused = f"\ndoes not block: {_allowed(finding.excused)}" if finding.excused else ""
        ET.SubElement(case, "system-out").text = told + excused
    else:
        outcome = ET.SubElement(case, "failure" if finding.evaluated else "error", type=finding.rule)
        outcome.set("message", _allowed(finding.found))
        outcome.text = told
    return case


def _whole(result: Judgement) -> ET.Element:
    """A judgement that found nothing: a pass, unless there was nothing to judge."""
    case = ET.Element("testcase", classname="interlock", name=_allowed(f"check of {result.label}"))
    if nothing_was_checked(result):
        ET.SubElement(case, "error", type="nothing-checked", message="nothing was checked: there is no document here")
    return case


def _allowed(text: str) -> str:
    """Replace what XML 1.0 cannot carry; names of files and messages may hold anything."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
