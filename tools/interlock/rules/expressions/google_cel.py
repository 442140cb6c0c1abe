"""Expressions by Google's CEL library (`cel-expr-python`): the only module that imports it, and protobuf with it.

Every expression is compiled twice. Once against message types that are made here from our models, so that the library's
own type checker refuses an unknown field at its line and column; that result is never run, because an unset field of a
message silently reads as "" or 0. And once against plain mappings, where reading what is absent is an error. Errors are
values in this library, and truthy ones: an answer counts only when its type is BOOL and it is exactly True or False.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, timestamp_pb2

from interlock.documents.fields import Document
from interlock.rules.expressions.bounds import (
    LONGEST_EXPRESSION,
    MOST_STEPS,
    Sizes,
    longest_literal,
    most_steps,
    read_by,
    refuse_unbounded,
)
from interlock.rules.expressions.checked_tree import Node, read_checked
from interlock.rules.expressions.engine import Bound, NotEvaluated, NotUnderstood
from interlock.rules.expressions.views import Shape, plain, plain_fields, records, shape_of

_PACKAGE = "document"
_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '(\w+)")
_NO_KEY = re.compile(r'Key not found in map : "(.*)"')
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]\s*$")
_FOREIGN = (RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError, RecursionError)
"""What the library raises for expressions and data that it cannot take."""
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": (_FIELD.TYPE_STRING, ""),
    "int": (_FIELD.TYPE_INT64, ""),
    "double": (_FIELD.TYPE_DOUBLE, ""),
    "bool": (_FIELD.TYPE_BOOL, ""),
    "timestamp": (_FIELD.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
    "duration": (_FIELD.TYPE_MESSAGE, ".google.protobuf.Duration"),
    "dyn": (_FIELD.TYPE_MESSAGE, ".google.protobuf.Value"),
}


class GoogleCel:
    """Satisfies `RuleEngine`."""

    def compile(self, text: str, variables: Mapping[str, type[Document]]) -> CelExpression:
        """See `RuleEngine.compile`."""
        return _compiled(text, tuple(sorted(variables.items())))

    def bind(
        self,
        document: Document,
        fields: Collection[str] = ("",),
        computed: Mapping[tuple[str, ...], Any] | None = None,
    ) -> Bound:
        """See `RuleEngine.bind`."""
        value = plain(document) if "" in fields else plain_fields(document, fields)
        for path, replaced in (computed or {}).items():
            if path[0] in value:
                _put(value, path, replaced)
        measure = _Measure()
        return Bound(measure.foreign(value), measure.items, measure.text)


class CelExpression:
    """Satisfies `Expression`."""

    def __init__(self, tree: Node, runnable: Any) -> None:
        self._runnable = runnable
        self._literal = longest_literal(tree)
        self._reads = read_by(tree)
        self._names = frozenset(name for name, _ in self._reads)
        self._most_steps = lru_cache(maxsize=1000)(lambda sizes: most_steps(tree, sizes))

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """See `Expression.reads`."""
        return self._reads

    @property
    def names(self) -> frozenset[str]:
        """See `Expression.names`."""
        return self._names

    def cost(self, data: Mapping[str, Bound]) -> int:
        """See `Expression.cost`."""
        read = [data[name] for name in self._names if name in data]
        items = max([self._literal.items, *(bound.longest_list for bound in read)])
        text = max([self._literal.text, *(bound.longest_text for bound in read)])
        return self._most_steps(Sizes(items, text))

    def evaluate(self, data: Mapping[str, Bound]) -> bool:
        """See `Expression.evaluate`."""
        if missing := sorted(self._names - data.keys()):
            raise NotEvaluated(f"there is no {missing[0]}")
        if (steps := self.cost(data)) > MOST_STEPS:
            raise NotEvaluated(f"it may take {steps:,} steps on this data, and at most {MOST_STEPS:,} are allowed")
        try:
            answer = self._runnable.eval(data={name: data[name].value for name in self._names})
            kind, value = answer.type(), answer.value()
        except _FOREIGN as error:
            raise NotEvaluated(f"the library gave up: {type(error).__name__}") from error
        if kind == cel.Type.BOOL and (value is True or value is False):
            return value
        raise NotEvaluated(_plain_words(str(value)) if kind == cel.Type.ERROR else f"its result is {kind.name()}")


@lru_cache(maxsize=1000)
def _compiled(text: str, variables: tuple[tuple[str, type[Document]], ...]) -> CelExpression:
    if len(text) > LONGEST_EXPRESSION:
        raise NotUnderstood(f"it has {len(text)} characters, and at most {LONGEST_EXPRESSION} are allowed")
    typed = _understood(_typed_environment(variables), text)
    if typed.return_type() != cel.Type.BOOL:
        raise NotUnderstood(f"its result is {_plain_words(typed.return_type().name())}, and not true or false")
    try:
        tree = read_checked(typed.serialize())
    except _FOREIGN as error:
        raise NotUnderstood("the library's description of it cannot be read") from error
    refuse_unbounded(tree)
    return CelExpression(tree, _understood(_plain_environment(tuple(name for name, _ in variables)), text))


def _understood(environment: Any, text: str) -> Any:
    try:
        return environment.compile(text)
    except _FOREIGN as error:
        raise _complaint(str(error), text) from error


def _complaint(message: str, text: str) -> NotUnderstood:
    """The library's first complaint: `ERROR: <input>:1:18: undefined field …`."""
    found = _ERROR.search(message)
    if not found:
        return NotUnderstood(_plain_words(message.split("\n", 1)[0]))
    offset = _offset(text, int(found[1]), int(found[2]))
    if unknown := _UNKNOWN.match(found[3]):  # it points at the dot behind the first name
        offset = max(text.rfind(unknown[1], 0, offset + len(unknown[1])), -1)
    return NotUnderstood(_plain_words(found[3]), offset)


