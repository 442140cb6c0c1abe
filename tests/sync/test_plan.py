"""The plan, as a table of situations: an engine, what git wants, and the steps that follow, in words.

A step is written `flip bot=2`, `place bot@2`, `load bot@2`, `prove bot@2`, `unload bot@1` or `prove base`.
"""

from __future__ import annotations

import pytest

from interlock.routing.table import Canary, Route, RouteTable
from interlock.sync.desired import Desired
from interlock.sync.plan import Flip, Known, Observed, Plan, plan
from support.desired_states import (
    BASES,
    COMMIT,
    DRAIN,
    DRAINING,
    SimulatedEngine,
    alias,
    desired,
    directory,
    refusal,
    served,
)
from support.plan_words import in_words, steps


def bot(*revisions: str) -> list[str]:
    return [served("bot", revision) for revision in revisions]


def serving(wanted: Desired, *also: str) -> SimulatedEngine:
    """An engine that has settled on a state, with more adapters of `bot` loaded."""
    engine = SimulatedEngine()
    engine.settle(wanted)
    return engine.hold(bot(*also))


ONE = desired(alias("bot", "1"))
TWO_KEEPS_ONE = desired(alias("bot", "2", kept=("1",)))
ONE_KEEPS_TWO = desired(alias("bot", "1", kept=("2",)))


def test_an_engine_that_serves_what_git_says_gets_no_steps() -> None:
    assert serving(ONE).plan(ONE) == Plan()


def test_a_new_node_goes_through_every_step_in_order() -> None:
    engine = SimulatedEngine(base_proven=False)
    expected = [
        ["flip", "prove base"],
        ["place bot@1"],
        ["load bot@1"],
        ["prove bot@1"],
        ["flip bot=1"],
        [],
    ]
    for words in expected:
        made = engine.plan(ONE)
        assert steps(made) == words
        assert made.held == ()
        for step in made.steps:
            engine.apply(step)


def test_a_promotion_loads_and_proves_before_it_flips() -> None:
    engine = serving(ONE)
    seen = []
    while (made := engine.plan(TWO_KEEPS_ONE)).steps:
        seen += steps(made)
        for step in made.steps:
            engine.apply(step)
    assert seen == ["place bot@2", "load bot@2", "prove bot@2", "flip bot=2"]


def test_a_rollback_to_a_kept_revision_is_exactly_one_flip() -> None:
    assert steps(serving(TWO_KEEPS_ONE).plan(ONE_KEEPS_TWO)) == ["flip bot=1"]


def test_a_rollback_comes_before_anything_else_that_is_to_be_done() -> None:
    engine = serving(TWO_KEEPS_ONE)
    wanted = desired(alias("bot", "1", kept=("2", "3")), alias("sql", "1"))
    assert steps(engine.plan(wanted)) == ["flip bot=1", "place sql@1", "place bot@3"]


def test_the_table_says_for_which_commit_it_was_made() -> None:
    engine = serving(ONE)
    newer = desired(alias("bot", "1"), commit="f" * 40)
    (flip,) = engine.plan(newer).steps
    assert isinstance(flip, Flip)
    assert flip.table.commit == "f" * 40
    assert flip.table.environment == "dev"
    assert flip.table.bases == frozenset(BASES)


def test_everything_that_is_ready_may_be_asked_for_by_its_own_name() -> None:
    engine = serving(TWO_KEEPS_ONE, "9")
    assert engine.table
    assert engine.table.served == frozenset(bot("1", "2"))


def test_an_alias_without_a_ready_revision_has_no_route() -> None:
    assert steps(SimulatedEngine().plan(ONE))[0] == "flip"


def test_a_promotion_that_is_refused_leaves_the_route_and_says_why() -> None:
    engine = serving(ONE)
    engine.refusals[served("bot", "2")] = refusal("the engine says no")
    made = engine.plan(TWO_KEEPS_ONE)
    assert made.steps == ()
    (held,) = made.held
    assert (held.served, held.why, held.remedy) == (
        served("bot", "2"),
        "the engine says no",
        "repair: the engine says no",
    )
    assert held.retry_at is None


