"""The JSON Schema of `interlock check --format json`.

Written by `python -m interlock.findings.report_schema [--check] FILE`.

Readers ignore fields that they do not know: some may be added, and none changes its meaning. Exit: 0 written or equal,
1 `--check` found a difference, 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from interlock.findings.report_json import SCHEMA

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Counts(BaseModel):
    """How many of everything."""

    documents: int = Field(ge=0, description="documents that were read")
    revisions: int = Field(ge=0, description="adapter revisions whose bytes were looked at")
    errors: int = Field(ge=0, description="findings that block")
    warnings: int = Field(ge=0, description="findings that do not")
    not_evaluated: int = Field(ge=0, description="findings that say that something could not be judged")


class FindingShape(BaseModel):
    """One rule, one place, one remedy."""

    rule: str = Field(min_length=1, description="the id that `interlock explain` explains")
    severity: Literal["error", "warning"] = Field(description="only an error that is not excused blocks")
    evaluated: bool = Field(description="false: the rule could not be judged, and that is not a pass")
    path: str = Field(description="relative to the root of the repository, with forward slashes")
    line: int = Field(ge=0, description="counts from 1; 0: the file as a whole")
    column: int = Field(ge=0, description="counts characters from 1; 0: the file as a whole")
    found: str = Field(description="what was seen")
    expected: str = Field(description="what should have been there; may be empty")
    remedy: str = Field(description="the next command or edit")
    environment: str | None = Field(description="the environment that it is about, if it is about one")
    excused: str = Field(description="why an error does not block; empty when it does")


class CheckReport(BaseModel):
    """The outcome of `interlock check`, as `--format json` prints it."""

    format: Literal["interlock-check/1"] = Field(alias="schema", description="the version of this shape")
    verdict: Literal["pass", "fail", "could-not-evaluate", "nothing-checked"] = Field(
        description="exit status 0, 1, 4 and 3"
    )
    tree: str = Field(description="what was judged: a directory, a commit, or a change of one")
    environment: str | None = Field(description="the environment that the check was narrowed to, if any")
    counts: Counts
    findings: list[FindingShape] = Field(description="in reading order")


def report_schema() -> dict[str, Any]:
    """The schema (draft 2020-12)."""
    schema = CheckReport.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, "$id": "check-report.schema.json", **_without_titles(schema), "title": SCHEMA}


def _without_titles(node: Any) -> Any:
    """Pydantic makes titles of field names, which say nothing new."""
    if isinstance(node, list):
        return [_without_titles(below) for below in node]
    if not isinstance(node, dict):
        return node
    return {key: _without_titles(below) for key, below in node.items() if key != "title" or isinstance(below, dict)}


def schema_text() -> str:
    """The schema as the text of its file."""
    return json.dumps(report_schema(), indent=2) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.findings.report_schema", description="Write the schema.")
    parser.add_argument("file", type=Path, metavar="FILE", help="docs/schemas/check-report.schema.json here")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    options = parser.parse_args(arguments)
    if not options.check:
        options.file.write_text(schema_text(), encoding="utf-8")
        return 0
    if options.file.is_file() and options.file.read_text(encoding="utf-8") == schema_text():
        return 0
    print(f"{options.file} is outdated\nNext: python -m interlock.findings.report_schema {options.file}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
