"""A page for a forge's comment: the few blocks it is made of, and how they are written as Markdown.

Built by `checking.review`. A page holds plain values, and every text of it is escaped here, our own words too: there is
no way past `markdown_text`. The written page never exceeds a length; what has to give way is counted and told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from interlock.findings.markdown_text import code, fenced, prose, without_pipes
from interlock.findings.readable import readable

MAX_CHARACTERS = 60_000
"""A forge takes 65,536 in a comment."""
MARKER = "<!-- interlock-check -->"
"""The first line of every page, by which a workflow finds the comment that it wrote before."""


@dataclass(frozen=True, slots=True)
class Code:
    """A name, a place or a command, shown letter by letter."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """What a hurried reader should see."""

    text: str


_ROOM_FOR_THE_ENDING = 500

Part = str | Code | Strong
Line = Part | tuple[Part, ...]


def plain_text(line: Line) -> str:
    """A line without its marks, safe to print on a terminal."""
    parts = line if isinstance(line, tuple) else (line,)
    return readable("".join(part if isinstance(part, str) else part.text for part in parts))


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph."""

    line: Line


@dataclass(frozen=True, slots=True)
class Bullet:
    """One entry of a list with what belongs to it; `open_box` draws a box that nobody has ticked."""

    line: Line
    below: tuple[Line, ...] = ()
    open_box: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    bullets: tuple[Bullet, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; each row has as many cells as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands to copy, one a line."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Several:
    """A list that may have to be cut, the most important first; `left_out` says how many are missing."""

    bullets: tuple[Bullet, ...]
    left_out: Callable[[int], Line]


Block = Paragraph | Bullets | Table | Commands | Several


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the page; a folded one is opened by whoever wants to read it."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page: what it says first, and its sections in the order of their importance to the reader."""

    title: Line
    opening: tuple[Block, ...]
    sections: tuple[Section, ...]


def render_page(page: Page, limit: int = MAX_CHARACTERS) -> str:
    """Return the page as Markdown of at most `limit` characters, ending in a line break.

    Lists that may be cut share what the fixed parts leave, the first one first. Sections that do not fit even then are
    named and left out, from the end of the page.
    """
    written = f"{MARKER}\n## {_line(page.title)}\n\n" + "".join(_block(block, 0) for block in page.opening)
    shortest = [len(_section(section, 0)) for section in page.sections]
    end = limit - _ROOM_FOR_THE_ENDING
    room = end - len(written) - sum(shortest)
    left_out = []
    for section, short in zip(page.sections, shortest, strict=True):
        text = _section(section, max(0, room))
        if len(written) + len(text) > end:
            left_out.append(section.title)
            continue
        written += text
        room -= len(text) - short
    return (written + _ending(left_out)).rstrip("\n") + "\n"


def _ending(left_out: Sequence[str]) -> str:
    if not left_out:
        return ""
    return _block(Paragraph(f"Left out here, because the page would be too long: {', '.join(left_out)}"), 0)


def _section(section: Section, room: int) -> str:
    """A section; its lists may take `room` characters beyond what they need to say that everything is left out."""
    text = "".join(_block(block, room) for block in section.blocks)
    if not section.folded:
        return f"### {prose(section.title)}\n\n{text}"
    return f"<details>\n<summary>{escape(readable(section.title))}</summary>\n\n{text}</details>\n\n"


def _block(block: Block, room: int) -> str:
    match block:
        case Paragraph(line):
            return f"{_line(line)}\n\n"
        case Bullets(bullets):
            return f"{''.join(_bullet(bullet) for bullet in bullets)}\n"
        case Table(head, rows):
            ruler = "|".join(["---"] * len(head))
            return f"{_row(head)}|{ruler}|\n{''.join(_row(row) for row in rows)}\n"
        case Commands(lines):
            return fenced(lines)
        case Several(bullets, left_out):
            return _several(bullets, left_out, room)


def _several(bullets: Sequence[Bullet], left_out: Callable[[int], Line], room: int) -> str:
    texts = [_bullet(bullet) for bullet in bullets]
    shown: list[str] = []
    while len(shown) < len(texts) and len(texts[len(shown)]) <= room:
        room -= len(texts[len(shown)])
        shown.append(texts[len(shown)])
    missing = len(texts) - len(shown)
    return "".join(shown) + ("\n" if shown else "") + (f"{_line(left_out(missing))}\n\n" if missing else "")


def _bullet(bullet: Bullet) -> str:
    box = "[ ] " if bullet.open_box else ""
    return f"- {box}{_line(bullet.line)}\n" + "".join(f"  - {_line(line)}\n" for line in bullet.below)


def _row(cells: Sequence[Line]) -> str:
    return f"| {' | '.join(without_pipes(_line(cell)) for cell in cells)} |\n"


def _line(line: Line) -> str:
    """One line. Marks that touch would be read as other marks, so a space keeps them apart."""
    text = ""
    for part in line if isinstance(line, tuple) else (line,):
        written = _part(part)
        text += f" {written}" if _run_together(text, written) else written
    return text.strip()


def _run_together(text: str, written: str) -> bool:
    if not text or not written or text[-1].isspace() or written[0].isspace():
        return False
    code_to_code = text[-1] == "`" and written[0] == "`"
    return code_to_code or written.startswith("**") or (text.endswith("**") and written[0] not in ".,;:)")


def _part(part: Part) -> str:
    match part:
        case Code(text):
            return code(text)
        case Strong(text):
            inner = prose(text).strip()
            return f"**{inner}**" if inner else ""
        case str():
            return prose(part)
