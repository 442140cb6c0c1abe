"""`interlock rollback`: goes back to the revision that an environment served before, as its history tells it."""

from __future__ import annotations

from pathlib import Path

import click

from interlock.checking.clock import utc_today
from interlock.cli.artifacts_from import artifacts_from_option, open_elsewhere
from interlock.cli.findings_report import status_of
from interlock.cli.options import NAME, REVISION, commit_option, json_option, repository_option
from interlock.cli.pointer_report import change_document, commit_commands, tell_doubts, tell_refused_change
from interlock.cli.terminal import print_json, say, tell_next
from interlock.lifecycle.apply_edit import apply_edit
from interlock.lifecycle.judged_tree import judged_tree, top_repository
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.rollback import Rollback, plan_rollback

SCHEMA = "interlock-rollback/1"


@click.command(short_help="Go back to the revision served before.")
@click.argument("adapter", type=NAME)
@click.option("--env", "environment", type=NAME, required=True, metavar="ENV", help="The environment to roll back.")
@click.option("--to", type=REVISION, metavar="REVISION", help="Go back to this revision; it must have been active.")
@artifacts_from_option
@commit_option
@json_option
@repository_option
def rollback(
    adapter: str,
    environment: str,
    to: str | None,
    hosts: tuple[str, ...],
    commit: bool,
    as_json: bool,
    directory: Path,
) -> int:
    """Make ENV serve the revision of ADAPTER that it served before the present one.

    Reads the history of the pointer: a revision that was itself rolled back is passed over, and a revoked one is
    never chosen. After 1, 2, 3 and a rollback to 2, the next rollback leads to 1.

    Where a plain `git revert` has the same result, that command is printed and no file is changed; otherwise the
    pointer is edited. With --commit the change is committed either way. `interlock check` must accept the result.

    \b
    Examples:
      interlock rollback support-bot --env production --commit && git push
      interlock rollback support-bot --env production --to 5
    """
    root = repository_root(directory)
    repository = top_repository(root)
    with judged_tree(root, committed=commit) as tree:
        elsewhere = open_elsewhere(hosts)
        plan = plan_rollback(repository, tree, adapter, environment, to, today=utc_today(), elsewhere=elsewhere)
        refused = bool(plan.judged.refusals)
        write = not refused and (commit or plan.revert is None)
        made = apply_edit(root, plan.edit, plan.message, commit) if write else None
        if as_json:
            passed_over = list(plan.way.passed_over) if to is None else []
            more = {"revert": plan.revert, "written": write, "commit": made, "passed_over": passed_over}
            print_json(change_document(SCHEMA, plan.edit, plan.judged, **more))
        else:
            _tell(plan, made, chosen=to is not None)
    return status_of(plan.judged.refusals)


def _tell(plan: Rollback, commit: str | None, *, chosen: bool) -> None:
    edit = plan.edit
    if plan.judged.refusals:
        tell_refused_change(
            edit, plan.judged, f"rolling {edit.adapter} back to {edit.after.active} in {edit.environment}"
        )
        return
    say(f"{edit.environment} goes back from {edit.adapter} {edit.previous or 'nothing'} to {edit.after.active}.")
    if plan.way.passed_over and not chosen:
        say(f"  note: passed over because they are revoked: {', '.join(plan.way.passed_over)}")
    if edit.after.active in plan.way.former:
        say(f"  note: {edit.after.active} was rolled away from before; make sure that its flaw is gone")
    tell_doubts(edit, plan.judged)
    if commit:
        say(f"Committed as {commit[:12]}: {plan.message}")
        tell_next(["git push"])
    elif plan.revert:
        tell_next([f"git revert --no-edit {plan.revert[:12]}", "git push"])
    else:
        say(f"Edited {edit.path}.")
        tell_next(commit_commands(edit, plan.message))
