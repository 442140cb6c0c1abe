"""Waves: where a node stands, and what each kind of change does to an alias that is followed in them."""

from __future__ import annotations

import datetime as dt

import pytest

from interlock.documents.kinds.environment import Wave
from interlock.documents.kinds.pointer import Pointer
from interlock.history.pointer_history import PointerChange
from interlock.sync.rollout import Course, Place, Version, Waits, course, place_of, position, staged
from support.desired_states import alias, desired, served

HOUR = 3600.0


def wave(*nodes: str, percent: float | None = None, bake: float = HOUR) -> Wave:
    return Wave(nodes=nodes or None, percent=percent, bake=dt.timedelta(seconds=bake))


def pointer(active: str, *, canary: str | None = None, weight: float = 5.0, keep: tuple[str, ...] = ()) -> Pointer:
    split = {"revision": canary, "weight": weight} if canary else None
    return Pointer.model_validate(
        {"kind": "Pointer", "adapter": "bot", "active": active, "canary": split, "keep": list(keep)}
    )


class Branch:
    """One alias on a branch: what each commit made of it, at which second."""

    def __init__(self) -> None:
        self.versions: list[Version] = []

    def add(self, at: float, to: Pointer | None, *, alone: bool = True, emergency: bool = False) -> Version:
        version = Version(f"{len(self.versions) + 1:040x}", to, at, alone, emergency)
        self.versions.append(version)
        return version

    @property
    def changes(self) -> list[PointerChange]:
        return [
            PointerChange(v.commit, "dev", "bot", v.pointer.active if v.pointer else None)
            for v in reversed(self.versions)
        ]

    def follow(self, way: Course, now: float, delay: float, *, held: bool = False) -> Course:
        """What a node does at a poll: everything after what it follows that is there by now."""
        known = way.waiting or way.at
        begin = next((i + 1 for i, v in enumerate(self.versions) if known and v.commit == known.commit), 0)
        new = [v for v in self.versions[begin:] if v.began <= now]
        waiting = [way.waiting] if way.waiting else []
        return course(way.at, [*waiting, *new], self.changes, delay, now=now, held=held)


def active(way: Course) -> str | None:
    return way.at.pointer.active if way.at and way.at.pointer else None


@pytest.fixture
def branch() -> Branch:
    """Revision 1 was active for ever."""
    branch = Branch()
    branch.add(0.0, pointer("1"))
    return branch


@pytest.fixture
def settled(branch: Branch) -> Course:
    """A node that follows revision 1."""
    return Course(branch.versions[0])


def test_a_node_is_in_the_first_wave_that_names_it_or_whose_percent_is_beyond_its_position() -> None:
    own = position("gpu-7")
    waves = (wave("canary-1", "canary-2"), wave(percent=own - 1e-9), wave(percent=own + 1e-9), wave(percent=100))
    assert place_of("gpu-7", waves) == Place(3, 4, 2 * HOUR)
    assert place_of("canary-2", waves) == Place(1, 4, 0.0)
    assert place_of("gpu-7", ()) == Place(1, 1, 0.0)


def test_a_node_that_no_wave_reaches_comes_after_all_of_them() -> None:
    assert place_of("gpu-7", (wave("other"), wave("another", bake=2 * HOUR))) == Place(3, 3, 3 * HOUR)


def test_positions_are_spread_evenly_and_stay_the_same_in_every_version() -> None:
    found = [position(f"node-{number}") for number in range(2000)]
    assert all(0 <= one < 100 for one in found)
    assert all(abs(sum(one < share for one in found) / 20 - share) < 3.5 for share in (5, 25, 50, 90))
    assert [round(position(f"gpu-node-{number}"), 6) for number in (1, 2, 3)] == [17.13383, 89.980941, 34.771098]


def test_a_promotion_waits_for_its_wave_and_comes_when_that_is_due(branch: Branch, settled: Course) -> None:
    promoted = branch.add(100.0, pointer("2"))
    waiting = branch.follow(settled, 100.0, HOUR)
    assert waiting == Course(settled.at, promoted)
    assert branch.follow(waiting, 100.0 + HOUR - 1, HOUR) == waiting
    assert branch.follow(waiting, 100.0 + HOUR, HOUR) == Course(promoted)


