"""Options and argument types that several commands share, and how each reads what a person typed.

A malformed name is refused here, before anything is read: the message says what a name looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import click

from interlock.documents.identifiers import RevisionId, adapter_name, commit_id, revision_name

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Parsed(click.ParamType[T], Generic[T]):
    """An argument read by a function that raises ValueError with a message for the person."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Read `value`; click turns a failure into a usage error that names the option."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _at_revision(text: str) -> RevisionId:
    name, at, revision = text.partition("@")
    if not at:
        raise ValueError(f"{text!r} names no revision: write NAME@REVISION, for example {name or 'llama-8b'}@1")
    return RevisionId(adapter_name(name), revision_name(revision))


NAME = Parsed("NAME", adapter_name)
REVISION = Parsed("REVISION", revision_name)
AT_REVISION = Parsed("NAME@REVISION", _at_revision)
COMMIT = Parsed("COMMIT", commit_id)
DIRECTORY = click.Path(path_type=Path)


def repository_option(command: F) -> F:
    """`-C DIR`: the repository that the command is about, if not the one around the working directory."""
    return click.option(
        "-C",
        "--repository-directory",
        "directory",
        type=DIRECTORY,
        default=Path(),
        metavar="DIR",
        help="Any directory inside the repository (default: the working directory).",
    )(command)


def json_option(command: F) -> F:
    """`--json`: print one JSON document for a program instead of text for a person."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")(command)


def commit_option(command: F) -> F:
    """`--commit`: commit the one changed file."""
    return click.option(
        "--commit", "commit", is_flag=True, help="Also commit: exactly the one pointer file, nothing else."
    )(command)
