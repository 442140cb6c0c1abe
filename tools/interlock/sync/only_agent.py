"""One agent for each state directory: two would steer one engine against each other.

The lock also tells readers of the status whether its writer still lives, without the writer touching the disk.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.errors import UsageError

LOCK_FILE = "lock"


@contextmanager
def only_agent(state: Path) -> Iterator[None]:
    """Hold the state directory's lock.

    Raises:
        UsageError: another agent holds it, or nothing can be written there.
    """
    handle = _opened(state)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            remedy = "stop the other one first, or give this node a state directory of its own"
            raise UsageError(f"another agent already works in {state}", remedy=remedy) from error
        yield
    finally:
        os.close(handle)


def _opened(state: Path) -> int:
    try:
        state.mkdir(parents=True, exist_ok=True)
        return os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        remedy = f"check the owner and the mount of {state}"
        raise UsageError(f"the agent cannot write in {state}: {error.strerror}", remedy=remedy) from error


def agent_runs(state: Path) -> bool:
    """Whether an agent works in the state directory now."""
    try:
        handle = os.open(state / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
