"""Writes documents: a small edit of a text that people wrote, or a new document from a model.

The lifecycle commands call it. Neither function returns text that would not be read back as exactly the value that was
meant: both read their own result before they return it.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from interlock.documents.fields import Document, duration_text
from interlock.documents.positions import Location
from interlock.documents.rendering import block_lines, rendered
from interlock.documents.splices import added, removed, replaced
from interlock.documents.wording import field_text
from interlock.documents.yaml_reader import UnreadableDocument, YamlDocument, read_yaml
from interlock.errors import DocumentError


def edit_yaml(text: str, changes: Mapping[Location, object]) -> str:
    """Change values of a document and leave every other character as it is.

    `changes` maps locations (`("canary", "weight")`) to new values: scalars, lists and mappings of them, or documents.
    A key that is not there is added at the end of its mapping, with the mappings around it; `None` removes a key, and
    is no change where there is none. An index one past the end of a list adds an item.

    Raises:
        DocumentError: the text cannot be read, a location leads nowhere, or the edit would change anything else.
    """
    for location, value in changes.items():
        text = _edited(text, location, value)
    return text


def dump_document(model: Document) -> str:
    """Write a document: fields in the order of the model, absent and empty optional ones left out.

    Raises:
        DocumentError: the model holds a value that YAML cannot carry safely (control characters, an infinity).
    """
    lines = rendered(model)
    assert isinstance(lines, dict), "a document is a mapping"
    text = "\n".join(block_lines(lines)) + "\n"
    try:
        same = type(model).model_validate(_readable(text).value) == model
    except ValidationError:
        same = False
    if not same:
        name = type(model).__name__
        raise DocumentError(f"this {name} would be read back as something else", expected="values that YAML can carry")
    return text


def _readable(text: str) -> YamlDocument:
    try:
        return read_yaml(text.encode("utf-8", errors="surrogatepass"), "the document")
    except UnreadableDocument as error:
        first = error.problems[0]
        where = f"line {first.place.line}, column {first.place.column}: {first.found}"
        raise DocumentError(where, expected=first.expected, remedy=first.remedy) from error


def _same(one: object, other: object) -> bool:
    """Equal in value and in type: 1, 1.0 and true differ."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _edited(text: str, location: Location, value: object) -> str:
    root = _readable(text).value
    missing = _first_missing(root, location)
    if value is None and missing is not None:
        return text
    if missing is not None and missing < len(location):
        location, value = location[:missing], _wrapped(location[missing:], value)
    wanted = _changed(root, location, value)
    if _same(root, wanted):
        return text
    edited = _cut(text, root, location, value)
    if not _same(_readable(edited).value, wanted):
        raise _refused(location, "the edit would change something else as well", "edit the file by hand")
    return edited


def _first_missing(root: dict[str, Any], location: Location) -> int | None:
    """The length of the shortest part of the location that leads to nothing or to an empty value; None for none."""
    node: Any = root
    for length, part in enumerate(location, start=1):
        if isinstance(node, dict) and isinstance(part, str):
            node = node.get(part)
        elif isinstance(node, list) and isinstance(part, int) and 0 <= part <= len(node):
            node = node[part] if part < len(node) else None
        else:
            raise _refused(location, "no such place in the document", "name a key or the index of an item")
        if node is None:
            return length
    return None


def _wrapped(location: Location, value: object) -> object:
    """The value inside of the mappings that lead to it."""
    for part in reversed(location):
        value = {part: value}
    return value


def _parent(root: dict[str, Any], location: Location) -> Any:
    node: Any = root
    for part in location[:-1]:
        node = node[part]
    return node


def _changed(root: dict[str, Any], location: Location, value: object) -> dict[str, Any]:
    """The document as it should be after one change."""
    if not location:
        raise _refused(location, "the whole document", "write a new file instead")
    changed = copy.deepcopy(root)
    parent, last = _parent(changed, location), location[-1]
    if isinstance(parent, list) and last == len(parent):
        parent.append(_plain(value))
    elif value is not None:
        parent[last] = _plain(value)
    elif isinstance(parent, dict):
        del parent[last]
    else:
        raise _refused(location, "an item cannot be taken out of a list", "give the whole new list")
    return changed


def _cut(text: str, root: dict[str, Any], location: Location, value: object) -> str:
    parent, last = _parent(root, location), location[-1]
    if isinstance(parent, list):
        return added(text, location[:-1], [value]) if last == len(parent) else replaced(text, location, value)
    if value is None:
        return removed(text, location) if len(parent) > 1 else replaced(text, location[:-1], {})
    if last in parent:
        return replaced(text, location, value)
    return added(text, location[:-1], {str(last): value})


def _plain(value: object) -> Any:
    """A value as the reader would give it back."""
    if isinstance(value, Document):
        return _readable(dump_document(value)).value
    if isinstance(value, Mapping):
        return {str(key): _plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return duration_text(value) if isinstance(value, dt.timedelta) else str(value)


def _refused(location: Location, why: str, remedy: str) -> DocumentError:
    where = field_text(location) or "the document"
    return DocumentError(f"{where} cannot be changed: {why}", expected="one value that changes alone", remedy=remedy)