def test_a_refused_revision_does_not_keep_others_from_being_loaded() -> None:
    engine = SimulatedEngine()
    engine.refusals[served("bot", "1")] = refusal()
    made = engine.settle(desired(alias("bot", "1"), alias("sql", "1")))
    assert [held.served for held in made.held] == bot("1")
    assert engine.table
    assert set(engine.table.routes) == {"sql"}


@pytest.mark.parametrize(("now", "waits"), [(99.9, True), (100.0, False), (100.1, False)])
def test_a_refusal_that_time_may_heal_is_tried_again_when_its_pause_is_over(now: float, waits: bool) -> None:
    engine = serving(ONE)
    engine.now = now
    engine.refusals[served("bot", "2")] = refusal(retry_at=100.0, for_people=False)
    made = engine.plan(TWO_KEEPS_ONE)
    assert bool(made.held) is waits
    assert steps(made) == ([] if waits else ["place bot@2"])
    assert all(held.retry_at == 100.0 and not held.for_people for held in made.held)


def test_nothing_is_loaded_on_a_base_that_is_not_proven() -> None:
    engine = SimulatedEngine(base_proven=False)
    assert steps(engine.plan(ONE)) == ["flip", "prove base"]


def test_a_base_that_is_refused_holds_back_every_revision_and_leaves_the_routes() -> None:
    engine = serving(ONE)
    known = Known(base_refusal=refusal("another tokenizer"))
    made = plan(TWO_KEEPS_ONE, engine.observed, known, now=0.0, drain=DRAINING)
    assert made.steps == ()
    assert {held.served for held in made.held} == set(bot("1", "2"))
    assert {held.why for held in made.held} == {"another tokenizer"}


@pytest.mark.parametrize(("retry_at", "now", "again"), [(None, 1e9, False), (5.0, 4.9, False), (5.0, 5.0, True)])
def test_a_refused_base_is_proven_again_when_its_pause_is_over(retry_at: float | None, now: float, again: bool) -> None:
    known = Known(base_refusal=refusal(retry_at=retry_at))
    made = plan(ONE, Observed({}, BASES, None), known, now=now, drain=DRAINING)
    assert ("prove base" in steps(made)) is again
    assert bool(made.held) is not again


def test_a_proven_engine_is_left_alone_even_if_its_base_cannot_be_proven_just_now() -> None:
    engine = serving(ONE)
    engine.base_proven = False
    assert engine.plan(ONE) == Plan()


def test_after_a_restart_of_the_engine_the_routes_stay_and_everything_is_loaded_again() -> None:
    engine = serving(TWO_KEEPS_ONE)
    before = engine.table
    engine.restart()
    made = engine.plan(TWO_KEEPS_ONE)
    assert steps(made) == ["flip bot=2", "prove base"]
    engine.settle(TWO_KEEPS_ONE)
    assert engine.table == before
    assert set(engine.adapters) == set(bot("1", "2"))


def test_after_a_restart_of_the_agent_nothing_is_unloaded_and_everything_is_proven_again() -> None:
    running = serving(TWO_KEEPS_ONE)
    engine = SimulatedEngine(adapters=dict(running.adapters), table=running.table, base_proven=False)
    seen = []
    while (made := engine.plan(TWO_KEEPS_ONE)).steps:
        seen += steps(made)
        assert engine.table
        assert engine.table.routes == running.table.routes if running.table else False
        for step in made.steps:
            engine.apply(step)
    assert [word for word in seen if word.startswith(("load", "unload"))] == []
    assert {"prove base", "place bot@2", "prove bot@2", "place bot@1", "prove bot@1"} <= set(seen)


