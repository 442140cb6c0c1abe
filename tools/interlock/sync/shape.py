"""Builds frozen dataclasses from JSON that somebody else wrote, and accepts nothing but what they are annotated as.

Called by `status.from_json`. Not pydantic, because messages may quote paths that are in no encoding, which it refuses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def shaped(kind: type[T], value: object) -> T:
    """`value` as `kind`, a dataclass of texts, numbers, tuples and further dataclasses.

    Raises:
        ValueError: a field is missing, unknown or of another type.
    """
    built: T = _shaped(kind, value, "the document")
    return built


def _shaped(kind: Any, value: object, where: str) -> Any:
    if is_dataclass(kind):
        return _record(kind, value, where)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return tuple(_shaped(inner[0], one, where) for one in _expected(value, list, where))
    if origin in (dict, Mapping):
        return {str(key): _shaped(inner[1], one, where) for key, one in _expected(value, dict, where).items()}
    if origin is UnionType:
        return None if value is None and NoneType in inner else _shaped(inner[0], value, where)
    if origin is Literal:
        if value not in inner:
            raise ValueError(f"{where} is none of {', '.join(map(str, inner))}")
        return value
    return _number(value, where) if kind is float else _expected(value, kind, where)


def _record(kind: Any, value: object, where: str) -> Any:
    given, types = _expected(value, dict, where), get_type_hints(kind)
    if unknown := sorted(map(str, given.keys() - types.keys())):
        raise ValueError(f"{where} has the unknown field {unknown[0]}")
    needed = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
    if missing := [name for name in needed if name not in given]:
        raise ValueError(f"{where} lacks the field {missing[0]}")
    return kind(**{name: _shaped(types[name], one, name) for name, one in given.items()})


def _expected(value: object, kind: type[T], where: str) -> T:
    if type(value) is not kind:
        raise ValueError(f"{where} is no {kind.__name__}")
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where} is not a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{where} is too large a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{where} is not a finite number")
    return number
