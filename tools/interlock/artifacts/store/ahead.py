"""Verifies the next artifacts while an engine loads the one before: an adapter of one file keeps only one core busy.

Called by the store. Nothing is read long before it is asked for, so that "verified before it is loaded" stays true.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from interlock.documents.kinds.adapter_revision import Artifact

AT_A_TIME = 2


class Ahead:
    """Calls `verify` for artifacts in their order, `AT_A_TIME` before anybody has asked. For one thread that asks."""

    def __init__(self, verify: Callable[[Artifact, Callable[[], bool]], Path], artifacts: Iterable[Artifact]) -> None:
        self._verify, self._ended = verify, threading.Event()
        self._waiting = deque({artifact.digest: artifact for artifact in artifacts}.values())
        self._running: dict[str, Future[Path]] = {}
        self._threads = ThreadPoolExecutor(AT_A_TIME, "interlock-verify")

    def __enter__(self) -> Self:
        for _ in range(AT_A_TIME):
            self._begin_one()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._threads.shutdown(cancel_futures=True)

    def __contains__(self, artifact: Artifact) -> bool:
        return artifact.digest.hex in self._running

    def verified(self, artifact: Artifact) -> Path:
        """What `verify` has found out about an artifact in hand, once; the next one is begun.

        Raises:
            ArtifactError: as `verify`.
        """
        begun = self._running.pop(artifact.digest.hex)
        self._begin_one()
        return begun.result()

    def _begin_one(self) -> None:
        if self._waiting:
            artifact = self._waiting.popleft()
            self._running[artifact.digest.hex] = self._threads.submit(self._verify, artifact, self._ended.is_set)
