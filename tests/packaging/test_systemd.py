"""The systemd unit: what it starts exists, what it promises the agent keeps, and what it takes away stays away."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from interlock.cli.application import interlock
from interlock.cli.sync_service import obey_signals
from interlock.documents.fields import duration
from interlock.documents.kinds.node import NodeHttp
from interlock.sync.wake import Wake

REPOSITORY = Path(__file__).resolve().parents[2]
UNIT = REPOSITORY / "packaging" / "systemd" / "interlock-agent.service"

Lines = list[tuple[str, str]]


@pytest.fixture(scope="module")
def unit() -> dict[str, Lines]:
    """Section → its settings, in order; systemd allows a key several times."""
    sections: dict[str, Lines] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            current.append((key, value))
    return sections


def one(unit: dict[str, Lines], key: str) -> str:
    (value,) = [value for name, value in unit["Service"] if name == key]
    return value


def test_it_starts_a_command_that_there_is(unit: dict[str, Lines]) -> None:
    program, command, *options = one(unit, "ExecStart").split()
    assert (Path(program).name, options[0]) == ("interlock", "--node")
    assert options[0] in {option for parameter in interlock.entries[command].load().params for option in parameter.opts}


def test_its_watchdog_waits_longer_than_a_turn_may_take(unit: dict[str, Lines]) -> None:
    assert (one(unit, "Type"), one(unit, "NotifyAccess")) == ("notify", "main")
    assert duration(one(unit, "WatchdogSec").removesuffix("in")) > NodeHttp().longest_turn


def test_it_is_started_again_whatever_happens(unit: dict[str, Lines]) -> None:
    assert one(unit, "Restart") == "always"
    assert ("StartLimitIntervalSec", "0") in unit["Unit"]


def test_the_route_table_stays_while_the_agent_is_restarted(unit: dict[str, Lines]) -> None:
    assert (one(unit, "RuntimeDirectory"), one(unit, "RuntimeDirectoryPreserve")) == ("interlock", "yes")


def test_reload_asks_the_remote_now_by_the_signal_that_the_agent_takes(unit: dict[str, Lines]) -> None:
    assert one(unit, "ExecReload") == "/bin/kill -HUP $MAINPID"
    before = signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        wake = Wake()
        obey_signals([wake])
        signal.raise_signal(signal.SIGHUP)
        assert wake.wait(0)
        assert not wake.stopped
    finally:
        for number, handler in zip((signal.SIGHUP, signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)


def test_it_runs_as_nobody_special_who_can_write_only_its_own_directories(unit: dict[str, Lines]) -> None:
    service = dict(unit["Service"])
    assert service["User"] not in ("", "root")
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert (service["ProtectSystem"], service["NoNewPrivileges"]) == ("strict", "yes")
    assert not [key for key in service if key in ("ReadWritePaths", "PermissionsStartOnly", "DynamicUser")]


def test_it_can_read_its_settings_in_a_directory_that_stays_root_s(unit: dict[str, Lines]) -> None:
    # systemd gives every directory to the service's user, but not this one.
    assert f"/etc/{one(unit, 'ConfigurationDirectory')}/" in one(unit, "ExecStart")
    assert int(one(unit, "ConfigurationDirectoryMode"), 8) & 0o005 == 0o005


def test_systemd_itself_finds_nothing_to_say_where_there_is_one(tmp_path: Path) -> None:
    """A machine without systemd shows at least that the unit holds no key twice by mistake."""
    analyze = shutil.which("systemd-analyze")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/interlock/bin/interlock", "/bin/true"))
    command = [analyze, "verify", "--man=no", str(copy)] if analyze else ["true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line] == []
    keys = [line.partition("=")[0] for line in UNIT.read_text(encoding="utf-8").splitlines() if "=" in line]
    assert sorted({key for key in keys if keys.count(key) > 1 and not key.startswith("#")}) == ["SystemCallFilter"]