def test_an_adapter_loaded_from_another_directory_is_replaced_before_it_is_routed() -> None:
    engine = SimulatedEngine(adapters={served("bot", "1"): "/tmp/by-hand"})
    engine.directories[served("bot", "1")] = directory(served("bot", "1"))
    made = engine.plan(ONE)
    assert steps(made) == ["flip", "unload bot@1", "load bot@1"]
    assert "/tmp/by-hand" in str(made.steps[1])
    engine.settle(ONE)
    assert engine.adapters == {served("bot", "1"): directory(served("bot", "1"))}


def test_a_proof_of_an_adapter_from_another_directory_does_not_count() -> None:
    engine = SimulatedEngine(adapters={served("bot", "1"): "/tmp/by-hand"}, proven=set(bot("1")))
    engine.directories[served("bot", "1")] = directory(served("bot", "1"))
    assert "flip bot=1" not in steps(engine.plan(ONE))


def test_a_removed_pointer_loses_its_route_at_once_and_its_adapter_after_the_drain() -> None:
    engine = serving(desired(alias("bot", "1"), alias("sql", "1")))
    assert steps(engine.plan(ONE)) == ["flip bot=1"]
    made = engine.settle(ONE)
    assert made.drains_until == engine.now + DRAIN
    engine.now += DRAIN
    assert steps(engine.plan(ONE)) == ["unload sql@1"]


def test_the_last_removed_pointer_leaves_an_empty_table() -> None:
    engine = serving(ONE)
    engine.settle(desired())
    assert engine.table
    assert engine.table.routes == {}


def test_an_old_revision_drains_from_the_moment_at_which_its_route_was_gone() -> None:
    engine = serving(ONE)
    wanted = desired(alias("bot", "2"))
    engine.now += 1000
    made = engine.settle(wanted)
    assert set(engine.adapters) == set(bot("1", "2"))
    assert made.drains_until == engine.now + DRAIN
    engine.now += DRAIN - 0.1
    assert engine.plan(wanted).steps == ()
    engine.now += 0.1
    assert steps(engine.plan(wanted)) == ["unload bot@1"]


def test_a_route_that_is_still_on_disk_keeps_its_adapter_loaded() -> None:
    engine = serving(ONE)
    engine.refusals[served("bot", "2")] = refusal()
    wanted = desired(alias("bot", "2"))
    engine.now += 10 * DRAIN
    assert engine.plan(wanted).steps == ()
    assert set(engine.adapters) == set(bot("1"))


def test_an_adapter_that_somebody_loaded_by_hand_is_unloaded_after_the_drain() -> None:
    engine = serving(ONE)
    engine.adapters["handmade"] = "/tmp/handmade"
    assert engine.plan(ONE).drains_until == engine.now + DRAIN
    engine.now += DRAIN
    assert steps(engine.plan(ONE)) == ["unload handmade"]


CANARY = desired(alias("bot", "1", canary="2", weight=5.0, tenants=("acme",)))


def test_a_canary_is_routed_when_it_is_ready_and_not_before() -> None:
    engine = serving(ONE)
    seen = []
    while (made := engine.plan(CANARY)).steps:
        seen += steps(made)
        for step in made.steps:
            engine.apply(step)
    assert seen == ["place bot@2", "load bot@2", "prove bot@2", "flip bot=1+2"]
    assert engine.table
    assert engine.table.routes["bot"] == Route(served("bot", "1"), Canary(served("bot", "2"), 5.0, frozenset({"acme"})))


def test_another_weight_of_the_same_canary_is_one_flip() -> None:
    engine = serving(CANARY)
    (flip,) = engine.plan(desired(alias("bot", "1", canary="2", weight=50.0))).steps
    assert isinstance(flip, Flip)
    canary = flip.table.routes["bot"].canary
    assert canary
    assert (canary.weight, canary.tenants) == (50.0, frozenset())


def test_a_canary_that_is_removed_leaves_at_once() -> None:
    assert steps(serving(CANARY).plan(ONE)) == ["flip bot=1"]


def test_a_canary_that_is_removed_leaves_even_while_the_new_active_revision_is_refused() -> None:
    engine = serving(CANARY)
    engine.refusals[served("bot", "3")] = refusal()
    assert steps(engine.plan(desired(alias("bot", "3")))) == ["flip bot=1"]


