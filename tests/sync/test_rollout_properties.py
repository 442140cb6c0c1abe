"""What holds for every rollout, whatever the waves, the branch, and the moments at which a node looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.documents.kinds.environment import Wave
from interlock.documents.kinds.pointer import Pointer
from interlock.history.pointer_history import PointerChange
from interlock.history.way_back import way_back
from interlock.rules.change import newly_answering
from interlock.sync.rollout import Course, Place, Version, course, place_of

# The machine may be busy: how long an example takes says nothing.
pytestmark = pytest.mark.generated
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NODES = tuple(f"gpu-{number}" for number in range(8))
FIRST = Version("0" * 40, Pointer(kind="Pointer", adapter="bot", active="1"), 0.0, alone=True)


@st.composite
def waves(draw: st.DrawFn) -> tuple[Wave, ...]:
    """Waves as the checker lets them in: names or rising percents, the last one at 100."""
    percents = sorted(draw(st.sets(st.integers(1, 99), max_size=3)))
    found = [Wave(nodes=(name,), bake=_bake(draw)) for name in draw(st.lists(st.sampled_from(NODES), max_size=2))]
    found += [Wave(percent=percent, bake=_bake(draw)) for percent in (*percents, 100)]
    return tuple(found)


def _bake(draw: st.DrawFn) -> dt.timedelta | None:
    return draw(st.sampled_from([None, dt.timedelta(seconds=10), dt.timedelta(seconds=25)]))


@st.composite
def branches(draw: st.DrawFn) -> tuple[Version, ...]:
    """Up to eight commits of one pointer: promotions, canaries, rollbacks, removals, emergencies, at rising times."""
    found, at = [FIRST], 100.0
    for number in range(1, draw(st.integers(1, 8)) + 1):
        at += draw(st.sampled_from([0.0, 5.0, 10.0, 40.0]))
        kind = draw(st.integers(0, 9))
        found.append(Version(f"{number:040x}", _pointer(draw, kind), at, kind != 1, kind == 2))
    return tuple(found)


def _pointer(draw: st.DrawFn, kind: int) -> Pointer | None:
    if kind == 0:
        return None
    active, canary = draw(st.permutations("1234"))[:2]
    split = {"revision": canary, "weight": draw(st.sampled_from([5, 50]))} if draw(st.booleans()) else None
    return Pointer.model_validate({"kind": "Pointer", "adapter": "bot", "active": active, "canary": split})


def changes(branch: Sequence[Version]) -> list[PointerChange]:
    return [PointerChange(v.commit, "dev", "bot", v.pointer.active if v.pointer else None) for v in reversed(branch)]


def look(way: Course, branch: Sequence[Version], place: Place, now: float) -> Course:
    """One poll of a node at `now`: what it waits for, and what is new since."""
    known = way.waiting or way.at
    new = [v for v in branch if v.began <= now and (known is None or v.commit > known.commit)]
    return course(way.at, [*([way.waiting] if way.waiting else []), *new], changes(branch), place.delay, now=now)


def polls(until: float) -> st.SearchStrategy[list[float]]:
    """The moments at which a node looks, the last one at `until`."""
    return st.sets(st.integers(90, int(until)), max_size=10).map(lambda found: sorted({*map(float, found), until}))


@few
@given(waves(), st.data())
def test_every_node_takes_a_promotion_exactly_once_in_the_order_of_the_waves(
    waves: tuple[Wave, ...], data: st.DataObject
) -> None:
    second = Version("1" * 40, FIRST.pointer.model_copy(update={"active": "2"}) if FIRST.pointer else None, 100.0)
    end = 100.0 + sum(wave.bake.total_seconds() for wave in waves if wave.bake)
    taken: dict[str, tuple[int, float]] = {}
    for node in NODES:
        place, way = place_of(node, waves), Course(FIRST)
        for now in data.draw(polls(end)):
            before, way = way, look(way, (FIRST, second), place, now)
            if before.at != way.at:
                assert node not in taken
                taken[node] = (place.wave, now)
                assert now >= second.began + place.delay
            assert (way.at == second) == (now >= second.began + place.delay)
    assert set(taken) == set(NODES)
    delays = {place_of(node, waves).wave: place_of(node, waves).delay for node in NODES}
    assert [delays[wave] for wave in sorted(delays)] == sorted(delays.values())


@few
@given(branches(), waves(), st.sampled_from(NODES), st.data())
def test_what_comes_in_before_its_time_is_the_way_back_or_an_emergency(
    branch: tuple[Version, ...], waves: tuple[Wave, ...], node: str, data: st.DataObject
) -> None:
    place, way = place_of(node, waves), Course(FIRST)
    for now in data.draw(polls(branch[-1].began + 200)):
        before, way = way, look(way, branch, place, now)
        if before.at is None or way.at is None or before.at == way.at:
            continue
        fresh = newly_answering(before.at.pointer, way.at.pointer)
        seen = [v for v in branch if before.at.commit < v.commit <= way.at.commit]
        began = [v.began for v in seen if fresh & newly_answering(before.at.pointer, v.pointer)]
        in_time = not fresh or any(now >= moment + place.delay for moment in began)
        back = [way_back(changes([v for v in branch if v.commit <= b.commit]), ()) for b in (before.at, *seen)]
        assert in_time or any(v.emergency for v in seen) or any(fresh <= set(way.candidates) for way in back)


@few
@given(branches(), waves(), st.sampled_from(NODES), st.data())
def test_how_often_a_node_looks_does_not_change_what_it_follows(
    branch: tuple[Version, ...], waves: tuple[Wave, ...], node: str, data: st.DataObject
) -> None:
    place, end = place_of(node, waves), branch[-1].began + data.draw(st.sampled_from([0.0, 10.0, 200.0]))
    way = Course(FIRST)
    for now in data.draw(polls(end)):
        way = look(way, branch, place, now)
        assert look(way, branch, place, now) == way
    assert way == look(Course(FIRST), branch, place, end)


@few
@given(branches(), waves(), st.sampled_from(NODES))
def test_after_all_bakes_every_node_follows_the_branch(
    branch: tuple[Version, ...], waves: tuple[Wave, ...], node: str
) -> None:
    way = look(Course(FIRST), branch, place_of(node, waves), branch[-1].began + 1000)
    assert way.waiting is None
    assert way.at
    assert (way.at.commit, way.at.pointer) == (branch[-1].commit, branch[-1].pointer)


@few
@given(branches(), st.integers(0, 60), st.integers(0, 60), st.integers(100, 500))
def test_a_node_in_a_later_wave_is_never_ahead_of_one_in_an_earlier_wave(
    branch: tuple[Version, ...], first: int, second: int, now: int
) -> None:
    promotions = [FIRST, *(replace(v, pointer=_only(f"n{at}"), emergency=False) for at, v in enumerate(branch[1:]))]
    early, late = (
        look(Course(FIRST), promotions, Place(delay=float(delay)), float(now)) for delay in sorted([first, second])
    )
    assert early.at
    assert late.at
    assert late.at.commit <= early.at.commit


def _only(revision: str) -> Pointer:
    return Pointer(kind="Pointer", adapter="bot", active=revision)
