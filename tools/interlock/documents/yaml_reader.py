"""YAML to plain values with the position of every value; reading.py and writing.py call it.

One pass over the events of the C parser with a stack of our own: no recursion, so depth is safe, and no construction
of anything but mappings, lists and scalars. It refuses whatever a reviewer and a program could read differently:
duplicate keys, anchors, aliases, merge keys, tags, several documents, keys that are not text, hidden characters (see
yaml_text.py) and ambiguous scalars (see scalars.py). It also refuses what costs too much: size, depth and number of
values are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from interlock.documents.positions import Location, Positions
from interlock.documents.scalars import AmbiguousScalar, NonFiniteNumber, Scalar, resolve_plain
from interlock.documents.shielding import unshielded
from interlock.documents.syntax_errors import plain_words
from interlock.documents.unreadable import Notes, UnreadableDocument
from interlock.documents.wording import shortened
from interlock.documents.yaml_events import parse_events
from interlock.documents.yaml_text import MAX_DOCUMENT_BYTES, decoded, hidden_character

__all__ = ["MAX_DEPTH", "MAX_DOCUMENT_BYTES", "MAX_NODES", "UnreadableDocument", "YamlDocument", "read_yaml"]

MAX_DEPTH = 64
MAX_NODES = 50_000

_PLAIN_KEYS: set[str] = set()
"""Keys that were found to be text to every reader: documents repeat the same few dozen."""
_MOST_PLAIN_KEYS = 1000
_STANDARD_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document: its root mapping, where everything stands, and the text of unquoted scalars that are not text."""

    value: dict[str, Any]
    positions: Positions
    unquoted: Mapping[Location, str] = field(default_factory=dict)


def read_yaml(data: bytes, path: str) -> YamlDocument:
    """Read one document whose root is a mapping; `path` is only named in problems.

    Raises:
        UnreadableDocument: with every problem found before reading had to stop, at most 20.
    """
    notes = Notes(path)
    return _Reader(notes).read(decoded(data, notes))


class _Frame:
    """A mapping or list that is being filled."""

    __slots__ = ("container", "is_mapping", "key", "location")

    def __init__(self, container: dict[str, Any] | list[Any], location: Location) -> None:
        self.container = container
        self.is_mapping = isinstance(container, dict)
        self.location = location
        self.key: str | None = None

    def next_location(self) -> Location:
        if self.key is not None:
            return (*self.location, self.key)
        return (*self.location, len(self.container))

    def add(self, value: object) -> None:
        if isinstance(self.container, list):
            self.container.append(value)
        elif self.key is not None:
            self.container.setdefault(self.key, value)
            self.key = None


