"""`interlock promote`: makes an environment serve another revision, by editing its one pointer file."""

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
from interlock.lifecycle.judged_tree import judged_tree
from interlock.lifecycle.promote import Promotion, plan_promotion
from interlock.lifecycle.repository_root import repository_root

SCHEMA = "interlock-promote/1"


@click.command(short_help="Make an environment serve another revision.")
@click.argument("adapter", type=NAME)
@click.argument("revision", type=REVISION, required=False)
@click.option("--to", "environment", type=NAME, required=True, metavar="ENV", help="The environment to promote into.")
@artifacts_from_option
@commit_option
@json_option
@repository_option
def promote(
    adapter: str,
    revision: str | None,
    environment: str,
    hosts: tuple[str, ...],
    commit: bool,
    as_json: bool,
    directory: Path,
) -> int:
    """Make ENV serve REVISION of ADAPTER (default: the revision that is active in ENV's upstream environment).

    Edits exactly one file, environments/ENV/pointers/ADAPTER.yaml, after `interlock check` accepted the result. The
    revision must be active in the upstream environment, must not be revoked, and must fit the base and the limits
    of ENV; otherwise nothing is changed, the findings are printed and the exit status is 1.

    \b
    Examples:
      interlock promote support-bot 8 --to dev
      interlock promote support-bot --to production --commit
    """
    root = repository_root(directory)
    with judged_tree(root, committed=commit) as tree:
        promotion = plan_promotion(
            tree, adapter, revision, environment,
            lying_in=root if commit else None, today=utc_today(), elsewhere=open_elsewhere(hosts),
        )  # fmt: skip
        made = None if promotion.judged.refusals else apply_edit(root, promotion.edit, promotion.message, commit)
        if as_json:
            print_json(change_document(SCHEMA, promotion.edit, promotion.judged, commit=made))
        else:
            _tell(promotion, made)
    return status_of(promotion.judged.refusals)


def _tell(promotion: Promotion, commit: str | None) -> None:
    edit = promotion.edit
    if promotion.judged.refusals:
        tell_refused_change(
            edit, promotion.judged, f"promoting {edit.adapter} {edit.after.active} to {edit.environment}"
        )
        return
    before = f"{edit.previous} → {edit.after.active}" if edit.previous else edit.after.active
    say(f"{edit.environment} serves {edit.adapter} {before} once this is merged: {edit.path}")
    tell_doubts(edit, promotion.judged)
    if commit:
        say(f"Committed as {commit[:12]}: {promotion.message}")
        tell_next(["git push"])
    else:
        tell_next(commit_commands(edit, promotion.message))
