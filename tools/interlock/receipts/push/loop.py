"""Brings receipts to the places that the operator named: a thread a place, so that none waits for another or for us.

Called by the agent, which only says that there is something new. A place that does not answer is tried again after a
pause that doubles up to five minutes; what it does not have stays on the node. Nothing is written where nothing is new.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from interlock.errors import InterlockError
from interlock.receipts.push.batch import Batch, next_batch, read_mark, write_mark

log = logging.getLogger("interlock.receipts")

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
ENOUGH_FAILURES = 3
"""So often a place has to refuse before it counts as a trouble."""
STUCK = 180.0
"""Seconds after which a place that still holds a batch counts as a trouble: a network file system, for example."""


class Place(Protocol):
    """Somewhere that receipts are copied to."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def send(self, batch: Batch) -> None:
        """Add a batch; raises ReceiptsNotPushed."""

    def close(self) -> None:
        """Give connections back."""


class Pusher:
    """Brings the receipts in `directory` to one place, with a mark of its own in `marks`."""

    def __init__(
        self,
        place: Place,
        directory: Path,
        marks: Path,
        *,
        pause: float = FIRST_PAUSE,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place, self._directory, self._pause = place, directory, pause
        self._chance, self._clock = chance, clock
        self._sending_since: float | None = None
        self._mark_file = marks / f"{hashlib.sha256(place.name.encode()).hexdigest()[:16]}.json"
        self._news, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble = ""
        self.failures = 0

    @property
    def behind(self) -> str:
        """Why the place does not have all receipts, as a sentence; "" where it has, or will soon."""
        since = self._sending_since
        if since is not None and self._clock() - since > STUCK:
            return f"{self._place.name} has held receipts for more than {STUCK:g} seconds without taking them"
        return self.trouble if self.failures >= ENOUGH_FAILURES else ""

    def hint(self) -> None:
        """There may be something new."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"receipts to {self._place.name}", daemon=True)
            self._thread.start()
        self._news.set()

    def push(self) -> bool:
        """Send what is not there yet; whether the place has everything now."""
        try:
            mark = read_mark(self._mark_file)
            while batch := next_batch(self._directory, mark):
                self._sending_since = self._clock()
                self._place.send(batch)
                mark = batch.after
                write_mark(self._mark_file, mark)
        except (InterlockError, OSError) as error:
            message = str(error).replace("\n", "; ")
            if message != self.trouble:
                log.error("receipts are not pushed, which is tried again: %s", message)
            self.trouble, self.failures = message, self.failures + 1
            return False
        finally:
            self._sending_since = None
        self.trouble, self.failures = "", 0
        return True

    def finish(self) -> None:
        """Send what is left, and try nothing again."""
        self._stop.set()
        self._news.set()

    def close(self, timeout: float) -> None:
        """Wait for what is left, for at most so many seconds; what is not sent then is sent by the next agent."""
        self.finish()
        if self._thread:
            self._thread.join(timeout)
        if self._thread is None or not self._thread.is_alive():
            self._place.close()

    def _run(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            done = self._recorded_push()
            if self._stop.is_set():
                return
            if not done:
                self._stop.wait(self._pause_now())
                self._news.set()

    def _recorded_push(self) -> bool:
        try:
            return self.push()
        except Exception as error:
            # A bug here must not end the thread: receipts are on disk, and the next try starts from there.
            log.exception("pushing receipts failed in a way that Interlock did not foresee; please report it")
            self.trouble, self.failures = f"{type(error).__name__}: {error}", self.failures + 1
            return False

    def _pause_now(self) -> float:
        pause = min(self._pause * 2.0 ** min(self.failures - 1, 16), LONGEST_PAUSE)
        return pause * (0.5 + 0.5 * self._chance())
