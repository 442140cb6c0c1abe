"""Ending what the demonstration started: politely, then surely, and also when the demonstration itself was killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys

STOP_SECONDS = 15.0
GIVE_WAY_BY = 10
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Give to Popen as `preexec_fn`: a killed parent leaves no child behind (on Linux)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def give_way() -> None:
    """Give to Popen as `preexec_fn` for an engine that computes on the CPU: it gives way to everything else.

    vLLM on a CPU spins on every core; on two cores that kept a command of half a second waiting for twenty, which no
    node with a GPU does to its agent. Linux schedules each session as a group, where `nice` alone changes nothing.
    """
    die_with_parent()
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as group:  # noqa: PTH123  # minimal after a fork
            group.write(str(GIVE_WAY_BY))
    except OSError:
        os.nice(GIVE_WAY_BY)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to stop, then end whatever is left of its group; it must lead a session of its own."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
