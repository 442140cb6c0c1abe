"""What may leave the store when room is needed, and what never may."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.documents.identifiers import Digest
from interlock.sync.collection import Collection, Room, Stored, Users, collect, protected_digests
from support.desired_states import digest, directory, served, target

PLENTY = 1 << 60


def hexadecimal(text: str) -> str:
    return digest(text).removeprefix("sha256:")


def stored(text: str, size: int = 10, used_at: float = 0.0) -> Stored:
    return Stored(f"sha256/{hexadecimal(text)}", hexadecimal(text), size, used_at)


@st.composite
def stores(draw: st.DrawFn) -> tuple[list[Stored], dict[str, str], Room, int]:
    """A store with leftovers and artifacts, some of which must stay, on a disk of any fullness."""
    found = [
        stored(str(number), draw(st.integers(0, 50)), draw(st.integers(0, 5)))
        for number in range(draw(st.integers(0, 8)))
    ]
    leftovers = [
        Stored(f"corrupt/{number}", "", draw(st.integers(0, 50)), 9.0) for number in range(draw(st.integers(0, 2)))
    ]
    protected = {one.digest: "served or loaded now" for one in found if draw(st.booleans())}
    room = Room(draw(st.none() | st.integers(0, 300)), draw(st.integers(0, 50)), draw(st.integers(0, 300)))
    return [*found, *leftovers], protected, room, draw(st.integers(0, 100))


few = settings(max_examples=150, deadline=None)


def fits(kept: list[Stored], removed: int, room: Room, needed: int) -> bool:
    used = sum(one.size for one in kept)
    in_limit = room.limit is None or used + needed <= room.limit
    return in_limit and room.available + removed >= room.free + needed


@few
@given(stores())
def test_what_must_stay_is_never_given_up_and_every_reason_is_told(
    case: tuple[list[Stored], dict[str, str], Room, int],
) -> None:
    found, protected, room, needed = case
    made = collect(found, protected, room, needed=needed)
    assert not {one.digest for one in made.remove} & protected.keys()
    assert dict(made.staying) == {one: protected[one.digest] for one in found if one.digest in protected}


@few
@given(stores())
def test_enough_is_given_up_or_the_lack_is_told_exactly(case: tuple[list[Stored], dict[str, str], Room, int]) -> None:
    found, protected, room, needed = case
    made = collect(found, protected, room, needed=needed)
    kept = [one for one in found if one not in made.remove]
    removed = sum(one.size for one in made.remove)
    if not made.lacking:
        assert fits(kept, removed, room, needed)
        return
    must_stay = [one for one in found if one.digest in protected]
    all_removed = sum(one.size for one in found) - sum(one.size for one in must_stay)
    larger = replace(room, limit=None if room.limit is None else room.limit + made.lacking)
    assert fits(must_stay, all_removed + made.lacking, larger, needed), "that many bytes more would do"
    less = replace(room, limit=None if room.limit is None else room.limit + made.lacking - 1)
    assert not fits(must_stay, all_removed + made.lacking - 1, less, needed), "and one less would not"


@few
@given(stores())
def test_leftovers_go_first_then_the_least_recently_served_and_never_more_than_needed(
    case: tuple[list[Stored], dict[str, str], Room, int],
) -> None:
    found, protected, room, needed = case
    made = collect(found, protected, room, needed=needed)
    order = [(bool(one.digest), one.used_at) for one in made.remove]
    assert order == sorted(order)
    if order:
        others = [one for one in found if one not in made.remove and one.digest not in protected]
        assert all((bool(one.digest), one.used_at) >= order[-1] for one in others)
        kept = [one for one in found if one not in made.remove[:-1]]
        wanted = 0 if made.lacking else needed
        assert not fits(kept, sum(one.size for one in made.remove[:-1]), room, wanted)


def test_a_store_within_its_room_gives_nothing_up() -> None:
    assert collect([stored("a"), stored("b")], {}, Room(20, 5, 5)) == Collection()


def test_what_does_not_fit_anyway_costs_nothing() -> None:
    made = collect([stored("a"), stored("b")], {hexadecimal("b"): "being brought"}, Room(30, 0, PLENTY), needed=100)
    assert (made.remove, made.lacking, made.why_lacking) == ((), 80, "1 being brought")


def test_everything_that_somebody_needs_is_protected_with_the_strongest_reason() -> None:
    names = ("routed", "listed", "arriving", "wanted", "shown", "nobody's")
    digests = {name: Digest(digest(f"{name}@1")) for name in names}
    found = [stored(f"{name}@1") for name in names]
    users = Users(
        wanted=frozenset({digests["wanted"], digests["routed"]}),
        arriving=frozenset({digests["arriving"]}),
        served=frozenset({served("routed", "1"), "handmade"}),
        directories=frozenset({f"/store/sha256/{digests['listed'].hex}/", directory("elsewhere")}),
        shown=frozenset({digests["shown"], digests["wanted"]}),
    )
    assert protected_digests(found, users) == {
        digests["routed"].hex: "served or loaded now",
        digests["listed"].hex: "served or loaded now",
        digests["arriving"].hex: "being brought",
        digests["wanted"].hex: "named by git, to serve or to go back to",
        digests["shown"].hex: "seen by an engine process that may still run",
    }


def test_an_engine_that_lists_no_directories_still_protects_by_name() -> None:
    one = target("sql", "3").artifact.digest
    found = [Stored(f"sha256/{one.hex}", one.hex, 1, 0.0)]
    assert protected_digests(found, Users(served=frozenset({served("sql", "3")}))) == {one.hex: "served or loaded now"}
