"""`interlock emergency review`: signs that somebody else looked at an emergency afterwards."""

from __future__ import annotations

from pathlib import Path

import click

from interlock.checking.clock import utc_now
from interlock.cli import exit_codes
from interlock.cli.options import json_option, repository_option
from interlock.cli.signing_options import fetch_option, key_option, push_option
from interlock.cli.terminal import print_json, say, tell_next
from interlock.errors import UsageError
from interlock.history.attestation_exchange import fetch, push
from interlock.lifecycle.approve import proposed
from interlock.lifecycle.emergency import Outcome
from interlock.lifecycle.emergency import review as review_emergency
from interlock.lifecycle.judged_tree import top_repository
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.signing_key import signing_key

SCHEMA = "interlock-emergency-review/1"


@click.command(short_help="Sign that you looked at an emergency afterwards.")
@click.argument("what", metavar="COMMIT|BASE..HEAD")
@click.option("--outcome", type=click.Choice(["justified", "not-justified"]), required=True, help="What you found.")
@click.option("--text", required=True, metavar="TEXT", help="What was done and what follows from it.")
@click.option("--id", "prefix", default="", metavar="HEX", help="Which one, where several were declared for COMMIT.")
@click.option("--trusted", default="HEAD", metavar="REV", help="The trusted branch, for its roster (default: HEAD).")
@key_option
@fetch_option
@push_option
@json_option
@repository_option
def review(
    what: str,
    outcome: Outcome,
    text: str,
    prefix: str,
    trusted: str,
    key: Path | None,
    source: str | None,
    remote: str | None,
    as_json: bool,
    directory: Path,
) -> int:
    """Sign your review of the emergency that was declared for COMMIT (or for what merging HEAD into BASE leads to).

    Whoever declared it cannot review it. Either outcome lets promotions in again: what follows from it is yours to
    decide.

    \b
    Examples:
      interlock emergency review 3f2c1a9 --outcome justified --text "key rotated, see incident 17" --push origin
    """
    if not text.strip() or len(text) > 2000:
        raise UsageError("a review that says nothing", expected="--text with 1 to 2000 characters")
    repository = top_repository(repository_root(directory))
    if source:
        fetch(repository.git, source, personally=True)
    tree, at = proposed(repository, what, None).decision.tree, repository.resolve(trusted)
    with signing_key(repository, key) as file:
        kept = review_emergency(repository, tree, at, prefix, outcome, text, file, utc_now())
    pushed = push(repository.git, remote) if remote else None
    if as_json:
        statement = kept.statement.model_dump(mode="json")
        print_json(
            {"schema": SCHEMA, "statement": statement, "file": kept.name, "commit": kept.commit, "pushed": pushed}
        )
        return exit_codes.CLEAN
    found = outcome.replace("-", " ")
    say(f"Reviewed by {kept.holder.name}: the emergency in {kept.statement.environment} was {found}.")
    if not remote:
        tell_next(["git push origin refs/interlock/attestations   (or --push origin, which unites it with others')"])
    return exit_codes.CLEAN
