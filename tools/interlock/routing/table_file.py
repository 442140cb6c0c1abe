"""The route table as the middleware sees it: a file that may be replaced at any moment.

One `stat` a request tells whether the file is another one; only then is it read. A missing or broken file keeps the
last good table serving and becomes the error that the probe reports.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from interlock.routing.table import MAX_TABLE_BYTES, InvalidRouteTable, RouteTable

log = logging.getLogger("interlock.routing")

Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class TableState:
    """The table in use, the SHA-256 of its file (64 hexadecimal digits), and why a newer one was not taken.

    `error` names no adapter and no path and may be shown to anyone; `detail` is for the operator.
    """

    table: RouteTable | None = None
    digest: str = ""
    error: str = ""
    detail: str = ""


class RouteTableFile:
    """Reads the table at `path` again whenever the file there changes; `None` means that none is configured."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._identity: Identity | None = None
        self._state = TableState(error="" if path else "INTERLOCK_ROUTES is not set")

    def current(self) -> TableState:
        """The state after a look at the file. Never raises: what served keeps serving."""
        if self._path is None:
            return self._state
        try:
            if _identity(os.stat(self._path)) != self._identity:  # noqa: PTH116 - Path.stat costs twice as much
                self._read(self._path)
        except OSError as error:
            self._identity = None
            self._keep("the route table file cannot be read", f"{self._path}: {error.strerror}")
        return self._state

    def _read(self, path: Path) -> None:
        with path.open("rb") as stream:
            identity = _identity(os.fstat(stream.fileno()))
            data = stream.read(MAX_TABLE_BYTES + 1)
        self._identity = identity
        try:
            table = RouteTable.from_json(data)
        except InvalidRouteTable as error:
            self._keep("the newest route table is not valid", f"{path}: {error}")
            return
        self._state = TableState(table, hashlib.sha256(data).hexdigest())
        log.info("Interlock: route table %s is in use, made from commit %s", self._state.digest, table.commit)

    def _keep(self, error: str, detail: str) -> None:
        if (error, detail) != (self._state.error, self._state.detail):
            kept = f"table {self._state.digest} stays in use" if self._state.table else "no table is in use"
            log.warning("Interlock: %s; %s (%s)", error, kept, detail)
            self._state = replace(self._state, error=error, detail=detail)


def _identity(status: os.stat_result) -> Identity:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
