"""Places and values of documents as a person reads them, short and on one line; whoever words a problem calls it."""

from __future__ import annotations

from interlock.documents.positions import Location

_LONGEST = 80


def shortened(text: str) -> str:
    """Text on one line, cut after 80 characters."""
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:_LONGEST])
    return f"{line}…" if len(text) > _LONGEST else line


def field_text(location: Location) -> str:
    """A location as a person writes it: `artifact.files[0].digest`; empty for the whole document."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shortened(part)}" for part in location)
    return "".join(parts).removeprefix(".")


def value_text(value: object) -> str:
    """A value as a person reads it: text in quotes, numbers named as such, no contents of lists and mappings."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    return f"'{shortened(value)}'" if isinstance(value, str) else f"the number {shortened(str(value))}"
