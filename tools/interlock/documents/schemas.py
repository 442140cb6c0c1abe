"""JSON Schemas of all documents, for editors; `python -m interlock.documents.schemas [--check] DIR` writes them.

They describe the same keys and values as the models and are weaker in what JSON Schema cannot say (an ambiguous
scalar, a name that differs from the path). Exit: 0 written or equal, 1 `--check` found a difference, 2 wrong use.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from interlock.documents.field_notes import FIELD_NOTES
from interlock.documents.fields import Document, duration_text
from interlock.documents.kinds.node import Node
from interlock.documents.kinds.sources import Sources
from interlock.documents.layout import MODELS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PUBLISHED: Mapping[str, type[Document]] = {**MODELS, "Node": Node, "Sources": Sources}
"""Every kind that has a schema: those of a repository, the settings of a node, and those of sources."""

_SUFFIX = ".schema.json"
_OF_A_REPORT = "check-report.schema.json"  # lies beside these, and is written by interlock.findings.report_schema


class _Schema(GenerateJsonSchema):
    """Pydantic's schemas without titles made from field names, and with durations as we write them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        return duration_text(dft) if isinstance(dft, dt.timedelta) else super().encode_default(dft)


def schema_name(kind: str) -> str:
    """The file name of a kind's schema: `adapter-revision.schema.json`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower() + _SUFFIX


def json_schemas() -> dict[str, dict[str, Any]]:
    """Every schema (draft 2020-12) by its file name; `$id` is relative."""
    return {schema_name(kind): _schema(kind, model) for kind, model in PUBLISHED.items()}


def plain_schema(model: type[Document]) -> dict[str, Any]:
    """The schema of one model as the models alone give it, without the notes on fields."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Schema)
    _close_mappings(schema)
    return schema


def _schema(kind: str, model: type[Document]) -> dict[str, Any]:
    schema = plain_schema(model)
    for name, definition in {**schema.get("$defs", {}), kind: schema}.items():
        _add_notes(definition, FIELD_NOTES[name])
    return {"$schema": DIALECT, "$id": schema_name(kind), **schema}


def _add_notes(definition: dict[str, Any], notes: Mapping[str, str]) -> None:
    for key, property_schema in definition["properties"].items():
        form = property_schema.get("description")
        property_schema["description"] = f"{notes[key]} Written as {form}." if form else notes[key]


def _close_mappings(node: Any) -> None:
    """A mapping whose keys must be names accepts no other keys; pydantic leaves that out."""
    for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _close_mappings(below)
    if isinstance(node, dict) and "patternProperties" in node:
        node.pop("propertyNames", None)
        node["additionalProperties"] = False


def schema_text(schema: Mapping[str, Any]) -> str:
    """A schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def differences(directory: Path) -> list[str]:
    """Say which schema files of a directory are missing, outdated or of no known kind."""
    expected = {name: schema_text(schema) for name, schema in json_schemas().items()}
    found = {path.name: path.read_text(encoding="utf-8") for path in directory.glob(f"*{_SUFFIX}")}
    found.pop(_OF_A_REPORT, None)
    words = {name: "outdated" if name in found else "missing" for name in expected if expected[name] != found.get(name)}
    words |= {name: "of no known kind" for name in found if name not in expected}
    return [f"{name} is {word}" for name, word in sorted(words.items())]


def main(arguments: list[str] | None = None) -> int:
    """Write or check the schemas of a directory; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.documents.schemas", description="Write JSON Schemas.")
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the schemas lie, docs/schemas here")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    options = parser.parse_args(arguments)
    if options.check:
        return _check(options.directory)
    options.directory.mkdir(parents=True, exist_ok=True)
    for name, schema in json_schemas().items():
        (options.directory / name).write_text(schema_text(schema), encoding="utf-8")
    return 0


def _check(directory: Path) -> int:
    found = differences(directory)
    for line in found:
        print(line)
    if found:
        print(f"Next: python -m interlock.documents.schemas {directory}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
