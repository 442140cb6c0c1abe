"""`interlock sync`: run the agent of one serving node, for ever or once."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.sync_service import serve
from interlock.cli.terminal import print_json
from interlock.sync.agent import Agent
from interlock.sync.only_agent import only_agent
from interlock.sync.outcome import Done, Failed, Outcome, Stalled, Waiting
from interlock.sync.root_to_pin import root_to_pin
from interlock.sync.settings import load_settings
from interlock.sync.status import as_document


@click.command(short_help="Make this node's engine serve what git says.")
@click.option(
    "--node",
    "node_files",
    required=True,
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The node's settings: remote, environment, engine, directories (see docs/node.md). May be given again, "
    "for every engine of a machine that has several.",
)
@click.option("--once", is_flag=True, help="Bring the engine up to date once, say how it ended, and exit.")
@click.option("--print-root", is_flag=True, help="Print the commit to pin as the root of trust, as settings, and exit.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the status as one JSON document.")
def sync(node_files: tuple[Path, ...], once: bool, print_root: bool, as_json: bool) -> int:
    """Make the engine on this node serve exactly what the pointer files of its environment say.

    The agent polls the git remote, checks every new commit, verifies the bytes, loads adapters under names that hold
    their digest, proves that they work, and only then moves the alias. A commit that fails leaves the node as it is.
    For a protected environment each commit must be signed and approved too, from the root of trust in the settings on.

    \b
    Examples:
      interlock sync --node /etc/interlock/node.yaml          run as a service
      interlock sync --node gpu-0.yaml --node gpu-1.yaml      one service for two engines of one machine
      interlock sync --node /etc/interlock/node.yaml --once   once, for scripts and repairs
      interlock sync --node /etc/interlock/node.yaml --print-root   where trust in a protected environment may begin

    \b
    Exit status with --once:
      0  the engine serves what git says
      1  refused, or a person is needed; what served before keeps serving
      4  the remote or the engine did not answer
    """
    if as_json and not once:
        raise click.UsageError("--json needs --once; for a running agent use: interlock status --node FILE --json")
    nodes = [load_settings(file) for file in node_files]
    if not (once or print_root):
        _log_to_stderr()
        serve(nodes)
        return exit_codes.CLEAN
    if len(nodes) > 1:
        raise click.UsageError("--once and --print-root are for one node: give one --node")
    settings = nodes[0]
    if print_root:
        click.echo(root_to_pin(settings), nl=False)
        return exit_codes.CLEAN
    _log_to_stderr()
    with only_agent(settings.state):
        agent = Agent(settings)
        try:
            outcome = agent.run_once()
        finally:
            agent.close()
    if as_json and agent.status:
        print_json(as_document(agent.status))
    held_back = bool(agent.status and any(wait.reason in ("Wave", "Held") for wait in agent.status.waiting))
    return _say(outcome, agent.status.condition("Ready").message if agent.status and held_back else "")


def _say(outcome: Outcome, waits: str) -> int:
    match outcome:
        case Done():
            click.echo(f"The engine is {waits}." if waits else "The engine serves what git says.", err=True)
            return exit_codes.CLEAN
        case Stalled(why, remedy):
            click.echo(f"error: {why}\nWhat was served before keeps serving.", err=True)
            if remedy:
                click.echo(f"next: {remedy}", err=True)
            return exit_codes.FINDINGS
        case Waiting(_, why) | Failed(why):
            click.echo(f"error: {why}\nnext: run the same command again once that is repaired", err=True)
            return exit_codes.COULD_NOT_EVALUATE


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logger = logging.getLogger("interlock")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
