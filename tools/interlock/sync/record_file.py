"""Reads the small JSON records that an agent keeps in its state directory: whole and bounded, or damaged and told.

Called by `accepted`, `followed` and `steering`, which say what a record means and what to do when it is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from interlock.artifacts.durable import read_bounded
from interlock.errors import DocumentError

T = TypeVar("T")


def read_record(path: Path, parse: Callable[[Any], T], *, limit: int, expected: str, remedy: str = "") -> T | None:
    """What `parse` makes of the JSON in a file of at most `limit` bytes, None where there is no file.

    Raises:
        DocumentError: it is larger, cannot be read, is no JSON, or `parse` finds something missing or of another kind.
    """
    data = read_bounded(path, limit=limit)
    if data is None:
        return None
    try:
        return parse(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DocumentError(f"{path} is damaged: {error or 'it is empty'}", expected=expected, remedy=remedy) from error
