"""Makes text from a repository safe inside a Markdown comment. Pure; called by `markdown_page` for every text.

A comment is drawn by a forge that turns much more than Markdown into something else: mentions that notify people,
references to issues and commits, addresses, shortcodes of emoji, formulas, commands at the start of a line. None of
that happens inside a code span. So plain words stay words, and whatever is more than a plain word becomes a code span:
no list of dangerous characters decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from interlock.findings.readable import readable

LIMIT = 400
"""Characters of one text that are shown; what is cut off ends in an ellipsis."""

_SPACES = str.maketrans("\n\r\t", "   ")
_WORD = re.compile(r"(?P<lead>[(\"'„“‘«]*)(?P<core>.*?)(?P<trail>[.,;:?!)\"'%“”’»]*)")
_PLAIN = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*|[0-9]+[.:][0-9]+|[^\x00-\x7f]+")
_REFERENCE = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{7,}(?![0-9A-Za-z])|[A-Za-z]-[0-9]+(?![0-9A-Za-z])")
"""Anywhere in a word: what may name a commit, or an entry of another tracker such as `GH-3`."""
_HARMLESS = re.compile(r"[(\"'.,;:?)]*|%[.,;:?)]*")
_RUNS = re.compile("`+")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def prose(text: str, limit: int = LIMIT) -> str:
    """Return a sentence in which plain words stand as they are and everything else in code spans."""
    words = _cropped(text.translate(_SPACES), limit).split(" ")
    first = next((index for index, word in enumerate(words) if word), 0)
    return " ".join(_word(word, first=index == first) for index, word in enumerate(words))


def code(text: str, limit: int = LIMIT) -> str:
    """Return a code span that shows `text` on one line; "" for an empty text."""
    return _span(_cropped(text, limit))


def fenced(commands: Sequence[str], limit: int = LIMIT) -> str:
    """Return a block of commands to copy, one a line, and the blank line after it."""
    lines = "\n".join(_cropped(command, limit) for command in commands)
    fence = "`" * max(3, _longest_run(lines) + 1)
    return f"{fence}sh\n{lines}\n{fence}\n\n"


def without_pipes(markdown: str) -> str:
    """Return what `prose` and `code` wrote for a cell of a table: pipes are in code spans, and become an escape.

    An escaped pipe after a backslash is read in two ways by the parsers of forges, so there is none.
    """
    return markdown.replace("|", r"\x7c")


def _cropped(text: str, limit: int) -> str:
    shown = readable(text)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _word(word: str, *, first: bool) -> str:
    """One word; only the first one of a text may stand where a line begins, and a number there begins a list."""
    match = _WORD.fullmatch(word)
    assert match
    lead, core, trail = match["lead"], match["core"], match["trail"]
    if _is_plain(core) and not (first and core.isdigit() and trail[:1] in (".", ")")):
        return f"{lead}{core}{trail}"
    if not core:
        return word if _HARMLESS.fullmatch(word) else _span(word)
    return f"{lead}{_span(core)}{trail}"


def _is_plain(core: str) -> bool:
    return bool(_PLAIN.fullmatch(core)) and not _REFERENCE.search(core) and not _turns_direction(core)


def _span(shown: str) -> str:
    """A code span around text that is readable already, with a fence longer than any run of backticks in it."""
    if not shown:
        return ""
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    # Isolated, so that letters written from right to left never reorder what stands beside them.
    inner = f"\u2068{shown}\u2069" if _turns_direction(shown) else shown
    return f"{fence}{pad}{inner}{pad}{fence}"


def _longest_run(shown: str) -> int:
    return max((len(run) for run in _RUNS.findall(shown)), default=0)


def _turns_direction(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text)
