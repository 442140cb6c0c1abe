"""The values of a file and where they stand, packed small: for other processes, and for the next check.

Unpacking costs a tenth of reading. The values are validated again, so what comes back is a document or nothing. Where
each value stands is unpacked only when somebody asks, which is when there is a finding. `marshal` is the format: it
is the fastest that Python has, and what is unpacked comes from this process, its children, or this user's own store.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from interlock.documents.fields import Document
from interlock.documents.layout import MODELS, PathClass
from interlock.documents.positions import Location, Positions
from interlock.documents.reading import Reading
from interlock.documents.yaml_reader import UnreadableDocument, read_yaml

MAX_BYTES = 64 << 20
"""More than any document that the reader accepts can expand to."""


@dataclass(frozen=True, slots=True)
class Packed:
    """`values` are those of a file and `positions` where its values and keys stand, both compressed."""

    values: bytes
    positions: bytes


def pack(data: bytes, path: str) -> Packed | None:
    """Read a file and pack it; None for one that cannot be read."""
    try:
        yaml = read_yaml(data, path)
    except UnreadableDocument:
        return None
    return Packed(_pressed(yaml.value), _pressed((dict(yaml.positions.values), dict(yaml.positions.keys))))


def unpack(packed: Packed, expected: PathClass) -> Reading | None:
    """The document that `expected` promises; None where it is not that one, for whatever reason."""
    try:
        values = _expanded(packed.values)
        if not isinstance(values, dict) or values.get("kind") != expected.kind:
            return None
        model = MODELS[expected.kind]
        if any(values.get(field, name) != name for field, name in expected.names if field in model.model_fields):
            return None
        document: Document = model.model_validate(values)
    except (ValueError, EOFError, TypeError, ValidationError, RecursionError, zlib.error):
        return None
    places = _Places(packed.positions)
    return Reading(document, Positions(_Lazily(places, 0), _Lazily(places, 1)), ())


def _pressed(value: Any) -> bytes:
    return zlib.compress(marshal.dumps(value), level=1)


def _expanded(data: bytes) -> Any:
    """The value again; a checksum in the data tells what a bad disk spoiled.

    Raises:
        ValueError: it is not what `_pressed` made, or has more than `MAX_BYTES` bytes.
    """
    reader = zlib.decompressobj()
    content = reader.decompress(data, MAX_BYTES)
    if not reader.eof:
        raise ValueError("the end is missing")
    return marshal.loads(content)  # noqa: S302


class _Places:
    """The two mappings of one document's positions, read when first asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @cached_property
    def both(self) -> tuple[dict[Location, tuple[int, int]], dict[Location, tuple[int, int]]]:
        try:
            values, keys = _expanded(self._data)
        except (ValueError, EOFError, TypeError, zlib.error):
            return ({}, {})  # a finding then names the beginning of the file
        return (values, keys)


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
