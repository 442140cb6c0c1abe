"""`interlock forge reviews`: who reviewed which commit of a proposal, as the forge says it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

from interlock.approvals.forges.address import ForgeAddress, forge_address
from interlock.approvals.forges.opening import read_proposal
from interlock.approvals.reviews import ProposalFacts, Review, current_reviews
from interlock.cli import exit_codes
from interlock.cli.options import Parsed, json_option
from interlock.cli.terminal import print_json, say
from interlock.findings.readable import readable

SCHEMA = "interlock-forge-reviews/1"
ADDRESS = Parsed("ADDRESS", forge_address)
_SHORT = 12
_NO_YES = {
    "commented": "a comment only",
    "dismissed": "dismissed or taken back",
    "changes-requested": "asks for changes",
}


@click.command(short_help="Show what a forge says about one proposal.")
@click.argument("address", type=ADDRESS)
@json_option
def reviews(address: ForgeAddress, as_json: bool) -> int:
    """Show who reviewed which commit of the pull or merge request at ADDRESS, and which of it speaks for the head.

    ADDRESS is KIND:OWNER/NAME#NUMBER for github.com and gitlab.com, and KIND:https://HOST/OWNER/NAME#NUMBER for every
    other server; KIND is github, gitlab, forgejo or gitea. Whether these people may approve is not judged here: that
    is decided by the roster and the policies.

    \b
    Exit status:
      0  shown
      2  ADDRESS or the token cannot be used
      4  the forge did not answer, refused, or changed while it was read: a review may be missing

    \b
    Examples:
      interlock forge reviews github:acme/adapters#12
      interlock forge reviews gitlab:https://git.example.com/ml/adapters#7 --json
    """
    facts = read_proposal(address, os.environ)
    speaking = current_reviews(facts.reviews)
    if as_json:
        print_json(_document(address, facts, speaking))
    else:
        for line in _lines(address, facts, speaking):
            say(line)
    return exit_codes.CLEAN if facts.complete else exit_codes.COULD_NOT_EVALUATE


def silence(review: Review, facts: ProposalFacts) -> str:
    """Why a review does not say yes to the head, "" where it does."""
    if review.state != "approved":
        return {"commented": "a comment only", "dismissed": "dismissed or taken back"}.get(
            review.state, "asks for changes"
        )
    if review.account is None:
        return "the forge does not say whose account it is"
    if review.kind == "bot":
        return "a machine gave it"
    if review.commit is None:
        return "the forge does not say for which commit"
    if review.commit != facts.head_commit:
        return f"for {review.commit[:_SHORT]}, and the head is {facts.head_commit[:_SHORT]}"
    return ""


def _lines(address: ForgeAddress, facts: ProposalFacts, speaking: tuple[Review, ...]) -> Iterator[str]:
    merged = f", merged as {facts.merged_commit[:_SHORT]}" if facts.merged_commit else ""
    yield f"{readable(str(address))}: {facts.head_commit[:_SHORT]} into {readable(facts.base_ref)}{merged}"
    yield f"  opened by account {facts.author_account if facts.author_account is not None else 'unknown'}"
    pushed = ", ".join(map(str, facts.pushers)) or "nobody that is told"
    unknown = "" if facts.pushers_known else f"; there may be others: {readable(facts.why_pushers_unknown)}"
    yield f"  pushed by {pushed}{unknown}"
    yield ""
    for review in speaking:
        who = f"{readable(review.login or 'somebody')} ({review.account or 'no account'}, {review.kind})"
        why = silence(review, facts)
        yield f"  {'no   ' if why else 'yes  '}{who}: {review.state}" + (f" – {why}" if why else "")
    if not speaking:
        yield "  nobody has reviewed it"
    if not facts.complete:
        yield f"NOT COMPLETE: {readable(facts.why_incomplete)}. Next: run the same command again"


def _document(address: ForgeAddress, facts: ProposalFacts, speaking: tuple[Review, ...]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "address": str(address),
        "number": facts.number,
        "author_account": facts.author_account,
        "base_ref": facts.base_ref,
        "head_commit": facts.head_commit,
        "merged_commit": facts.merged_commit,
        "pushers": list(facts.pushers),
        "pushers_known": facts.pushers_known,
        "why_pushers_unknown": facts.why_pushers_unknown,
        "complete": facts.complete,
        "why_incomplete": facts.why_incomplete,
        "reviews": [_review(review, facts, review in speaking) for review in facts.reviews],
    }


def _review(review: Review, facts: ProposalFacts, speaks: bool) -> dict[str, Any]:
    return {
        "account": review.account,
        "login": review.login,
        "kind": review.kind,
        "state": review.state,
        "commit": review.commit,
        "speaks": speaks,
        "silent_because": silence(review, facts) if speaks else "a later review of the account speaks for it",
    }
