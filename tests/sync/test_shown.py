"""Which bytes an engine process has seen: known before it sees them, forgotten when it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.documents.identifiers import Digest
from interlock.errors import DocumentError
from interlock.sync.shown import UNKNOWN, ShownRecord
from support.desired_states import digest

ONE, TWO, THREE = (Digest(digest(text)) for text in ("one", "two", "three"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shown.json"


def test_what_is_shown_is_known_to_the_next_agent(path: Path) -> None:
    ShownRecord(path).show([ONE, TWO], "1000.5")
    assert ShownRecord(path).digests == {ONE, TWO}


def test_a_process_that_answers_in_the_place_of_another_shows_that_it_is_gone(path: Path) -> None:
    record = ShownRecord(path)
    record.show([ONE, TWO], "1000.5")
    record.show([TWO, THREE], "2000.5")
    record.answers("2000.5")
    assert record.digests == ShownRecord(path).digests == {TWO, THREE}


def test_a_process_without_an_identity_is_never_taken_for_gone_and_shows_nothing(path: Path) -> None:
    record = ShownRecord(path)
    record.show([ONE], UNKNOWN)
    record.show([TWO], "1000.5")
    record.answers(UNKNOWN)
    assert record.digests == {ONE, TWO}
    record.answers("2000.5")
    assert record.digests == {ONE}
    record.restarted()
    assert ShownRecord(path).digests == frozenset()


def test_what_is_known_already_is_not_written_again(path: Path) -> None:
    record = ShownRecord(path)
    record.show([ONE], "1000.5")
    before = path.stat().st_ino
    record.show([ONE], "1000.5")
    record.answers("1000.5")
    record.restarted()
    assert path.stat().st_ino == before


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"shown": {"1": ["../x"]}}', b'{"shown": {"1": 5}}', b"\xff"])
def test_a_damaged_record_is_set_aside_and_nothing_may_be_collected_before_a_person_has_looked(
    path: Path, damage: bytes
) -> None:
    path.write_bytes(damage)
    record = ShownRecord(path)
    record.show([ONE], "1000.5")
    aside = path.with_name("shown.json.damaged")
    assert aside.read_bytes() == damage
    for one in (record, ShownRecord(path)):
        with pytest.raises(DocumentError, match="not known which bytes") as caught:
            _ = one.digests
        assert caught.value.remedy == f"restart the engine, then remove {aside}"
    aside.unlink()
    assert record.digests == {ONE}


def test_a_record_that_cannot_be_written_is_an_error_and_not_believed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    record = ShownRecord(tmp_path / "file" / "shown.json")
    with pytest.raises(OSError, match="Not a directory"):
        record.show([ONE], "1000.5")
