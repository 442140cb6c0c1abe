"""A document that was read without complaint, packed small: for other processes, and for the next check.

Unpacking costs a tenth of reading. The values are validated again, so what comes back is a document or nothing. Where
each value stands is unpacked only when somebody asks, which is when there is a finding.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from interlock.documents.fields import Document
from interlock.documents.layout import MODELS, PathClass
from interlock.documents.positions import Location, Positions
from interlock.documents.reading import Reading, read_values

MAX_BYTES = 64 << 20
"""More than any document that the reader accepts can expand to."""


@dataclass(frozen=True, slots=True)
class Packed:
    """`values` is the document and `positions` where its values and keys stand, both as compressed JSON."""

    values: bytes
    positions: bytes


def pack(data: bytes, path: str, expected: PathClass) -> Packed | Reading:
    """Read a document and pack it; one with problems comes back as it was read."""
    reading, yaml = read_values(data, path, expected)
    if yaml is None or reading.document is None:
        return reading
    return Packed(_pressed(yaml.value), _pressed([_flat(reading.positions.values), _flat(reading.positions.keys)]))


def unpack(packed: Packed, expected: PathClass) -> Reading | None:
    """The document again; None where the texts do not hold one."""
    try:
        document: Document = MODELS[expected.kind].model_validate(_expanded(packed.values))
    except (ValueError, ValidationError, RecursionError, zlib.error):
        return None
    places = _Places(packed.positions)
    return Reading(document, Positions(_Lazily(places, 0), _Lazily(places, 1)), ())


def _pressed(value: object) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), level=1)


def _expanded(data: bytes) -> Any:
    """The value again; a checksum in the data tells what a bad disk spoiled.

    Raises:
        ValueError: it is not what `_pressed` made, or has more than `MAX_BYTES` bytes.
    """
    reader = zlib.decompressobj()
    text = reader.decompress(data, MAX_BYTES)
    if not reader.eof:
        raise ValueError("the end is missing")
    return json.loads(text)


def _flat(places: Mapping[Location, tuple[int, int]]) -> list[Any]:
    return [[location, *position] for location, position in places.items()]


class _Places:
    """The two mappings of one document's positions, read when first asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @cached_property
    def both(self) -> tuple[dict[Location, tuple[int, int]], ...]:
        try:
            parts = _expanded(self._data)
            return tuple({tuple(location): (line, column) for location, line, column in part} for part in parts[:2])
        except (ValueError, TypeError, RecursionError, zlib.error):
            return ({}, {})  # a finding then names the file as a whole, which is true


class _Lazily(Mapping[Location, tuple[int, int]]):
    """One of the two mappings."""

    __slots__ = ("_part", "_places")

    def __init__(self, places: _Places, part: int) -> None:
        self._places = places
        self._part = part

    def __getitem__(self, location: Location) -> tuple[int, int]:
        return self._places.both[self._part][location]

    def __iter__(self) -> Iterator[Location]:
        return iter(self._places.both[self._part])

    def __len__(self) -> int:
        return len(self._places.both[self._part])
