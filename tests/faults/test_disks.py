"""Disks that are full, that cannot be written, and an agent that may not have the memory it wants.

A full disk is a limit on the size of files (EFBIG instead of ENOSPC), which needs no rights; where this machine allows
mounts it is also a real small disk. A disk that cannot be written is mounted read-only for root; for everybody else its
mode forbids it.
"""

from __future__ import annotations

import errno
import os
import signal
from contextlib import nullcontext
from pathlib import Path

import pytest

from interlock.engines.driver import EngineDriver
from support.after_faults import all_holds, nobody_was_failed, nothing_is_left_over, receipts_hold, serves
from support.agent_processes import Ending
from support.fault_node import Expected, FaultNode, Stage, copy, remove
from support.small_disks import grow, guarded, mounts_allowed, set_writable, tiny_disk
from support.steady_requests import SteadyRequests

pytestmark = pytest.mark.faults

WEIGHTS_FIT_NOT = 100_000
"""Bytes: more than any document of the example, less than the weights of an adapter."""
MEGABYTE = 1 << 20
CANNOT_WRITE = os.strerror(errno.EROFS if os.geteuid() == 0 else errno.EACCES)


def is_full(node: FaultNode, ending: Ending, clients: SteadyRequests) -> None:
    """The agent says that the disk is full, and what served before serves on."""
    assert ending.kind == "Stalled", ending.told
    assert ending.why.startswith(f"{node.served('support-bot', '2')}: "), ending.told
    assert f"the disk of {node.store} is full" in ending.why or f"does not fit into {node.store}" in ending.why
    assert "free space" in ending.remedy
    serves(node, node.first.expected)
    nobody_was_failed(node, clients, node.first.expected.serves.items())
    nothing_is_left_over(node)


def test_a_file_that_may_not_grow_is_a_full_disk_with_its_name(serving: FaultNode) -> None:
    new = serving.promoted(serving.first.commit, "2")
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        is_full(serving, serving.run(resources={"FSIZE": WEIGHTS_FIT_NOT}), clients)
        receipts_hold(serving)
        ending = serving.run()
    all_holds(serving, new, ending, clients, [("support-bot", "1")])


def test_a_disk_without_room_for_any_byte_changes_nothing_and_is_told(serving: FaultNode) -> None:
    """No status, receipt or fetched object can be written either, so nobody can read the reason on that disk."""
    new = serving.promoted(serving.first.commit, "2")
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        agent = serving.begin(moment="fetch:before", signal=signal.SIGSTOP, patience=0.0)
        agent.stopped()
        agent.limit_files(0)
        agent.go_on()
        ending = agent.wait()
        assert ending.kind in ("Stalled", "Failed"), ending.told
        assert f"died of signal {signal.SIGXFSZ.value}" in ending.why, ending.told  # "file size limit exceeded"
        serves(serving, serving.first.expected)
        ending = serving.run()
    all_holds(serving, new, ending, clients, [("support-bot", "1")])


def test_a_small_disk_that_is_full_is_told_and_used_once_it_has_grown(serving: FaultNode, tmp_path: Path) -> None:
    mounted = mounts_allowed()
    new = serving.promoted(serving.first.commit, "2")
    copy(serving.store, tmp_path / "store")
    with serving.driver() as driver:
        unload(driver)
        remove(serving.store)
        with tiny_disk(serving.store, "360k") if mounted else nullcontext():
            copy(tmp_path / "store", serving.store)
            for adapter in ("support-bot", "sql-helper"):
                driver.load(serving.served(adapter, "1"), str(serving.placed(adapter, "1")))
            serving.configure(disk={"free": "0MB"})
            with serving.clients("support-bot", "sql-helper") as clients:
                serving.move(new.commit)
                is_full(serving, serving.run(resources={} if mounted else {"FSIZE": WEIGHTS_FIT_NOT}), clients)
                receipts_hold(serving)
                if mounted:
                    grow(serving.store, "4m")
                ending = serving.run()
            all_holds(serving, new, ending, clients, [("support-bot", "1")])
            unload(driver)


def unload(driver: EngineDriver) -> None:
    """Unload everything."""
    for name in driver.adapters():
        driver.unload(name)


@pytest.mark.parametrize("folder", ["mirror", "adapters"])
def test_a_disk_that_becomes_read_only_is_told_and_used_once_it_is_back(serving: FaultNode, folder: str) -> None:
    new, place = serving.promoted(serving.first.commit, "2"), serving.state / folder
    with guarded(place), serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        agent = serving.begin(moment="poll:before", signal=signal.SIGSTOP, patience=0.0)
        agent.stopped()
        set_writable(place, writable=False)
        agent.go_on()
        ending = agent.wait()
        assert ending.kind in ("Stalled", "Failed"), ending.told
        assert CANNOT_WRITE in ending.why, ending.told
        serves(serving, serving.first.expected)
        set_writable(place, writable=True)
        ending = serving.run()
    all_holds(serving, new, ending, clients, [("support-bot", "1")])


def test_an_agent_does_not_start_where_it_cannot_write(serving: FaultNode) -> None:
    with guarded(serving.state), serving.clients("support-bot", "sql-helper") as clients:
        set_writable(serving.state, writable=False)
        ending = serving.run()
        assert (ending.status, ending.kind) == (1, "UsageError"), ending.told
        assert CANNOT_WRITE in ending.why, ending.told
        set_writable(serving.state, writable=True)
        ending = serving.run()
    all_holds(serving, serving.first, ending, clients)


@pytest.mark.parametrize("more", [0, 2, 8, 24], ids=lambda more: f"{more} MB more")
def test_an_agent_without_memory_ends_or_says_so_and_the_next_one_goes_on(serving: FaultNode, more: int) -> None:
    new = serving.promoted(serving.first.commit, "2")
    loaded = frozenset({("support-bot", "1"), ("support-bot", "2"), ("sql-helper", "1")})
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        starved = serving.run(memory=more * MEGABYTE, patience=0.0)
        assert more or starved.kind != "Done", starved.told
        nobody_was_failed(serving, clients, {*serving.first.expected.serves.items(), *new.expected.serves.items()})
        ending = serving.run()
    stage = Stage("", new.commit, Expected(new.expected.serves, loaded))
    all_holds(serving, stage, ending, clients, [("support-bot", "1")])
