"""The tables of variables in docs/custom-rules.md; `python -m interlock.rules.expressions.reference [--check] FILE`.

Only the part between the two marks of the file is generated. Exit: 0 written or equal, 1 `--check` found a difference
or the file has no marks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from interlock.documents.field_notes import FIELD_NOTES
from interlock.documents.fields import Document
from interlock.rules.expressions.judging import PLACEHOLDERS
from interlock.rules.expressions.views import MODELS, VARIABLES, Shape, shape_of

BEGIN = "<!-- variables: generated, see the end of this file -->"
END = "<!-- end of variables -->"

_NOTES: Mapping[str, Mapping[str, str]] = {
    "Evidence": {"kinds": "The kinds of statements about exactly the bytes of the revision, by the alphabet."},
    "ProposedChange": {
        "environment": "The environment whose pointer changes.",
        "adapter": "The adapter.",
        "revision": "The revision that comes in; also `revision.revision`.",
        "role": "`active` or `canary`.",
        "previous": "The active revision before the change.",
        "day": "The day of the check.",
    },
    "Window": {"first": "The first day.", "last": "The last day."},
    "Artifact": {"size": "Bytes of all files together."},
}
_TYPES = {"record": "", "timestamp": "timestamp", "dyn": "any"}


def tables() -> str:
    """Which variables each kind of rule has, and the fields of each variable, in Markdown."""
    kinds = ["| `applies_to` | Variables | Placeholders |", "|---|---|---|"]
    for kind, names in VARIABLES.items():
        filled = " ".join(f"`{{{name}}}`" for name in PLACEHOLDERS[kind])
        kinds.append(f"| `{kind}` | {', '.join(f'`{name}`' for name in names)} | {filled} |")
    return "\n".join([*kinds, "", *(_table(name, model) for name, model in MODELS.items())])


def _table(name: str, model: type[Document]) -> str:
    rows = [f"| `{path}` | {kind} | {asked} | {note} |" for path, kind, asked, note in _rows(name, model)]
    return "\n".join([f"#### `{name}`", "", "| Field | Type | | Meaning |", "|---|---|---|---|", *rows, ""])


def _rows(prefix: str, model: type[Document]) -> Iterator[tuple[str, str, str, str]]:
    notes = {**FIELD_NOTES.get(model.__name__, {}), **_NOTES.get(model.__name__, {})}
    for key, shape in shape_of(model).items():
        if key == "kind" and prefix in MODELS:
            continue
        yield f"{prefix}.{key}", _words(shape), "`has()`" if shape.optional else "", notes[key]
        below = shape.of if shape.kind == "list" else shape
        if below and below.model:
            yield from _rows(f"{prefix}.{key}{'[]' if shape.kind == 'list' else ''}", below.model)


def _words(shape: Shape) -> str:
    if shape.of:
        return f"{shape.kind} of {_words(shape.of) or 'documents'}"
    return _TYPES.get(shape.kind, shape.kind)


def renewed(text: str) -> str:
    """The text of the page with its tables as the models are now.

    Raises:
        ValueError: the text has no marks around its tables.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    """Renew or check the tables of a file; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m interlock.rules.expressions.reference", description="Renew the tables of variables."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="docs/custom-rules.md")
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
        print(f"{options.file} is outdated. Next: python -m interlock.rules.expressions.reference {options.file}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
