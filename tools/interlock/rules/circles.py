"""Circles in chains where every item names at most one other: previous revisions, upstream environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def circles(successors: Mapping[T, T | None]) -> dict[T, tuple[T, ...]]:
    """Return, for every item that reaches itself, the circle it lies on. Linear in the number of items."""
    found: dict[T, tuple[T, ...]] = {}
    finished: set[T] = set()
    for start in successors:
        way: dict[T, None] = {}
        step: T | None = start
        while step is not None and step not in finished and step not in way:
            way[step] = None
            step = successors.get(step)
        if step is not None and step in way:
            circle = tuple(way)[list(way).index(step) :]
            found |= dict.fromkeys(circle, circle)
        finished.update(way)
    return found