def test_a_newer_promotion_replaces_the_one_that_waits_with_a_time_of_its_own(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    waiting = branch.follow(settled, 100.0, HOUR)
    newer = branch.add(200.0, pointer("3"))
    waiting = branch.follow(waiting, 200.0, HOUR)
    assert waiting == Course(settled.at, newer)
    assert active(branch.follow(waiting, 100.0 + HOUR, HOUR)) == "1"
    assert active(branch.follow(waiting, 200.0 + HOUR, HOUR)) == "3"


def test_a_node_that_was_away_takes_each_promotion_whose_time_came_before_the_next_one(
    branch: Branch, settled: Course
) -> None:
    second, third = branch.add(100.0, pointer("2")), branch.add(100.0 + 2 * HOUR, pointer("3"))
    assert branch.follow(settled, 100.0 + 2.5 * HOUR, HOUR) == Course(second, third)


def test_a_revert_of_what_waits_changes_nothing_on_a_node_that_never_took_it(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    waiting = branch.follow(settled, 100.0, HOUR)
    branch.add(200.0, pointer("1"))
    after = branch.follow(waiting, 200.0, HOUR)
    assert (active(after), after.waiting) == ("1", None)


def test_a_rollback_is_immediate_in_every_wave_that_took_what_is_rolled_back(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    took = branch.follow(settled, 100.0, 0.0)
    branch.add(200.0, pointer("1"))
    assert active(branch.follow(took, 200.0, HOUR)) == "1"


def test_a_rollback_to_what_this_node_never_took_waits_like_the_promotion_that_it_is_here(
    branch: Branch, settled: Course
) -> None:
    branch.add(100.0, pointer("2"))
    branch.add(200.0, pointer("3"))
    waiting = branch.follow(settled, 200.0, HOUR)
    branch.add(300.0, pointer("2"))
    after = branch.follow(waiting, 300.0, HOUR)
    assert active(after) == "1"
    assert active(branch.follow(after, 300.0 + HOUR, HOUR)) == "2"


def test_a_revert_of_the_revert_waits_again(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    branch.add(200.0, pointer("1"))
    branch.add(300.0, pointer("2"))
    after = branch.follow(settled, 300.0, HOUR)
    assert (active(after), after.waiting) == ("1", branch.versions[-1])


def test_going_back_together_with_something_else_is_no_rollback(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    took = branch.follow(settled, 100.0 + HOUR, HOUR)
    branch.add(100.0 + HOUR, pointer("1"), alone=False)
    assert active(branch.follow(took, 100.0 + HOUR, HOUR)) == "2"


def test_going_back_with_a_new_canary_beside_it_is_no_rollback(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    took = branch.follow(settled, 100.0 + HOUR, HOUR)
    branch.add(100.0 + HOUR, pointer("1", canary="3"))
    assert active(branch.follow(took, 100.0 + HOUR, HOUR)) == "2"


def test_taking_a_canary_away_or_making_it_smaller_does_not_wait(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("1", canary="2", weight=20))
    took = branch.follow(settled, 100.0 + HOUR, HOUR)
    less = branch.add(200.0 + HOUR, pointer("1", canary="2", weight=5))
    assert branch.follow(took, 200.0 + HOUR, HOUR) == Course(less)
    gone = branch.add(300.0 + HOUR, pointer("1"))
    assert branch.follow(Course(less), 300.0 + HOUR, HOUR) == Course(gone)


def test_a_smaller_canary_of_what_waits_does_not_begin_a_new_wait(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("1", canary="2", weight=20))
    waiting = branch.follow(settled, 100.0, HOUR)
    branch.add(200.0, pointer("1", canary="2", weight=5, keep=("9",)))
    waiting = branch.follow(waiting, 200.0, HOUR)
    assert waiting.waiting is not None
    assert branch.follow(waiting, 100.0 + HOUR, HOUR).at == waiting.waiting


def test_an_emergency_is_immediate(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"), emergency=True)
    assert active(branch.follow(settled, 100.0, HOUR)) == "2"


def test_a_pointer_that_is_removed_is_gone_at_once_and_one_that_is_new_waits(branch: Branch, settled: Course) -> None:
    gone = branch.add(100.0, None)
    assert branch.follow(settled, 100.0, HOUR) == Course(gone)
    back = branch.add(200.0, pointer("5"))
    assert branch.follow(Course(gone), 200.0, HOUR) == Course(gone, back)
    assert branch.follow(Course(None), 0.0, HOUR).at is None


def test_a_held_alias_follows_no_promotion_and_no_emergency_but_the_way_back(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    took = branch.follow(settled, 100.0 + HOUR, HOUR)
    branch.add(200.0 + HOUR, pointer("3"), emergency=True)
    held = branch.follow(took, 900 * HOUR, 0.0, held=True)
    assert active(held) == "2"
    branch.add(901 * HOUR, pointer("1"))
    assert active(branch.follow(held, 901 * HOUR, 0.0, held=True)) == "1"


def test_what_waits_while_it_is_held_comes_when_the_hold_ends(branch: Branch, settled: Course) -> None:
    branch.add(100.0, pointer("2"))
    held = branch.follow(settled, 100.0 + 5 * HOUR, HOUR, held=True)
    assert active(held) == "1"
    assert active(branch.follow(held, 100.0 + 5 * HOUR, HOUR)) == "2"


def version(commit: str, to: Pointer) -> Version:
    return Version(commit * 40, to, 100.0)


def test_an_alias_that_waits_is_as_it_was_and_the_others_are_as_git_says() -> None:
    new = desired(alias("bot", "2", kept=["1"]), alias("sql", "4"))
    ways = {"bot": Course(version("a", pointer("1")), version("b", pointer("2"))), "sql": Course(None)}
    found = staged(new, ways, {"bot": alias("bot", "1")}, Place(2, 3, HOUR))
    assert found.desired == desired(alias("bot", "1"), alias("sql", "4"))
    assert found.waits == (Waits("bot", served("bot", "2"), Place(2, 3, HOUR), 100.0 + HOUR),)


def test_the_canary_is_named_where_it_is_what_comes_in() -> None:
    new = desired(alias("bot", "1", canary="2"))
    ways = {"bot": Course(version("a", pointer("1")), version("b", pointer("1", canary="2")))}
    found = staged(new, ways, {"bot": alias("bot", "1")}, Place(2, 3, HOUR), held={"bot"})
    assert found.waits == (Waits("bot", served("bot", "2"), Place(2, 3, HOUR), None),)


def test_what_may_not_serve_any_more_is_not_waited_with() -> None:
    new = desired(alias("bot", "2"))
    ways = {"bot": Course(version("a", pointer("1")), version("b", pointer("2")))}
    assert staged(new, ways, {}, Place(2, 3, HOUR)).desired == new


def test_an_alias_that_is_new_here_is_not_served_before_its_wave() -> None:
    ways = {"bot": Course(None, version("b", pointer("2")))}
    found = staged(desired(alias("bot", "2")), ways, {}, Place(2, 3, HOUR))
    assert found.desired.aliases == ()
    assert found.waits[0].target == served("bot", "2")
