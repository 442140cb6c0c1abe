"""Reads the log of a step as GitHub's runner does, and says which commands it would obey.

    obeyed("::stop-commands::abc\n::error::hidden\n::abc::\n::error file=a::shown")

gives only `Command("error", {"file": "a"}, "shown")`. As in the runner: a line is a command when it begins with `::`
after white space, or contains `##[`; between `stop-commands` and its token nothing is obeyed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NEW = re.compile(r"::(?P<name>[^\s:]+)(?: (?P<properties>.*?))?::(?P<data>.*)", re.DOTALL)
_OLD = re.compile(r"##\[(?P<name>[^\s\]]+)(?: (?P<properties>[^\]]*))?\](?P<data>.*)", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One command that the runner obeys, decoded."""

    name: str
    properties: dict[str, str]
    data: str


def obeyed(log: str) -> list[Command]:
    """The commands of a log; lines end where the runner's reader ends them: at LF, CR or CR LF."""
    found, token = [], ""
    for line in re.split(r"\r\n|\r|\n", log):
        match = _NEW.fullmatch(line.strip()) or _OLD.search(line)
        if match is None:
            continue
        if token:
            token = "" if match["name"] == token else token
        elif match["name"] == "stop-commands":
            token = match["data"]
        else:
            found.append(_command(match))
    assert not token, "commands were stopped and never started again"
    return found


def _command(match: re.Match[str]) -> Command:
    pairs = [pair.partition("=") for pair in (match["properties"] or "").split(",") if pair]
    properties = {key: _decoded(value, ":", ",") for key, _, value in pairs}
    return Command(match["name"], properties, _decoded(match["data"]))


def _decoded(text: str, *more: str) -> str:
    for char in ("\r", "\n", *more):
        text = text.replace(f"%{ord(char):02X}", char)
    return text.replace("%25", "%")
