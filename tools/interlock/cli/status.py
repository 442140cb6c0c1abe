"""`interlock status`: what the agents of one or many nodes last said of themselves."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from interlock.artifacts.settings_files import read_secret
from interlock.cli import exit_codes
from interlock.cli.options import Parsed
from interlock.cli.status_nodes import Asked, asked
from interlock.cli.status_page import page
from interlock.cli.status_table import table_at
from interlock.cli.terminal import print_json, say, wants_color
from interlock.sync.sightings import Sighting
from interlock.sync.status import as_document

LIST_SCHEMA = "interlock-status-list/1"
TOKEN = "INTERLOCK_STATUS_TOKEN"
EVERY = 5.0


def _address(text: str) -> str:
    from interlock.sync.remote_status import node_address

    return node_address(text)


FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Show what nodes serve, and whether they follow git.")
@click.option("--node", "files", multiple=True, type=FILE, help="A node's settings, as `interlock sync` uses them.")
@click.option(
    "--url",
    "urls",
    multiple=True,
    type=Parsed("URL", _address),
    help="A node's agent: http://HOST:PORT (its http.listen).",
)
@click.option("--nodes", "lists", multiple=True, type=FILE, help="A file with one address or settings file a line.")
@click.option("--token-file", type=FILE, help=f"The token that agents ask for, if they do (or set {TOKEN}).")
@click.option(
    "--deadline",
    type=click.FloatRange(0.1, 300),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each address may take to answer.",
)
@click.option(
    "--watch",
    "every",
    type=click.FloatRange(0.1, 86400),
    is_flag=False,
    flag_value=EVERY,
    metavar="[SECONDS]",
    help=f"Look again and again, every {EVERY:g} seconds unless said otherwise, until interrupted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; with --watch one a line.")
def status(
    files: tuple[Path, ...],
    urls: tuple[str, ...],
    lists: tuple[Path, ...],
    token_file: Path | None,
    deadline: float,
    every: float | None,
    as_json: bool,
) -> int:
    """Show what the agents of nodes last reported: one node with commits, conditions, every alias with its revision and
    what changed lately; several as a table.

    \b
    Examples:
      interlock status --node /etc/interlock/node.yaml
      interlock status --url http://gpu-7:9187 --url http://gpu-8:9187
      interlock status --nodes fleet.txt --watch

    \b
    Exit status, the worst of all nodes:
      0  ready: it serves what git says
      1  not ready; the conditions say why
      4  nothing is known: no report, no answer, or too old to be believed
    """
    nodes = asked(files, urls, lists)
    token = read_secret(token_file, variable=TOKEN) if token_file else os.environ.get(TOKEN, "").strip()
    show = _shown(nodes, as_json=as_json, lines=every is not None)

    def look() -> int:
        sightings = nodes.seen(token=token, deadline=deadline)
        if every is None:
            _raise_if_alone(nodes, sightings)
        show(sightings)
        return _exit_status(sightings)

    if every is None:
        return look()
    while True:
        look()
        sys.stdout.flush()
        threading.Event().wait(every)


def _raise_if_alone(nodes: Asked, sightings: Sequence[Sighting]) -> None:
    """Somebody who asked for one node gets its error as an error; among many it is a line of the table."""
    if len(nodes.nodes) == 1 and sightings[0].error:
        raise sightings[0].error


def _shown(nodes: Asked, *, as_json: bool, lines: bool) -> Callable[[Sequence[Sighting]], None]:
    alone = len(nodes.nodes) == 1
    if as_json:
        return lambda found: _print_document(_document(found[0]) if alone else _list(found), line=lines)
    if wants_color(sys.stdout):
        return lambda found: _draw(found, alone=alone, again=lines)
    return lambda found: _print_text(found, alone=alone)


def _print_document(document: dict[str, Any], *, line: bool) -> None:
    if line:
        say(json.dumps(document))
    else:
        print_json(document)


def _print_text(found: Sequence[Sighting], *, alone: bool) -> None:
    say(page(found[0], found[0].status) if alone and found[0].status else table_at(found, time.time()))


def _draw(found: Sequence[Sighting], *, alone: bool, again: bool) -> None:
    from rich.console import Console  # only people at a terminal wait for it

    from interlock.cli.status_drawing import draw

    console = Console()
    if again:
        console.clear()
    if alone and found[0].status:
        console.print(page(found[0], found[0].status), markup=False, highlight=False)
    else:
        draw(found, time.time(), console)


def _list(found: Sequence[Sighting]) -> dict[str, Any]:
    return {
        "schema": LIST_SCHEMA,
        "ready": sum(one.ready for one in found),
        "unknown": sum(not one.known for one in found),
        "nodes": [{"where": one.where, **_document(one)} for one in found],
    }


def _document(one: Sighting) -> dict[str, Any]:
    if one.status is None:
        return {"error": one.error.found if one.error else "nothing is known"}
    return {**as_document(one.status), "age_seconds": round(one.age, 1), "stale": bool(one.stale)}


def _exit_status(found: Sequence[Sighting]) -> int:
    if not all(one.known for one in found):
        return exit_codes.COULD_NOT_EVALUATE
    return exit_codes.CLEAN if all(one.ready for one in found) else exit_codes.FINDINGS
