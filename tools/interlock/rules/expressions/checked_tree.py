"""The checked expression as a tree: what the library found out about every part of it. Called by `bounds`.

The library gives it out as the bytes of a `cel.expr.CheckedExpr` (github.com/google/cel-spec,
`cel/expr/checked.proto`); the field numbers below are from there. Only what bounds need is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Fields = dict[int, list["int | bytes"]]
SCALAR = "scalar"
TEXT = "text"
LIST, OTHER = "list", "other"


@dataclass(frozen=True, slots=True)
class Node:
    """One part of an expression.

    `kind` is const, ident, select, call, list, struct or comprehension; `name` the constant's text, variable, field
    or function; `type` is scalar, text, list or other, `element` the type of what a list holds. `parts` are the parts
    below, of a comprehension: range, start, condition, step and result. `overloads` are the functions that a call may
    mean.
    """

    id: int
    kind: str
    name: str = ""
    type: str = OTHER
    element: str = OTHER
    dynamic: bool = False
    overloads: tuple[str, ...] = ()
    parts: tuple[Node, ...] = ()
    iterates: str = ""
    offset: int = -1


def read_checked(data: bytes) -> Node:
    """The tree that `Expression.serialize()` wrote.

    Raises:
        ValueError: the bytes are not a checked expression.
    """
    checked = _fields(_bytes(_fields(data), 2))
    types = {_number(item, 1): _fields(_bytes(item, 2)) for item in _messages(checked, 3)}
    calls = {_number(item, 1): _texts(_fields(_bytes(item, 2)), 3) for item in _messages(checked, 2)}
    source = _fields(_bytes(checked, 5))
    places = {_number(item, 1): _number(item, 2) for item in _messages(source, 4)}
    return _Reader(types, calls, places).node(_fields(_bytes(checked, 4)))


@dataclass
class _Reader:
    types: dict[int, Fields]
    calls: dict[int, tuple[str, ...]]
    places: dict[int, int] = field(default_factory=dict)

    def node(self, expr: Fields) -> Node:
        number = _number(expr, 2)
        kind, name, parts, iterates = self._content(expr)
        found = self.types.get(number, {})
        return Node(
            number,
            kind,
            name,
            _type(found),
            _type(_fields(_bytes(_fields(_bytes(found, 6)), 1))) if 6 in found else OTHER,
            1 in found,
            self.calls.get(number, ()),
            tuple(self.node(part) for part in parts),
            iterates,
            self.places.get(number, -1),
        )

    def _content(self, expr: Fields) -> tuple[str, str, list[Fields], str]:
        if 3 in expr:
            constant = _fields(_bytes(expr, 3))
            return "const", _bytes(constant, 6).decode("utf-8", "replace"), [], ""
        if 4 in expr:
            return "ident", _text(_fields(_bytes(expr, 4)), 1), [], ""
        if 5 in expr:
            select = _fields(_bytes(expr, 5))
            return "select", _text(select, 2), [_fields(_bytes(select, 1))], ""
        if 6 in expr:
            call = _fields(_bytes(expr, 6))
            return "call", _text(call, 2), [*_messages(call, 1), *_messages(call, 3)], ""
        if 7 in expr:
            return "list", "", list(_messages(_fields(_bytes(expr, 7)), 1)), ""
        if 9 in expr:
            loop = _fields(_bytes(expr, 9))
            return "comprehension", _text(loop, 3), [_fields(_bytes(loop, n)) for n in (2, 4, 5, 6, 7)], _text(loop, 1)
        return "struct", "", [], ""


def _type(found: Fields) -> str:
    """Strings and bytes are text; other scalars, moments and durations have a fixed size."""
    if 3 in found or 4 in found:
        return TEXT if _number(found, 3 if 3 in found else 4) in (5, 6) else SCALAR
    if 5 in found:
        return SCALAR if _number(found, 5) in (2, 3) else OTHER
    if 2 in found:
        return SCALAR
    return LIST if 6 in found else OTHER


def _fields(data: bytes) -> Fields:
    """The fields of a protobuf message by number: whole numbers, or bytes."""
    found: Fields = {}
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        value: int | bytes
        match key & 7:
            case 0:
                value, position = _varint(data, position)
            case 1:
                value, position = data[position : position + 8], position + 8
            case 2:
                size, position = _varint(data, position)
                value, position = data[position : position + size], position + size
            case _:
                raise ValueError("not a checked expression")
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
    raise ValueError("not a checked expression")


def _bytes(fields: Fields, number: int) -> bytes:
    value = fields.get(number, [b""])[-1]
    return value if isinstance(value, bytes) else b""


def _number(fields: Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    return value if isinstance(value, int) else 0


def _text(fields: Fields, number: int) -> str:
    return _bytes(fields, number).decode("utf-8", "replace")


def _texts(fields: Fields, number: int) -> tuple[str, ...]:
    return tuple(item.decode("utf-8", "replace") for item in fields.get(number, []) if isinstance(item, bytes))


def _messages(fields: Fields, number: int) -> Iterator[Fields]:
    return (_fields(item) for item in fields.get(number, []) if isinstance(item, bytes))
