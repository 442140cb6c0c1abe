"""`interlock emergency declare`: lets one change into one environment without approvals, signed, for a short time."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import click

from interlock.approvals.statement_form import moment_text
from interlock.checking.clock import utc_now
from interlock.cli import exit_codes
from interlock.cli.options import NAME, Parsed, json_option, repository_option
from interlock.cli.signing_options import key_option, push_option, target_option, yes_option
from interlock.cli.terminal import print_json, say, tell_next, warn
from interlock.documents.fields import duration
from interlock.errors import UsageError
from interlock.findings.readable import readable
from interlock.history.attestation_exchange import push
from interlock.lifecycle.approve import proposed
from interlock.lifecycle.emergency import declare as declare_emergency
from interlock.lifecycle.judged_tree import top_repository
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.signing_key import signing_key

SCHEMA = "interlock-emergency/1"


@click.command(short_help="Let one change in without approvals, and sign for it.")
@click.argument("what", metavar="COMMIT|BASE..HEAD")
@click.option("--environment", "--env", type=NAME, required=True, metavar="ENV", help="The environment that burns.")
@click.option("--reason", required=True, metavar="TEXT", help="What burns; everybody will read it.")
@click.option("--expires", type=Parsed("DURATION", duration), required=True, help="How long it holds: 30m, 4h.")
@key_option
@target_option
@push_option
@yes_option
@json_option
@repository_option
def declare(
    what: str,
    environment: str,
    reason: str,
    expires: dt.timedelta,
    key: Path | None,
    target: str | None,
    remote: str | None,
    yes: bool,
    as_json: bool,
    directory: Path,
) -> int:
    """Let COMMIT (or what merging HEAD into BASE leads to) into ENV without the approvals that its policies ask for.

    You sign for it, and need a role of `emergency.roles` in the policies of ENV; it holds no longer than
    `emergency.expires` there. Somebody else reviews it within `emergency.review_within`
    (interlock emergency review), and until then no promotion goes into ENV.

    \b
    Examples:
      interlock emergency declare --env production --reason "leaks addresses" --expires 2h HEAD --push origin
    """
    if not reason.strip() or len(reason) > 2000:
        raise UsageError("an emergency without a reason", expected="--reason with 1 to 2000 characters")
    repository = top_repository(repository_root(directory))
    decision, now = proposed(repository, what, target).decision, utc_now()
    said = f"{environment} takes {(decision.commit or decision.head)[:12]} without approvals until "
    said += f"{moment_text(now + expires)}: {readable(reason)}"
    if not _confirmed(yes, said):
        warn("not declared: nothing was signed")
        return exit_codes.FINDINGS
    with signing_key(repository, key) as file:
        kept = declare_emergency(repository, decision, environment, reason, expires, file, now)
    pushed = push(repository.git, remote) if remote else None
    if as_json:
        statement = kept.statement.model_dump(mode="json")
        print_json(
            {"schema": SCHEMA, "statement": statement, "file": kept.name, "commit": kept.commit, "pushed": pushed}
        )
        return exit_codes.CLEAN
    say(f"Emergency declared by {kept.holder.name}: {said}.")
    say(f"Its id is {kept.name[:12]}. Somebody else has to review it: interlock emergency review {decision.head[:12]}")
    if not remote:
        tell_next(["git push origin refs/interlock/attestations   (or --push origin, which unites it with others')"])
    return exit_codes.CLEAN


def _confirmed(yes: bool, said: str) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", expected="a person who decides", remedy="add --yes")
    return click.confirm(f"{said}. Sign for it?", default=False, err=True)
