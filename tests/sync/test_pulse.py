"""What the loop tells its watchers and systemd, and that a turn with a bug is told too."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from interlock.sync.continuation import after_bug
from interlock.sync.pulse import Pulse, to_service_manager
from interlock.sync.status import Condition
from support.http_site import status


def test_watchers_see_the_last_status_and_how_long_ago_that_was() -> None:
    clock, told = [10.0], list[str]()
    pulse = Pulse(lambda: clock[0], told.append)
    clock[0] = 12.0
    assert (pulse.latest(), pulse.quiet()) == (None, 2.0)
    ready = Condition("Ready", "False", "Stalled", "refused\nWATCHDOG=trigger")
    pulse.beat(status(Ready=ready))
    clock[0] = 13.0
    assert (pulse.latest(), pulse.quiet()) == (status(Ready=ready), 1.0)
    assert told == ["WATCHDOG=1\nSTATUS=Stalled: refused\\nWATCHDOG=trigger"]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_gets_one_datagram_for_each_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    address = f"@interlock-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if abstract else address)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        to_service_manager("READY=1")
        assert manager.recv(100) == b"READY=1"
    to_service_manager("STOPPING=1")  # the manager is gone, which is not our trouble


def test_without_a_service_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    to_service_manager("READY=1")


def test_a_turn_that_failed_through_a_bug_is_not_ready_and_not_known_to_be_available() -> None:
    told = after_bug(status(), "KeyError: 'x'", 99.0)
    assert (told.condition("Ready").status, told.condition("Available").status) == ("False", "Unknown")
    assert (told.condition("Ready").since, told.condition("Served")) == (99.0, status().condition("Served"))
    assert told.condition("Ready").message == "the last turn failed: KeyError: 'x'"
