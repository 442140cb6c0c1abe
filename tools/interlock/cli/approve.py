"""`interlock approve`: a person's signed yes to one change, without a forge."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import click

from interlock.approvals.forges.address import ForgeAddress
from interlock.checking.approval_facts import ApprovalSource
from interlock.checking.changes import ChangeResult, check_change
from interlock.checking.clock import utc_now
from interlock.checking.fact_cache import Elsewhere
from interlock.checking.local_check import local_caches
from interlock.cli import exit_codes
from interlock.cli.approval_report import approval_document, summary
from interlock.cli.approval_view import ApprovalView, view_document, view_lines
from interlock.cli.approvals_asked import ADDRESS, read_told
from interlock.cli.artifacts_from import artifacts_from_option, open_elsewhere
from interlock.cli.options import NAME, Parsed, json_option, repository_option
from interlock.cli.signing_options import fetch_option, key_option, push_option, target_option, yes_option
from interlock.cli.terminal import print_json, say, tell_next, warn
from interlock.documents.fields import duration
from interlock.errors import UsageError
from interlock.history.attestation_exchange import fetch, push
from interlock.history.change_trees import both_sides
from interlock.history.repository import GitRepository
from interlock.lifecycle.approve import Proposed, Signed, approval_statement, keep, proposed, sign_approval
from interlock.lifecycle.judged_tree import top_repository
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.signing_key import signing_key
from interlock.rules.transitions.approvals import answers

SCHEMA = "interlock-approve/1"
SHOW_SCHEMA = "interlock-approvals/1"
DURATION = Parsed("DURATION", duration)


@click.command(short_help="Sign your approval of a change, without a forge.")
@click.argument("what", metavar="REV|BASE..HEAD")
@key_option
@click.option("--role", type=NAME, metavar="ROLE", help="Approve in this role only (default: all that you have).")
@click.option("--expires", type=DURATION, metavar="DURATION", help="The approval counts no longer than this: 8h, 7d.")
@target_option
@click.option("--show", "only_show", is_flag=True, help="Sign nothing: show what was said, what counts, and why.")
@click.option(
    "--forge", "proposals", type=ADDRESS, multiple=True, help="With --show: the reviews of this proposal too."
)
@click.option("--withdraw", is_flag=True, help="Take back what you said about this change before.")
@artifacts_from_option
@fetch_option
@push_option
@yes_option
@json_option
@repository_option
def approve(
    what: str,
    key: Path | None,
    role: str | None,
    expires: dt.timedelta | None,
    target: str | None,
    only_show: bool,
    proposals: tuple[ForgeAddress, ...],
    withdraw: bool,
    hosts: tuple[str, ...],
    source: str | None,
    remote: str | None,
    yes: bool,
    as_json: bool,
    directory: Path,
) -> int:
    """Approve what merging HEAD into BASE leads to, or the commit REV on its parent, with your SSH key.

    Shows what you are about to sign, asks, and adds a signed statement to the ref refs/interlock/attestations. It is
    bound to the branch, the commit that is changed, the resulting tree, the records and evidence that the change
    names, and the policies: whatever changes afterwards makes it void. It stays valid however the change is merged
    (merge, squash or rebase). Keys in an agent and hardware keys work; the key must be yours in policies/roster.yaml
    of the side that is changed.

    \b
    Examples:
      interlock approve main..promote-support-bot --push origin
      interlock approve main..HEAD --key ~/.ssh/id_ed25519 --role validator --expires 7d
      interlock approve main..HEAD --withdraw --push origin
      interlock approve main..HEAD --show --fetch origin
    """
    if proposals and not only_show:
        raise UsageError("--forge was given without --show", expected="--show", remedy="run: interlock approve --show")
    repository = top_repository(repository_root(directory))
    if source:
        fetch(repository.git, source, personally=True)
    proposal, now = proposed(repository, what, target), utc_now()
    if only_show:
        return _show(repository, proposal, proposals, now, as_json)
    if not as_json:
        for line in summary(proposal, judged(repository, proposal, now, elsewhere=open_elsewhere(hosts))):
            say(line)
    if not _confirmed(yes, withdraw):
        warn("not approved: nothing was signed")
        return exit_codes.FINDINGS
    statement = approval_statement(proposal, now, role=role, expires=expires, withdraw=withdraw)
    with signing_key(repository, key) as file:
        signed = sign_approval(repository, proposal, statement, file, now)
    commit = keep(repository, signed)
    pushed = push(repository.git, remote) if remote else None
    if as_json:
        print_json({"schema": SCHEMA, **approval_document(signed, commit, pushed)})
    else:
        _tell(signed, remote)
    return exit_codes.CLEAN


def judged(
    repository: GitRepository,
    proposal: Proposed,
    now: dt.datetime,
    source: ApprovalSource | None = None,
    *,
    elsewhere: Elsewhere | None = None,
) -> ChangeResult:
    """What the rules say about a proposal; without a source the approvals are left out."""
    decision, caching = proposal.decision, local_caches(elsewhere=elsewhere)
    with both_sides(repository.git, decision.parent, decision.tree) as (before, after), caching as caches:
        return check_change(repository.git, decision.parent, before, after, now=now, caches=caches, approvals=source)


def _show(
    repository: GitRepository,
    proposal: Proposed,
    proposals: tuple[ForgeAddress, ...],
    now: dt.datetime,
    as_json: bool,
) -> int:
    """List what was said about a change; exit 0 where it is enough, 1 where it is not, 4 where nobody can say."""
    source = ApprovalSource(repository, proposal.decision, now, read_told(proposals))
    change = judged(repository, proposal, now, source).change
    view = ApprovalView(proposal, tuple(answers(change)), source.statements(change))
    if as_json:
        print_json({"schema": SHOW_SCHEMA, **view_document(view)})
    else:
        for line in view_lines(view):
            say(line)
    return view.exit_status


def _confirmed(yes: bool, withdraw: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask on", expected="a person who reads what is signed", remedy="add --yes"
        )
    return click.confirm("Take it back?" if withdraw else "Sign this approval?", default=False, err=True)


def _tell(signed: Signed, remote: str | None) -> None:
    done = "Taken back" if signed.statement.decision == "withdrawn" else "Approved"
    roles = signed.statement.role or ", ".join(sorted(signed.holder.roles)) or "no role"
    say(f"{done} by {signed.holder.name} ({roles}) with the key {signed.fingerprint}.")
    if remote:
        say(f"Pushed to {remote}.")
    else:
        tell_next(["git push origin refs/interlock/attestations   (or --push origin, which unites it with others')"])
