"""`interlock resume`: takes a suspension or a hold back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.options import NAME
from interlock.cli.orders import node_option, tell_whether_agent_runs
from interlock.cli.terminal import say
from interlock.errors import UsageError
from interlock.sync.settings import load_settings
from interlock.sync.steering import Steering, SteeringFile


@click.command(short_help="Take a suspension or a hold back.")
@click.argument("adapter", type=NAME, required=False)
@node_option
def resume(adapter: str | None, node_file: Path) -> int:
    """Let a suspended node follow git again, or, with ADAPTER, take the hold of that adapter back.

    \b
    Examples:
      interlock resume --node /etc/interlock/node.yaml
      interlock resume support-bot --node /etc/interlock/node.yaml
    """
    settings = load_settings(node_file)
    file = SteeringFile(settings.state)
    file.write(_without(file.current(), adapter, settings.node.name))
    say(f"{settings.node.name} follows {f'promotions of {adapter}' if adapter else 'git'} again.")
    tell_whether_agent_runs(settings)
    return exit_codes.CLEAN


def _without(steering: Steering, adapter: str | None, node: str) -> Steering:
    if adapter is None:
        if steering.suspended is None:
            held = f"; held are: {', '.join(sorted(steering.held))}" if steering.held else ""
            raise UsageError(f"{node} is not suspended{held}", remedy="name an adapter to take its hold back")
        return replace(steering, suspended=None)
    if adapter not in steering.held:
        held = ", ".join(sorted(steering.held)) or "none"
        raise UsageError(f"{node} holds no adapter {adapter!r}", expected=f"one that is held: {held}")
    return replace(steering, held={name: order for name, order in steering.held.items() if name != adapter})
