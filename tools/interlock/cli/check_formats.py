"""The formats of `interlock check`: which there are, and how each turns a judgement into text. Called by check.py.

To add one, write a renderer in `findings` and add one line to `FORMATS`. Renderers are imported when asked for.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from interlock import __version__
from interlock.checking.checker import exit_code
from interlock.documents.tree import Tree
from interlock.findings.judgement import Judgement, Sources
from interlock.findings.report_json import render_json
from interlock.findings.report_text import render_text

NEEDS_FACTS = frozenset({"markdown"})
"""Formats that show more than findings, so that a remembered outcome is not enough for them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a renderer gets: the judgement, the lines that it may quote, a random token, and whether to colour.

    `tree` is what was judged (None: there was nothing to look at), `command` shows a person everything that was found.
    """

    result: Judgement
    sources: Sources
    token: str
    tree: Tree | None = None
    command: str = "interlock check"
    color: bool = False


def _text(judged: Judged) -> str:
    return render_text(judged.result, judged.sources, judged.color)


def _json(judged: Judged) -> str:
    return render_json(judged.result)


def _junit(judged: Judged) -> str:
    from interlock.findings.report_junit import render_junit

    return render_junit(judged.result)


def _sarif(judged: Judged) -> str:
    from interlock.findings.report_sarif import render_sarif
    from interlock.rules.catalogue import catalogue

    status = exit_code(judged.result)
    return render_sarif(judged.result, catalogue().values(), exit_status=status, version=__version__)


def _github(judged: Judged) -> str:
    from interlock.findings.report_github import render_github

    return render_github(judged.result, judged.token)


def _markdown(judged: Judged) -> str:
    from interlock.checking.review.page import page_of
    from interlock.findings.markdown_page import render_page

    return render_page(page_of(judged.result, judged.tree, judged.command))


def check_command(
    base: str | None, head: str | None, staged: bool, environment: str | None, approvals: Sequence[str] = ()
) -> str:
    """The command line that judges the same thing again, for a person; `approvals` are the options that ask for any."""
    given = {"--base": base, "--head": head, "--env": environment}
    options = [f"{name} {shlex.quote(value)}" for name, value in given.items() if value]
    return " ".join(["interlock check", *(["--staged"] if staged else []), *options, *map(shlex.quote, approvals)])


FORMATS: Mapping[str, Callable[[Judged], str]] = {
    "text": _text,
    "json": _json,
    "junit": _junit,
    "sarif": _sarif,
    "github": _github,
    "markdown": _markdown,
}
"""Every value of `--format`."""
IN_FILES = tuple(name for name in FORMATS if name != "github")
"""Every format of `--report`: what a runner obeys is of use in its log only."""
