"""The files by which an agent says how it is: written when something changed, touched when it merely lives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from interlock.sync.status import CONDITIONS, AliasStatus, Commits, Condition, Status, from_json
from interlock.sync.status_files import ALIVE_FILE, HEARTBEAT, METRICS_FILE, POLLED_FILE, STATUS_FILE, StatusFiles


class Times:
    """One time for both clocks."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def status(served: str = "bot@1", last_poll: float | None = None) -> Status:
    conditions = tuple(Condition(kind, "True", "Fine", "well") for kind in CONDITIONS)
    rows = (AliasStatus("bot", served, served, "", (), ""),)
    return Status("node-1", "dev", Commits(None, None, None), conditions, rows, "", last_poll, ())


def inodes(state: Path) -> list[tuple[str, int]]:
    return sorted((file.name, file.stat().st_ino) for file in state.iterdir())


def test_a_turn_that_changes_nothing_writes_nothing_and_touches_seldom(tmp_path: Path) -> None:
    times = Times()
    files = StatusFiles(tmp_path, times, times)
    files.report(status(last_poll=times.now))
    before = inodes(tmp_path)
    assert [name for name, _ in before] == [ALIVE_FILE, METRICS_FILE, POLLED_FILE, STATUS_FILE]
    began = times.now
    for _ in range(int(HEARTBEAT) - 1):
        times.now += 1
        files.report(status(last_poll=times.now))
    assert (tmp_path / ALIVE_FILE).stat().st_mtime == began
    times.now += 1
    files.report(status(last_poll=times.now - 0.5))
    assert (tmp_path / ALIVE_FILE).stat().st_mtime == (tmp_path / METRICS_FILE).stat().st_mtime == times.now
    assert (tmp_path / POLLED_FILE).stat().st_mtime == times.now - 0.5
    assert inodes(tmp_path) == before


def test_an_agent_that_can_be_asked_touches_nothing(tmp_path: Path) -> None:
    times = Times()
    files = StatusFiles(tmp_path, times, times, touches=False)
    files.report(status(last_poll=times.now))
    before = [(file.name, file.stat().st_mtime_ns) for file in sorted(tmp_path.iterdir())]
    assert [name for name, _ in before] == [METRICS_FILE, STATUS_FILE]
    times.now += 10 * HEARTBEAT
    files.report(status(last_poll=times.now))
    assert [(file.name, file.stat().st_mtime_ns) for file in sorted(tmp_path.iterdir())] == before


def test_the_metrics_can_be_read_by_the_exporter_and_the_status_by_the_agent_s_user(tmp_path: Path) -> None:
    times = Times()
    StatusFiles(tmp_path, times, times).report(status())
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in (METRICS_FILE, STATUS_FILE)}
    assert modes == {METRICS_FILE: 0o644, STATUS_FILE: 0o600}


def test_a_change_is_written_at_once(tmp_path: Path) -> None:
    times = Times()
    files = StatusFiles(tmp_path, times, times)
    files.report(status())
    times.now += 1
    told = files.report(status("bot@2"))
    assert from_json((tmp_path / STATUS_FILE).read_text(encoding="utf-8")) == told
    assert [change.served for change in told.history] == ["bot@1", "bot@2"]


def test_the_history_goes_on_after_the_agent_was_started_again(tmp_path: Path) -> None:
    times = Times()
    StatusFiles(tmp_path, times, times).report(status())
    times.now += 5
    again = StatusFiles(tmp_path, times, times)
    earlier = again.earlier("node-1", "dev")
    assert earlier is not None
    assert earlier.flips == 1
    assert [change.served for change in again.report(status("bot@2")).history] == ["bot@1", "bot@2"]


def test_what_another_node_left_in_the_directory_is_not_this_one_s_history(tmp_path: Path) -> None:
    times = Times()
    StatusFiles(tmp_path, times, times).report(replace(status(), node="node-2"))
    again = StatusFiles(tmp_path, times, times)
    assert again.earlier("node-1", "dev") is None
    assert again.report(status("bot@2")).flips == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"schema": "interlock-status/1"}'])
def test_a_damaged_history_begins_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / STATUS_FILE).write_bytes(damage)
    times = Times()
    files = StatusFiles(tmp_path, times, times)
    assert files.earlier("node-1", "dev") is None
    assert files.report(status()).flips == 1


def test_a_directory_that_cannot_be_written_costs_the_files_and_not_the_turn(tmp_path: Path) -> None:
    times = Times()
    state = tmp_path / "state"
    files = StatusFiles(state, times, times)
    state.write_text("a file is in the way", encoding="utf-8")
    assert files.report(status()).flips == 1
