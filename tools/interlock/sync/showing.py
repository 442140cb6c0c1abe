"""Shows artifacts to the engine, and only after it is written down which of its processes sees them.

Called by `apply` around each load and by `engine_view` when an engine is met. Between the question who the engine is
and the load it may be started anew, so the question is asked again afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from interlock.documents.identifiers import Digest, InvalidIdentifier
from interlock.engines.driver import EngineDriver
from interlock.errors import EngineError, StoreUnwritable
from interlock.sync.moments import Moments, unwatched
from interlock.sync.shown import UNKNOWN, ShownRecord

log = logging.getLogger("interlock.sync")


class Showing:
    """What one engine was shown, by its processes."""

    def __init__(self, driver: EngineDriver, record: ShownRecord, moments: Moments = unwatched) -> None:
        self._driver, self._record, self._moments = driver, record, moments

    def show(self, directories: Iterable[str], load: Callable[[], None]) -> None:
        """Do a load with what lies in these directories of the store written down before it.

        Raises:
            StoreUnwritable: it cannot be written down, so nothing was loaded.
            EngineError: as `load`.
        """
        shown = _digests(directories)
        process = self._process()
        self._write(shown, process)
        self._moments("show:after")
        load()
        if (now := self._process()) != process:
            self._write(shown, now)

    def meet(self, adapters: Mapping[str, str], *, restarted: bool = False) -> None:
        """Note who answers at the engine's address, and that it has seen the `adapters` it lists.

        `restarted` says that adapters are gone that nobody has unloaded. Without an answer nothing is forgotten.
        """
        process = self._process()
        try:
            if restarted and not adapters:
                self._record.restarted()
            self._record.show(_digests(adapters.values()), process)
            self._record.answers(process)
        except OSError as error:
            log.warning("what the engine has seen cannot be written down: %s", error)

    @property
    def changes(self) -> int:
        """How often something was noted or forgotten by this agent."""
        return self._record.changes

    def seen(self) -> frozenset[Digest]:
        """What a process that may still run has seen.

        Raises:
            DocumentError: nobody knows.
            OSError: the record cannot be read.
        """
        return self._record.digests

    def _process(self) -> str:
        """Who the engine is. Serving never depends on that: whatever is wrong with the answer, it is not known."""
        try:
            return self._driver.process()
        except EngineError as error:
            log.warning("the engine does not say which process it is: %s", error.found)
            return UNKNOWN

    def _write(self, digests: Iterable[Digest], process: str) -> None:
        try:
            self._record.show(digests, process)
        except OSError as error:
            raise StoreUnwritable(
                f"what the engine is shown cannot be written down: {error}",
                expected="a state directory that this user may write",
                remedy=f"free space on the disk of {error.filename or 'the state directory'}, or check its owner and"
                " its mount; it is tried again by itself",
            ) from error


def _digests(directories: Iterable[str]) -> list[Digest]:
    found = []
    for directory in directories:
        with suppress(InvalidIdentifier):  # not a directory of a store
            found.append(Digest(f"sha256:{directory.rstrip('/').rpartition('/')[2]}"))
    return found