def test_a_canary_that_stays_keeps_its_share_while_the_new_active_revision_is_loaded() -> None:
    engine = serving(CANARY)
    assert steps(engine.plan(desired(alias("bot", "3", canary="2", tenants=("acme",))))) == ["place bot@3"]


def test_a_new_canary_waits_for_the_new_active_revision() -> None:
    engine = serving(ONE, "3")
    engine.refusals[served("bot", "2")] = refusal()
    assert steps(engine.plan(desired(alias("bot", "2", canary="3")))) == ["flip bot=1"]


def test_a_canary_that_becomes_active_is_one_flip() -> None:
    assert steps(serving(CANARY).plan(TWO_KEEPS_ONE)) == ["flip bot=2"]


def test_an_active_revision_that_becomes_the_canary_is_no_split_with_itself() -> None:
    engine = serving(CANARY)
    engine.refusals[served("bot", "3")] = refusal()
    assert steps(engine.plan(desired(alias("bot", "3", canary="1")))) == ["flip bot=1"]


def test_the_split_survives_a_restart_of_the_engine() -> None:
    engine = serving(CANARY)
    before = engine.table
    engine.restart()
    assert steps(engine.plan(CANARY)) == ["prove base"]
    engine.settle(CANARY)
    assert engine.table == before


def test_a_full_engine_gives_up_what_nothing_refers_to_before_its_drain_is_over() -> None:
    engine = serving(desired(alias("bot", "1"), slots=2), "9")
    wanted = desired(alias("bot", "2", kept=()), slots=2)
    engine.directories[served("bot", "2")] = directory(served("bot", "2"))
    assert steps(engine.plan(wanted)) == ["unload bot@9", "load bot@2"]


def test_of_several_idle_adapters_the_one_that_was_idle_longest_goes_first() -> None:
    engine = serving(desired(alias("bot", "1"), slots=4), "7", "8", "9")
    engine.unrouted_since = {served("bot", "7"): 990.0, served("bot", "8"): 980.0, served("bot", "9"): 999.0}
    engine.directories[served("bot", "2")] = directory(served("bot", "2"))
    assert steps(engine.plan(desired(alias("bot", "2"), slots=4))) == ["unload bot@8", "load bot@2"]


def test_an_adapter_that_gives_up_its_place_is_not_unloaded_twice() -> None:
    engine = serving(desired(alias("bot", "1"), slots=2), "9")
    engine.plan(desired(alias("bot", "1"), slots=2))
    engine.now += DRAIN
    engine.directories[served("bot", "2")] = directory(served("bot", "2"))
    assert steps(engine.plan(desired(alias("bot", "2"), slots=2))) == ["unload bot@9", "load bot@2"]


def test_an_engine_above_its_limit_is_brought_below_it_before_anything_is_loaded() -> None:
    engine = serving(desired(alias("bot", "1"), slots=2), "7", "8", "9")
    engine.directories[served("bot", "2")] = directory(served("bot", "2"))
    made = engine.plan(desired(alias("bot", "2"), slots=2))
    assert steps(made)[-1] == "load bot@2"
    assert [word for word in steps(made) if word.startswith("unload")] == [
        "unload bot@9",
        "unload bot@8",
        "unload bot@7",
    ]


def test_a_rollback_target_makes_room_for_a_revision_that_takes_requests() -> None:
    engine = serving(desired(alias("bot", "2", kept=("1",)), slots=2))
    wanted = desired(alias("bot", "3", kept=("1",)), slots=2)
    engine.directories[served("bot", "3")] = directory(served("bot", "3"))
    made = engine.plan(wanted)
    assert steps(made) == ["flip bot=2"], "before it is unloaded nobody may ask for it"
    assert isinstance(made.steps[0], Flip)
    assert made.steps[0].table.served == frozenset(bot("2"))
    engine.apply(made.steps[0])
    assert steps(engine.plan(wanted)) == ["unload bot@1", "load bot@3"]
    engine.settle(wanted)
    assert set(engine.adapters) == set(bot("1", "3"))
    assert engine.most_loaded == 2


