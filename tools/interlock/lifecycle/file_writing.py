"""Writes one file of the repository so that nobody ever reads half of it. Called by everything that writes here."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from interlock.errors import InterlockError


def write_below(root: Path, path: str, data: bytes) -> None:
    """Put `data` at `path` below `root` by an atomic rename; missing folders are made.

    Raises:
        InterlockError: a folder on the way is a link, so the file would lie somewhere else.
    """
    target = root / path
    _refuse_links(root, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _refuse_links(root: Path, target: Path) -> None:
    for folder in target.relative_to(root).parents:
        if (root / folder).is_symlink() and folder != Path():
            raise InterlockError(
                f"{root / folder} is a link",
                expected="folders of the repository itself: links are never followed",
                remedy="replace the link by a folder",
            )
