"""Work on several files at once, on a few threads: hashing and reading leave Python's lock to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.errors import ArtifactArriving

THREADS = 4
WORTH_A_THREAD = 1 << 20
"""Bytes below which starting a thread takes longer than the work."""

Work = Callable[[ArtifactFile, Callable[[], bool]], None]
"""Called with a file and a question to ask often: whether to stop, with `ArtifactArriving`."""


def never() -> bool:
    """The answer of who lets everything come to its end."""
    return False


def for_each(files: Sequence[ArtifactFile], work: Work, *, stop: Callable[[], bool] = never) -> None:
    """Do `work` for every file, the largest ones first, on at most `THREADS` threads.

    The first failure lets the others stop, and is raised when they have; a file that stopped because of it, or of
    `stop`, raises `ArtifactArriving`, which stands behind every other failure.
    """
    failed = threading.Event()

    def halt() -> bool:
        return failed.is_set() or stop()

    def one(file: ArtifactFile) -> Exception | None:
        try:
            work(file, halt)
        except Exception as error:
            failed.set()
            return error
        return None

    ordered = sorted(files, key=lambda file: (-file.size, file.path))
    if sum(file.size for file in ordered[1:]) < WORTH_A_THREAD:
        failures = _one_by_one(ordered, one)
    else:
        with ThreadPoolExecutor(min(THREADS, len(ordered)), "interlock-bytes") as threads:
            failures = [error for error in threads.map(one, ordered) if error]
    if failures:
        raise min(failures, key=lambda error: isinstance(error, ArtifactArriving))


def _one_by_one(files: Sequence[ArtifactFile], one: Callable[[ArtifactFile], Exception | None]) -> list[Exception]:
    for file in files:
        if error := one(file):
            return [error]
    return []
