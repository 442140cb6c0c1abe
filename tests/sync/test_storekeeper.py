"""The store of a node stays within its room, and nothing goes that a process may read or a rollback may need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from interlock.artifacts.sources import DirectoryFiles
from interlock.artifacts.store import ArtifactStore, StoreUsers
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.kinds.node import NodeDisk
from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from interlock.errors import StoreUnwritable
from interlock.sync.served_times import ServedTimes
from interlock.sync.showing import Showing
from interlock.sync.shown import ShownRecord
from interlock.sync.status import StoreState
from interlock.sync.storekeeper import StoreKeeper
from support.adapters import artifact_of
from support.scripted_engine import ReceivedRequest, answer, scripted_engine

SIZE = 1000


@dataclass
class Place:
    """A store of artifacts of `SIZE` bytes each beside an engine of which only its process is looked at."""

    root: Path
    driver: EngineDriver | None = None
    process: str = "1000.5"
    now: float = 1_000_000.0
    removed: list[str] = field(default_factory=list)
    keepers: list[StoreKeeper] = field(default_factory=list)

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore(self.root / "store")

    @property
    def showing(self) -> Showing:
        assert self.driver
        return Showing(self.driver, ShownRecord(self.root / "shown.json"))

    def metrics(self, _: ReceivedRequest) -> list[bytes]:
        if not self.process:
            return [answer(b"not found", status=404)]
        if self.process == "broken":
            return [b"HTTP/1.1 503"]
        return [answer(f"process_start_time_seconds {self.process}\n".encode())]

    def keeper(self, *, limit: int | None = None, free: int = 0) -> StoreKeeper:
        """A keeper as an agent that was just started has one."""
        made = StoreKeeper(
            self.store,
            NodeDisk.model_construct(limit=limit, free=free),
            self.showing,
            ServedTimes(self.root / "served-times.json", lambda: self.now),
            StoreUsers(self.root / "store", "node-1", self.root / "state"),
            removed=self.removed.append,
        )
        self.keepers.append(made)
        return made

    def artifact(self, name: str) -> Artifact:
        directory = self.root / name
        directory.mkdir(exist_ok=True)
        (directory / "adapter_model.safetensors").write_bytes(name.encode().ljust(SIZE, b"."))
        return artifact_of(directory)

    def placed(self, name: str) -> Artifact:
        """An artifact in the store; each one a second younger than the one before."""
        artifact = self.artifact(name)
        where = self.store.place(artifact, DirectoryFiles(self.root / name))
        self.now += 1
        os.utime(where, (self.now, self.now))
        return artifact

    def there(self, *artifacts: Artifact) -> list[bool]:
        return [self.store.has(artifact) for artifact in artifacts]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    here = Place(tmp_path)
    with scripted_engine(here.metrics) as engine:
        here.driver = open_engine("vllm", EngineAddress(engine.url))
        yield here
        here.driver.close()
        for keeper in here.keepers:
            keeper.close()


def name_of(artifact: Artifact, adapter: str = "bot") -> str:
    return f"{adapter}@1-{artifact.digest.prefix}"


def test_the_least_recently_served_goes_first_and_only_as_many_as_are_needed(place: Place) -> None:
    one, two, three = (place.placed(name) for name in ("one", "two", "three"))
    keeper = place.keeper(limit=3 * SIZE)
    keeper.needs([], [name_of(one)], {})
    keeper.settle()
    keeper.needs([], [], {})
    keeper.settle()  # the oldest was served until now
    keeper.make_room(place.artifact("four"))
    assert place.there(one, two, three) == [True, False, True]
    assert place.removed == [str(place.store.path_of(two))]


def test_what_was_served_before_a_restart_of_the_agent_is_remembered(place: Place) -> None:
    one, two = place.placed("one"), place.placed("two")
    keeper = place.keeper()
    keeper.needs([], [name_of(one)], {})
    keeper.settle()
    place.now += 3600
    after = place.keeper(limit=2 * SIZE)
    keeper.close()
    after.needs([], [], {})
    after.settle()
    after.make_room(place.artifact("three"))
    assert place.there(one, two) == [True, False]


def test_nothing_goes_that_is_served_listed_wanted_or_arriving(place: Place) -> None:
    routed, listed, wanted, other = (place.placed(name) for name in ("routed", "listed", "wanted", "other"))
    keeper = place.keeper(limit=0)
    listing = {"by-hand": str(place.store.path_of(listed))}
    keeper.needs([wanted], [name_of(routed)], listing)
    with pytest.raises(StoreUnwritable) as caught:
        keeper.make_room(place.artifact("more"))
    assert caught.value.found.endswith(
        f"of {SIZE} bytes {4 * SIZE} have no room, and nothing more can be given up"
        " (1 named by git, to serve or to go back to; 2 served or loaded now)"
    )
    assert "raise `disk.limit`" in caught.value.remedy
    assert place.there(routed, listed, wanted, other) == [True, True, True, False]


def test_what_does_not_fit_anyway_costs_nothing_that_the_room_allows(place: Place) -> None:
    one = place.placed("one")
    keeper = place.keeper(free=1 << 62)
    keeper.needs([], [], {})
    enough = place.keeper(limit=SIZE + 1)
    with pytest.raises(StoreUnwritable, match="have no room"):
        enough.make_room(place.artifact("larger").model_copy(update={"files": (*one.files, *one.files)}))
    assert place.there(one) == [True]


def test_what_a_living_engine_process_has_seen_stays_until_another_one_answers(place: Place) -> None:
    one = place.placed("one")
    loads: list[str] = []
    place.showing.show([str(place.store.path_of(one))], lambda: loads.append("loaded"))
    keeper = place.keeper(limit=0)
    keeper.needs([], [], {})
    assert keeper.settle() == StoreState(1, SIZE, 0, 0)
    assert place.there(one) == [True]
    place.process = "2000.5"
    assert keeper.settle() == StoreState(0, 0, 0, 0)
    assert (loads, place.there(one)) == (["loaded"], [False])


def test_it_is_written_down_before_the_engine_sees_it_and_again_if_another_process_saw_it(place: Place) -> None:
    one = place.placed("one")

    def load() -> None:
        assert one.digest in ShownRecord(place.root / "shown.json").digests
        place.process = "2000.5"

    place.showing.show([str(place.store.path_of(one))], load)
    place.showing.meet({})
    assert ShownRecord(place.root / "shown.json").digests == {one.digest}


def test_nothing_is_shown_that_cannot_be_written_down(place: Place) -> None:
    (place.root / "file").touch()
    assert place.driver
    showing = Showing(place.driver, ShownRecord(place.root / "file" / "shown.json"))
    with pytest.raises(StoreUnwritable, match="what the engine is shown cannot be written down"):
        showing.show([str(place.store.path_of(place.placed("one")))], lambda: pytest.fail("it was loaded"))


def test_an_engine_that_does_not_say_who_it_is_keeps_what_it_has_seen_until_it_lists_nothing(place: Place) -> None:
    one = place.placed("one")
    place.process = ""
    place.showing.show([str(place.store.path_of(one))], lambda: None)
    keeper = place.keeper(limit=0)
    keeper.needs([], [], {})
    keeper.settle()
    place.showing.meet({name_of(one): str(place.store.path_of(one))}, restarted=True)
    keeper = _again(place, keeper)
    keeper.settle()
    assert place.there(one) == [True]
    place.showing.meet({}, restarted=True)
    _again(place, keeper).settle()
    assert place.there(one) == [False]


def _again(place: Place, keeper: StoreKeeper) -> StoreKeeper:
    keeper.close()
    made = place.keeper(limit=0)
    made.needs([], [], {})
    return made


def test_serving_never_depends_on_who_the_engine_is(place: Place) -> None:
    one, loads = place.placed("one"), list[str]()
    place.process = "broken"
    place.showing.show([str(place.store.path_of(one))], lambda: loads.append("loaded"))
    place.showing.meet({})
    keeper = place.keeper(limit=0)
    keeper.needs([], [], {})
    keeper.settle()
    assert (loads, place.there(one)) == (["loaded"], [True])


def test_what_an_engine_lists_when_it_is_met_counts_as_seen(place: Place) -> None:
    one = place.placed("one")
    place.showing.meet({name_of(one): str(place.store.path_of(one))})
    keeper = place.keeper(limit=0)
    keeper.needs([], [], {})
    keeper.settle()
    assert place.there(one) == [True]


def test_nothing_is_given_up_in_a_store_that_another_agent_uses(place: Place) -> None:
    one = place.placed("one")
    keeper = place.keeper(limit=0)
    keeper.needs([], [], {})
    other = StoreUsers(place.root / "store", "node-2", place.root / "state")
    other.join()
    other.close()  # its engine may still run
    state = keeper.settle()
    assert state
    assert state.kept.startswith("kept because another agent uses this store, or did (if it is gone for good, remove ")
    (file,) = (place.root / "store" / "users").glob("node-2-*")
    assert str(file) in state.kept
    assert place.there(one) == [True]
    with pytest.raises(StoreUnwritable, match="another agent uses this store"):
        keeper.make_room(place.artifact("two"))
    file.unlink()
    assert keeper.settle() == StoreState(0, 0, 0, 0)


def test_an_agent_that_is_called_the_same_counts_as_another_one(place: Place) -> None:
    one = place.placed("one")
    first, second = place.keeper(limit=0), place.keeper(limit=0)
    first.needs([one], [], {})
    second.needs([], [], {})
    second.settle()
    assert place.there(one) == [True]


def test_nothing_is_given_up_while_nobody_knows_what_the_engine_has_seen(place: Place) -> None:
    one = place.placed("one")
    (place.root / "shown.json").write_text("damaged")
    keeper = place.keeper(limit=0)
    keeper.needs([], [], {})
    state = keeper.settle()
    assert state
    assert "restart the engine, then remove" in state.kept
    assert place.there(one) == [True]


def test_an_idle_turn_writes_nothing(place: Place) -> None:
    one = place.placed("one")
    keeper = place.keeper(limit=10 * SIZE)

    def turn() -> dict[str, tuple[int, int]]:
        keeper.needs([one], [name_of(one)], {name_of(one): str(place.store.path_of(one))})
        keeper.settle()
        place.now += 30
        return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in place.root.rglob("*")}

    turn()
    assert turn() == turn() == turn()


def test_whatever_changes_is_looked_at_again(place: Place) -> None:
    one, keeper = place.placed("one"), place.keeper()
    keeper.needs([one], [], {})
    assert keeper.settle() == keeper.settle() == StoreState(1, SIZE, None, 0)
    two = place.placed("two")
    assert keeper.settle() == StoreState(2, 2 * SIZE, None, SIZE)
    keeper.showing.meet({name_of(two): str(place.store.path_of(two))})
    assert keeper.settle() == StoreState(2, 2 * SIZE, None, 0)
    keeper.needs([], [], {})
    assert keeper.settle() == StoreState(2, 2 * SIZE, None, SIZE)


def test_what_arrived_in_part_goes_when_git_does_not_name_it_any_more(place: Place) -> None:
    wanted, given_up = place.artifact("wanted"), place.artifact("given-up")
    for artifact in (wanted, given_up):
        (place.store.root / "partial" / artifact.digest.hex).mkdir(parents=True)
        (place.store.root / "partial" / artifact.digest.hex / "adapter_model.safetensors").write_bytes(bytes(10))
    keeper = place.keeper()
    keeper.needs([wanted], [], {})
    assert keeper.settle() == StoreState(0, 10, None, 0)
    assert [path.name for path in (place.store.root / "partial").iterdir()] == [wanted.digest.hex]


def test_what_was_cut_off_is_tidied_up_at_the_first_turn(place: Place) -> None:
    (place.store.root / "trash" / "x").mkdir(parents=True)
    (place.store.root / "trash" / "x" / "file").write_bytes(bytes(10))
    keeper = place.keeper()
    keeper.needs([], [], {})
    assert keeper.settle() == StoreState(0, 0, None, 0)


def test_a_store_that_cannot_be_used_is_left_alone(place: Place) -> None:
    (place.root / "store").write_text("a file")
    keeper = place.keeper(limit=0)
    keeper.needs([], [], {})
    assert keeper.settle() is None
    with pytest.raises(StoreUnwritable, match="cannot be used"):
        keeper.make_room(place.artifact("one"))


def test_times_that_cannot_be_read_cost_only_the_order(tmp_path: Path) -> None:
    for damage in ("[]", '{"in_use": 5, "left": {}}', '{"in_use": [], "left": {"a": "x"}}', '{"left": {"a": NaN}}'):
        (tmp_path / "times.json").write_text(damage)
        times = ServedTimes(tmp_path / "times.json", lambda: 7.0)
        assert times.last_use("a") is None
        times.note({"a"}, {"a"})
        assert ServedTimes(tmp_path / "times.json", lambda: 9.0).last_use("a") == 9.0


def test_a_time_is_kept_as_long_as_the_artifact_is(tmp_path: Path) -> None:
    times = ServedTimes(tmp_path / "times.json", lambda: 7.0)
    times.note({"a", "b"}, {"a", "b"})
    times.note(set(), {"a", "b"})
    assert (times.last_use("a"), times.last_use("b")) == (7.0, 7.0)
    times.note({"c"}, {"a"})
    assert (times.last_use("a"), times.last_use("b")) == (7.0, None)
