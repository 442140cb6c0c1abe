"""How a document looks to an expression: which fields there are, of which type, and what is absent.

Called by the engine, by the completion of examples, and by the page on custom rules. A field that is optional and not
written is absent: `has(x.field)` is false, and reading it has no answer. Every other field is there with its default.
"""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from interlock.documents.fields import Date, DateWindow, Document, Many, Name, RevisionName, Text
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter import Adapter
from interlock.documents.kinds.adapter_revision import AdapterRevision, Artifact
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.shape import key_of


class Evidence(Document):
    """The statements about exactly this revision's bytes, in `adapters/<adapter>/evidence/<revision>/*.json`."""

    kinds: Many[Text] = ()


class ProposedChange(Document):
    """What a promotion or rollback does; `previous` is the active revision before it, `day` the day of the check."""

    environment: Name
    adapter: Name
    revision: RevisionName
    role: Literal["active", "canary"]
    previous: RevisionName | None = None
    day: Date


class Window(Document):
    """The first and the last day of a time window."""

    first: Date
    last: Date


MODELS: Mapping[str, type[Document]] = {
    "revision": AdapterRevision,
    "adapter": Adapter,
    "base": BaseRevision,
    "environment": Environment,
    "pointer": Pointer,
    "evidence": Evidence,
    "change": ProposedChange,
}
"""Every variable and its model."""

_OF_A_POINTER = ("pointer", "environment", "adapter", "revision", "base", "evidence")
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "revision": ("revision", "adapter", "base", "evidence"),
    "pointer": _OF_A_POINTER,
    "environment": ("environment", "base"),
    "promotion": ("change", *_OF_A_POINTER),
    "rollback": ("change", *_OF_A_POINTER),
}
"""The variables by what a rule applies to."""

COMPUTED: Mapping[type[Document], Mapping[str, type]] = {Artifact: {"size": int}}
"""Values that documents do not hold and expressions may read: `artifact.size` is the bytes of all files together."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a field. `kind` is a scalar's name, `list`, `map` or `record`; `of` what a list or map holds."""

    kind: str
    optional: bool = False
    of: Shape | None = None
    model: type[Document] | None = None


_SCALARS: Mapping[Any, str] = {
    str: "string",
    Digest: "string",
    int: "int",
    float: "double",
    bool: "bool",
    dt.date: "timestamp",
    dt.timedelta: "duration",
}


def variables_for(applies_to: str) -> dict[str, type[Document]]:
    """The variables of a rule, with their models."""
    return {name: MODELS[name] for name in VARIABLES[applies_to]}


@cache
def shape_of(model: type[Document]) -> Mapping[str, Shape]:
    """The fields of a model as expressions see them, by key."""
    fields = {key_of(name, field): _shape(field.annotation) for name, field in model.model_fields.items()}
    return fields | {name: Shape(_SCALARS[found]) for name, found in COMPUTED.get(model, {}).items()}


def _shape(annotation: Any) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0])
    if origin in (Union, types.UnionType):
        return _choice([argument for argument in arguments if argument is not type(None)], len(arguments))
    if origin is Literal:
        return Shape("string")
    if origin is tuple:
        return Shape("list", of=_shape(arguments[0]))
    if origin is dict:
        return Shape("map", of=_shape(arguments[1]))
    if annotation is DateWindow:
        return Shape("record", model=Window)
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return Shape("record", model=annotation)
    return Shape(_SCALARS.get(annotation, "dyn"))


def _choice(choices: list[Any], written: int) -> Shape:
    optional = len(choices) < written
    found = _shape(choices[0]) if len(choices) == 1 else Shape("dyn")
    return Shape(found.kind, optional, found.of, found.model)


@cache
def _reads(model: type[Document]) -> tuple[tuple[str, str], ...]:
    names = {key_of(name, field): name for name, field in model.model_fields.items()}
    return tuple((names | {name: name for name in COMPUTED.get(model, {})}).items())


def plain(value: Any) -> Any:
    """A document as plain mappings and lists, absent fields left out; days are moments at midnight UTC."""
    match value:
        case Document():
            read = ((key, getattr(value, name)) for key, name in _reads(type(value)))
            return {key: plain(item) for key, item in read if item is not None}
        case tuple():
            return [plain(item) for item in value]
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case DateWindow():
            return {"first": plain(value.first), "last": plain(value.last)}
        case Digest():
            return str(value)
        case dt.date():
            return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
        case _:
            return value


def plain_fields(document: Document, fields: Collection[str]) -> dict[str, Any]:
    """Like `plain`, but only these fields of the document."""
    read = ((key, getattr(document, name)) for key, name in _reads(type(document)) if key in fields)
    return {key: plain(item) for key, item in read if item is not None}


def records(model: type[Document]) -> Iterator[type[Document]]:
    """A model and every model below it, each once."""
    seen: dict[type[Document], None] = {}
    waiting = [model]
    while waiting:
        found = waiting.pop()
        if found not in seen:
            seen[found] = None
            waiting += [below.model for below in map(_innermost, shape_of(found).values()) if below.model]
    return iter(seen)


def _innermost(shape: Shape) -> Shape:
    return _innermost(shape.of) if shape.of else shape
