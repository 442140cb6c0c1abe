"""Makes text from a repository safe to print: nothing in it can move the cursor, change colours or fake a line."""

from __future__ import annotations

import unicodedata


def readable(text: str) -> str:
    """Return `text` on one line, with every character that a terminal would not simply draw written as an escape.

    That covers control characters, line breaks, escape sequences, and the invisible and right-to-left characters with
    which a file can show a reviewer something else than a program reads.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def width(text: str) -> int:
    """Columns that readable text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
