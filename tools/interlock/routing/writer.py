"""Writing the route table: the agent's side of the flip.

The file is replaced atomically, so every engine process sees the old table or the new one and nothing between. The
modification time always grows, so that no reader can take a replaced file for the one that it knows.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from interlock.errors import InterlockError
from interlock.routing.table import InvalidRouteTable, RouteTable


class RouteTableNotWritten(InterlockError):
    """The table could not be put in place; the previous one is still there, untouched."""


def write_table(path: Path, table: RouteTable) -> str:
    """Put `table` at `path` and return the SHA-256 (64 hexadecimal digits) that the probe will report for it.

    Raises:
        RouteTableNotWritten: the table contradicts itself or is too large, or the directory refused the write.
    """
    data = table.to_json()
    _check_readable(path, data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        remedy = f"make {path.parent} writable for the user that runs the agent, then sync again"
        raise RouteTableNotWritten(f"cannot write the route table {path}: {error}", remedy=remedy) from error
    return table.digest


def _check_readable(path: Path, data: bytes) -> None:
    try:
        RouteTable.from_json(data)
    except InvalidRouteTable as error:
        raise RouteTableNotWritten(f"the middleware would refuse this route table for {path}: {error}") from error


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            # The engine may run as another user; the table holds no secret.
            os.fchmod(descriptor, 0o644)
            moment = _next_moment(path)
            os.utime(descriptor, ns=(moment, moment))
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _next_moment(path: Path) -> int:
    """A modification time (ns) later than that of the file in place, however coarse the clock is."""
    try:
        previous = path.stat().st_mtime_ns
    except FileNotFoundError:
        previous = 0
    return max(time.time_ns(), previous + 1)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
