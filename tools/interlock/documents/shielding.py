"""Lets the C parser read `{digest: sha256:ab12}`; the YAML reader calls it around the parser.

libyaml 0.1 refuses a colon or a question mark inside unquoted text between brackets, or takes it for the start of a
key, where YAML 1.2 reads text. Such characters are replaced by private-use characters before parsing, one for one, so
that lines and columns stay true, and put back into each scalar afterwards. Text that holds those private-use
characters itself is refused by the reader.
"""

from __future__ import annotations

import re

_COLON, _QUESTION = "\ue000", "\ue001"
_SHIELDS = {":": _COLON, "?": _QUESTION}
_INSIDE_TEXT = re.compile(
    r"(?<![^\s,\[{])[!&*]\S*"  # a tag, anchor or alias: left as it is
    r"""|(?<=[^\s"'\[\]{},]):(?=[^\s,\[\]{}])"""
    r"""|\?(?=[^\s,\[\]{}])|(?<=[^\s"'\[\]{},])\?"""
)


def shielded(text: str) -> str:
    """Replace each colon and question mark that is inside of unquoted text (and some that are inside of quotes)."""
    return _INSIDE_TEXT.sub(lambda match: _SHIELDS.get(match[0], match[0]), text)


def unshielded(text: str) -> str:
    """Undo `shielded` for one scalar."""
    if text.isascii():
        return text
    return text.replace(_COLON, ":").replace(_QUESTION, "?")
