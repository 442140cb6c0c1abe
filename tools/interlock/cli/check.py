"""`interlock check`: judges the repository, what is staged, or a proposed change, and exits by the verdict."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from interlock.approvals.forges.address import ForgeAddress
from interlock.checking.changes import ChangeResult, check_change
from interlock.checking.checker import COULD_NOT_EVALUATE, CheckResult, exit_code
from interlock.checking.clock import utc_now
from interlock.checking.fact_cache import Elsewhere
from interlock.checking.local_check import check_directory, local_caches
from interlock.checking.remembered_result import RememberedResult
from interlock.cli.approvals_asked import ADDRESS, Asked
from interlock.cli.artifacts_from import artifacts_from_option, open_elsewhere
from interlock.cli.check_formats import FORMATS, IN_FILES, NEEDS_FACTS, check_command
from interlock.cli.check_telling import Told, tell, tell_not_judged
from interlock.cli.options import DIRECTORY, NAME, Parsed
from interlock.cli.report_files import ReportFile, refuse_unsafe, report_file
from interlock.cli.terminal import say
from interlock.documents.tree import ListedOnce, Tree
from interlock.errors import HistoryError, UsageError
from interlock.findings.judgement import Judgement
from interlock.findings.readable import readable
from interlock.lifecycle.repository_root import repository_root
from interlock.rules.catalogue import catalogue

REPORT = Parsed("FORMAT=FILE", lambda text: report_file(text, IN_FILES))


@click.command(short_help="Judge the repository: is it safe to serve?")
@click.argument("path", type=DIRECTORY, default=Path(), metavar="[PATH]")
@click.option("--base", metavar="REV", help="Judge a change: what merging HEAD into this branch or commit gives.")
@click.option("--head", metavar="REV", help="With --base: the commit to merge, instead of HEAD.")
@click.option("--staged", is_flag=True, help="Judge what `git commit` would record, as a change of HEAD (or --base).")
@click.option("--approvals", is_flag=True, help="With --base: also judge who approved it, by signed statements.")
@click.option(
    "--forge", "proposals", type=ADDRESS, multiple=True, help="With --base: also count the reviews of this proposal."
)
@click.option("--env", "environment", type=NAME, help="Look only at the bytes that this environment's pointers name.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="What to print: for people, for programs, for build servers, for code scanning, for a GitHub workflow.",
)
@click.option(
    "--report",
    "reports",
    type=REPORT,
    multiple=True,
    help=f"Also write a report to a file ({', '.join(IN_FILES)}); may be given several times.",
)
@artifacts_from_option
@click.option("--deep", is_flag=True, help="Also read every tensor: finds NaN, infinity and an untrained adapter.")
def check(
    path: Path,
    base: str | None,
    head: str | None,
    staged: bool,
    approvals: bool,
    proposals: tuple[ForgeAddress, ...],
    environment: str | None,
    form: str,
    reports: tuple[ReportFile, ...],
    hosts: tuple[str, ...],
    deep: bool,
) -> int:
    """Judge the repository around PATH (default: here) as it lies on disk: may this be served?

    Reads every document, compares every adapter's bytes with its manifest, judges it against its base and the limits
    of the engines, and looks at each environment as a whole. Nothing is changed and nothing leaves this machine,
    unless --artifacts-from names hosts that may be asked for artifacts: then sizes, settings and the table of tensors
    are read from there, and with --deep all bytes.

    With --base or --staged it judges a change: the tree that it leads to, and the way there, by the policies of the
    side that is changed. Flaws that stood before and that the change does not concern are told and do not block.
    With --approvals or --forge it also says whose approvals of exactly this result count, and which are missing.

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
      interlock check --artifacts-from registry.example.com
      interlock check --base origin/main
      interlock check --staged
      interlock check ~/my-adapters --format json
      interlock check --base origin/main --head FETCH_HEAD --format markdown
      interlock check --base origin/main --approvals
      interlock check --base origin/main --format github --report sarif=interlock.sarif
    """
    if head and (staged or not base):
        raise UsageError("--head was given without --base", remedy="run: interlock check --base REV --head REV")
    if (approvals or proposals) and (staged or not base):
        raise UsageError("approvals are of a proposed merge", remedy="run: interlock check --base REV --approvals")
    refuse_unsafe(reports)
    root = repository_root(path)
    elsewhere = open_elsewhere(hosts)
    asked = Asked(base or "", head or "HEAD", proposals) if approvals or proposals else None
    again = check_command(base, head, staged, environment, asked.options if asked else ())
    told = Told(form, reports, again)
    try:
        whole = bool({form, *(report.form for report in reports)} & NEEDS_FACTS)
        with _judged(root, base, head, staged, environment, deep, whole, asked, elsewhere) as (result, tree):
            tell(result, tree, told)
            if form == "text":
                _tell_where_to_read_on(result)
                _tell_of_approvals(result)
                _tell_newcomer(result)
            return exit_code(result)
    except HistoryError as error:
        tell_not_judged(error, str(root), environment, told)
        return COULD_NOT_EVALUATE


@contextmanager
def _judged(
    root: Path,
    base: str | None,
    head: str | None,
    staged: bool,
    environment: str | None,
    deep: bool,
    whole: bool,
    asked: Asked | None,
    elsewhere: Elsewhere | None,
) -> Iterator[tuple[CheckResult | ChangeResult | RememberedResult, Tree]]:
    """The outcome of the check that was asked for, and the tree that it is about."""
    if not base and not staged:
        tree = ListedOnce(root)
        yield check_directory(tree, environment=environment, deep=deep, whole=whole, elsewhere=elsewhere), tree
        return
    from interlock.checking.proposals import proposed_commits, staged_files
    from interlock.lifecycle.judged_tree import top_repository

    repository = top_repository(root)
    opened = (
        staged_files(repository, base or "HEAD", _index())
        if staged
        else proposed_commits(repository, base or "", head or "HEAD")
    )
    with opened as proposal, local_caches(elsewhere=elsewhere) as caches:
        now = utc_now()
        yield (
            check_change(
                proposal.git, proposal.base_commit, proposal.base, proposal.head,
                now=now, environment=environment, deep=deep, caches=caches,
                approvals=asked.source(repository, now) if asked else None,
            ),
            proposal.head,
        )  # fmt: skip


def _index() -> Path | None:
    """The index that git prepared for a hook: in a partial commit it is another one than the repository's own."""
    named = os.environ.get("GIT_INDEX_FILE")
    return Path(named) if named else None


def _tell_where_to_read_on(result: Judgement) -> None:
    """Somebody who meets a rule for the first time learns where it is explained; not for an organisation's own."""
    known = next((finding.rule for finding in result.findings if finding.blocks and finding.rule in catalogue()), None)
    if known:
        say(f"What a finding means, with examples: interlock explain {known}")


def _tell_of_approvals(result: Judgement) -> None:
    """Whoever sees a pass here must not take it for an approval."""
    if not isinstance(result, ChangeResult) or result.change.approvals:
        return
    from interlock.rules.approval_decisions import decisions
    from interlock.rules.transitions.approvals import asked

    first, *others = decisions(result.change) or (None,)
    if first:
        more = f" (and {len(others)} more)" if others else ""
        say(f"Not judged here: {readable(first.what)} needs {readable(asked(first.needs))}{more}.")
        say("Approvals are judged by interlock attest and on the node.")


def _tell_newcomer(result: CheckResult | ChangeResult | RememberedResult) -> None:
    """A repository without a base or an adapter is not wrong, and not finished either."""
    if isinstance(result, ChangeResult) or not result.lacks:
        return
    what = "base model" if result.lacks == "base" else "adapter"
    say(f"There is no {what} here yet. Next: interlock register {result.lacks} --help")
