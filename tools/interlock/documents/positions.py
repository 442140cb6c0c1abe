"""Where a value stands in a file: what turns a rule's complaint into `path:line:column`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Location = tuple[str | int, ...]
"""Keys and list indexes from the root of a document down to a value, as pydantic's `loc` gives them."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was found. `line` and `column` count from 1; 0 means the file as a whole."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.path
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Positions:
    """Line and column (from 1) of every value of one document, and of every mapping key."""

    values: Mapping[Location, tuple[int, int]] = field(default_factory=dict)
    keys: Mapping[Location, tuple[int, int]] = field(default_factory=dict)

    def of(self, location: Location) -> tuple[int, int]:
        """Position of the value at `location`, or of its nearest ancestor that is in the file."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.values:
                return self.values[location[:end]]
        return (1, 1)

    def of_key(self, location: Location) -> tuple[int, int]:
        """Position of the key that leads to `location`, or else of the value."""
        return self.keys.get(location) or self.of(location)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the form of a document; the checker turns it into a finding of the rule `rule`."""

    rule: str
    place: Place
    found: str
    expected: str
    remedy: str
