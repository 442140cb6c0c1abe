"""Joint capacity: the pointers of an environment together fit into its engine."""

from __future__ import annotations

from support.checks import passes, refused
from support.repositories import REMOVED, Repository, environment

DEV = environment("dev")


def limits(repository: Repository, loras: int, cpu_loras: int | None) -> None:
    repository.change(DEV, "engine", "max_loras", to=loras)
    repository.change(DEV, "engine", "max_cpu_loras", to=REMOVED if cpu_loras is None else cpu_loras)


def test_fewer_places_for_loaded_adapters_than_for_a_batch_are_refused(repository: Repository) -> None:
    limits(repository, 4, 3)
    finding = refused(repository, "cpu-loras-below-loras", DEV, "3")
    assert finding.environment == "dev"


def test_more_revisions_in_use_than_a_batch_holds_are_refused(repository: Repository) -> None:
    limits(repository, 1, 8)
    finding = refused(repository, "over-max-loras", DEV, "1")
    assert "sql-helper@1, support-bot@3" in finding.found


def test_canary_and_shadow_count_and_equal_revisions_count_once(repository: Repository) -> None:
    limits(repository, 3, 8)
    repository.point("dev", "support-bot", canary={"revision": "2", "weight": 5})
    passes(repository)
    repository.point("dev", "support-bot", shadow={"revision": "2", "sample": 0.1})
    passes(repository)
    repository.point("dev", "support-bot", shadow={"revision": "1", "sample": 0.1})
    finding = refused(repository, "over-max-loras", DEV, "3")
    assert finding.found.startswith("4 adapter revisions")


def test_lazy_and_kept_revisions_do_not_take_requests_all_the_time(repository: Repository) -> None:
    limits(repository, 1, 8)
    repository.point("dev", "sql-helper", residency="lazy")
    repository.point("dev", "support-bot", keep=["1", "2"])
    passes(repository)


def test_more_revisions_to_hold_than_places_are_refused(repository: Repository) -> None:
    limits(repository, 2, 2)
    finding = refused(repository, "over-max-cpu-loras", DEV, "2")
    assert "sql-helper 1, support-bot 2" in finding.found


def test_lazy_adapters_take_turns_in_one_place(repository: Repository) -> None:
    repository.point("dev", "sql-helper", residency="lazy")
    limits(repository, 2, 3)
    passes(repository)
    limits(repository, 2, 2)
    finding = refused(repository, "over-max-cpu-loras", DEV, "2")
    assert "support-bot 2, lazy ones together 1" in finding.found
    repository.point("dev", "support-bot", residency="lazy")
    limits(repository, 1, 1)
    passes(repository)


def test_without_max_cpu_loras_the_engine_holds_max_loras(repository: Repository) -> None:
    limits(repository, 3, None)
    passes(repository)
    limits(repository, 4, None)
    repository.change(DEV, "keep_previous", to=9)
    passes(repository)
    repository.change(DEV, "engine", "max_loras", to=3)
    refused(repository, "over-max-cpu-loras", DEV, "3")


def test_previous_revisions_are_bounded_by_those_that_exist_and_may_be_served(repository: Repository) -> None:
    limits(repository, 3, 4)
    repository.change(DEV, "keep_previous", to=50)
    passes(repository)
    limits(repository, 3, 3)
    revoked = [{"adapter": "support-bot", "revision": "2", "reason": "bad data", "date": "2026-11-01", "by": "alice"}]
    repository.point("staging", "support-bot", active="1")
    refused(repository, "over-max-cpu-loras", DEV, "3")
    repository.change("policies/revocations.yaml", "revoked", to=revoked)
    passes(repository)
