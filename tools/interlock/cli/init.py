"""`interlock init`: lays out a new repository and says what to do next."""

from __future__ import annotations

from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.options import DIRECTORY
from interlock.cli.terminal import say
from interlock.lifecycle.new_repository import NewRepository, lay_out


@click.command(short_help="Lay out a new repository.")
@click.argument("directory", type=DIRECTORY, default=Path(), metavar="[DIR]")
def init(directory: Path) -> int:
    """Lay out a new repository in DIR (default: here).

    Writes three environments (dev, staging, production), policies and a README that explains every folder, and runs
    `git init` when DIR is not inside a git repository. A README.md, .gitignore or .gitattributes that is already
    there stays as it is. If any other file of the layout is there, nothing is written.

    \b
    Examples:
      interlock init my-adapters
      cd existing-empty-repository && interlock init
    """
    _tell(lay_out(directory))
    return exit_codes.CLEAN


def _tell(made: NewRepository) -> None:
    git = " and made it a git repository" if made.git_created else ""
    say(f"Laid out {len(made.written)} files in {made.root.resolve()}{git}.")
    for path in made.left:
        say(f"{path} was already there and stays as it is.")
    if ".gitattributes" in made.left:
        say("Add these lines to it, or git may convert bytes that digests are over:")
        say("".join(f"    {line}\n" for line in made.attributes.splitlines()))
    say()
    say("Next:")
    if made.root.resolve() != Path.cwd():
        say(f"  cd {made.root}")
    say("  interlock register base PATH/TO/MODEL --name my-base --revision 1 --license LICENSE \\")
    say("      --for dev --for staging --for production")
    say("  interlock register adapter PATH/TO/ADAPTER --adapter my-adapter --revision 1 --base my-base@1")
    say("  interlock check")
    say("README.md in the new repository explains the rest.")
