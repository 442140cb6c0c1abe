"""The status of a node on this machine, from the files that its agent keeps. Needs no agent that runs, and no secret.

Called by `interlock status --node`. How fresh it is, an agent that listens is asked: it touches no file to say so.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from interlock.artifacts.durable import read_bounded
from interlock.errors import DocumentError, InterlockError, UsageError
from interlock.sync.asked_agent import asked_agent
from interlock.sync.only_agent import agent_runs
from interlock.sync.settings import load_node
from interlock.sync.sightings import Sighting
from interlock.sync.status import Status, from_json
from interlock.sync.status_files import ALIVE_FILE, HEARTBEAT, MAX_STATUS_BYTES, POLLED_FILE, STATUS_FILE

BELIEVED = 3  # poll intervals for which a report is believed although no agent runs, as after `sync --once`
LONGEST_TURN = 900.0  # seconds for which an agent that runs may be at work, placing bytes for example


def seen_on_disk(node_file: Path) -> Sighting:
    """What the agent of these settings reported last, with its age."""
    try:
        node, state = load_node(node_file)
        status = _read(state, node_file)
    except InterlockError as error:
        return Sighting(str(node_file), error=error)
    runs = agent_runs(state)
    told = asked_agent(node.http.listen) if node.http and runs else None
    age = told.age if told else time.time() - max(_changed(state / STATUS_FILE), _changed(state / ALIVE_FILE))
    longest = node.http.longest_turn.total_seconds() if node.http else LONGEST_TURN
    believed = longest if runs else BELIEVED * max(node.remote.poll.total_seconds(), HEARTBEAT)
    stale = "" if age <= believed else "THE AGENT HANGS" if runs else "NO AGENT RUNS"
    polled = told.last_poll if told else _changed(state / POLLED_FILE)
    return Sighting(str(node_file), _with_last_poll(status, polled), age, stale)


def _read(state: Path, node_file: Path) -> Status:
    path = state / STATUS_FILE
    data = read_bounded(path, limit=MAX_STATUS_BYTES)
    if data is None:
        raise UsageError(f"no agent has reported in {state} yet", remedy=f"run: interlock sync --node {node_file}")
    try:
        return from_json(data.decode("utf-8"))
    except ValueError as error:
        raise DocumentError(f"{path} is damaged: {error}", remedy="restart the agent; it writes a new one") from error


def _with_last_poll(status: Status, polled: float) -> Status:
    """The status file is not written for a poll that found nothing; the agent or an empty file beside it tells."""
    return replace(status, last_poll=polled) if status.last_poll is not None and polled > status.last_poll else status


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
