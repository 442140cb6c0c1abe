"""`interlock check`: judges the repository as it lies on disk, and exits by the verdict."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from interlock.checking.checker import CheckResult, check_tree, exit_code
from interlock.cli.excerpts import sources_of
from interlock.cli.options import DIRECTORY, NAME
from interlock.cli.terminal import say, wants_color
from interlock.documents.tree import WorkingTree
from interlock.findings.report_json import render_json
from interlock.findings.report_text import render_text
from interlock.lifecycle.repository_root import repository_root


@click.command(short_help="Judge the repository: is it safe to serve?")
@click.argument("path", type=DIRECTORY, default=Path(), metavar="[PATH]")
@click.option("--env", "environment", type=NAME, help="Look only at the bytes that this environment's pointers name.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.option("--deep", is_flag=True, help="Also read every tensor: finds NaN, infinity and an untrained adapter.")
def check(path: Path, environment: str | None, form: str, deep: bool) -> int:
    """Judge the repository around PATH (default: here) as it lies on disk: may this be served?

    Reads every document, compares every adapter's bytes with its manifest, judges it against its base and the limits
    of the engines, and looks at each environment as a whole. Nothing is changed and nothing leaves this machine.

    \b
    Exit status:
      0  clean
      1  there are blocking findings
      3  nothing was checked, because there is nothing here
      4  something could not be evaluated, for example bytes that this machine cannot reach

    \b
    Examples:
      interlock check
      interlock check --env production --deep
      interlock check ~/my-adapters --format json
    """
    tree = WorkingTree(repository_root(path))
    result = check_tree(tree, environment=environment, deep=deep)
    if form == "json":
        say(render_json(result).rstrip("\n"))
    else:
        color = wants_color(sys.stdout)
        say(render_text(result, sources_of(tree), color).rstrip("\n"), color=color)
        _tell_newcomer(result)
    return exit_code(result)


def _tell_newcomer(result: CheckResult) -> None:
    """A repository without a base or an adapter is not wrong, and not finished either."""
    snapshot = result.snapshot
    if not snapshot.documents_read or snapshot.problems:
        return
    if not snapshot.bases:
        say("There is no base model here yet. Next: interlock register base --help")
    elif not snapshot.revisions:
        say("There is no adapter here yet. Next: interlock register adapter --help")
