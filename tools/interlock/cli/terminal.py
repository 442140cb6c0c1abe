"""What people and programs see of a command: colour only on a terminal, errors on stderr, one JSON document on stdout.

Called by the command modules and by main.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TextIO

import click

from interlock.errors import InterlockError
from interlock.findings.readable import readable


def wants_color(stream: TextIO) -> bool:
    """Whether to colour what is written to `stream`: only on a terminal, never with NO_COLOR or TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str = "", *, color: bool = False) -> None:
    """Write a line for a person to standard output."""
    click.echo(text, color=color)


def warn(text: str) -> None:
    """Write a line for a person to standard error, where it does not disturb a program that reads our output."""
    click.echo(text, err=True)


def tell_next(commands: Sequence[str]) -> None:
    """Write commands to run next, one a line, ready to copy."""
    say("Next:")
    for command in commands:
        say(f"  {command}")


def print_json(document: Mapping[str, object]) -> None:
    """Write one JSON document to standard output."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def error_text(error: InterlockError) -> str:
    """An error in a few lines: what was found, what was expected, what to run next; safe to print on a terminal."""
    lines = [f"error: {_readable_lines(error.found)}"]
    if error.expected:
        lines.append(f"  Expected: {_readable_lines(error.expected)}")
    if error.remedy:
        lines.append(f"  Next: {_readable_lines(error.remedy)}")
    return "\n".join(lines)


def _readable_lines(text: str) -> str:
    """Texts of git have several lines; each is made safe and indented."""
    return "\n    ".join(readable(line) for line in text.splitlines())
