"""Every command that a message tells people to run exists, with the options that the message gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from interlock.cli.application import interlock as application

SOURCES = Path(__file__).parents[2] / "tools" / "interlock"
COMMAND = re.compile(r"run: interlock ([a-z]+)((?: [^\"'`\n(;,]+)?)")


def advised() -> Iterator[tuple[str, str, str]]:
    """File, command and the rest of every `run: interlock …` in the sources."""
    for path in sorted(SOURCES.rglob("*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for match in COMMAND.finditer(line):
                yield path.relative_to(SOURCES).as_posix(), match[1], match[2]


@pytest.mark.parametrize(("path", "name", "rest"), sorted(set(advised())))
def test_an_advised_command_exists_with_its_options(path: str, name: str, rest: str) -> None:
    context = click.Context(application)
    command = application.get_command(context, name)
    assert command, f"{path} advises `interlock {name}`, which does not exist"
    words = rest.split()
    if isinstance(command, click.Group) and words:
        command = command.get_command(context, words[0])
        assert command, f"{path} advises `interlock {name} {words[0]}`, which does not exist"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word not in known]
    assert not unknown, f"{path} advises `interlock {name}` with {unknown}"


def test_there_is_advice_to_look_at() -> None:
    assert len(set(advised())) > 10
