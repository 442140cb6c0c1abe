"""`interlock suspend`: one node stays at the commit that it has, until somebody resumes it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.orders import new_order, node_option, order_options, tell_whether_agent_runs, told_end
from interlock.cli.terminal import say, tell_next
from interlock.sync.settings import load_settings
from interlock.sync.steering import SteeringFile


@click.command(short_help="Let a node stay at the commit that it has.")
@node_option
@order_options
@click.option("--hands-off", is_flag=True, help="Change nothing at all, not even repairs: for work on the engine.")
def suspend(node_file: Path, reason: str, lasting: dt.timedelta | None, by: str, hands_off: bool) -> int:
    """Let one node stay where it is until it is resumed: it follows no new commit, not even a rollback or a revocation.

    What it serves keeps serving, and an engine that restarts is filled again with the same revisions. With --hands-off
    not even that happens. The status shows who suspended the node, why and until when. The remote is not asked
    meanwhile, so Ready speaks of the commit that was followed before, and Fresh is Unknown: let an alert on the
    condition Suspended find what was forgotten. To stop promotions everywhere, write `holds:` into environment.yaml.

    \b
    Examples:
      interlock suspend --node /etc/interlock/node.yaml --reason "memory is being replaced" --for 2h
      interlock resume --node /etc/interlock/node.yaml
    """
    settings = load_settings(node_file)
    file = SteeringFile(settings.state)
    order = new_order(by, reason, lasting, hands_off=hands_off)
    file.write(replace(file.current(), suspended=order))
    say(f"{settings.node.name} is suspended {told_end(order)}.")
    tell_whether_agent_runs(settings)
    tell_next([f"interlock resume --node {node_file}"])
    return exit_codes.CLEAN