class _Reader:
    """The state of one pass."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._values: dict[Location, tuple[int, int]] = {}
        self._keys: dict[Location, tuple[int, int]] = {}
        self._unquoted: dict[Location, str] = {}
        self._stack: list[_Frame] = []
        self._root: Any = None
        self._documents = 0
        self._nodes = 0

    def read(self, text: str) -> YamlDocument:
        try:
            for event in parse_events(text):
                self._take(event)
        except YAMLError as error:
            position, found, expected, remedy = plain_words(error, text)
            self._notes.stop("yaml-syntax", position, found, expected, remedy)
        if not self._documents:
            words = ("the file is empty", "a document", "write the document, or delete the file")
            self._notes.stop("yaml-syntax", (1, 1), *words)
        self._notes.finish()
        if not isinstance(self._root, dict):
            words = ("the document is not a mapping", "keys and values", "begin the file with a `kind:` line")
            self._notes.stop("yaml-syntax", self._values[()], *words)
        return YamlDocument(self._root, Positions(self._values, self._keys), self._unquoted)

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            self._scalar(event)
        elif kind is MappingStartEvent:
            self._open(event, {})
        elif kind is SequenceStartEvent:
            self._open(event, [])
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._stack.pop()
        elif kind is AliasEvent:
            self._alias(event)
        elif kind is DocumentStartEvent:
            self._document(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            words = ("a second document in one file", "one document a file", "move it into a file of its own")
            self._notes.stop("several-documents", _start(event), *words)
        if event.version or event.tags:
            words = ("a % directive", "a file that begins with its first key", "remove the directive")
            self._notes.add("yaml-tag", _start(event), *words)

    def _alias(self, event: Any) -> None:
        found, remedy = f"the alias *{shortened(event.anchor)}", "write the value out where it is used"
        self._notes.add("yaml-anchor", _start(event), found, "every value written where it counts", remedy)
        if self._awaits_key():
            self._notes.finish()
        self._place(event, None)

    def _scalar(self, event: Any) -> None:
        if event.anchor or event.tag:
            self._refuse_decoration(event)
        if self._awaits_key():
            self._key(event)
        else:
            plain = not event.style and not event.tag
            value = self._resolved(event) if plain else self._visible(event)
            location = self._place(event, value)
            if plain and not isinstance(value, str):
                self._unquoted[location] = event.value

    def _awaits_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].is_mapping and self._stack[-1].key is None

    def _key(self, event: Any) -> None:
        text = self._visible(event) if event.style else self._plain_key(event)
        frame = self._stack[-1]
        frame.key = text
        location = (*frame.location, text)
        if text in frame.container:
            found = f"the key '{shortened(text)}' a second time; the first is in line {self._keys[location][0]}"
            remedy = "keep one of the two and remove the other"
            self._notes.add("duplicate-key", _start(event), found, "each key once", remedy)
        else:
            self._keys[location] = _start(event)
        self._count(event)

    def _plain_key(self, event: Any) -> str:
        text = unshielded(event.value)
        if text in _PLAIN_KEYS:
            return text
        if text == "<<":
            words = ("the merge key <<", "every key written where it counts", "copy the merged keys here")
            self._notes.add("merge-key", _start(event), *words)
        elif not isinstance(value := self._resolved(event), str):
            rule = "complex-key" if value is None else "unquoted-identifier"
            words = (f"{text or 'nothing'} as a key", "a key that is text", f'write "{text or "key"}":')
            self._notes.add(rule, _start(event), *words)
        elif value == text and len(_PLAIN_KEYS) < _MOST_PLAIN_KEYS:
            _PLAIN_KEYS.add(text)
        return text

    def _open(self, event: Any, container: dict[str, Any] | list[Any]) -> None:
        if event.anchor or event.tag:
            self._refuse_decoration(event)
        if self._awaits_key():
            words = ("a list or mapping as a key", "a key that is text", "write the key as one word")
            self._notes.stop("complex-key", _start(event), *words)
        location = self._place(event, container)
        self._stack.append(_Frame(container, location))
        if len(self._stack) > MAX_DEPTH:
            words = (f"more than {MAX_DEPTH} levels of nesting", f"at most {MAX_DEPTH} levels", "flatten the document")
            self._notes.stop("document-too-deep", _start(event), *words)

    def _place(self, event: Any, value: object) -> Location:
        self._count(event)
        if not self._stack:
            self._root = value
            self._values[()] = _start(event)
            return ()
        frame = self._stack[-1]
        location = frame.next_location()
        self._values.setdefault(location, _start(event))
        frame.add(value)
        return location

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            words = (f"more than {MAX_NODES} keys and values", f"at most {MAX_NODES}", "split the document")
            self._notes.stop("document-too-large", _start(event), *words)

    def _refuse_decoration(self, event: Any) -> None:
        if event.anchor:
            anchor = f"&{shortened(event.anchor)}"
            found, remedy = f"the anchor {anchor}", f"remove {anchor} and write values out where used"
            self._notes.add("yaml-anchor", _start(event), found, "every value written where it counts", remedy)
        if event.tag:
            found, remedy = (
                f"the tag {shortened(event.tag.replace(_STANDARD_TAG, '!!'))}",
                "remove the tag; quote the value if it is text",
            )
            self._notes.add("yaml-tag", _start(event), found, "a plain value", remedy)

    def _resolved(self, event: Any) -> Scalar:
        text = unshielded(event.value)
        try:
            return resolve_plain(text)
        except AmbiguousScalar as error:
            instead = f", or {shortened(error.instead)}" if error.instead else ""
            remedy = f'write "{shortened(text)}" in quotes{instead}'
            found = f"{shortened(text)} without quotes: {error.reason}"
            self._notes.add("ambiguous-scalar", _start(event), found, "a value that every reader reads alike", remedy)
        except NonFiniteNumber:
            remedy = f'write a finite number, or "{shortened(text)}" in quotes if it is text'
            found = f"the number {shortened(text)}"
            self._notes.add("non-finite-number", _start(event), found, "a finite number", remedy)
        return str(text)

    def _visible(self, event: Any) -> str:
        text = unshielded(event.value)
        if hidden := hidden_character(text):
            words = (f"{hidden} inside quoted text", "visible characters", "remove the character")
            self._notes.add("yaml-syntax", _start(event), *words)
        return text


def _start(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1)
