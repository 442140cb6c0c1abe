"""Begins with the next artifacts before anybody asks: an adapter of one file keeps only one core or connection busy.

Called by the store, to verify what is loaded next and to bring what is placed next. Nothing is verified long before it
is asked for, so that "verified before it is loaded" stays true.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from interlock.documents.kinds.adapter_revision import Artifact

Work = Callable[[Artifact, Callable[[], bool]], Path]
"""Done with an artifact, and with a question to ask often: whether nobody needs it any more."""


class Ahead:
    """Does `work` for artifacts in their order, `at_a_time` before anybody has asked. For one thread that asks."""

    def __init__(self, work: Work, artifacts: Iterable[Artifact], at_a_time: int) -> None:
        self._work, self._at_a_time, self._ended = work, at_a_time, threading.Event()
        self._waiting = deque({artifact.digest: artifact for artifact in artifacts}.values())
        self._running: dict[str, Future[Path]] = {}
        self._threads = ThreadPoolExecutor(at_a_time, "interlock-ahead")

    def __enter__(self) -> Self:
        for _ in range(self._at_a_time):
            self._begin_one()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._threads.shutdown(cancel_futures=True)

    def __contains__(self, artifact: Artifact) -> bool:
        return artifact.digest.hex in self._running

    def result(self, artifact: Artifact) -> Path:
        """What came of the work on an artifact in hand, once; the next one is begun.

        Raises:
            ArtifactError: as the work.
        """
        begun = self._running.pop(artifact.digest.hex)
        self._begin_one()
        return begun.result()

    def _begin_one(self) -> None:
        if self._waiting:
            artifact = self._waiting.popleft()
            self._running[artifact.digest.hex] = self._threads.submit(self._work, artifact, self._ended.is_set)
