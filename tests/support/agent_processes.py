"""Agents as real processes that begin within milliseconds, for tests that kill them. See `fault_agent`.

with agent_starter() as starter:
    run = starter.begin(settings, directory, moment="load:before")
    assert run.wait().killed
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from support.fault_agent import Order
from support.forking import Forks, forking


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: exit status (negative: a signal), the most memory that it held (bytes), and its last outcome."""

    status: int
    peak: int
    kind: str
    why: str
    remedy: str
    moments: tuple[str, ...]
    log: str = field(repr=False)

    @property
    def told(self) -> str:
        """Its outcome in words, with the end of its log."""
        return f"{self.kind}: {self.why}\n{self.remedy}\n{self.log[-3000:]}"

    @property
    def killed(self) -> bool:
        """Whether it was killed with -9."""
        return self.status == -signal.SIGKILL


@dataclass(frozen=True)
class AgentRun:
    """A running agent."""

    forks: Forks
    order: Order
    pid: int
    result: int

    def wait(self) -> Ending:
        """Wait for its end."""
        status, peak = self.forks.wait(self.pid)
        told = json.loads(os.read(self.result, 1 << 20) or b"{}")
        os.close(self.result)
        moments = Path(self.order.moments)
        seen = moments.read_text(encoding="ascii").split() if moments.exists() else []
        log = Path(self.order.log).read_text(encoding="utf-8", errors="replace")
        return Ending(status, peak, told.get("kind", ""), told.get("why", ""), told.get("remedy", ""), tuple(seen), log)

    def stopped(self) -> None:
        """Wait until it has stopped itself at its moment (SIGSTOP)."""
        deadline = time.monotonic() + 60
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "the moment was not reached"
            time.sleep(0.01)

    def limit_files(self, size: int) -> None:
        """Let no file that it writes from now on grow beyond `size` bytes; what it starts inherits that."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, size))

    def go_on(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it with -9, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)


class AgentStarter:
    """Starts agents."""

    def __init__(self, forks: Forks) -> None:
        self._forks = forks
        self._numbers = itertools.count(1)

    def begin(self, settings: Path, scratch: Path, **other: Any) -> AgentRun:
        """Start an agent; `other` are fields of `Order`. What it tells lies in `scratch`."""
        stem = scratch / f"run-{next(self._numbers)}"
        order = Order(str(settings), f"{stem}.json", f"{stem}.moments", f"{stem}.log", **other)
        os.mkfifo(order.result)  # no file, because some agents may not write any
        result = os.open(order.result, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return AgentRun(self._forks, order, self._forks.begin(asdict(order)), result)


@contextmanager
def agent_starter() -> Iterator[AgentStarter]:
    """Starts agents until the block ends."""
    with forking("support.fault_agent") as forks:
        yield AgentStarter(forks)
