"""Which bytes were shown to which process of the engine, written down before they are shown.

An engine may read a directory again long after it was told to unload it, and one that finds it gone may end as a whole.
So a directory is collected only after every process that saw it is gone: when a process with another identity
answers at the engine's address. Called by `apply` before each load and by `collecting`.

A damaged record keeps nothing from being served. It is set aside, and nothing is collected while it lies there.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.documents.identifiers import Digest
from interlock.errors import DocumentError

log = logging.getLogger("interlock.sync")

MAX_RECORD_BYTES = 16 << 20
UNKNOWN = ""
"""The identity of a process that does not say who it is. Nobody can tell when it is gone."""


class ShownRecord:
    """Digests by the engine process that was shown them; every change is on disk before the method returns."""

    def __init__(self, path: Path) -> None:
        """`path` is where the record outlives the agent. Nothing is read yet."""
        self._path = path
        self._damaged = path.with_name(f"{path.name}.damaged")
        self._known: dict[str, frozenset[Digest]] | None = None
        self.changes = 0

    @property
    def digests(self) -> frozenset[Digest]:
        """What was shown to a process that may still run.

        Raises:
            DocumentError: the record was damaged, so nobody knows; nothing may be collected then.
            OSError: it cannot be read.
        """
        shown = self._shown()
        if os.path.lexists(self._damaged):
            raise DocumentError(
                f"{self._damaged} could not be read, so it is not known which bytes the engine has seen",
                expected="the record that this agent wrote; until then nothing is collected from the store",
                remedy=f"restart the engine, then remove {self._damaged}",
            )
        return frozenset().union(*shown.values())

    def show(self, digests: Iterable[Digest], process: str) -> None:
        """Note that `process` sees these digests, before it does; costs nothing when that is known.

        Raises:
            OSError: it cannot be written; the digests must not be shown then.
        """
        shown = self._shown()
        more = frozenset(digests) - shown.get(process, frozenset())
        if more:
            self._write(shown | {process: shown.get(process, frozenset()) | more})

    def answers(self, process: str) -> None:
        """Forget processes that are gone: `process` answers at the engine's address now, so all others do not.

        Without an identity nothing is forgotten; and what was shown to a process without one stays.

        Raises:
            OSError: it cannot be written.
        """
        shown = self._shown()
        if process != UNKNOWN and (gone := shown.keys() - {process, UNKNOWN}):
            self._write({known: shown[known] for known in shown.keys() - gone})

    def restarted(self) -> None:
        """The engine's list proves a restart: it is empty, and it was not. A process without an identity is gone.

        Raises:
            OSError: it cannot be written.
        """
        shown = self._shown()
        if UNKNOWN in shown:
            self._write({known: shown[known] for known in shown.keys() - {UNKNOWN}})

    def _shown(self) -> dict[str, frozenset[Digest]]:
        if self._known is None:
            try:
                self._known = _read(self._path)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DocumentError):
                self._path.replace(self._damaged)
                log.error("%s is damaged and was moved to %s; nothing is collected", self._path, self._damaged)
                self._known = {}
        return self._known

    def _write(self, shown: dict[str, frozenset[Digest]]) -> None:
        document = {process: sorted(digest.hex for digest in shown[process]) for process in sorted(shown)}
        write_atomically(self._path, json.dumps({"shown": document}, indent=1).encode())
        self._known, self.changes = shown, self.changes + 1


def _read(path: Path) -> dict[str, frozenset[Digest]]:
    data = read_bounded(path, limit=MAX_RECORD_BYTES)
    document: dict[str, Any] = json.loads(data)["shown"] if data is not None else {}
    return {
        process: frozenset(Digest(f"sha256:{digest}") for digest in digests) for process, digests in document.items()
    }
