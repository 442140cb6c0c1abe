"""The record of what a node follows: read back as it was written, and refused where it was not written here."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import DocumentError
from interlock.sync.followed import Followed, FollowedRecord, read_followed, write_followed


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = {"bot": Followed("a" * 40), "rag": Followed(None, "b" * 40, 1.5), "sql-helper": Followed("a" * 40, "c" * 40)}
    write_followed(tmp_path / "followed.json", FollowedRecord("dev", rows))
    assert read_followed(tmp_path / "followed.json") == FollowedRecord("dev", rows)


def test_a_node_without_a_record_has_none(tmp_path: Path) -> None:
    assert read_followed(tmp_path / "followed.json") is None


def document(row: str) -> str:
    return '{"schema": "interlock-followed/1", "environment": "dev", "aliases": {ROW}}'.replace("ROW", row)


def began(when: str) -> str:
    return document(f'"bot": {{"at": null, "waiting": "{"b" * 40}", "began": {when}}}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"schema": "interlock-followed/2", "environment": "dev", "aliases": {}}',
        '{"schema": "interlock-followed/1", "aliases": {}}',
        *(document(row) for row in ('"../x": {"at": null}', '"bot": {}', '"bot": {"at": "main"}')),
        *(began(when) for when in ("NaN", "true", "-1", "1e13", '"now"')),
    ],
)
def test_anything_else_is_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "followed.json"
    path.write_text(text, encoding="ascii")
    with pytest.raises(DocumentError, match=r"followed\.json is damaged"):
        read_followed(path)
