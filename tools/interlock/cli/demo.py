"""`interlock demo`: the whole story in a scratch clone, on a real engine."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.terminal import print_json, say, warn
from interlock.demo.story import tell


@click.command(short_help="Play the whole story in a scratch clone: promote, serve, roll back.")
@click.option(
    "--engine",
    type=click.Choice(["embedded", "vllm"]),
    default="embedded",
    show_default=True,
    help="The engine to play it on; for vllm see INTERLOCK_VLLM in docs/engines.md.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end; the story goes to stderr.")
@click.option(
    "--repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The repository to clone; it is only read. Default: the current directory.",
)
@click.option("--keep", is_flag=True, help="Keep the scratch directory, with the logs of agent and engine.")
def demo(engine: str, as_json: bool, repository: Path, keep: bool) -> int:
    """Show what Interlock does, in about half a minute, on real parts.

    In a scratch clone with a real git remote, an agent and an engine serve an adapter; a developer promotes another
    revision by a commit and takes it back with a plain `git revert`, while several clients ask without a pause; then
    somebody tries to serve an adapter of another base. Nothing outside the scratch directory is touched.

    \b
    Examples:
      interlock demo
      interlock demo --engine vllm
      interlock demo --json > story.json
    """
    root = Path(tempfile.mkdtemp(prefix="interlock-demo-"))
    finished = False
    try:
        told = tell(repository.resolve(), root, engine, warn if as_json else say)
        finished = True
    finally:
        if finished and not keep:
            with contextlib.suppress(OSError):
                shutil.rmtree(root)
        elif not finished:
            print(f"The scratch directory is kept: {root}", file=sys.stderr)
    if as_json:
        print_json(told.document())
    broken = told.broken_promises()
    for promise in broken:
        warn(f"NOT AS PROMISED: it is not true that {promise}")
    return exit_codes.FINDINGS if broken else exit_codes.CLEAN
