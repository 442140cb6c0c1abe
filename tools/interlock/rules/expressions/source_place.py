"""Where a character of an expression stands in the YAML file that holds it. Called by the rules about rules.

A text in YAML may be plain, in quotes, or a block that is indented and folded. In all of them the characters that are
not white space follow each other as in the value, so the place is found by walking along both.
"""

from __future__ import annotations

from interlock.documents.kinds.policy import Rule
from interlock.documents.positions import Place
from interlock.documents.snapshot import Located


def place_in_source(source: str, located: Located[Rule], key: str, offset: int) -> Place:
    """The place of the character at `offset` of the text at `key`; the start of the text for -1 or without a source."""
    start = located.place(key)
    value = getattr(located.document, key)
    lines = source.split("\n")
    if offset < 0 or not 0 < start.line <= len(lines):
        return start
    begin = sum(len(line) + 1 for line in lines[: start.line - 1]) + start.column - 1
    found = _walk(source, _after_style(source, begin), value, offset, source[begin : begin + 1])
    if found is None:
        return start
    before = source[:found]
    return Place(start.path, before.count("\n") + 1, found - (before.rfind("\n") + 1) + 1)


def _after_style(source: str, begin: int) -> int:
    """Behind the opening quote, or behind the line with `|` or `>`."""
    mark = source[begin : begin + 1]
    if mark in ("|", ">"):
        end = source.find("\n", begin)
        return len(source) if end < 0 else end + 1
    return begin + 1 if mark in ("'", '"') else begin


def _walk(source: str, position: int, value: str, offset: int, quote: str) -> int | None:
    """Follow `value` up to `offset` through the source from `position`; None where they part ways."""
    for char in value[:offset]:
        if char.isspace():
            continue
        position = _next(source, position, quote)
        if source[position : position + 1] != char:
            return None
        position += 1
    position = _next(source, position, quote) if offset < len(value) else position
    return position if position < len(source) else None


def _next(source: str, position: int, quote: str) -> int:
    """Over white space, and over the first half of what quotes write in two characters."""
    while source[position : position + 1].isspace():
        position += 1
    pair = source[position : position + 2]
    if (quote == "'" and pair == "''") or (quote == '"' and pair in ('\\"', "\\\\")):
        return position + 1
    return position
