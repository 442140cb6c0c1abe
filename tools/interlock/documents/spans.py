"""Where each value of a YAML text begins and ends; splices.py cuts along these lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ruamel.yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from interlock.documents.positions import Location
from interlock.documents.shielding import unshielded
from interlock.documents.yaml_events import parse_events


@dataclass(slots=True)
class Span:
    """One value: `text[start:end]`, without trailing comments.

    `style` is `{` or `[` for a mapping or list in brackets, `map` or `seq` for one over several lines, and the quotes
    of a scalar (`'`, `"`, `|`, `>`, empty for none). `column` is where it begins in its line, from 0. `key` is where
    the key before it begins and ends, if it has one. `children` counts keys or items.
    """

    start: int
    end: int
    style: str
    column: int
    key: tuple[int, int] | None = None
    children: int = 0


def spans_of(text: str) -> dict[Location, Span]:
    """The span of every value of a text that `read_yaml` accepts, in the order of the text."""
    walk = _Walk(text)
    for event in parse_events(text):
        walk.take(event)
    return walk.spans


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text
        self.spans: dict[Location, Span] = {}
        self._open: list[Location] = []
        self._key: tuple[str, int, int] | None = None

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent and self._is_key():
            self._key = (unshielded(event.value), event.start_mark.index, event.end_mark.index)
            self.spans[self._open[-1]].children += 1
        elif kind is ScalarEvent:
            self._enter(event, event.style or "")
        elif kind is MappingStartEvent:
            self._open.append(self._enter(event, "{" if event.flow_style else "map"))
        elif kind is SequenceStartEvent:
            self._open.append(self._enter(event, "[" if event.flow_style else "seq"))
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._close(event)

    def _is_key(self) -> bool:
        return bool(self._open) and self.spans[self._open[-1]].style in ("{", "map") and self._key is None

    def _enter(self, event: Any, style: str) -> Location:
        location: Location = ()
        start, end = event.start_mark.index, event.end_mark.index
        if style in ("|", ">"):  # the parser counts the empty lines after it
            end = start + len(self._text[start:end].rstrip())
        span = Span(start, end, style, event.start_mark.column)
        if self._open and self._key:
            name, *key = self._key
            location, span.key, self._key = (*self._open[-1], name), (key[0], key[1]), None
        elif self._open:
            parent = self.spans[self._open[-1]]
            location = (*self._open[-1], parent.children)
            parent.children += 1
        self.spans[location] = span
        self._grow(span.end)
        return location

    def _grow(self, end: int) -> None:
        """Let the block mappings and lists around a value end where the value ends, not at the next token."""
        for location in self._open:
            outer = self.spans[location]
            if outer.style in ("map", "seq"):
                outer.end = end

    def _close(self, event: Any) -> None:
        location = self._open.pop()
        span = self.spans[location]
        if span.style in ("{", "["):
            span.end = event.end_mark.index
            self._grow(span.end)