def test_a_rollback_target_does_not_make_room_for_another_rollback_target() -> None:
    engine = serving(desired(alias("bot", "2", kept=("1",)), slots=2))
    engine.directories[served("bot", "9")] = directory(served("bot", "9"))
    made = engine.plan(desired(alias("bot", "2", kept=("9", "1")), slots=2))
    assert made.steps == ()
    (held,) = made.held
    assert held.served == served("bot", "9")
    assert "the engine holds 2 adapters" in held.why
    assert "max_cpu_loras" in held.remedy


def test_what_takes_requests_never_makes_room() -> None:
    engine = serving(desired(alias("bot", "1"), slots=1))
    engine.directories[served("bot", "2")] = directory(served("bot", "2"))
    made = engine.plan(desired(alias("bot", "2"), slots=1))
    assert made.steps == ()
    assert [held.served for held in made.held] == bot("2")


def test_a_rollback_target_that_still_takes_requests_does_not_make_room() -> None:
    engine = serving(desired(alias("bot", "1"), slots=1))
    engine.directories[served("bot", "2")] = directory(served("bot", "2"))
    made = engine.plan(desired(alias("bot", "2", kept=("1",)), slots=1))
    assert made.steps == ()
    assert [held.served for held in made.held] == bot("2")


def test_a_new_revision_that_is_loaded_and_not_yet_routed_does_not_make_room() -> None:
    engine = SimulatedEngine().hold(bot("1"))
    engine.proven.clear()
    engine.directories[served("sql", "1")] = directory(served("sql", "1"))
    made = engine.plan(desired(alias("bot", "1"), alias("sql", "1"), slots=1))
    assert steps(made) == ["flip", "prove bot@1"]
    assert [held.served for held in made.held] == [served("sql", "1")]


def test_a_rollback_target_that_gave_up_its_place_is_not_proven_in_the_same_plan() -> None:
    engine = serving(desired(alias("bot", "2", kept=("1",)), slots=2))
    engine.proven.discard(served("bot", "1"))
    engine.directories[served("bot", "3")] = directory(served("bot", "3"))
    wanted = desired(alias("bot", "3", kept=("1",)), slots=2)
    made = engine.plan(wanted)
    assert steps(made) == ["flip bot=2"]
    engine.apply(made.steps[0])
    assert steps(engine.plan(wanted)) == ["unload bot@1", "load bot@3"]


def test_the_most_important_revisions_get_the_last_places() -> None:
    engine = SimulatedEngine()
    wanted = desired(alias("bot", "2", kept=("1",)), alias("sql", "1", canary="2"), slots=3)
    made = engine.settle(wanted)
    assert set(engine.adapters) == {served("bot", "2"), served("sql", "1"), served("sql", "2")}
    assert [held.served for held in made.held] == bot("1")


def test_a_table_of_another_environment_is_replaced_but_not_before_there_is_something_better() -> None:
    engine = SimulatedEngine().hold(bot("9"))
    engine.table = RouteTable("prod", COMMIT, frozenset(BASES), frozenset(bot("9")), {"bot": Route(served("bot", "9"))})
    assert steps(engine.plan(ONE))[0] == "flip bot=9"
    engine.settle(ONE)
    assert engine.table.environment == "dev"
    assert engine.table.routes["bot"].active == served("bot", "1")


def test_other_names_of_the_base_are_taken_over_into_the_table() -> None:
    engine = serving(ONE)
    observed = Observed(engine.observed.adapters, ("tiny", "org/tiny-1b"), engine.table)
    (flip,) = plan(ONE, observed, engine.known, now=0.0, drain=DRAINING).steps
    assert isinstance(flip, Flip)
    assert flip.table.bases == {"tiny", "org/tiny-1b"}
    assert in_words(flip) == "flip bot=1"
