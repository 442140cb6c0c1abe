"""Prints nested plain values as an aligned outline that a person can read. Called by `interlock inspect`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interlock.findings.readable import readable

NOTHING = "–"


def outline(values: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """Lines for a mapping: one a key, nested mappings and lists of mappings indented below their key."""
    width = max((len(_title(key)) for key in values), default=0)
    for key, value in values.items():
        head = f"{' ' * indent}{_title(key):<{width}}"
        if isinstance(value, Mapping) and value:
            yield head.rstrip()
            yield from outline(value, indent + 2)
        elif _is_rows(value):
            yield head.rstrip()
            for row in value:
                yield f"{' ' * (indent + 2)}{_row(row)}"
        else:
            yield f"{head}  {_scalar(value)}"


def _is_rows(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(v, Mapping) for v in value)


def _row(row: Any) -> str:
    if not isinstance(row, Mapping):
        return _scalar(row)
    first, *rest = ((_title(key), _scalar(value)) for key, value in row.items() if value not in (None, [], {}, False))
    return "  ".join([first[1], *(f"{title} {text}" for title, text in rest)])


def _scalar(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{_title(key)} {_scalar(item)}" for key, item in value.items()) + ")"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_scalar, value))
    return readable(str(value))


def _title(key: str) -> str:
    return readable(key.replace("_", " "))
