"""A mapping with a few changes on top of it, without a copy: the state of a repository after one commit of thousands.

Called by the replay. The mapping below must not change as long as the patched one is in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Patched(Mapping[K, V], Generic[K, V]):
    """`below` with `changes` on top; a change to None takes a key away."""

    __slots__ = ("_below", "_changes")

    def __init__(self, below: Mapping[K, V], changes: Mapping[K, V | None]) -> None:
        self._below = below
        self._changes = changes

    def __getitem__(self, key: K) -> V:
        if key in self._changes:
            value = self._changes[key]
            if value is None:
                raise KeyError(key)
            return value
        return self._below[key]

    def __iter__(self) -> Iterator[K]:
        yield from (key for key in self._below if key not in self._changes)
        yield from (key for key, value in self._changes.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        if key in self._changes:
            return self._changes[key] is not None  # type: ignore[index]  # it is in there
        return key in self._below


def put(mapping: MutableMapping[K, V], changes: Mapping[K, V | None]) -> None:
    """Make the changes in the mapping itself."""
    for key, value in changes.items():
        if value is None:
            mapping.pop(key, None)
        else:
            mapping[key] = value
