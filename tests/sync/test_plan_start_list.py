"""Plans for an engine that takes adapters only at its start: written down, asked for, proven, and only then routed."""

from __future__ import annotations

from interlock.engines.driver import UNTOLD
from interlock.routing.table import Route, RouteTable
from interlock.sync.plan import Flip, Held, Known, Observed, Place, Plan, Prove, StartWith, plan
from support.desired_states import BASES, COMMIT, DRAINING, alias, desired, directory, served

ONE, TWO = served("bot", "1"), served("bot", "2")
WANTED = desired(alias("bot", "2"))
LINE = "LORA_ADAPTERS=… (written to /state/engine.env)"


def planned(*holds: str, placed: tuple[str, ...] = (), table: RouteTable | None = None, **known: object) -> Plan:
    """The plan while the engine answers as these adapters."""
    facts = Known(
        base_proven=True,
        directories={name: directory(name) for name in placed},
        boot_only=True,
        **known,  # type: ignore[arg-type]
    )
    observed = Observed(dict.fromkeys(holds, UNTOLD), BASES, table or RouteTable("dev", COMMIT, frozenset(BASES)))
    return plan(WANTED, observed, facts, now=0.0, drain=DRAINING)


def serving_one() -> RouteTable:
    """The table of a node that serves the revision before."""
    return RouteTable("dev", COMMIT, frozenset(BASES), frozenset({ONE}), {"bot": Route(ONE)})


def test_the_bytes_come_first_and_the_list_is_written_once_they_are_all_here() -> None:
    assert planned().steps == (Place(WANTED.targets[TWO]),)
    made = planned(placed=(TWO,))
    assert made.steps == (StartWith({TWO: directory(TWO)}),)


def test_what_serves_until_the_restart_stays_in_the_list() -> None:
    made = planned(ONE, placed=(ONE, TWO), table=serving_one(), proven=frozenset({ONE}))
    assert made.steps == (StartWith({ONE: directory(ONE), TWO: directory(TWO)}),)


def test_until_the_restart_a_person_is_told_what_to_start_the_engine_with_and_nothing_moves() -> None:
    both = {ONE: directory(ONE), TWO: directory(TWO)}
    made = planned(ONE, placed=(ONE, TWO), table=serving_one(), start_with=both, start_line=LINE)
    assert made.steps == ()
    why = "the engine takes adapters only when it starts, and does not hold this one"
    assert made.held == (Held(TWO, why, f"restart the engine with {LINE}", None),)


def test_a_route_to_what_the_base_would_answer_for_is_taken_away_and_to_no_other() -> None:
    both = {ONE: directory(ONE), TWO: directory(TWO)}
    facts = {"placed": (ONE, TWO), "table": serving_one(), "start_line": LINE, "answers_unknown": True}
    assert planned(ONE, start_with=both, **facts).steps == ()  # type: ignore[arg-type]
    (flip,) = planned(start_with=both, **facts).steps  # type: ignore[arg-type]
    assert isinstance(flip, Flip)
    assert flip.table.routes == {}
    # An agent that has just begun has not looked for anything yet.
    first = planned(**facts).steps  # type: ignore[arg-type]
    assert first == (StartWith(both),)


def test_after_the_restart_the_adapter_is_proven_then_routed_and_the_old_one_leaves_the_list() -> None:
    both = {ONE: directory(ONE), TWO: directory(TWO)}
    started = planned(ONE, TWO, placed=(ONE, TWO), table=serving_one(), start_with=both)
    assert started.steps == (Prove(WANTED.targets[TWO]),)
    flip, *_ = planned(
        ONE, TWO, placed=(ONE, TWO), table=serving_one(), start_with=both, proven=frozenset({ONE, TWO})
    ).steps
    assert isinstance(flip, Flip)
    assert flip.table.routes["bot"].active == TWO
    settled = planned(TWO, placed=(ONE, TWO), table=flip.table, start_with=both, proven=frozenset({TWO}))
    assert settled.steps == (StartWith({TWO: directory(TWO)}),)
    assert settled.held == ()
