"""Tells the outcome of `interlock check`: on standard output, in report files, and to the runner of a workflow."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from interlock.cli.check_formats import FORMATS, Judged
from interlock.cli.excerpts import sources_of
from interlock.cli.findings_report import Refusal
from interlock.cli.github_step import append_summary, new_token
from interlock.cli.report_files import ReportFile, write_report
from interlock.cli.terminal import error_text, say, wants_color, warn
from interlock.documents.positions import Place
from interlock.documents.tree import Tree
from interlock.errors import HistoryError
from interlock.findings.finding import Finding
from interlock.findings.judgement import Judgement

NOT_JUDGED = "change-not-judged"
"""The id of the one finding of a check that could not begin; `interlock explain` knows it."""
WHOLE_REPOSITORY = "."


@dataclass(frozen=True, slots=True)
class Told:
    """How the outcome is told: the format that is printed, the reports beside it, the command that shows it again."""

    form: str
    reports: tuple[ReportFile, ...]
    command: str


def tell(result: Judgement, tree: Tree, told: Told) -> None:
    """Print the judgement of `tree`, and write every report that was asked for."""
    color = told.form == "text" and wants_color(sys.stdout)
    judged = Judged(result, sources_of(tree), new_token(), tree, told.command, color=color)
    say(FORMATS[told.form](judged).rstrip("\n"), color=judged.color)
    _leave(judged, told)


def tell_not_judged(error: HistoryError, label: str, environment: str | None, told: Told) -> None:
    """Tell in every format that git could not show what was to be judged: no report of an earlier run stays behind."""
    place = Place(WHOLE_REPOSITORY)
    finding = Finding(NOT_JUDGED, place, error.found, error.expected, error.remedy, evaluated=False)
    judged = Judged(Refusal((finding,), label, environment, documents=0, checked=0), lambda _: "", new_token())
    judged = replace(judged, command=told.command)
    if told.form == "text":
        warn(error_text(error))
    else:
        say(FORMATS[told.form](judged).rstrip("\n"))
    _leave(judged, told)


def _leave(judged: Judged, told: Told) -> None:
    for report in told.reports:
        write_report(report.path, FORMATS[report.form](replace(judged, color=False)))
    if told.form == "github":
        append_summary(judged.result)
