"""`interlock forge doctor`: does the forge guard the branch as the policies assume it does?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from interlock.approvals.forges.address import ForgeAddress
from interlock.approvals.forges.advice import Advice, Wanted
from interlock.approvals.forges.doctor import examined
from interlock.cli import exit_codes
from interlock.cli.forge_reviews import ADDRESS
from interlock.cli.options import json_option, repository_option
from interlock.cli.terminal import error_text, print_json, say, warn
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.findings.readable import readable
from interlock.lifecycle.codeowners import Undecided
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.wanted_protection import wanted_approvals

SCHEMA = "interlock-forge-doctor/1"
_MARKS = {"ok": "ok      ", "missing": "MISSING ", "unknown": "UNKNOWN "}


@click.command(short_help="Say what is missing where a forge should guard the branch.")
@click.argument("address", type=ADDRESS)
@click.option("--branch", metavar="NAME", help="The branch that environments follow (default: the default branch).")
@click.option(
    "--approvals",
    type=click.IntRange(1, 100),
    metavar="NUMBER",
    help="How many approvals to expect (default: what the policies here ask for).",
)
@click.option(
    "--check", "check", metavar="NAME", default="conclusion", show_default=True, help="The check that must be required."
)
@click.option("--signed-commits", "signed", is_flag=True, help="Also expect that unsigned commits are refused.")
@json_option
@repository_option
def doctor(
    address: ForgeAddress,
    branch: str | None,
    approvals: int | None,
    check: str,
    signed: bool,
    as_json: bool,
    directory: Path,
) -> int:
    """Read how the forge at ADDRESS guards a branch, and compare it with what Interlock assumes.

    Each line says what was found; where that is not enough, also what is expected, what goes wrong without it (the
    numbers are those of docs/forges.md), and where it is changed. Nothing is changed here. ADDRESS is written as for
    `interlock forge reviews`, without a number. The nodes verify approvals themselves: a forge that guards its
    branch keeps bad changes from being merged, and is not what makes a change good.

    \b
    Exit status:
      0  everything is as expected
      1  something is missing
      2  ADDRESS, an option or the token cannot be used
      4  nothing is missing of what could be read, and something could not: a token with more rights is needed

    \b
    Examples:
      interlock forge doctor github:acme/adapters
      interlock forge doctor forgejo:https://git.example.com/acme/adapters --branch main --approvals 2
    """
    try:
        wanted = Wanted(approvals or _asked_here(directory), check, signed)
    except Undecided as error:
        warn(error_text(error))
        return exit_codes.COULD_NOT_EVALUATE
    name, found = examined(address, branch, wanted, os.environ)
    if as_json:
        print_json(_document(address, name, wanted, found))
    else:
        for line in _lines(address, name, found):
            say(line)
    states = {item.status for item in found}
    if "missing" in states:
        return exit_codes.FINDINGS
    return exit_codes.COULD_NOT_EVALUATE if "unknown" in states else exit_codes.CLEAN


def _asked_here(directory: Path) -> int:
    return wanted_approvals(read_snapshot(WorkingTree(repository_root(directory))))


def _lines(address: ForgeAddress, branch: str, found: Sequence[Advice]) -> Iterator[str]:
    yield f"{readable(str(address))}, branch {readable(branch)}"
    for item in found:
        yield f"  {_MARKS[item.status]}{item.setting}: {readable(item.found)}"
        if item.status != "ok":
            yield f"          Expected: {readable(item.expected)}"
            yield f"          Without it {item.why}"
            yield f"          Change it in: {item.where}"
    counts = {status: sum(item.status == status for item in found) for status in _MARKS}
    yield f"{counts['ok']} as expected, {counts['missing']} missing, {counts['unknown']} could not be read"


def _document(address: ForgeAddress, branch: str, wanted: Wanted, found: Sequence[Advice]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "address": str(address),
        "branch": branch,
        "wanted": {"approvals": wanted.approvals, "check": wanted.check, "signed_commits": wanted.signed},
        "settings": [
            {
                "setting": item.setting,
                "status": item.status,
                "found": item.found,
                "expected": item.expected,
                "why": item.why,
                "where": item.where,
            }
            for item in found
        ],
    }
