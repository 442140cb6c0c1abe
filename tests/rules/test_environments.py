"""Environments: windows, holds, rollouts and engine versions mean one thing."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Any

import pytest

from interlock.rules.time_zones import zone_problem
from interlock.rules.version_ranges import UnreadableRange, is_empty
from support.checks import passes, refused
from support.repositories import Repository, environment

STAGING = environment("staging")


def window(**fields: Any) -> list[dict[str, Any]]:
    return [{"days": ["mon"], "from": "08:00", "to": "16:00", "timezone": "UTC"} | fields]


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Europe", "../../etc/passwd", "/etc/localtime", "a\nb", "CE T"])
def test_a_time_zone_that_nobody_knows_is_refused(repository: Repository, name: str) -> None:
    repository.change(STAGING, "windows", to=window(timezone=name))
    refused(repository, "unknown-time-zone", STAGING, '"')


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Ushuaia"])
def test_a_time_zone_by_its_iana_name_passes(repository: Repository, name: str) -> None:
    repository.change(STAGING, "windows", to=window(timezone=name))
    passes(repository)


def test_a_machine_without_time_zones_cannot_say_that_a_name_is_wrong(tmp_path: Path) -> None:
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        problem = zone_problem("Mars/Olympus")
        without_a_package = zone_problem("Europe/Berlin") is not None
    finally:
        zoneinfo.reset_tzpath(to=before)
        zoneinfo.ZoneInfo.clear_cache()
    assert problem
    assert problem.certain is not without_a_package


def test_a_window_that_ends_when_it_begins_is_refused(repository: Repository) -> None:
    repository.change(STAGING, "windows", to=window(to="08:00"))
    refused(repository, "ambiguous-window", STAGING, '"08:00"')


def test_a_window_over_midnight_passes(repository: Repository) -> None:
    repository.change(STAGING, "windows", to=window(to="02:00"))
    passes(repository)


def test_a_hold_of_an_adapter_that_is_not_there_is_refused(repository: Repository) -> None:
    hold = {"reason": "incident 12", "by": "alice"}
    repository.change(STAGING, "holds", to=[hold, hold | {"adapter": "support-bot"}])
    passes(repository)
    repository.change(STAGING, "holds", to=[hold | {"adapter": "suport-bot"}])
    refused(repository, "hold-of-unknown-adapter", STAGING, '"suport-bot"')


@pytest.mark.parametrize(
    "waves",
    [
        [{"percent": 50}],
        [{"nodes": ["canary"], "bake": "10m"}],
        [{"percent": 50}, {"percent": 25}, {"percent": 100}],
        [{"bake": "10m"}, {"percent": 100}],
        [{"nodes": ["a"], "percent": 5}, {"percent": 100}],
        [{"nodes": []}, {"percent": 100}],
    ],
)
def test_waves_that_leave_nodes_behind_are_refused(repository: Repository, waves: list[dict[str, Any]]) -> None:
    repository.change(STAGING, "rollout", to={"waves": waves})
    refused(repository, "unfinished-rollout", STAGING, "{")


def test_waves_that_reach_every_node_pass(repository: Repository) -> None:
    repository.change(STAGING, "rollout", to={"waves": [{"nodes": ["a"]}, {"percent": 25}, {"percent": 100}]})
    passes(repository)


@pytest.mark.parametrize("version", ["latest", ">=0.40,<0.28", ">=0.28,", "==0.28.*,>=0.29"])
def test_versions_that_say_nothing_are_refused(repository: Repository, version: str) -> None:
    repository.change(STAGING, "engine", "version", to=version)
    refused(repository, "unclear-engine-version", STAGING, f'"{version}"')


@pytest.mark.parametrize(
    ("specifier", "empty"),
    [
        (">=0", False),
        (">=0.28,<0.40", False),
        ("==0.32.0", False),
        ("==0.32.*", False),
        ("~=0.33", False),
        ("~=0.33.1,<0.33.1", True),
        ("~=0.33.1,>=0.34", True),
        ("==0.32,!=0.32.0", True),
        ("==0.32,!=0.33", False),
        (">0.32,<=0.32", True),
        (">=0.32,<=0.32", False),
        ("<0", True),
        (">=0.40,<0.28", True),
        ("<1,>=0.9", False),
    ],
)
def test_a_range_is_empty_when_no_version_lies_in_it(specifier: str, empty: bool) -> None:
    assert is_empty(specifier) is empty


@pytest.mark.parametrize("text", ["", "0.28", "latest", ">=0.28;<1", ">=0.28.*", "=>1", ">=1.2.3.4.5", ">=0.28, ,<1"])
def test_what_is_no_range_is_not_read_as_one(text: str) -> None:
    with pytest.raises(UnreadableRange):
        is_empty(text)
