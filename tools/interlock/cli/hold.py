"""`interlock hold`: one node follows no promotion of one adapter, until somebody resumes it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.options import NAME
from interlock.cli.orders import new_order, node_option, order_options, tell_whether_agent_runs, told_end
from interlock.cli.terminal import say, tell_next
from interlock.sync.settings import load_settings
from interlock.sync.steering import SteeringFile


@click.command(short_help="Let a node follow no promotion of one adapter.")
@click.argument("adapter", type=NAME)
@node_option
@order_options
def hold(adapter: str, node_file: Path, reason: str, lasting: dt.timedelta | None, by: str) -> int:
    """Let one node keep what it serves of ADAPTER: promotions of it wait, rollbacks and revocations do not.

    Everything else on the node goes on. To hold an adapter on every node of an environment, write `holds:` into its
    environment.yaml instead.

    \b
    Examples:
      interlock hold support-bot --node /etc/interlock/node.yaml --reason "comparing 7 with 8 here" --for 2d
      interlock resume support-bot --node /etc/interlock/node.yaml
    """
    settings = load_settings(node_file)
    file = SteeringFile(settings.state)
    steering = file.current()
    order = new_order(by, reason, lasting)
    file.write(replace(steering, held={**steering.held, adapter: order}))
    say(f"{settings.node.name} follows no promotion of {adapter} {told_end(order)}.")
    tell_whether_agent_runs(settings)
    tell_next([f"interlock resume {adapter} --node {node_file}"])
    return exit_codes.CLEAN
