"""`interlock status`: what a node's agent last said of itself."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import click

from interlock.artifacts.durable import read_bounded
from interlock.cli import exit_codes
from interlock.cli.terminal import print_json, say
from interlock.errors import DocumentError, UsageError
from interlock.sync.only_agent import agent_runs
from interlock.sync.settings import load_settings
from interlock.sync.status import Status, as_document, from_json
from interlock.sync.status_files import ALIVE_FILE, HEARTBEAT, MAX_STATUS_BYTES, STATUS_FILE

BELIEVED = 3  # poll intervals for which a report is believed although no agent runs, as after `sync --once`
LONGEST_TURN = 900.0  # seconds for which an agent that runs may be at work, placing bytes for example


@click.command(short_help="Show what a node serves, and whether it follows git.")
@click.option(
    "--node",
    "node_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The node's settings, the same file that `interlock sync` uses.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(node_file: Path, as_json: bool) -> int:
    """Show what the agent of a node last reported: commits, conditions, and every alias with its revision.

    \b
    Exit status:
      0  the node is ready: it serves what git says
      1  it is not; the conditions say why
      4  there is no report, or it is too old to be believed
    """
    settings = load_settings(node_file)
    path = settings.state / STATUS_FILE
    data = read_bounded(path, limit=MAX_STATUS_BYTES)
    if data is None:
        remedy = f"run: interlock sync --node {node_file}"
        raise UsageError(f"no agent has reported in {settings.state} yet", remedy=remedy)
    try:
        report = from_json(data.decode("utf-8"))
    except ValueError as error:
        raise DocumentError(f"{path} is damaged: {error}", remedy="restart the agent; it writes a new one") from error
    age = time.time() - _last_turn(settings.state)
    runs = agent_runs(settings.state)
    stale = age > (LONGEST_TURN if runs else BELIEVED * max(settings.poll_seconds, HEARTBEAT))
    trouble = "" if not stale else "THE AGENT HANGS" if runs else "NO AGENT RUNS"
    if as_json:
        print_json({**as_document(report), "age_seconds": round(age, 1), "stale": stale})
    else:
        _print(report, age, trouble)
    if stale:
        return exit_codes.COULD_NOT_EVALUATE
    return exit_codes.CLEAN if report.condition("Ready").status == "True" else exit_codes.FINDINGS


def _last_turn(state: Path) -> float:
    """When the agent last ended a turn: it touches one file then, and writes the other only when something changed."""
    files = [state / name for name in (ALIVE_FILE, STATUS_FILE)]
    return max(file.stat().st_mtime for file in files if file.exists())


def _print(report: Status, age: float, trouble: str) -> None:
    say(f"node {report.node}, environment {report.environment}, engine {report.engine or 'not reached yet'}")
    commits = report.commits
    say(f"commits: attempted {_short(commits.attempted)}, accepted {_short(commits.accepted)}, "
        f"applied {_short(commits.applied)}")  # fmt: skip
    polled = (
        dt.datetime.fromtimestamp(report.last_poll).astimezone().isoformat("T", "seconds")
        if report.last_poll
        else "never"
    )
    say(
        f"last successful poll {polled}; last turn {age:.0f} s ago{f' — {trouble} on this node now' if trouble else ''}"
    )
    say()
    for row in report.aliases:
        canary = f", canary {row.canary}" if row.canary else ""
        wanted = "" if row.served == row.wanted else f"  (git says {row.wanted})"
        say(f"  {row.alias} → {row.served or 'nothing'}{canary}{wanted}")
        if row.message:
            say(f"      {row.message}")
    say()
    for condition in report.conditions:
        say(f"  {condition.type:<15} {condition.status:<8} {condition.reason}: {condition.message}")


def _short(commit: str | None) -> str:
    return commit[:12] if commit else "none"
