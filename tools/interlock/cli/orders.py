"""What `suspend`, `hold` and `resume` share: the node, the reason, the end, and writing the orders down."""

from __future__ import annotations

import datetime as dt
import getpass
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from interlock.cli.options import Parsed
from interlock.cli.terminal import say
from interlock.documents.fields import duration
from interlock.sync.only_agent import agent_runs
from interlock.sync.settings import NodeSettings
from interlock.sync.steering import Order

F = TypeVar("F", bound=Callable[..., Any])

MAX_REASON = 500
LONGEST = dt.timedelta(days=3650)


def _lasting(text: str) -> dt.timedelta:
    if (lasting := duration(text)) > LONGEST:
        raise ValueError("expected at most 10y; without an end it lasts until somebody resumes it")
    return lasting


DURATION = Parsed("DURATION", _lasting)


def _reason(text: str) -> str:
    if not text.strip() or len(text) > MAX_REASON or not text.isprintable():
        raise ValueError(f"a reason is one line of 1 to {MAX_REASON} printable characters")
    return text.strip()


def node_option(command: F) -> F:
    """`--node FILE`: the node that the order is for."""
    return click.option(
        "--node",
        "node_file",
        required=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="The node's settings, the same file that `interlock sync` uses.",
    )(command)


def order_options(command: F) -> F:
    """`--reason`, `--for` and `--by`."""
    for option in (
        click.option(
            "--by", metavar="NAME", default=getpass.getuser, help="Who asks for it (default: the user who runs this)."
        ),
        click.option(
            "--for", "lasting", type=DURATION, help="When it ends by itself, such as 30m, 4h or 2d (default: never)."
        ),
        click.option(
            "--reason",
            required=True,
            type=Parsed("TEXT", _reason),
            help="Why; whoever looks at the node sees it.",
        ),
    ):
        command = option(command)
    return command


def new_order(by: str, reason: str, lasting: dt.timedelta | None, *, hands_off: bool = False) -> Order:
    """The order that begins now."""
    now = time.time()
    return Order(by, reason, now, now + lasting.total_seconds() if lasting else None, hands_off)


def told_end(order: Order) -> str:
    """How long it lasts, as the end of a sentence."""
    if order.until is None:
        return "until somebody resumes it"
    return f"until {dt.datetime.fromtimestamp(order.until).astimezone().isoformat('T', 'seconds')}"


def tell_whether_agent_runs(settings: NodeSettings) -> None:
    """Say when the order takes effect."""
    running = agent_runs(settings.state)
    say(
        "The agent sees it within five seconds." if running else "No agent runs on this node now; the next one sees it."
    )
