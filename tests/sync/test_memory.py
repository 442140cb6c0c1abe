"""What the agent remembers: pauses that grow and end, and facts that end with the engine or with the commit."""

from __future__ import annotations

import pytest

from interlock.errors import (
    ArtifactArriving,
    ArtifactCorrupt,
    ArtifactUnreachable,
    EngineRefused,
    EngineUnreachable,
    InterlockError,
    StoreUnwritable,
)
from interlock.sync.memory import FIRST_PAUSE, LONGEST_PAUSE, MAX_ATTEMPTS, Memory, refusal_after
from interlock.sync.plan import Refusal

CORRUPT = ArtifactCorrupt("wrong bytes", remedy="copy it again")
UNREACHABLE = ArtifactUnreachable("no answer")


def after(attempts: int, error: InterlockError, now: float = 0.0) -> Refusal:
    refusal = None
    for _ in range(attempts):
        refusal = refusal_after(refusal, error, now)
    assert refusal
    return refusal


def test_a_refusal_carries_what_was_found_and_what_to_do() -> None:
    refusal = refusal_after(None, CORRUPT, 100.0)
    assert (refusal.why, refusal.remedy, refusal.attempts) == ("wrong bytes", "copy it again", 1)


def test_pauses_double_from_two_seconds_to_five_minutes() -> None:
    pauses = [after(attempts, UNREACHABLE, now=50.0).retry_at for attempts in range(1, 11)]
    assert pauses == [50.0 + pause for pause in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0)]
    assert (FIRST_PAUSE, LONGEST_PAUSE) == (2.0, 300.0)


@pytest.mark.parametrize("error", [CORRUPT, EngineRefused("rank too large", status=400)])
def test_after_five_attempts_only_a_new_commit_or_a_restart_helps(error: InterlockError) -> None:
    assert after(MAX_ATTEMPTS - 1, error).retry_at is not None
    assert after(MAX_ATTEMPTS, error).retry_at is None
    assert after(MAX_ATTEMPTS + 1, error).retry_at is None


def test_what_was_merely_out_of_reach_is_tried_for_ever() -> None:
    refusal = Refusal("no answer", "", 100_000, 0.0, for_people=False)
    assert refusal_after(refusal, UNREACHABLE, 10.0) == Refusal("no answer", "", 100_001, 310.0, for_people=False)


def test_a_disk_that_takes_no_bytes_is_for_people_and_tried_for_ever() -> None:
    refusal = after(MAX_ATTEMPTS + 3, StoreUnwritable("the disk is full"))
    assert (refusal.for_people, refusal.retry_at) == (True, 256.0)


def test_what_is_arriving_goes_on_soon_and_never_counts_as_a_failure() -> None:
    assert after(9, ArtifactArriving("5 of 9 bytes"), 7.0) == Refusal("5 of 9 bytes", "", 0, 7.1, for_people=False)


@pytest.mark.parametrize(("error", "for_people"), [(CORRUPT, True), (UNREACHABLE, False)])
def test_only_what_time_does_not_heal_is_for_people(error: InterlockError, for_people: bool) -> None:
    assert refusal_after(None, error, 0.0).for_people is for_people


def test_attempts_are_counted_for_each_revision_by_itself() -> None:
    memory = Memory()
    for _ in range(3):
        memory.refuse("a", CORRUPT, 0.0)
    memory.refuse("b", CORRUPT, 0.0)
    assert {name: refusal.attempts for name, refusal in memory.refusals.items()} == {"a": 3, "b": 1}


def test_a_new_commit_cancels_every_wait_and_forgets_nothing_else() -> None:
    memory = Memory(base_proven=True, directories={"a": "/a"}, proven={"a"}, unrouted_since={"x": 1.0})
    memory.refuse("b", CORRUPT, 0.0)
    memory.base_refusal = refusal_after(None, CORRUPT, 0.0)
    memory.new_commit()
    assert memory == Memory(base_proven=True, directories={"a": "/a"}, proven={"a"}, unrouted_since={"x": 1.0})


def test_an_engine_that_lost_a_proven_adapter_was_restarted_and_proves_its_base_again() -> None:
    memory = Memory(base_proven=True, directories={"a": "/a", "b": "/b"}, proven={"a", "b"})
    memory.refuse("c", CORRUPT, 0.0)
    memory.base_refusal = refusal_after(None, CORRUPT, 0.0)
    assert memory.engine_forgot({"b", "c"})
    assert memory == Memory(directories={"a": "/a", "b": "/b"}, proven={"b"}, listed={"b", "c"})


def test_an_engine_that_has_everything_that_was_proven_forgot_nothing() -> None:
    memory = Memory(base_proven=True, proven={"a"})
    memory.refuse("c", CORRUPT, 0.0)
    assert not memory.engine_forgot({"a", "b"})
    assert memory.base_proven
    assert memory.refusals


def test_the_time_without_use_is_that_of_the_first_look() -> None:
    memory = Memory()
    memory.note_routes({"a", "b", "c"}, {"a"}, 10.0)
    memory.note_routes({"a", "b", "d"}, {"a"}, 20.0)
    assert memory.unrouted_since == {"b": 10.0, "d": 20.0}


def test_an_adapter_that_is_used_again_starts_over() -> None:
    memory = Memory()
    memory.note_routes({"a"}, set(), 10.0)
    memory.note_routes({"a"}, {"a"}, 20.0)
    memory.note_routes({"a"}, set(), 30.0)
    assert memory.unrouted_since == {"a": 30.0}


def test_what_the_plan_is_given_does_not_change_afterwards() -> None:
    memory = Memory(directories={"a": "/a"}, proven={"a"})
    known = memory.known(asked=True)
    memory.directories["b"] = "/b"
    memory.proven.add("b")
    memory.refuse("b", CORRUPT, 0.0)
    memory.note_routes({"x"}, set(), 1.0)
    assert (known.directories, known.proven) == ({"a": "/a"}, frozenset({"a"}))
    assert (known.refusals, known.unrouted_since) == ({}, {})
    assert known.asked


def test_an_adapter_whose_load_silenced_the_engine_is_not_tried_at_once_after_a_restart() -> None:
    memory = Memory()
    memory.engine_forgot({"support-bot@1-0123456789ab"})
    memory.refuse("support-bot@2-0123456789ab", EngineUnreachable("no answer"), 10.0)
    memory.refuse("support-bot@3-0123456789ab", EngineRefused("rank", status=500), 10.0)
    assert memory.engine_forgot(set())
    assert list(memory.refusals) == ["support-bot@2-0123456789ab"]
    assert memory.refusals["support-bot@2-0123456789ab"].retry_at == 12.0


def test_a_restart_is_seen_by_lazy_adapters_too_and_an_unload_is_none() -> None:
    memory = Memory(base_proven=True)
    memory.engine_forgot({"a", "b"})
    memory.unloaded("a")
    assert not memory.engine_forgot({"b"})
    assert memory.engine_forgot(set())
    assert not memory.base_proven
