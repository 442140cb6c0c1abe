"""Words that several rules share."""

from __future__ import annotations

from collections.abc import Sequence


def listed(items: Sequence[object], *, limit: int = 3) -> str:
    """The first few items and how many more there are: `a, b, c and 5 more`."""
    shown = ", ".join(str(item) for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
