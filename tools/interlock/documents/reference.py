"""The tables of fields in docs/documents.md; `python -m interlock.documents.reference [--check] FILE` renews them.

Only the part between the two marks of the file is generated. Exit: 0 written or equal, 1 `--check` found a difference
or the file has no marks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from interlock.documents.field_notes import FIELD_NOTES
from interlock.documents.schemas import PUBLISHED, plain_schema

BEGIN = "<!-- fields: generated, see the end of this file -->"
END = "<!-- end of fields -->"

_NUMBERS = {"integer": "whole number", "number": "number"}


def field_tables() -> str:
    """One table for each kind, a line for each key down to the last level, in Markdown."""
    return "\n".join(_table(kind, plain_schema(model)) for kind, model in PUBLISHED.items())


def renewed(text: str) -> str:
    """The text of docs/documents.md with its tables as the models are now.

    Raises:
        ValueError: the text has no marks around its tables.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{field_tables()}\n{END}{after}"


def _table(kind: str, schema: Mapping[str, Any]) -> str:
    place = schema.get("description", "")
    rows = [f"| `{key}` | {words} | {needed} | {note} |" for key, words, needed, note in _rows(schema, schema, kind)]
    return "\n".join([f"### {kind}", "", place, "", "| Key | Value | | Meaning |", "|---|---|---|---|", *rows, ""])


def _rows(root: Mapping[str, Any], node: Mapping[str, Any], model: str, prefix: str = "") -> Iterator[tuple[str, ...]]:
    for key, value in node["properties"].items():
        needed = "required" if key in node.get("required", ()) else ""
        yield f"{prefix}{key}", _words(value), needed, FIELD_NOTES[model][key]
        name, suffix = _model_below(value)
        if name:
            yield from _rows(root, root["$defs"][name], name, f"{prefix}{key}{suffix}.")


def _model_below(value: Mapping[str, Any]) -> tuple[str, str]:
    """The model that a value is made of, and `[]` if the value is a list of it."""
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2], ""
    for choice in value.get("anyOf", ()):
        if found := _model_below(choice)[0]:
            return found, _model_below(choice)[1]
    if "items" in value:
        return _model_below(value["items"])[0], "[]"
    return "", ""


def _words(value: Mapping[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_words(choice) for choice in value["anyOf"] if choice.get("type") != "null")
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"]) + _default(value)
    return _type_words(value) + _default(value)


def _type_words(value: Mapping[str, Any]) -> str:
    match value:
        case {"$ref": _}:
            return "mapping"
        case {"type": "array", "items": items}:
            return f"list of: {_words(items)}"
        case {"type": "object"}:
            below = value.get("additionalProperties") or next(iter(value["patternProperties"].values()))
            return "mapping" if below is True else f"mapping of names to: {_words(below)}"
        case {"description": words}:
            return str(words)
        case {"type": "string", "format": "date"}:
            return "day as YYYY-MM-DD"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer" | "number" as kind}:
            return _NUMBERS[kind] + _bounds(value)
        case _:
            return "text"


def _bounds(value: Mapping[str, Any]) -> str:
    low, high = value.get("minimum", value.get("exclusiveMinimum")), value.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}" if high < 1e6 and high == int(high) else f" from {low:g}"
    return "" if low is None else f" {'above' if 'exclusiveMinimum' in value else 'from'} {low:g}"


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if default is None or isinstance(default, (list, dict)):
        return ""
    return f"; default `{str(default).lower() if isinstance(default, bool) else default}`"


def main(arguments: list[str] | None = None) -> int:
    """Renew or check the tables of a file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.documents.reference", description="Renew field tables.")
    parser.add_argument("file", type=Path, metavar="FILE", help="docs/documents.md")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    options = parser.parse_args(arguments)
    text = options.file.read_text(encoding="utf-8")
    try:
        wanted = renewed(text)
    except ValueError as error:
        print(f"{options.file}: {error}")
        return 1
    if not options.check:
        options.file.write_text(wanted, encoding="utf-8")
    elif wanted != text:
        print(f"{options.file} is outdated. Next: python -m interlock.documents.reference {options.file}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
