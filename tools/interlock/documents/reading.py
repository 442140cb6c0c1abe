"""The bytes of one file to one typed document or its problems; the snapshot calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from interlock.documents.fields import Document
from interlock.documents.layout import MODELS, PathClass
from interlock.documents.positions import Place, Positions, Problem
from interlock.documents.problems import problems_of
from interlock.documents.wording import shortened, value_text
from interlock.documents.yaml_reader import UnreadableDocument, YamlDocument, read_yaml


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading one file: a document where there are no problems."""

    document: Document | None
    positions: Positions
    problems: tuple[Problem, ...]


def read_document(data: bytes, path: str, expected: PathClass) -> Reading:
    """Read the document that `expected` (from `layout.classify`) promises at `path`."""
    try:
        yaml = read_yaml(data, path)
    except UnreadableDocument as error:
        return Reading(None, Positions(), tuple(error.problems))
    if wrong := _wrong_kind(yaml, path, expected.kind):
        return Reading(None, yaml.positions, (wrong,))
    model = MODELS[expected.kind]
    document, problems = _validated(yaml, model, path)
    flawed = {problem.place for problem in problems}
    problems += [mismatch for mismatch in _mismatches(yaml, model, path, expected) if mismatch.place not in flawed]
    return Reading(None if problems else document, yaml.positions, tuple(problems))


def _validated(yaml: YamlDocument, model: type[Document], path: str) -> tuple[Document | None, list[Problem]]:
    try:
        return model.model_validate(yaml.value), []
    except ValidationError as error:
        return None, problems_of(error, yaml, model, path)


def _wrong_kind(yaml: YamlDocument, path: str, expected: str) -> Problem | None:
    if "kind" not in yaml.value or yaml.value["kind"] == expected:
        return None
    kind: Any = yaml.value["kind"]
    remedy = f"write `kind: {expected}`"
    if isinstance(kind, str) and kind in MODELS:
        remedy += f", or move the file to where documents of the kind {kind} belong"
    place = Place(path, *yaml.positions.of(("kind",)))
    return Problem(
        "wrong-kind", place, f"kind is {value_text(kind)}", f"{expected}, because of the file's path", remedy
    )


def _mismatches(yaml: YamlDocument, model: type[Document], path: str, expected: PathClass) -> list[Problem]:
    found = []
    for field, name in expected.names:
        written = yaml.value.get(field) if field in model.model_fields else None
        if isinstance(written, str) and written != name:
            place = Place(path, *yaml.positions.of((field,)))
            remedy = f'write `{field}: "{name}"`, or rename the file or its folder to {shortened(written)}'
            words = (f"{field} is {value_text(written)}", f"'{name}', as in the path", remedy)
            found.append(Problem("name-mismatch", place, *words))
    return found
