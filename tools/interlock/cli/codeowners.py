"""`interlock codeowners`: the file by which a forge asks the right people for a review."""

from __future__ import annotations

from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.options import repository_option
from interlock.cli.terminal import error_text, say, warn
from interlock.findings.readable import readable
from interlock.lifecycle.codeowners import CodeOwners, Undecided, code_owners, forge_of, write_code_owners
from interlock.lifecycle.repository_root import repository_root
from interlock.rules.code_owners_file import Forge


@click.command(short_help="Generate CODEOWNERS from the roster and the policies.")
@click.option("--write", "write", is_flag=True, help="Write the file where the forge looks for it.")
@click.option("--check", "check", is_flag=True, help="Only say whether the file is what it should be.")
@click.option(
    "--forge",
    "forge",
    type=click.Choice(["github", "gitlab", "forgejo"]),
    help="Whose file (default: that of the generated file that is there, or github).",
)
@click.option(
    "--teams", metavar="ORG", help="The organisation or group whose teams, named by owners.team, own adapters."
)
@repository_option
def codeowners(write: bool, check: bool, forge: Forge | None, teams: str | None, directory: Path) -> int:
    """Print the CODEOWNERS that follows from policies/, the roster and the adapters.

    An environment belongs to the people of the roles that its policies ask for approvals, policies and pipelines to
    all of them, recipes and suites to the adapter's team (with --teams), to the person of the roster whom
    owners.contact names, or else to those who approve. `interlock check` warns when a generated file is outdated. The
    file only makes a forge ask: who has approved is judged by the policies, not by it.

    \b
    Exit status:
      0  printed, written, or current
      1  --check: the file is not there or says something else; --write: a file of somebody's own is in the way
      2  a name cannot stand in such a file
      4  a document that decides about owners cannot be read

    \b
    Examples:
      interlock codeowners
      interlock codeowners --forge gitlab --teams ml/platform --write
      interlock codeowners --check
    """
    if write and check:
        raise click.UsageError("--write and --check exclude each other: one changes the file, one must not")
    root = repository_root(directory)
    try:
        wanted = code_owners(root, forge, teams)
    except Undecided as error:
        warn(error_text(error))
        return exit_codes.COULD_NOT_EVALUATE
    if check:
        return _checked(wanted)
    if write:
        write_code_owners(root, wanted, forge_of(wanted))
        say(f"{'already current' if wanted.is_current else 'written'}: {wanted.path}")
    else:
        say(wanted.expected.removesuffix("\n"))
    return exit_codes.CLEAN


def _checked(wanted: CodeOwners) -> int:
    if wanted.is_current:
        say(f"current: {wanted.path}")
        return exit_codes.CLEAN
    say(f"outdated: {wanted.path}" if wanted.found is not None else f"not there: {wanted.path}")
    for line in wanted.differences if wanted.found is not None else ():
        say(f"  {readable(line)}")
    say("Next:\n  interlock codeowners --write")
    return exit_codes.FINDINGS
