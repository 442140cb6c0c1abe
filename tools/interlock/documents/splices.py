"""One change to a YAML text as one cut: replace, add or remove a value and leave every other character alone.

writing.py calls it and checks the result. Text is cut along the spans of the parser, so comments, quotes, the order of
keys and line ends stay as their author wrote them.
"""

from __future__ import annotations

from interlock.documents.positions import Location
from interlock.documents.rendering import flow, rendered, scalar_like
from interlock.documents.spans import Span, spans_of

_SCALARS = (str, int, float, bool, type(None))


def replaced(text: str, location: Location, value: object) -> str:
    """Write another value at a location that is in the text."""
    span = spans_of(text)[location]
    if span.style in ("map", "seq") and span.key:
        colon = text.index(":", span.key[1]) + 1
        return _cut(text, colon, span.end, f" {flow(rendered(value))}")
    plain = isinstance(value, _SCALARS) and span.style in ("", "'", '"')
    new = scalar_like(value, span.style) if plain else flow(rendered(value))
    return _cut(text, span.start, span.end, _gap(text, span) + new)


def added(text: str, parent: Location, entry: dict[str, object] | list[object]) -> str:
    """Write one more key (a mapping of one entry) or item (a list of one) at the end of the value at `parent`."""
    spans = spans_of(text)
    span = spans[parent]
    new = flow(rendered(entry))[1:-1]
    if span.style in ("{", "["):
        if not span.children:
            return _cut(text, span.start + 1, span.end - 1, new)
        return _cut(text, *_after_last(spans, parent), f", {new}")
    dash = "- " if span.style == "seq" else ""
    end = _line_end(text, span.end)
    before = "" if text[:end].endswith("\n") else _newline(text)
    return _cut(text, end, end, f"{before}{' ' * span.column}{dash}{new}{_newline(text)}")


def removed(text: str, location: Location) -> str:
    """Take one key and its value out of a mapping that has others; whole lines where the mapping has lines."""
    spans = spans_of(text)
    parent, span = spans[location[:-1]], spans[location]
    siblings = [key for key in spans if len(key) == len(location) and key[:-1] == location[:-1]]
    index = siblings.index(location)
    start, _ = _key_of(span)
    if parent.style == "{" and index + 1 == len(siblings):
        return _cut(text, _end_of(spans, siblings[index - 1]), span.end, "")
    if parent.style == "{" or text[_line_start(text, start) : start].strip():
        return _cut(text, start, _key_of(spans[siblings[index + 1]])[0], "")
    return _cut(text, _line_start(text, start), _line_end(text, span.end), "")


def _cut(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _gap(text: str, span: Span) -> str:
    """What must come before a value that stands where nothing stood."""
    if span.start < span.end:
        return ""
    if span.key and ":" not in text[span.key[1] : span.start]:
        return ": "
    return "" if text[span.start - 1] == " " else " "


def _after_last(spans: dict[Location, Span], parent: Location) -> tuple[int, int]:
    last = [key for key in spans if len(key) == len(parent) + 1 and key[:-1] == parent][-1]
    end = _end_of(spans, last)
    return end, end


def _end_of(spans: dict[Location, Span], location: Location) -> int:
    """Where an entry ends: its value, or its key if the value is empty."""
    span = spans[location]
    return max(span.end, span.key[1]) if span.key else span.end


def _key_of(span: Span) -> tuple[int, int]:
    assert span.key, "only the values of a mapping are removed"
    return span.key


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """The index after the line break that ends the line of the character before `index`."""
    end = text.find("\n", max(index - 1, 0))
    return len(text) if end < 0 else end + 1


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
