"""Who uses a store: a file for each agent, because what one of them no longer needs another one's engine may read.

An agent that is stopped for a while counts too, since its engine may run on. So nobody is ever forgotten by itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from interlock.artifacts.store.disk import sync_directory

USERS = "users"


class StoreUsers:
    """The agents of one store, seen by one of them: the agent of `node`, whose state lies in `state`."""

    def __init__(self, root: Path, node: str, state: Path) -> None:
        self._directory = root.absolute() / USERS
        self._about = f"the agent of node {node}, state directory {state}\n"
        self._own = self._directory / f"{node}-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}"
        self._handle: int | None = None

    def others(self) -> tuple[Path, ...]:
        """The files of the other agents. Joins them first; an agent that is called the same counts as another one.

        Raises:
            OSError: the store cannot be read or written.
        """
        alone = self.join()
        return tuple(path for path in sorted(self._directory.iterdir()) if path != self._own or not alone)

    def join(self) -> bool:
        """Be one of the users from now on, which is written down once; False where an agent of that name runs.

        Raises:
            OSError: the store cannot be written.
        """
        if self._handle is not None:
            return True
        self._directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._own, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(handle).st_size:
                os.write(handle, self._about.encode(errors="surrogateescape"))
                os.fsync(handle)
                sync_directory(self._directory)
        except BlockingIOError:
            os.close(handle)
            return False
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return True

    def close(self) -> None:
        """Give the lock back. The agent is still one of the users."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
