"""The process that forks agents for the fault suite: `python -m support.fault_agent`, driven by `agent_processes`.

It imports Interlock once; each order on its input becomes a child that runs the real `Agent` on a node's settings until
that node is settled, and that kills whom the order names at the n-th announcement of one moment. Time alone is not
real: between two turns the child's clock jumps over drains and pauses, so that nobody waits for them.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.errors import InterlockError
from interlock.sync.agent import Agent
from interlock.sync.memory import LONGEST_PAUSE
from interlock.sync.only_agent import only_agent
from interlock.sync.outcome import Done, Failed, Outcome, Stalled, Waiting
from interlock.sync.settings import NodeSettings, load_settings
from support.forking import serve_orders

ITSELF = 0
SETTLING_TURNS = 400
HOPELESS = 4
"""After so many turns in a row that wait for a person, with the longest pause between them, nobody else will help."""
_BREATH = 0.05


@dataclass(frozen=True)
class Order:
    """One run of an agent. `settings`, `result`, `moments` and `log` are paths; times are seconds.

    At the `occurrence`-th announcement of `moment` each process of `victims` gets `signal`, `ITSELF` last. `resources`
    are limits by their name in `resource` without RLIMIT_, `memory` how many bytes may be mapped in addition.
    `patience` is how long failing turns are repeated, `turns` how many there are at most.
    """

    settings: str
    result: str
    moments: str
    log: str
    moment: str = ""
    occurrence: int = 1
    victims: tuple[int, ...] = (ITSELF,)
    signal: int = signal.SIGKILL
    wall_ahead: float = 0.0
    resources: dict[str, int] = field(default_factory=dict)
    memory: int | None = None
    patience: float = 0.0
    turns: int = SETTLING_TURNS


class JumpingClock:
    """Monotonic seconds, plus what was jumped over."""

    def __init__(self) -> None:
        self._jumped = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._jumped

    def jump(self, seconds: float) -> None:
        """Let `seconds` have passed."""
        self._jumped += max(0.0, seconds)


class Killer:
    """Told of each moment: writes it down, and kills at the one that the order names."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._seen: Counter[str] = Counter()
        self._record = os.open(order.moments, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)

    def __call__(self, moment: str) -> None:
        with suppress(OSError):  # of an agent that may not write any file
            os.write(self._record, f"{moment}\n".encode())
        self._seen[moment] += 1
        if (moment, self._seen[moment]) == (self._order.moment, self._order.occurrence):
            for victim in sorted(self._order.victims, reverse=True):
                os.kill(victim or os.getpid(), self._order.signal)


def settle(agent: Agent, settings: NodeSettings, clock: JumpingClock, order: Order) -> Outcome:
    """Turn until everything is served and drained, or until no turn of these helps any more."""
    deadline, quiet, stalled = time.monotonic() + order.patience, 0, 0
    outcome: Outcome = Failed("nothing was done")
    for _ in range(order.turns):
        outcome = agent.turn()
        quiet = quiet + 1 if isinstance(outcome, Done) and not draining(agent) else 0
        stalled = stalled + 1 if isinstance(outcome, Stalled) else 0
        if quiet == 2 or stalled == HOPELESS or (isinstance(outcome, Failed) and time.monotonic() > deadline):
            return outcome
        match outcome:
            case Done():
                clock.jump(settings.node.drain.total_seconds() + 1)
                time.sleep(_BREATH if draining(agent) else 0.0)  # for the requests that are being answered
            case Stalled():
                clock.jump(LONGEST_PAUSE + 1)
            case Waiting(after):
                clock.jump(after + 0.01)
            case Failed():
                clock.jump(1.0)
                time.sleep(_BREATH)
    return outcome


def draining(agent: Agent) -> bool:
    """Whether something is loaded that no alias needs any more."""
    status = agent.status
    if status is None:
        return False
    needed = {name for row in status.aliases for name in (row.wanted, row.canary, *row.rollback_targets)}
    return not needed.issuperset(status.loaded)


def run_agent(order: Order) -> None:
    """One agent, from its start to the end of `settle`; writes how it ended."""
    for name, limit in order.resources.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    if order.memory is not None:
        limit = (
            order.memory + int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        )
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    settings, clock = load_settings(Path(order.settings)), JumpingClock()
    with only_agent(settings.state):
        agent = Agent(settings, clock=clock, wall=lambda: time.time() + order.wall_ahead, moments=Killer(order))
        outcome = settle(agent, settings, clock, order)
        agent.close()
    Path(order.result).write_text(json.dumps(described(outcome)), encoding="utf-8")


def described(outcome: Outcome) -> dict[str, str]:
    """An outcome as JSON."""
    why, remedy = getattr(outcome, "why", ""), outcome.remedy if isinstance(outcome, Stalled) else ""
    return {"kind": type(outcome).__name__, "why": why, "remedy": remedy}


def child(asked: dict[str, Any]) -> int:
    """What a forked child does with an order."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    order = Order(**asked)
    try:
        run_agent(order)
    except InterlockError as error:
        told = {"kind": type(error).__name__, "why": str(error), "remedy": ""}
        Path(order.result).write_text(json.dumps(told), encoding="utf-8")
        return 1
    except BaseException:
        logging.exception("the agent ended")
        return 70
    return 0


if __name__ == "__main__":
    serve_orders(child)
