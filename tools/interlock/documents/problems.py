"""Pydantic's errors in the words of someone who writes YAML; reading.py calls it.

Each error becomes one problem with the place of the value (or of the key that is wrong), what was found, what was
expected and what to write instead. The branches of a union are one problem, not several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from interlock.documents.expectations import expected_words
from interlock.documents.fields import Document
from interlock.documents.identifiers import InvalidIdentifier
from interlock.documents.positions import Location, Place, Problem
from interlock.documents.shape import keys_at
from interlock.documents.wording import field_text, shortened, value_text
from interlock.documents.yaml_reader import YamlDocument

_KEY_MARK = "[key]"
_MOST = 50


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of pydantic, with its location in the document instead of in the model.

    `branch` is the location of the union that the error is inside of, if any.
    """

    type: str
    location: Location
    branch: Location | None
    is_key: bool
    value: Any
    context: dict[str, Any]

    @property
    def expected(self) -> str:
        return expected_words(self.type, self.context)

    @property
    def is_echo(self) -> bool:
        """A list that is long enough and only seems too short because its items have faults of their own."""
        return self.type == "too_short" and len(self.value) >= self.context["min_length"]

    @property
    def cause(self) -> InvalidIdentifier | None:
        error = self.context.get("error")
        return error if isinstance(error, InvalidIdentifier) else None


def problems_of(error: ValidationError, document: YamlDocument, model: type[Document], path: str) -> list[Problem]:
    """Turn the validation errors of one document into problems, in reading order; the first 50 of them."""
    faults = [_fault(raw, document.value) for raw in error.errors(include_url=False)[:_MOST]]
    telling = _Telling(document, model, path)
    found = [telling.problem(fault) for fault in _one_per_union(faults) if not fault.is_echo]
    return sorted(found, key=lambda problem: problem.place)


def _fault(raw: Any, root: Any) -> _Fault:
    location: list[str | int] = []
    branch: Location | None = None
    node, value = root, raw["input"]
    for index, part in enumerate(raw["loc"]):
        last = index + 1 == len(raw["loc"])
        below = _child(node, part)
        if below is not None and not (last and node is value and below[0] is not value):
            node = below[0]
            location.append(part)
        elif last and raw["type"] == "missing":
            location.append(part)
        elif part != _KEY_MARK and branch is None:
            branch = tuple(location)
    is_key = bool(raw["loc"]) and raw["loc"][-1] == _KEY_MARK
    return _Fault(raw["type"], tuple(location), branch, is_key, value, raw.get("ctx", {}))


def _child(node: Any, part: str | int) -> tuple[Any] | None:
    if isinstance(node, dict) and part in node:
        return (node[part],)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return (node[part],)
    return None


def _one_per_union(faults: Iterable[_Fault]) -> Iterator[_Fault]:
    unions: dict[Location, list[_Fault]] = {}
    for fault in faults:
        if fault.branch is None:
            yield fault
        else:
            unions.setdefault(fault.branch, []).append(fault)
    for branch, members in unions.items():
        inside = [fault for fault in members if fault.location != branch]
        yield from inside or [_merged(branch, members)]


def _merged(branch: Location, members: list[_Fault]) -> _Fault:
    choices = dict.fromkeys(fault.expected for fault in members)
    if "a number" in choices:
        choices.pop("a whole number", None)
    expected = " or ".join(choices)
    return _Fault("union", branch, branch, False, members[0].value, {"expected": expected})


@dataclass(frozen=True, slots=True)
class _Telling:
    """What is needed to tell a fault: the document, its model and its path."""

    document: YamlDocument
    model: type[Document]
    path: str

    def problem(self, fault: _Fault) -> Problem:
        if fault.type == "missing":
            return self._missing(fault)
        if fault.type == "extra_forbidden":
            return self._unknown(fault)
        raw = self.document.unquoted.get(fault.location)
        if not fault.is_key and raw and fault.value is not None and fault.expected.startswith("text"):
            return self._unquoted(fault, raw)
        return self._invalid(fault)

    def _missing(self, fault: _Fault) -> Problem:
        *parent, key = fault.location
        where = f"in {field_text(tuple(parent))}" if parent else "at the top of the document"
        owner = field_text(tuple(parent)) or "the document"
        place = Place(self.path, *self.document.positions.of_key(tuple(parent)))
        remedy = f"add `{key}: …` {where}"
        return Problem("missing-key", place, f"{owner} has no key `{key}`", f"the key `{key}`", remedy)

    def _unknown(self, fault: _Fault) -> Problem:
        *parent, last = fault.location
        key = shortened(str(last))
        allowed = keys_at(self.model, tuple(parent))
        present = self._mapping_at(tuple(parent))
        absent = [name for name in allowed if name not in present]
        close = get_close_matches(key, absent, n=1, cutoff=0.6)
        remedy = f"did you mean `{close[0]}`? Otherwise remove `{key}`" if close else f"remove `{key}`"
        owner = field_text(tuple(parent)) or "the document"
        place = Place(self.path, *self.document.positions.of_key(fault.location))
        expected = f"only these keys: {', '.join(allowed)}"
        return Problem("unknown-key", place, f"{owner} has the unknown key `{key}`", expected, remedy)

    def _mapping_at(self, location: Location) -> Any:
        node: Any = self.document.value
        for part in location:
            node = node[part]
        return node

    def _unquoted(self, fault: _Fault, raw: str) -> Problem:
        place, raw = Place(self.path, *self.document.positions.of(fault.location)), shortened(raw)
        cause = "it" if str(fault.value) == raw else raw
        found = f"{field_text(fault.location)} is {value_text(fault.value)}, because {cause} is not in quotes"
        return Problem("unquoted-identifier", place, found, "text", f'write "{raw}" in quotes')

    def _invalid(self, fault: _Fault) -> Problem:
        positions = self.document.positions
        spot = positions.of_key(fault.location) if fault.is_key else positions.of(fault.location)
        subject = "a key in " + field_text(fault.location[:-1]) if fault.is_key else field_text(fault.location)
        found = f"{subject or 'the document'} is {value_text(fault.value)}"
        if (note := str(fault.context.get("error", ""))) and not fault.expected:
            found += f": {note}"
        rule = "bad-digest" if fault.cause and fault.cause.kind == "digest" else "invalid-value"
        remedy = self._remedy(fault)
        return Problem(rule, Place(self.path, *spot), found, fault.expected or "a value without this flaw", remedy)

    def _remedy(self, fault: _Fault) -> str:
        subject = "the key" if fault.is_key else field_text(fault.location)
        if fault.cause and fault.cause.kind == "digest":
            return "copy the whole digest, or run: interlock register, which computes it from the bytes"
        choices = fault.context.get("expected", "") if fault.type == "literal_error" else ""
        names = [name.strip("'") for name in choices.replace(" or ", ", ").split(", ")]
        if close := get_close_matches(shortened(str(fault.value)), names, n=1, cutoff=0.6):
            return f"did you mean {close[0]}?"
        if fault.value is None:
            return f"write a value for {subject}, or remove the key if it is optional"
        if fault.expected == "a list" and isinstance(fault.value, (str, int, float)):
            return f"write {subject} as a list: [{shortened(str(fault.value))}]"
        return f"write {subject} as {fault.expected or 'something else'}"
