"""JSON that can be read in one way only, and written in one way only (JCS, RFC 8785): what signatures are made over.

Called by whoever writes or reads signed statements. Numbers with a fraction are refused: nothing that is signed here
needs them, and they are where canonical forms differ.
"""

from __future__ import annotations

import json
from typing import NoReturn

MAX_INTEGER = 2**53 - 1


def canonical_json(value: object) -> bytes:
    """The canonical bytes of objects, lists, texts, whole numbers, truth values and null (RFC 8785).

    Raises:
        ValueError: a fraction, a number beyond ±(2**53 - 1), half of a surrogate pair, or another type.
    """
    return _written(value).encode("utf-8")


def _written(value: object) -> str:
    if value is None or isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"{value} is larger than JSON can say exactly")
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(_members(value))}}}"
    raise ValueError(f"a {type(value).__name__} has no canonical form here")


def _members(value: dict[object, object]) -> list[str]:
    if not all(isinstance(key, str) for key in value):
        raise ValueError("a key that is no text")
    # RFC 8785 sorts by UTF-16 code units, which differs from Python's order beyond the first plane.
    keys = sorted(map(str, value), key=lambda key: key.encode("utf_16_be"))
    return [f"{_written(key)}:{_written(value[key])}" for key in keys]


def strict_json(data: bytes) -> object:
    """Read JSON that has one meaning: UTF-8, each key once, no `NaN`.

    Raises:
        ValueError: it is no such JSON, or is nested too deeply.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("values nested too deeply") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")
