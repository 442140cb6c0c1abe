"""Nodes take a promotion in waves: real agents' git sides and records on one real remote, with clocks of the test."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from interlock.documents.identifiers import ServedName
from support.repositories import environment
from support.wave_nodes import ENV, Fleet

HOUR, DAY = 3600.0, 86400.0
POINTER = {"kind": "Pointer", "adapter": "support-bot", "active": "2"}
THREE: dict[str, Any] = {
    "waves": [{"nodes": ["first"], "bake": "1h"}, {"nodes": ["second"], "bake": "2h"}, {"percent": 100}]
}
TWO: dict[str, Any] = {"waves": [{"nodes": ["first"], "bake": "1h"}, {"percent": 100}]}


def all_of(revisions: str) -> dict[str, str]:
    return dict(zip(("first", "second", "third"), revisions, strict=True))


def test_three_nodes_take_a_promotion_one_after_the_other_and_a_rollback_at_once(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["first", "second", "third"], **THREE)
    assert fleet.serves() == all_of("333")
    fleet.point("2")
    assert fleet.serves() == all_of("233")
    told = fleet.nodes["third"].turn(poll=False).waits[0].told
    assert told.startswith("support-bot@2-")
    assert "waits for wave 3 of 3 until 2033-05-18 06:33:20 UTC" in told
    fleet.pass_time(HOUR - 1)
    fleet.point("1", "sql-helper", keep=[])  # something else does not begin the wait anew
    assert fleet.serves() == all_of("233")
    fleet.nodes["second"].start()
    fleet.nodes["third"].start()
    assert fleet.serves() == all_of("233")
    fleet.pass_time(1)
    assert fleet.serves(poll=False) == all_of("223")
    fleet.pass_time(2 * HOUR)
    assert fleet.serves(poll=False) == all_of("222")
    fleet.point("3")
    assert fleet.serves() == all_of("333")
    assert not any(node.turn(poll=False).waits for node in fleet.nodes.values())


def test_a_revert_while_nodes_wait_leaves_them_where_they_are(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["first", "third"], **TWO)
    fleet.serves()
    fleet.point("2")
    assert fleet.serves() == {"first": "2", "third": "3"}
    fleet.published.work.git("revert", "--no-edit", "HEAD")
    fleet.published.push()
    assert fleet.serves() == {"first": "3", "third": "3"}
    fleet.pass_time(HOUR)
    assert fleet.serves(poll=False) == {"first": "3", "third": "3"}


def test_a_pointer_that_nobody_could_follow_takes_nothing_away_when_it_is_repaired(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["first", "third"], **TWO)
    fleet.serves()
    fleet.point("2", unknown=1)
    assert fleet.serves() == {"first": "3", "third": "3"}
    fleet.published.work.write(f"environments/{ENV}/pointers/support-bot.yaml", POINTER)
    fleet.commit("repair it")
    assert fleet.serves() == {"first": "2", "third": "3"}
    fleet.pass_time(HOUR)
    assert fleet.serves(poll=False) == {"first": "2", "third": "2"}


def test_what_is_revoked_is_not_waited_with(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("2")
    assert fleet.serves() == {"third": "3"}
    record = {"adapter": "support-bot", "revision": "3", "reason": "it leaks", "by": "carol", "date": "2026-11-25"}
    fleet.published.work.write("policies/revocations.yaml", {"kind": "Revocations", "revoked": [record]})
    fleet.commit("revoke")
    assert fleet.serves() == {"third": "2"}
    fleet.nodes["third"].start()
    assert fleet.serves() == {"third": "2"}


def test_what_a_node_serves_meanwhile_keeps_its_own_way_back(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("1")
    fleet.pass_time(HOUR)
    fleet.serves()
    fleet.pass_time(HOUR)
    assert fleet.serves() == {"third": "1"}
    fleet.point("2")
    (bot,) = (alias for alias in fleet.nodes["third"].turn().desired.aliases if alias.name == "support-bot")
    assert [ServedName.parse(target.served).revision for target in bot.targets] == ["1", "3"]


def test_a_node_that_joins_takes_the_times_from_the_branch(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, **TWO)
    fleet.point("2")
    fleet.pass_time(HOUR / 2)
    third = fleet.join("third")
    assert third.serves() == "3"
    fleet.pass_time(HOUR / 2)
    assert third.serves(poll=False) == "2"
    assert fleet.join("fourth").serves() == "2"


def test_a_node_that_joins_a_young_branch_serves_the_oldest_that_there_is(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, young=True, **TWO)
    fleet.point("2")
    assert fleet.join("third").serves() == "3"
    fleet.pass_time(HOUR)
    assert fleet.serves() == {"third": "2"}


def test_a_renamed_node_has_the_wave_of_its_new_name(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("2")
    third = fleet.nodes["third"]
    assert third.serves() == "3"
    third.start("first")
    assert third.serves() == "2"
    third.start("third")
    assert third.serves() == "2"


@pytest.mark.parametrize("wrong_by", [-DAY, DAY])
def test_a_clock_that_is_set_while_a_node_waits_moves_nothing(tmp_path: Path, wrong_by: float) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("2")
    third = fleet.nodes["third"]
    assert third.serves() == "3"
    third.wall += wrong_by
    fleet.pass_time(HOUR - 1)
    assert third.serves(poll=False) == "3"
    fleet.pass_time(1)
    assert third.serves(poll=False) == "2"


def test_a_clock_that_was_set_back_while_a_node_was_down_waits_no_longer_than_all_bakes(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("2")
    third = fleet.nodes["third"]
    assert third.serves() == "3"
    third.wall -= DAY
    third.start()
    assert third.serves() == "3"
    fleet.pass_time(HOUR)
    assert third.serves() == "2"


def test_a_held_adapter_follows_no_promotion_until_the_hold_ends(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["first"], **TWO)
    first = fleet.nodes["first"]
    first.serves()
    first.held = {"support-bot"}
    fleet.point("2")
    assert first.serves() == "3"
    assert first.turn(poll=False).waits[0].told.endswith("is held on this node")
    first.held = ()
    assert first.serves(poll=False) == "2"
    first.held = {"support-bot"}
    fleet.point("3")
    assert first.serves() == "3"


def test_a_rollout_that_is_taken_away_lets_everybody_follow(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("2")
    assert fleet.serves() == {"third": "3"}
    fleet.published.work.change(environment(ENV), "rollout", to=None)
    fleet.commit("no waves")
    assert fleet.serves() == {"third": "2"}


def test_a_new_adapter_is_served_when_its_wave_comes(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.published.work.remove("environments/dev/pointers/support-bot.yaml")
    fleet.commit("without it")
    third = fleet.nodes["third"]
    assert third.serves() == ""
    fleet.point("2")
    assert third.serves() == ""
    fleet.pass_time(HOUR)
    assert third.serves(poll=False) == "2"


def test_a_damaged_record_is_named_and_made_again_from_the_branch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("2")
    third = fleet.nodes["third"]
    assert third.serves() == "3"
    record = third.state / "followed.json"
    before = json.loads(record.read_bytes())
    record.write_bytes(record.read_bytes()[:-40])
    with caplog.at_level(logging.ERROR):
        third.start()
    assert "followed.json is damaged" in caplog.text
    assert third.serves() == "3"
    assert json.loads(record.read_bytes()) == before
    fleet.pass_time(HOUR)
    assert third.serves() == "2"


def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    fleet = Fleet.begin(tmp_path, ["third"], **TWO)
    fleet.serves()
    fleet.point("2")
    fleet.serves()
    record = fleet.nodes["third"].state / "followed.json"
    before = record.stat()
    fleet.pass_time(60)
    fleet.serves()
    assert (record.stat().st_ino, record.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
