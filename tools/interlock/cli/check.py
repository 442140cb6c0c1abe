"""`interlock check`: judges the repository, what is staged, or a proposed change, and exits by the verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from interlock.checking.changes import ChangeResult, check_change
from interlock.checking.checker import COULD_NOT_EVALUATE, CheckResult, check_tree, exit_code
from interlock.checking.clock import utc_now, utc_today
from interlock.cli.excerpts import sources_of
from interlock.cli.options import DIRECTORY, NAME
from interlock.cli.terminal import error_text, say, wants_color, warn
from interlock.documents.tree import Tree, WorkingTree
from interlock.errors import HistoryError, UsageError
from interlock.findings.report_json import render_json
from interlock.findings.report_text import render_text
from interlock.lifecycle.repository_root import repository_root
from interlock.rules.catalogue import catalogue


@click.command(short_help="Judge the repository: is it safe to serve?")
@click.argument("path", type=DIRECTORY, default=Path(), metavar="[PATH]")
@click.option("--base", metavar="REV", help="Judge a change: what merging HEAD into this branch or commit gives.")
@click.option("--head", metavar="REV", help="With --base: the commit to merge, instead of HEAD.")
@click.option("--staged", is_flag=True, help="Judge what `git commit` would record, as a change of HEAD (or --base).")
@click.option("--env", "environment", type=NAME, help="Look only at the bytes that this environment's pointers name.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit"]),
    default="text",
    show_default=True,
    help="For people, for programs, or for build servers that read JUnit XML.",
)
@click.option("--deep", is_flag=True, help="Also read every tensor: finds NaN, infinity and an untrained adapter.")
def check(
    path: Path, base: str | None, head: str | None, staged: bool, environment: str | None, form: str, deep: bool
) -> int:
    """Judge the repository around PATH (default: here) as it lies on disk: may this be served?

    Reads every document, compares every adapter's bytes with its manifest, judges it against its base and the limits
    of the engines, and looks at each environment as a whole. Nothing is changed and nothing leaves this machine.

    With --base or --staged it judges a change: the tree that it leads to, and the way there, by the policies of the
    side that is changed. Flaws that stood before and that the change does not concern are told and do not block.

    \b
    Exit status:
      0  clean
      1  there are blocking findings
      2  the command was called in a way that cannot work
      3  nothing was checked, because there is nothing here
      4  something could not be evaluated, for example bytes that this machine cannot reach

    \b
    Examples:
      interlock check
      interlock check --env production --deep
      interlock check --base origin/main
      interlock check --staged
      interlock check ~/my-adapters --format json
      interlock check --base origin/main --format junit > interlock.xml
    """
    if head and (staged or not base):
        raise UsageError("--head was given without --base", remedy="run: interlock check --base REV --head REV")
    try:
        return _check(path, base, head, staged, environment, form, deep)
    except HistoryError as error:
        warn(error_text(error))
        return COULD_NOT_EVALUATE


def _check(
    path: Path, base: str | None, head: str | None, staged: bool, environment: str | None, form: str, deep: bool
) -> int:
    root = repository_root(path)
    with _judged(root, base, head, staged, environment, deep) as (result, tree):
        if form == "json":
            say(render_json(result).rstrip("\n"))
        elif form == "junit":
            from interlock.findings.report_junit import render_junit

            say(render_junit(result).rstrip("\n"))
        else:
            color = wants_color(sys.stdout)
            say(render_text(result, sources_of(tree), color).rstrip("\n"), color=color)
            _tell_where_to_read_on(result)
            if isinstance(result, CheckResult):
                _tell_newcomer(result)
        return exit_code(result)


@contextmanager
def _judged(
    root: Path, base: str | None, head: str | None, staged: bool, environment: str | None, deep: bool
) -> Iterator[tuple[CheckResult | ChangeResult, Tree]]:
    """The outcome of the check that was asked for, and the tree that it is about."""
    if not base and not staged:
        tree = WorkingTree(root)
        yield check_tree(tree, environment=environment, deep=deep, today=utc_today()), tree
        return
    from interlock.checking.proposals import proposed_commits, staged_files
    from interlock.lifecycle.judged_tree import top_repository

    repository = top_repository(root)
    opened = (
        staged_files(repository, base or "HEAD", _index())
        if staged
        else proposed_commits(repository, base or "", head or "HEAD")
    )
    with opened as proposal:
        now = utc_now()
        yield (
            check_change(
                proposal.git, proposal.base_commit, proposal.base, proposal.head,
                now=now, environment=environment, deep=deep,
            ),
            proposal.head,
        )  # fmt: skip


def _index() -> Path | None:
    """The index that git prepared for a hook: in a partial commit it is another one than the repository's own."""
    named = os.environ.get("GIT_INDEX_FILE")
    return Path(named) if named else None


def _tell_where_to_read_on(result: CheckResult | ChangeResult) -> None:
    """Somebody who meets a rule for the first time learns where it is explained; not for an organisation's own."""
    known = next((finding.rule for finding in result.findings if finding.blocks and finding.rule in catalogue()), None)
    if known:
        say(f"What a finding means, with examples: interlock explain {known}")


def _tell_newcomer(result: CheckResult) -> None:
    """A repository without a base or an adapter is not wrong, and not finished either."""
    snapshot = result.snapshot
    if not snapshot.documents_read or snapshot.problems:
        return
    if not snapshot.bases:
        say("There is no base model here yet. Next: interlock register base --help")
    elif not snapshot.revisions:
        say("There is no adapter here yet. Next: interlock register adapter --help")
