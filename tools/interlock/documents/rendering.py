"""Values to YAML text that every reader reads alike; writing.py and splices.py call it.

Text is left without quotes only where it is made of plain words; everything that begins with a digit, means something
to some reader or holds a sign gets double quotes. Revisions and commit ids are quoted always.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import WithJsonSchema
from pydantic.fields import FieldInfo

from interlock.documents.fields import DateWindow, Document, duration_text
from interlock.documents.identifiers import COMMIT_PATTERN, REVISION_PATTERN, Digest
from interlock.documents.scalars import needs_quotes
from interlock.documents.shape import key_of

WIDTH = 140
"""Columns that a line may have before a mapping or list is written over several lines."""

Rendered = str | list["Rendered"] | dict[str, "Rendered"]
"""A value whose scalars are already YAML text."""

_PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./+@()'-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9(]))*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_EXPONENT = re.compile(r"(-?[0-9]+)(?:\.([0-9]+))?e([-+])?([0-9]+)")


@dataclass(frozen=True, slots=True)
class _Style:
    """How the scalars of one field are written."""

    quoted: bool = False
    whole_as_integer: bool = False


def rendered(value: object, style: _Style = _Style()) -> Rendered:
    """Render the scalars inside of a value: documents, mappings, lists and scalars of every field type."""
    if isinstance(value, Document):
        return dict(_fields(value))
    if isinstance(value, Mapping):
        return {_text(str(key), quoted=False): rendered(below, style) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [rendered(item, style) for item in value]
    return _scalar(value, style)


def flow(value: Rendered) -> str:
    """A value on one line: `{revision: "8", tenants: [acme]}`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return "{" + ", ".join(f"{key}: {flow(below)}" for key, below in value.items()) + "}"


def block_lines(mapping: Mapping[str, Rendered], indent: int = 0) -> Iterator[str]:
    """A mapping over several lines; what fits on a line and holds no list of mappings stays on one."""
    for key, value in mapping.items():
        head = f"{' ' * indent}{key}:"
        line = f"{head} {flow(value)}"
        if not value or isinstance(value, str) or (_is_simple(value) and len(line) <= WIDTH):
            yield line
        elif isinstance(value, dict):
            yield head
            yield from block_lines(value, indent + 2)
        else:
            yield head
            for item in value:
                yield from _item_lines(item, indent + 2)


def scalar_like(value: object, style: str) -> str:
    """A scalar as YAML text, in the quotes (`'`, `"` or none) that stood there before where that is possible."""
    text = _scalar(value, _Style(quoted=style == '"'))
    if style == "'" and isinstance(value, str) and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return text


def _item_lines(item: Rendered, indent: int) -> Iterator[str]:
    line = f"{' ' * indent}- {flow(item)}"
    if not isinstance(item, dict) or not item or (_is_simple(item) and len(line) <= WIDTH):
        yield line
        return
    first, *rest = block_lines(item, indent + 2)
    yield f"{' ' * indent}- {first.lstrip()}"
    yield from rest


def _is_simple(value: Rendered) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str) or all(map(_is_simple, value.values()))


def _fields(document: Document) -> Iterator[tuple[str, Rendered]]:
    for name, field in type(document).model_fields.items():
        value = getattr(document, name)
        if not _left_out(value, field):
            yield key_of(name, field), rendered(value, _style_of(field))


def _left_out(value: object, field: FieldInfo) -> bool:
    if field.is_required():
        return False
    empty = value is None or value == () or value == {} or isinstance(value, Document)
    return empty and value == field.default


def _style_of(field: FieldInfo) -> _Style:
    marks = list(_marks((field.annotation, *field.metadata)))
    schemas = [mark.json_schema or {} for mark in marks if isinstance(mark, WithJsonSchema)]
    patterns = {schema.get("pattern") for schema in schemas}
    return _Style(
        quoted=bool(patterns & {REVISION_PATTERN, COMMIT_PATTERN}),
        whole_as_integer=float in marks and int not in marks,
    )


def _marks(parts: tuple[Any, ...]) -> Iterator[Any]:
    """Everything an annotation is made of, down to its plain types and the metadata on them."""
    for part in parts:
        yield part
        yield from _marks((*get_args(part), *getattr(part, "__metadata__", ())))


def _scalar(value: object, style: _Style) -> str:
    if isinstance(value, str):
        return _text(value, quoted=style.quoted)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return _float(value, style)
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    if isinstance(value, (int, dt.date, DateWindow, Digest)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no place in a document")


def _float(value: float, style: _Style) -> str:
    if style.whole_as_integer and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # YAML 1.1 takes a number with an exponent for text unless it has a point and a sign
    return _EXPONENT.sub(lambda m: f"{m[1]}.{m[2] or '0'}e{m[3] or '+'}{m[4]}", repr(value))


def _text(text: str, *, quoted: bool) -> str:
    if not quoted and _PLAIN.fullmatch(text) and not needs_quotes(text):
        return text
    return '"' + "".join(_ESCAPES.get(char) or _visible(char) for char in text) + '"'


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
