"""Fills up the partial documents of an example, so that its author writes only what the rule is about.

What is required and not given becomes the first value that the field takes: a name is `example`, a number 1, a choice
its first one; what is optional stays absent. Given values are validated like those of a document. Called by
`custom_examples`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from interlock.documents.fields import Document
from interlock.documents.shape import keys_of
from interlock.rules.expressions.views import COMPUTED

Path = tuple[str, ...]
_CANDIDATES: tuple[Any, ...] = (
    *("example", "1", 1, 1.0, False, "2026-01-01", "1d", "08:00", "2026-01-01/2026-01-31", "file:example"),
    *(f"sha256:{'0' * 64}", "0" * 40, "example.yaml"),
)


class BadExample(Exception):
    """A given value that no document could hold; the message says where and why."""


def completed(model: type[Document], given: Mapping[str, Any]) -> tuple[Document, dict[Path, Any]]:
    """The document that `given` begins, and the computed values that it sets.

    Raises:
        BadExample: an unknown key, or a value that the field does not take.
    """
    computed: dict[Path, Any] = {}
    values = _filled(model, given, (), computed)
    try:
        return model.model_validate(values), computed
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        why = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
        raise BadExample(f"{where}: {why}") from error


def _filled(model: type[Document], given: Mapping[str, Any], at: Path, computed: dict[Path, Any]) -> dict[str, Any]:
    found = dict(given)
    for name, kind in COMPUTED.get(model, {}).items():
        if name in found:
            computed[(*at, name)] = found.pop(name)
            if type(computed[(*at, name)]) is not kind:
                raise BadExample(f"{'.'.join((*at, name))}: expected {kind.__name__}")
    for key, field in keys_of(model).items():
        if key in found:
            found[key] = _completed_value(field.annotation, found[key], (*at, key), computed)
        elif field.is_required():
            found[key] = _filler(field)
    return found


def _completed_value(annotation: Any, value: Any, at: Path, computed: dict[Path, Any]) -> Any:
    """A given value, the mappings in it completed where documents are expected."""
    below = _model_of(annotation)
    if below and isinstance(value, Mapping):
        return _filled(below, value, at, computed)
    if below and isinstance(value, list):
        return [_filled(below, item, at, {}) if isinstance(item, Mapping) else item for item in value]
    return value


def _model_of(annotation: Any) -> type[Document] | None:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return annotation
    if get_origin(annotation) in (Annotated, Union, types.UnionType, tuple):
        return next((found for argument in get_args(annotation) if (found := _model_of(argument))), None)
    return None


def _filler(field: FieldInfo) -> Any:
    annotation: Any = field.annotation
    return _first_taken(Annotated[annotation, *field.metadata] if field.metadata else annotation)


@cache
def _first_taken(annotation: Any) -> Any:
    """A value, as a YAML file holds it, that a required field of this type takes."""
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if get_origin(plain) is Literal:
        return get_args(plain)[0]
    if get_origin(plain) is tuple:
        below = _model_of(plain)
        one = _filled(below, {}, (), {}) if below else _first_taken(get_args(plain)[0])
        return next(items for items in ([], [one], [one, one]) if _takes(annotation, items))
    model = _model_of(plain)
    return _filled(model, {}, (), {}) if model else next(item for item in _CANDIDATES if _takes(annotation, item))


def _takes(annotation: Any, value: Any) -> bool:
    try:
        TypeAdapter(annotation).validate_python(value, strict=not isinstance(value, list))
    except ValidationError:
        return False
    return True
