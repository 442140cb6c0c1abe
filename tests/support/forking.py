"""One process that imports once what is slow to import, and forks a child for each order, within milliseconds.

`python -m support.fault_agent` and `python -m support.fault_engine` are such processes: they call `serve_orders`. The
test's side is `Forks`.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interlock.demo.child_process import die_with_parent, stop

_PR_SET_PDEATHSIG = 1
TESTS = Path(__file__).resolve().parents[1]


class Forks:
    """The test's side of a forking process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def begin(self, order: dict[str, Any]) -> int:
        """Fork a child; returns its process id."""
        return int(self._ask(order)["pid"])

    def wait(self, pid: int) -> tuple[int, int]:
        """Wait for a child's end; returns its exit status, negative for a signal, and the most memory that it held."""
        answer = self._ask({"wait": pid})
        return int(answer["status"]), int(answer["peak"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended; see standard error"
        return dict(json.loads(answer))


@contextmanager
def forking(module: str) -> Iterator[Forks]:
    """A forking process that runs `module`, until the block ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        env=environment | {"PYTHONPATH": str(TESTS), "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        yield Forks(process)
    finally:
        stop(process)
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def serve_orders(child: Callable[[dict[str, Any]], int]) -> None:
    """Fork `child` for each order, which returns its exit status; ends with the input."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status, used = os.wait4(asked["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status), "peak": used.ru_maxrss * 1024}
        else:
            answer = {"pid": os.fork() or _be(child, asked)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _end_with_parent() -> None:
    """As `die_with_parent`, but also for a child that has stopped itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _be(child: Callable[[dict[str, Any]], int], order: dict[str, Any]) -> int:
    """The child: in a session of its own, with what it prints in the file `log` of the order."""
    status = 70
    try:
        _end_with_parent()
        os.setsid()
        nothing, log = (
            os.open(os.devnull, os.O_RDONLY),
            os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666),
        )
        for stream, target in enumerate((nothing, log, log)):
            os.dup2(target, stream)
        status = child(order)
    finally:
        os._exit(status)