def _offset(text: str, line: int, column: int) -> int:
    lines = text.split("\n")
    if not (0 < line <= len(lines) and column > 0):
        return -1
    offset = sum(len(earlier) + 1 for earlier in lines[: line - 1]) + column - 1
    return offset + 1 if text[offset : offset + 1] == "." else offset  # it points at the dot before a field


def _plain_words(message: str) -> str:
    words = _STATUS.sub("", message).replace(f"{_PACKAGE}.", "").replace(" (in container '')", "")
    return _NO_KEY.sub(r"\1 is not written", words.removeprefix("INVALID_ARGUMENT: ").strip())


@cache
def _plain_environment(names: tuple[str, ...]) -> Any:
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN))


@cache
def _typed_environment(variables: tuple[tuple[str, type[Document]], ...]) -> Any:
    types = {name: cel.Type(f"{_PACKAGE}.{model.__name__}") for name, model in variables}
    return cel.NewEnv(descriptor_pool=_pool(), variables=types)


@cache
def _pool() -> Any:
    """The message types of every model, and the few of protobuf that they use."""
    from google.protobuf import struct_pb2

    from interlock.rules.expressions.views import MODELS

    pool = descriptor_pool.DescriptorPool()
    known = [module.DESCRIPTOR for module in (timestamp_pb2, duration_pb2, struct_pb2)]
    for descriptor in known:
        pool.AddSerializedFile(descriptor.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="document.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.extend(descriptor.name for descriptor in known)
    for model in dict.fromkeys(record for variable in MODELS.values() for record in records(variable)):
        _add_message(file.message_type.add(name=model.__name__), model)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_message(message: Any, model: type[Document]) -> None:
    for number, (name, shape) in enumerate(shape_of(model).items(), start=1):
        field = message.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
        match shape.kind:
            case "list":
                field.label = _FIELD.LABEL_REPEATED
                assert shape.of
                _set_type(field, shape.of)
            case "map":
                assert shape.of
                _add_map(message, field, model, shape.of)
            case _:
                _set_type(field, shape)


def _set_type(field: Any, shape: Shape) -> None:
    if shape.model:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{shape.model.__name__}"
        return
    field.type, name = _SCALARS[shape.kind]
    if name:
        field.type_name = name


def _add_map(message: Any, field: Any, model: type[Document], of: Shape) -> None:
    """A mapping is a list of entries with the option `map_entry`; the name of the entry is prescribed."""
    entry = message.nested_type.add(name="".join(part.capitalize() for part in field.name.split("_")) + "Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    below = entry.field.add(name="value", number=2, label=_FIELD.LABEL_OPTIONAL)
    # A list of names in a mapping (`notify`) has no message type: it is a list of anything.
    _set_type(below, of if of.kind != "list" else Shape("dyn"))
    field.label, field.type = _FIELD.LABEL_REPEATED, _FIELD.TYPE_MESSAGE
    field.type_name = f".{_PACKAGE}.{model.__name__}.{entry.name}"


class _Measure:
    """Turns plain values into those of the library, and notes the longest list and text on the way."""

    def __init__(self) -> None:
        self.items = 0
        self.text = 0

    def foreign(self, value: Any) -> Any:
        match value:
            case str():
                self.text = max(self.text, len(value))
                return value
            case dict():
                self.items = max(self.items, len(value))
                return {key: self.foreign(item) for key, item in value.items()}
            case list():
                self.items = max(self.items, len(value))
                return [self.foreign(item) for item in value]
            case dt.datetime():
                return timestamp_pb2.Timestamp(seconds=int(value.timestamp()))
            case dt.timedelta():
                return duration_pb2.Duration(seconds=int(value.total_seconds()))
            case _:
                return value


def _put(value: Any, path: tuple[str, ...], replaced: Any) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = replaced
