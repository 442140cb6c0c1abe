"""Which keys the models have and where; problems.py calls it for suggestions, writing.py for the kinds of values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from interlock.documents.fields import Document
from interlock.documents.positions import Location


def key_of(name: str, field: FieldInfo) -> str:
    """The key in YAML for the field `name` of a model (`from` for `from_`)."""
    return field.alias or name


def keys_of(model: type[Document]) -> dict[str, FieldInfo]:
    """The fields of one model by their keys in YAML, in the order of the model."""
    return {key_of(name, field): field for name, field in model.model_fields.items()}


def keys_at(model: type[Document], location: Location) -> tuple[str, ...]:
    """The keys allowed in the mapping at `location` of a document of this model; empty where any key goes."""
    models = {model}
    for part in location:
        if isinstance(part, str):
            models = _below(models, part)
    return tuple(dict.fromkeys(key for found in models for key in keys_of(found)))


def models_in(annotation: Any) -> Iterator[type[Document]]:
    """Every model that an annotation names directly, through lists, options and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, Document):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def _below(models: Iterable[type[Document]], key: str) -> set[type[Document]]:
    fields = [fields[key] for fields in map(keys_of, models) if key in fields]
    if not fields:  # the key of a mapping with free keys: its values have the models found so far
        return set(models)
    return {found for field in fields for found in models_in(field.annotation)}
