"""The C parser's events for a text; the reader and spans.py call it.

Importing it fails with a remedy where ruamel.yaml would fall back to its parser in Python, which is ten times slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

from interlock.documents.shielding import shielded
from interlock.errors import DocumentError


def _c_parser() -> Any:
    return require_c(YAML(typ="safe", pure=False).Parser)


def require_c(parser: Any) -> Any:
    """Return ruamel's parser class if it is the one in C.

    Raises:
        DocumentError: it is the slow one in Python.
    """
    if parser.__module__ == "ruamel.yaml.parser":
        raise DocumentError(
            "the fast YAML parser is not installed: ruamel.yaml fell back to its slow one",
            expected="the package ruamel.yaml.clib beside ruamel.yaml",
            remedy="pip install ruamel.yaml.clib",
        )
    return parser


_PARSER = _c_parser()


def parse_events(text: str) -> Iterator[Any]:
    """Yield the events of a text; scalars are shielded (see shielding.py). Bad syntax is ruamel's YAMLError."""
    parser = _PARSER(shielded(text))
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()
