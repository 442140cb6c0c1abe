"""From the facts of a turn to an outcome and conditions: each trouble by itself, and which one wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.sync.demands import Demands
from interlock.sync.outcome import Done, Failed, Outcome, Stalled, Waiting
from interlock.sync.plan import Held, Observed, Plan
from interlock.sync.report import Trouble, TurnFacts, outcome_of, status_of
from interlock.sync.status import CONDITIONS, Condition, Status, from_json, to_json
from support.desired_states import BASES, COMMIT, DRAIN, SimulatedEngine, alias, desired, refusal, served

WANTED = desired(alias("bot", "2", canary="3", kept=("1",)), alias("sql", "1"))


def settled() -> SimulatedEngine:
    engine = SimulatedEngine()
    engine.settle(WANTED)
    return engine


def facts(**changes: object) -> TurnFacts:
    """A turn in which everything is as git says, but for these fields."""
    engine = settled()
    fine = TurnFacts(
        node="node-1",
        environment="dev",
        engine="embedded 1",
        attempted=COMMIT,
        accepted=COMMIT,
        desired=WANTED,
        observed=engine.observed,
        plan=Plan(),
        placed=frozenset(engine.directories),
        source_trouble=None,
        engine_trouble=None,
        routing_trouble=None,
        last_poll=1.0,
        now=1000.0,
        demands=Demands(signatures=True, approval="either"),
        how="attested by check-ci",
        recorded=Condition("Recorded", "True", "Signed", "receipts are written"),
    )
    return replace(fine, **changes)  # type: ignore[arg-type]  # each call names fields of TurnFacts


def held(name: str = "bot@9", *, retry_at: float | None = None, for_people: bool = True, why: str = "no") -> Held:
    return Held(name, why, f"repair {why}", retry_at, for_people)


def truths(status: Status) -> dict[str, str]:
    return {condition.type: condition.status for condition in status.conditions}


def reasons(status: Status) -> dict[str, str]:
    return {condition.type: condition.reason for condition in status.conditions}


REFUSED = Trouble("Refused", "commit 0123 is refused", "run: git revert", for_people=True)
UNREACHABLE = Trouble("RemoteUnreachable", "the remote did not answer")
ENGINE_DOWN = Trouble("EngineUnreachable", "the engine did not answer")
ENGINE_ODD = Trouble("EngineMisbehaved", "the engine answered nonsense", "look at its log", for_people=True)
NOT_LIVE = Trouble("RoutingNotLive", "no middleware", "start it with --middleware", for_people=True)
STALE = Trouble("RoutingStale", "it serves another table")


def test_an_engine_that_serves_what_git_says_is_done_and_everything_is_true() -> None:
    assert outcome_of(facts()) == Done()
    status = status_of(facts(), COMMIT)
    bad = ("Reconciling", "Stalled", "Emergency", "Suspended")
    expected = dict.fromkeys(CONDITIONS, "True") | dict.fromkeys(bad, "False")
    assert truths(status) == expected
    assert status.condition("Ready").message == f"serving commit {COMMIT[:12]} completely"
    assert status.condition("Served").message == "all 2 aliases answer as git says"
    assert status.commits.applied == COMMIT


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"source_trouble": REFUSED}, Stalled(REFUSED.message, REFUSED.remedy)),
        ({"source_trouble": UNREACHABLE}, Failed(UNREACHABLE.message)),
        ({"engine_trouble": ENGINE_DOWN, "observed": None, "plan": None}, Failed(ENGINE_DOWN.message)),
        (
            {"engine_trouble": ENGINE_ODD, "observed": None, "plan": None},
            Stalled(ENGINE_ODD.message, ENGINE_ODD.remedy),
        ),
        ({"routing_trouble": NOT_LIVE}, Stalled(NOT_LIVE.message, NOT_LIVE.remedy)),
        ({"routing_trouble": STALE}, Failed(STALE.message)),
        ({"plan": Plan(held=(held(why="wrong bytes"),))}, Stalled("bot@9: wrong bytes", "repair wrong bytes")),
        ({"plan": Plan(held=(held(retry_at=1060.0),))}, Stalled("bot@9: no", "repair no")),
        ({"plan": Plan(held=(held(retry_at=1060.0, for_people=False),))}, Waiting(60.0, "bot@9: no")),
        ({"plan": Plan(held=(held(retry_at=900.0, for_people=False),))}, Waiting(0.0, "bot@9: no")),
        ({"plan": Plan(drains_until=1030.0)}, Done()),
        ({"desired": None, "observed": None, "plan": None}, Failed("nothing was compared with git yet")),
    ],
)
def test_each_trouble_has_its_outcome(changes: dict[str, object], outcome: Outcome) -> None:
    assert outcome_of(facts(**changes)) == outcome


def test_of_several_waits_the_shortest_counts() -> None:
    both = (held("a", retry_at=1090.0, for_people=False), held("b", retry_at=1010.0, for_people=False))
    assert outcome_of(facts(plan=Plan(held=both))) == Waiting(10.0, "b: no")


def test_what_needs_a_person_comes_before_what_time_heals() -> None:
    waiting = held("a", retry_at=1001.0, for_people=False)
    assert outcome_of(facts(plan=Plan(held=(waiting, held("b"))))) == Stalled("b: no", "repair no")
    assert isinstance(outcome_of(facts(source_trouble=UNREACHABLE, plan=Plan(held=(held("b"),)))), Stalled)
    assert isinstance(outcome_of(facts(source_trouble=UNREACHABLE, routing_trouble=NOT_LIVE)), Stalled)
    assert outcome_of(facts(source_trouble=UNREACHABLE, engine_trouble=ENGINE_DOWN)) == Failed(ENGINE_DOWN.message)


def test_steps_that_are_left_over_are_no_success() -> None:
    engine = SimulatedEngine()
    left = facts(plan=engine.plan(WANTED), observed=engine.observed)
    assert outcome_of(left) == Failed("the engine did not settle within one turn")


@pytest.mark.parametrize(
    ("changes", "conditions"),
    [
        ({"source_trouble": REFUSED}, {"Ready": "Stalled", "Stalled": "NeedsAPerson", "SourceVerified": "Refused"}),
        (
            {"source_trouble": UNREACHABLE},
            {"Ready": "Failed", "Reconciling": "Failed", "SourceVerified": "RemoteUnreachable"},
        ),
        (
            {"engine_trouble": ENGINE_DOWN, "observed": None, "plan": None},
            {"Ready": "Failed", "Reconciling": "Failed", "Fetched": "NotObserved", "Loaded": "NotObserved",
             "Served": "NotObserved", "RollbackReady": "NotObserved", "Available": "NotObserved"},
        ),
        ({"routing_trouble": NOT_LIVE}, {"Ready": "Stalled", "Stalled": "NeedsAPerson", "Served": "RoutingNotLive",
                                           "Available": "RoutingNotLive"}),
        ({"routing_trouble": STALE}, {"Ready": "Failed", "Reconciling": "Failed", "Served": "RoutingStale",
                                       "Available": "RoutingStale"}),
        (
            {"plan": Plan(held=(held(retry_at=1060.0, for_people=False),))},
            {"Ready": "Waiting", "Reconciling": "Waiting"},
        ),
        ({"placed": frozenset()}, {"Fetched": "Missing"}),
        (
            {"desired": None, "observed": None, "plan": None, "accepted": None,
             "source_trouble": Trouble("NothingYet", "no commit was accepted yet")},
            {"Ready": "Failed", "Reconciling": "Failed", "SourceVerified": "NothingYet", "Fetched": "NothingYet",
             "Loaded": "NothingYet", "Served": "NothingYet", "RollbackReady": "NothingYet", "Available": "NothingYet"},
        ),
    ],
)  # fmt: skip
def test_each_trouble_shows_in_its_conditions_and_in_no_other(
    changes: dict[str, object], conditions: dict[str, str]
) -> None:
    fine = reasons(status_of(facts(), COMMIT))
    assert reasons(status_of(facts(**changes), None)) == fine | conditions


@pytest.mark.parametrize(("trouble", "truth"), [(REFUSED, "False"), (UNREACHABLE, "Unknown")])
def test_a_source_that_did_not_answer_is_unknown_and_not_false(trouble: Trouble, truth: str) -> None:
    assert truths(status_of(facts(source_trouble=trouble), None))["SourceVerified"] == truth


def test_a_remedy_is_part_of_what_a_stalled_node_says() -> None:
    message = status_of(facts(source_trouble=REFUSED), None).condition("Stalled").message
    assert message == "commit 0123 is refused — run: git revert"
    silent = Trouble("Refused", "refused", for_people=True)
    assert status_of(facts(source_trouble=silent), None).condition("Stalled").message == "refused"


def missing(name: str) -> TurnFacts:
    observed = facts().observed
    assert observed
    adapters = {key: value for key, value in observed.adapters.items() if key != name}
    return facts(observed=replace(observed, adapters=adapters), plan=Plan(held=(held(name, why="the engine says no"),)))


def test_an_adapter_that_is_not_loaded_is_named() -> None:
    status = status_of(missing(served("sql", "1")), None)
    assert status.condition("Loaded").message == f"adapters missing: {served('sql', '1')}"
    assert truths(status)["RollbackReady"] == "True"
    assert status.aliases[1].message == f"{served('sql', '1')}: the engine says no"
    assert status.aliases[0].message == ""


def test_a_rollback_target_that_is_not_loaded_is_named_by_its_alias() -> None:
    status = status_of(missing(served("bot", "1")), None)
    assert status.condition("RollbackReady").status == "False"
    assert status.condition("RollbackReady").message == "earlier revisions missing for: bot"
    assert truths(status)["Served"] == "True"


def test_an_alias_that_is_behind_is_named_with_what_it_is_and_should_be() -> None:
    engine = SimulatedEngine()
    engine.settle(desired(alias("bot", "1"), alias("sql", "1")))
    engine.refusals[served("bot", "2")] = refusal()
    behind = status_of(facts(observed=engine.observed, plan=engine.plan(WANTED)), None)
    assert behind.condition("Served").message == "not as git says: bot"
    row = behind.aliases[0]
    assert (row.alias, row.wanted, row.served, row.canary) == ("bot", served("bot", "2"), served("bot", "1"), "")
    assert row.rollback_targets == (served("bot", "1"),)
    assert row.message == f"{served('bot', '2')}: it is refused"


def test_an_alias_whose_canary_is_missing_is_not_as_git_says() -> None:
    engine = SimulatedEngine()
    engine.refusals[served("bot", "3")] = refusal()
    engine.settle(WANTED)
    status = status_of(facts(observed=engine.observed, plan=engine.plan(WANTED)), None)
    assert status.condition("Served").message == "not as git says: bot"


def test_an_alias_that_keeps_a_canary_that_git_does_not_want_is_not_as_git_says() -> None:
    without = desired(alias("bot", "2", kept=("1", "3")), alias("sql", "1"))
    status = status_of(facts(desired=without), None)
    assert status.condition("Served").message == "not as git says: bot"


def test_without_a_route_table_nothing_is_served() -> None:
    engine = settled()
    observed = Observed(engine.adapters, BASES, None)
    status = status_of(facts(observed=observed), None)
    assert status.condition("Served").message == "not as git says: bot, sql"
    assert [row.served for row in status.aliases] == ["", ""]


def test_an_environment_without_pointers_is_served_completely() -> None:
    empty = facts(desired=desired(), observed=Observed({}, BASES, None))
    assert outcome_of(empty) == Done()
    assert truths(status_of(empty, None))["Served"] == "True"


def test_commits_engine_and_adapters_are_reported_as_they_are() -> None:
    status = status_of(facts(attempted="b" * 40), "c" * 40)
    assert (status.commits.attempted, status.commits.accepted, status.commits.applied) == ("b" * 40, COMMIT, "c" * 40)
    assert (status.node, status.environment, status.engine, status.last_poll) == ("node-1", "dev", "embedded 1", 1.0)
    assert status.loaded == tuple(sorted(WANTED.targets))


def test_every_status_has_all_conditions_and_can_be_written() -> None:
    for change in ({}, {"source_trouble": REFUSED}, {"desired": None, "observed": None, "plan": None}):
        status = status_of(facts(**change), None)
        assert tuple(condition.type for condition in status.conditions) == CONDITIONS
        assert from_json(to_json(status)) == status


def test_a_drain_that_is_under_way_is_no_trouble() -> None:
    engine = settled()
    engine.adapters["handmade"] = "/tmp/handmade"
    made = engine.plan(WANTED)
    assert made.drains_until == engine.now + DRAIN
    assert outcome_of(facts(observed=engine.observed, plan=made)) == Done()


@pytest.mark.parametrize(
    ("changes", "truth", "message"),
    [
        ({"silence": 300.0}, "True", "the remote answered within the last 5 min"),
        ({"silence": 300.1}, "False", "the remote answered last at 1970-01-01 00:00:01 UTC, more than 5 min ago;"
         " what was accepted then keeps serving"),
        ({"silence": 20.0, "fresh_within": 10.0}, "False", "the remote answered last at 1970-01-01 00:00:01 UTC,"
         " more than 10 s ago; what was accepted then keeps serving"),
        ({"silence": 5.0, "last_poll": None}, "Unknown", "the remote was not reached yet"),
        ({"silence": 301.0, "last_poll": None}, "False", "the remote has not answered since the agent began,"
         " more than 5 min ago"),
    ],
)  # fmt: skip
def test_a_remote_that_is_silent_for_too_long_is_an_alarm_of_its_own(
    changes: dict[str, object], truth: str, message: str
) -> None:
    status = status_of(facts(**changes), COMMIT)
    assert (status.condition("Fresh").status, status.condition("Fresh").message) == (truth, message)
    assert status.condition("Ready").status == "True"


def test_what_is_looked_at_again_by_itself_says_when() -> None:
    undecided = Trouble("NotNow", "outside of a window", after=60.0)
    waiting = held("bot@2", retry_at=1030.0, for_people=False, why="out of reach")
    final = held("bot@9")
    told = status_of(facts(source_trouble=undecided, plan=Plan(held=(waiting, final)), wall=5000.0), None).waiting
    assert [(one.subject, one.reason, one.message, one.retry_at) for one in told] == [
        (f"commit {COMMIT[:12]}", "NotNow", "outside of a window", 5060.0),
        ("bot@2", "HeldBack", "out of reach", 5030.0),
    ]


def test_the_commit_that_is_served_is_told_only_while_every_alias_answers_as_it_says() -> None:
    assert status_of(facts(), None).commits.served == COMMIT
    assert status_of(facts(routing_trouble=STALE), None).commits.served is None


def test_a_row_says_whether_its_alias_is_behind() -> None:
    without = desired(alias("bot", "2", kept=("1", "3")), alias("sql", "1"))
    assert [row.behind for row in status_of(facts(desired=without), None).aliases] == [True, False]


def test_a_refused_commit_or_a_silent_remote_takes_nothing_away_that_is_served() -> None:
    for trouble in (REFUSED, UNREACHABLE):
        status = status_of(facts(source_trouble=trouble), None)
        assert (status.condition("Ready").status, status.condition("Available").status) == ("False", "True")


def test_a_route_to_an_adapter_that_an_engine_forgot_is_not_available() -> None:
    engine = settled()
    observed = Observed({}, BASES, engine.observed.table)
    told = status_of(facts(observed=observed), None).condition("Available")
    assert (told.status, told.reason) == ("False", "NotLoaded")
    assert served("bot", "2") in told.message


def test_an_engine_without_a_route_table_is_not_available() -> None:
    told = status_of(facts(observed=Observed(settled().adapters, BASES, None)), None).condition("Available")
    assert (told.status, told.reason) == ("False", "NoRoutes")
