"""Bytes to text that shows every reader the same: the first step of the YAML reader.

It refuses what is too large, what is not UTF-8, byte-order marks, and characters that cannot be seen: control
characters, those that turn the direction of writing, line breaks that only some readers know.
"""

from __future__ import annotations

import re

from interlock.documents.unreadable import Notes

MAX_DOCUMENT_BYTES = 1024 * 1024

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff"
    "\ufff9-\uffff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]|\r(?!\n)"
)
_SHIELD_ESCAPES = re.compile(r"\\[uU](?:0000)?[eE]00[01]")


def decoded(data: bytes, notes: Notes) -> str:
    """The text of a file.

    Raises:
        UnreadableDocument: see the module.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        remedy = "move data out of the document; it holds decisions and digests only"
        words = (f"the file has {len(data)} bytes", f"at most {MAX_DOCUMENT_BYTES} bytes", remedy)
        notes.stop("document-too-large", (0, 0), *words)
    if data.startswith(_BYTE_ORDER_MARKS):
        words = ("the file begins with a byte-order mark", "plain UTF-8 text", "save the file as UTF-8 without BOM")
        notes.stop("not-utf8", (1, 1), *words)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        position = _position(data[: error.start].decode("utf-8"))
        notes.stop("not-utf8", position, found, "UTF-8 text", "save the file as UTF-8")
    # the escapes would be taken for characters that shielding.py put there
    if hidden := _HIDDEN.search(text) or _SHIELD_ESCAPES.search(text):
        remedy = "remove the character"
        notes.stop("yaml-syntax", _position(text[: hidden.start()]), _named(hidden[0]), "visible characters", remedy)
    return text


def hidden_character(text: str) -> str:
    """Name the first character of a value that cannot be seen; empty if there is none."""
    hidden = _HIDDEN.search(text)
    return _named(hidden[0]) if hidden else ""


def _named(hidden: str) -> str:
    return f"the hidden character {hidden if len(hidden) > 1 else f'U+{ord(hidden):04X}'}"


def _position(before: str) -> tuple[int, int]:
    return (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
